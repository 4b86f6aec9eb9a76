"""The journal of a running server beside bare SQLite: messages, reading, sealing, in one run.

bare SQLite   the same rows of the same table, 500 a transaction, full sync, one thread
journal       append, grouped by the journal's thread; nobody waits, or each is acknowledged
paced         so many messages a second: how old the oldest not durable one ever was
unsealed      rows of one table read from the journal; beside the same frame read from Parquet
seal          rows from the journal to Delta; beside the same frame written as Parquet

python benchmarks/journal.py --messages 200000
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

import asof
from asof.stores.encoded import encode
from asof.stores.live import LiveJournal
from asof.stores.store import Store

GROUP = 500
PACE = 10_000


class Reading(asof.Row):
    """What is sent: an integer, a text, two doubles and a time."""

    sensor: asof.Key[int]
    kind: asof.Col[str]
    value: asof.Col[float | None]
    other: asof.Col[float]
    taken_at: asof.Time


readings = asof.source(Reading)


@dataclass
class Took:
    """Seconds on the clock and on the processor, all threads together."""

    wall: float
    cpu: float

    def told(self, name: str, what: str, number: int) -> str:
        """A line of the table."""
        rate, each = number / self.wall, self.cpu / number * 1e6
        return f"{name:<34} {rate:>12,.0f} {what}/s {each:>8.2f} us of CPU each"


def measured(work: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def contents(messages: int) -> list[bytes]:
    return [
        encode([(n, f"kind {n % 20}", n / 7, n * 0.5, n, n, None, False)]) for n in range(messages)
    ]


def bare(path: Path, given: list[bytes]) -> None:
    """What the journal's table costs if somebody has it all at once."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE journal (offset INTEGER PRIMARY KEY AUTOINCREMENT, stamp BIGINT NOT NULL, "
        "kind TEXT NOT NULL, payload JSON NOT NULL, layout INTEGER, key TEXT, content BLOB)"
    )
    connection.execute(
        "CREATE INDEX contents ON journal (layout, offset) WHERE content IS NOT NULL"
    )
    insert = "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)"
    for begin in range(0, len(given), GROUP):
        part = enumerate(given[begin : begin + GROUP], begin + 1)
        connection.execute("BEGIN")
        connection.executemany(
            insert, [(n, n, "rows", '{"rows":1}', 1, None, one) for n, one in part]
        )
        connection.execute("COMMIT")
    connection.close()


def appended(journal: LiveJournal, given: list[bytes], *, acknowledged: bool) -> None:
    told: list[BaseException | None] = []
    outcome = told.append if acknowledged else None
    for n, one in enumerate(given):
        journal.append("rows", n, {"rows": 1}, one, source="reading", on_durable=outcome)
    journal.flush()
    if acknowledged and told != [None] * len(given):
        raise SystemExit("not every message was acknowledged")


def paced(journal: LiveJournal, given: list[bytes], seconds: float) -> list[float]:
    """Lags in seconds, looked at a thousand times a second, under an even load."""
    lags: list[float] = []
    begun, sent = time.perf_counter(), 0
    while (gone := time.perf_counter() - begun) < seconds:
        while sent < gone * PACE:
            journal.append("rows", sent, {"rows": 1}, given[sent % len(given)], source="reading")
            sent += 1
        lags.append(journal.health.lag)
        time.sleep(0.001)
    journal.flush()
    return sorted(lags)


def main() -> None:
    parser = argparse.ArgumentParser(description="The journal beside bare SQLite.")
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of the paced load")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: temporary")
    asked = parser.parse_args()
    given = contents(asked.messages)
    number = len(given)
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        limit = measured(lambda: bare(folder / "bare.db", given))
        print(limit.told("bare SQLite", "messages", number))
        with (
            Store(folder / "store") as store,
            store.live([readings], address="", started=0, elapsed=time.perf_counter) as journal,
        ):
            for acknowledged in (False, True):
                took = measured(lambda a=acknowledged: appended(journal, given, acknowledged=a))
                label = "journal, acknowledged" if acknowledged else "journal"
                ratio = limit.wall / took.wall
                print(took.told(label, "messages", number), f"{ratio:.2f} of bare")
            lags = paced(journal, given, asked.seconds)
            middle, most = lags[len(lags) // 2], lags[-1]
            late = lags[int(len(lags) * 0.99)]
            print(
                f"{f'paced, {PACE:,} messages/s':<34} lag {1e3 * middle:.1f} ms, "
                f"p99 {1e3 * late:.1f} ms, most {1e3 * most:.1f} ms; promised "
                f"{1e3 * journal.within:.0f} ms"
            )
            frame = store.rows(readings)
            rows = frame.height
            took = measured(lambda: store.rows(readings))
            print(took.told("unsealed rows read", "rows", rows))
            took = measured(store.seal)
            print(took.told("sealed", "rows", rows))
            took = measured(lambda: frame.write_parquet(folder / "bare.parquet"))
            os.sync()
            print(took.told("  bare Parquet written", "rows", rows))
            took = measured(lambda: store.rows(readings))
            print(took.told("sealed rows read", "rows", rows))
            took = measured(lambda: pl.read_parquet(folder / "bare.parquet"))
            print(took.told("  bare Parquet read", "rows", rows))
            took = measured(lambda: store.prune(snapshot=journal.offset))
            print(took.told("pruned", "messages", rows))


if __name__ == "__main__":
    main()
