"""Windowed features: Asof beside SQL and hand-written prefix sums, in one run.

Rows of keys (Zipf), requests about them, windows of 1 h, 1 d, 7 d and 30 d; Parquet in, Parquet
out. Each contender is one process with the same threads, its imports included; CPU seconds and
peak memory are the operating system's, values are compared. None searches for Python garbage (they
leave none): looking through all that was imported, again at the exit, is a tenth of the quickest.

    asof           the declared system (features_system.py) over its ingested tables
    kernel         the window kernel alone, handed arrays
    duckdb_range   RANGE windows over the union of rows and requests
    duckdb_prefix, polars_prefix
                   running sums by hand, joined as of both ends of each window

    all       count, sum, mean, std, min, max, latest, distinct
    prefixes  count, sum, mean, which prefix sums can do as well

What takes more than `--limit` CPU seconds is ended and told as more than that.

    python benchmarks/features.py --rows 1000000
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

DATA = Path(__file__).parent / "data"
HOUR = 3_600_000_000
WINDOWS = {"1h": HOUR, "1d": 24 * HOUR, "7d": 168 * HOUR, "30d": 720 * HOUR}
PREFIXES = ("count", "sum", "mean")
ALL = (*PREFIXES, "std", "min", "max", "latest", "distinct")
YEAR = 365 * 24 * HOUR


def generate(folder: Path, rows: int, seed: int) -> None:
    """Rows and a tenth as many requests over a year, their keys by Zipf's law, in order of time."""
    random = np.random.default_rng(seed)
    keys = max(rows // 100, 10)
    chances = np.cumsum(1 / np.arange(1, keys + 1))
    named = random.permutation(keys).astype(np.int32)

    def some_keys(count: int) -> np.ndarray:
        return named[np.searchsorted(chances, random.random(count) * chances[-1])]

    def moments(count: int) -> pl.Series:
        micros = np.sort(random.integers(0, YEAR, count))
        return pl.Series(micros).cast(pl.Datetime("us"))

    pl.DataFrame(
        {
            "key": some_keys(rows),
            "event_time": moments(rows),
            "amount": np.round(random.lognormal(3, 1, rows), 2),
            "item": random.integers(0, 1000, rows).astype(np.int32),
        }
    ).write_parquet(folder / "rows.parquet", compression="snappy")
    asked = rows // 10
    pl.DataFrame(
        {"id": np.arange(asked), "key": some_keys(asked), "at": moments(asked)}
    ).write_parquet(folder / "requests.parquet", compression="snappy")


def ingest(folder: Path) -> None:
    """The rows and requests as the tables of a store, once."""
    from features_system import asks, events

    from asof.engine.clock import now
    from asof.engine.ingest import ingest
    from asof.stores.store import Store

    with Store(folder / "store") as store:
        for table in (events, asks):
            ingest(table, store, now=now(), base=folder)


def asof(folder: Path, out: Path, wanted: tuple[str, ...]) -> None:
    from features_system import system

    from asof.compute.plan import answer, plan
    from asof.compute.requests import requests
    from asof.declare.kept import ALWAYS
    from asof.engine.history import read_tables
    from asof.stores.store import Store

    declared = system(wanted)
    with Store(folder / "store") as store:
        tables = read_tables(declared, store)
    asked = requests(declared, tables["ask"], ALWAYS, -ALWAYS)
    work = plan(declared.features.columns)
    found = answer(work, asked.frame, asked.fired, tables, own="ask")
    found.insert_column(0, asked.frame["id"]).write_parquet(out, compression="snappy")


def kernel(folder: Path, out: Path, wanted: tuple[str, ...]) -> None:
    from asof.compute.window.ask import ask
    from asof.compute.window.contract import Aggregate, Questions, Rows, Span, Wanted
    from asof.compute.window.rank import rank_order

    coded = ["item"] if "distinct" in wanted else []
    requests = pl.read_parquet(folder / "requests.parquet")

    def column(name: str) -> np.ndarray:  # one at a time: the file's pieces are let go again
        return pl.read_parquet(folder / "rows.parquet", columns=[name])[name].to_numpy()

    arrays = {name: column(name) for name in ("key", "amount", *coded)}
    times = column("event_time").view(np.int64)
    order = rank_order(
        times, times, lambda tied: [each[tied] for each in arrays.values()], group=arrays["key"]
    )
    if order is not None:
        times = times[order]
        arrays = {name: array[order] for name, array in arrays.items()}
    names = [name for name in ("sum", "mean", "std", "min", "max") if name in wanted]
    aggregates = Aggregate(0)
    for name in names:
        aggregates |= Aggregate[name.upper()]
    latest = "latest" in wanted
    answers = ask(
        Rows(
            group=arrays["key"],
            event_time=times,
            known_from=times,
            known_until=None,
            values=arrays["amount"][None],
            codes=arrays["item"][None] if coded else np.empty((0, len(times)), np.int32),
        ),
        Questions(requests["key"].to_numpy(), requests["at"].to_physical().to_numpy()),
        tuple(Span(-width, 0) for width in WINDOWS.values()),
        Wanted((aggregates,), edges=latest),
    )
    found = {"id": requests["id"]}
    for label, span in zip(WINDOWS, answers.spans, strict=True):
        found[f"count_{label}"] = span.count
        for name in names:
            found[f"{name}_{label}"] = span.columns[0][Aggregate[name.upper()]]
        if latest:
            there = span.latest >= 0
            found[f"latest_{label}"] = np.where(there, arrays["amount"][span.latest], np.nan)
        if coded:
            found[f"distinct_{label}"] = span.distinct[0]
    pl.DataFrame(found).write_parquet(out, compression="snappy")


def _duckdb(folder: Path, out: Path, query: str) -> None:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"SET threads={os.environ['THREADS']}")
        connection.execute(f"SET temp_directory='{folder / 'spill'}'")
        for name in ("rows", "requests"):
            connection.execute(f"CREATE VIEW {name} AS FROM '{folder / name}.parquet'")
        connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet, COMPRESSION snappy)")


