"""A killed writer, a full disk and Ctrl-C: a load is wholly in or not, and ingesting again mends.

Each is real: a process is killed, a small disk is mounted.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

import asof
from asof.engine.ingest import ingest
from asof.errors import DataRefused, StoreError
from asof.stores.store import Store

ROWS, FILES = 20_000, 4
DECLARATION = """
import sys
from pathlib import Path
import asof
from asof.engine.ingest import ingest
from asof.stores.store import Store

class Event(asof.Row):
    event: asof.Key[int]
    value: asof.Col[float] = asof.col(ge=0)
    name: asof.Col[str]
    at: asof.Time

events = asof.source(Event, "events", lag=asof.minutes(5))
base = Path(sys.argv[1])
print("begun", flush=True)
with Store(base / "store") as store:
    print(ingest(events, store, now=0, base=base).words(), flush=True)
"""


class Event(asof.Row):
    event: asof.Key[int]
    value: asof.Col[float] = asof.col(ge=0)
    name: asof.Col[str]
    at: asof.Time


events = asof.source(Event, "events", lag=asof.minutes(5))


def write_events(folder: Path, *, rows=ROWS, files=FILES, seed=0):
    """Files of events, each with a few rows for quarantine."""
    place = folder / "events"
    place.mkdir()
    chance = random.Random(seed)
    for n in range(files):
        values = [chance.random() if i % 1000 else -1.0 for i in range(rows)]
        frame = pl.DataFrame(
            {
                "event": range(n * rows, (n + 1) * rows),
                "value": values,
                "name": [f"{chance.getrandbits(64):x}" for _ in range(rows)],
                "at": [datetime(2024, 1, 1, tzinfo=UTC)] * rows,
            }
        )
        frame.write_parquet(place / f"{n}.parquet")


def whole(store):
    """Each load is in with all of its rows, or not at all."""
    rows = store.rows(events, columns=["event"])["event"].to_list()
    assert len(rows) == len(set(rows)), "a row came twice"
    loads = store.loads.in_force("event")
    assert len(rows) == sum(load.stored for load in loads)
    assert all(
        load.read == load.stored + store.loads.report(load.offset)["set_apart"] for load in loads
    )
    assert len(store.loads.quarantine()) == sum(
        store.loads.report(load.offset)["set_apart"] for load in loads
    )
    return len(loads)


def run(base: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(DECLARATION), str(base)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # the imports are done
    return process


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=pytest.mark.slow)])
def test_kill_9_at_random_moments(tmp_path, kills):
    write_events(tmp_path)
    chance = random.Random(7)
    for _ in range(kills):
        shutil.rmtree(tmp_path / "store", ignore_errors=True)
        process = run(tmp_path)
        time.sleep(chance.uniform(0.02, 0.45))
        process.kill()
        process.wait()
        with Store(tmp_path / "store") as store:
            whole(store)
            ingest(events, store, now=1, base=tmp_path)
            assert whole(store) == FILES
            assert store.rows(events).height == FILES * (ROWS - ROWS // 1000)
            parquet = list((tmp_path / "store" / "tables").rglob("*.parquet"))
            assert len(parquet) == FILES, "no file is left behind"


def test_ctrl_c_stops_at_once_and_the_next_run_starts_clean(tmp_path):
    write_events(tmp_path)
    process = run(tmp_path)
    time.sleep(0.15)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    with Store(tmp_path / "store") as store:
        whole(store)
        ingest(events, store, now=1, base=tmp_path)
        assert whole(store) == FILES


def test_two_processes_that_load_the_same_files_load_them_once(tmp_path):
    write_events(tmp_path)
    running = [run(tmp_path) for _ in range(2)]
    told = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert all(text.startswith("event: ") for text in told)
    with Store(tmp_path / "store") as store:
        assert whole(store) == FILES
        assert store.rows(events).height == FILES * (ROWS - ROWS // 1000)


@pytest.fixture
def small_disk(disk_of):
    return disk_of("64m")


def test_a_full_disk_is_told_and_leaves_the_store_readable_and_clean(tmp_path, small_disk):
    write_events(tmp_path, rows=200_000, files=2)
    store = Store(small_disk / "store")
    one, two = (asof.source(Event, f"events/{n}.parquet", lag=asof.minutes(5)) for n in (0, 1))
    ingest(one, store, now=0, base=tmp_path)
    head, rows = store.journal.head(), store.rows(events)
    for left in (3_000_000, 300_000, 60_000, 8_000, 0):
        ballast = small_disk / "ballast"
        free = shutil.disk_usage(small_disk).free
        ballast.write_bytes(b"x" * max(free - left, 0))
        with pytest.raises((StoreError, DataRefused), match="disk is full") as caught:
            ingest(two, store, now=1, base=tmp_path)
        assert "Free some space" in caught.value.mend
        assert store.rows(events).equals(rows), "readable while the disk is full"
        ballast.unlink()
        with store.writing():
            pass
        assert store.loads.pending() == []
        assert store.journal.head() == head
        assert len(list((small_disk / "store" / "tables").rglob("*.parquet"))) == 1
        assert whole(store) == 1
    report = ingest(two, store, now=2, base=tmp_path)
    assert report.stored == 200_000 - 200
    assert whole(store) == 2
    store.close()


def test_a_store_cannot_be_made_on_a_full_disk(small_disk):
    free = shutil.disk_usage(small_disk).free
    (small_disk / "ballast").write_bytes(b"x" * free)
    with pytest.raises(StoreError, match="disk is full"):
        Store(small_disk / "store")
    (small_disk / "ballast").unlink()
    Store(small_disk / "store").close()