def duckdb_range(folder: Path, out: Path, wanted: tuple[str, ...]) -> None:
    """RANGE windows over the union; a request sees what is strictly before it."""
    sql = {
        "count": "count(amount) OVER {w}",
        "sum": "coalesce(sum(amount) OVER {w}, 0)",
        "mean": "avg(amount) OVER {w}",
        "std": "stddev_samp(amount) OVER {w}",
        "min": "min(amount) OVER {w}",
        "max": "max(amount) OVER {w}",
        "latest": "last_value(amount IGNORE NULLS) OVER {w}",
        "distinct": "count(DISTINCT item) OVER {w}",
    }
    columns = ", ".join(
        f"{sql[name].format(w=f'w{label}')} AS {name}_{label}"
        for label in WINDOWS
        for name in wanted
    )
    windows = ", ".join(
        f"w{label} AS (PARTITION BY key ORDER BY moment RANGE BETWEEN "
        f"INTERVAL '{width} microseconds' PRECEDING AND INTERVAL '1 microsecond' PRECEDING)"
        for label, width in WINDOWS.items()
    )
    union = (
        "SELECT NULL::BIGINT AS id, key, event_time AS moment, amount, item FROM rows UNION ALL "
        'SELECT id, key, "at", NULL, NULL FROM requests'
    )
    computed = f"SELECT id, {columns} FROM ({union}) WINDOW {windows}"
    _duckdb(folder, out, f"SELECT * FROM ({computed}) WHERE id IS NOT NULL")


def duckdb_prefix(folder: Path, out: Path, _wanted: tuple[str, ...]) -> None:
    """Running sums of each key, joined as of T and as of the beginning of each window."""
    joins = []
    columns = []
    for label, width in {"now": 0, **WINDOWS}.items():
        joins.append(
            f"ASOF LEFT JOIN sums p{label} ON q.key = p{label}.key "
            f"AND q.\"at\" - INTERVAL '{width} microseconds' > p{label}.event_time"
        )
    for label in WINDOWS:
        count = f"(coalesce(pnow.n, 0) - coalesce(p{label}.n, 0))"
        total = f"(coalesce(pnow.s, 0) - coalesce(p{label}.s, 0))"
        columns.append(
            f"{count} AS count_{label}, {total} AS sum_{label}, "
            f"{total} / nullif({count}, 0) AS mean_{label}"
        )
    sums = (
        "SELECT key, event_time, count(*) OVER w AS n, sum(amount) OVER w AS s FROM rows WINDOW w "
        "AS (PARTITION BY key ORDER BY event_time ROWS UNBOUNDED PRECEDING)"
    )
    query = f"SELECT q.id, {', '.join(columns)} FROM requests q {' '.join(joins)}"
    _duckdb(folder, out, f"WITH sums AS MATERIALIZED ({sums}) {query}")


def polars_prefix(folder: Path, out: Path, _wanted: tuple[str, ...]) -> None:
    """The same in Polars."""
    sums = (
        pl.read_parquet(folder / "rows.parquet", columns=["key", "event_time", "amount"])
        .sort("event_time")
        .select(
            "key",
            "event_time",
            pl.int_range(1, pl.len() + 1).over("key").alias("n"),
            pl.col("amount").cum_sum().over("key").alias("s"),
        )
    )
    asked = pl.read_parquet(folder / "requests.parquet").sort("at")
    for label, width in {"now": 0, **WINDOWS}.items():
        asked = (
            asked.with_columns((pl.col("at") - pl.duration(microseconds=width)).alias("from"))
            .join_asof(
                sums.rename({"n": f"n_{label}", "s": f"s_{label}"}),
                left_on="from",
                right_on="event_time",
                by="key",
                allow_exact_matches=False,
                check_sortedness=False,
            )
            .drop("event_time")
        )
    columns = [pl.col("id")]
    for label in WINDOWS:
        count = pl.col("n_now").fill_null(0) - pl.col(f"n_{label}").fill_null(0)
        total = pl.col("s_now").fill_null(0) - pl.col(f"s_{label}").fill_null(0)
        columns += [
            count.alias(f"count_{label}"),
            total.alias(f"sum_{label}"),
            pl.when(count > 0).then(total / count).alias(f"mean_{label}"),
        ]
    asked.select(columns).write_parquet(out, compression="snappy")


CONTENDERS: dict[str, Callable[[Path, Path, tuple[str, ...]], None]] = {
    "asof": asof,
    "kernel": kernel,
    "duckdb_range": duckdb_range,
    "duckdb_prefix": duckdb_prefix,
    "polars_prefix": polars_prefix,
}
TASKS = {
    "prefixes": (PREFIXES, ("asof", "kernel", "duckdb_prefix", "polars_prefix")),
    "all": (ALL, ("asof", "kernel", "duckdb_range")),
}


class Measured(NamedTuple):
    """What a contender took; without memory it was ended."""

    cpu: float
    wall: float
    memory: float | None


def told(name: str, found: Measured, base: Measured, apart: str) -> str:
    """One line of the table."""
    more = " " if found.memory else ">"
    memory = f"{found.memory:9.0f}" if found.memory else f"{'-':>9}"
    share = f"{found.memory / base.memory:8.2f}x" if found.memory and base.memory else f"{'-':>9}"
    values = "not known" if not found.memory else f"differ: {apart}" if apart else "equal"
    return (
        f"{name:14}{more:>2}{found.cpu:8.2f}{found.wall:9.2f}{memory}"
        f"{found.cpu / base.cpu:8.1f}x{share}  {values}"
    )


def measured(task: str, name: str, folder: Path, threads: int, limit: int) -> Measured:
    """Run one contender in a process of its own; its CPU seconds, seconds and peak megabytes."""
    environment = os.environ | {
        "THREADS": str(threads),
        "POLARS_MAX_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its bytecode
    command = [sys.executable, __file__, "--child", name, "--task", task, "--folder", str(folder)]
    command += ["--limit", str(limit)]
    began = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in {0, -signal.SIGXCPU}:
        raise SystemExit(done.returncode)
    return Measured(
        after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime,
        time.monotonic() - began,
        float(done.stdout.split()[-1]) / 1024 if done.returncode == 0 else None,
    )


def peak() -> int:
    """The most memory that this process has held, in kB (a child's `ru_maxrss` is its parent's)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def disagreement(ours: Path, theirs: Path) -> str:
    """The first column in which two outputs differ, or nothing.

    Counts, minima and the like must be equal; what floats accumulate agrees to 1e-6, for running
    sums and sliding variances lose digits on the other side.
    """
    mine, other = (pl.read_parquet(path).sort("id") for path in (ours, theirs))
    for name in other.columns:
        left, right = (
            frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
            for frame in (mine, other)
        )
        loose = name.startswith(("sum", "mean", "std"))
        if not np.allclose(left, right, 1e-6 * loose, 1e-5 * loose, equal_nan=True):
            return f"{name} ({np.nanmax(np.abs(left - right)):.3g})"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--task", choices=TASKS, action="append")
    parser.add_argument("--limit", type=int, default=600, help="CPU seconds for a contender")
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        gc.disable()
        resource.setrlimit(resource.RLIMIT_CPU, (given.limit, given.limit + 60))
        (task,) = given.task
        out = given.folder / f"{task}-{given.child}.parquet"
        CONTENDERS[given.child](given.folder, out, TASKS[task][0])
        print(peak())
        gc.freeze()  # the search at the exit, which takes place all the same, finds nothing to do
        return
    folder = DATA / f"features-{given.rows}-{given.seed}"
    if not (folder / "requests.parquet").exists():
        folder.mkdir(parents=True, exist_ok=True)
        generate(folder, given.rows, given.seed)
    began = time.process_time()
    ingest(folder)  # changes nothing where it was done before
    print(f"{given.rows:,} rows, {given.rows // 10:,} requests, {given.threads} threads")
    print(f"ingested beforehand: {time.process_time() - began:.1f} CPU s")
    measured("all", "asof", folder, given.threads, given.limit)  # compiled once on a machine
    for task in given.task or TASKS:
        wanted, names = TASKS[task]
        print(f"\n{task}: {', '.join(wanted)} over {', '.join(WINDOWS)}")
        print(f"{'':16}{'CPU s':>8}{'seconds':>9}{'peak MB':>9}{'CPU':>9}{'memory':>9}  values")
        base: Measured | None = None
        for name in names:
            found = measured(task, name, folder, given.threads, given.limit)
            base = base or found
            ours, theirs = (folder / f"{task}-{n}.parquet" for n in ("asof", name))
            apart = disagreement(ours, theirs) if found.memory else ""
            print(told(name, found, base, apart), flush=True)


if __name__ == "__main__":
    main()
