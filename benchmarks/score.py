"""Batch prediction beside the bare model, in one run: Parquet in, Parquet out, the same threads.

The model is LightGBM (200 trees, 31 leaves, 20 features). Each contender is a process of its own;
imports are not counted. Contenders take turns, and the best of each is told: seconds of CPU, which
a busy machine spoils least, and seconds.

    plain     20 columns of the requested row
              bare: the file read whole, one call of the booster, predictions written
              asof: asof.score on the same file, checked against its contract, reasons and all
    windowed  12 columns of the row and 8 windows over a source of 20 rows a key
              bare: the booster on those features as they were computed before

    python benchmarks/score.py --rows 1000000
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from lightgbm import LGBMClassifier
from serving_system import COLUMNS, Asked, Outcome, outcomes, own, past, spent

import asof
from asof import days

DATA = Path(__file__).parent / "data"
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
NOW = FIRST + timedelta(days=60)
TRAINED = 60_000
KEYS, VISITS = 50_000, 1_000_000


asked = asof.source(Asked, "asked.parquet", lag=-days(1))

plain = asof.System(
    "plain",
    requests=asked,
    at=Asked.asked_at,
    features=asof.features(Asked, **own(COLUMNS)),
    label=asof.outcome(outcomes.same(Asked.asked_id), Outcome.bought, wait=days(2)),
    model=LGBMClassifier(
        n_estimators=200, num_leaves=31, deterministic=True, force_col_wise=True, verbose=-1
    ),
    serving=asof.batch_predictions(days(1), ahead=days(1)),
    until=NOW,
)
windowed = plain.but(
    name="windowed",
    features=asof.features(Asked, **own(12), spent=past.last(days(7), days(30)).of(spent)),
)
SYSTEMS = {"plain": plain, "windowed": windowed}


def generate(folder: Path, rows: int) -> None:
    """Requests with outcomes to train on, visits of customers, and the file of requests."""
    random = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)

    def moments(count: int, start: datetime, length: timedelta) -> pl.Series:
        micros = np.sort(random.random(count)) * (length / timedelta(microseconds=1))
        return pl.Series(micros.astype(np.int64)).cast(pl.Duration("us")) + start

    def requests(count: int, first: int, start: datetime, length: timedelta) -> pl.DataFrame:
        numbers = {f"x{k}": random.normal(size=count) for k in range(COLUMNS)}
        return pl.DataFrame(
            {
                "asked_id": np.arange(first, first + count),
                "customer": random.integers(0, KEYS, count),
                **numbers,
                "asked_at": moments(count, start, length),
            }
        )

    known = requests(TRAINED, 0, FIRST + timedelta(days=30), timedelta(days=25))
    level = known["x0"] + known["x1"] * known["x2"] + pl.Series(random.normal(size=TRAINED))
    known.write_parquet(folder / "asked.parquet")
    pl.DataFrame(
        {
            "asked_id": known["asked_id"],
            "bought": level > 0,
            "told_at": known["asked_at"] + timedelta(days=1),
        }
    ).write_parquet(folder / "outcomes.parquet")
    pl.DataFrame(
        {
            "customer": random.integers(0, KEYS, VISITS),
            "amount": np.round(random.lognormal(3, 1, VISITS), 2),
            "visited_at": moments(VISITS, FIRST, NOW - FIRST),
        }
    ).write_parquet(folder / "visits.parquet")
    asked = requests(rows, TRAINED, NOW, timedelta(hours=24))
    asked.write_parquet(folder / "requests.parquet", row_group_size=262_144)


def prepare(folder: Path) -> None:
    """A store with a fitted model for each system, and the features as a bare model gets them."""
    from asof.compute.plan import plan
    from asof.compute.schedule import microseconds
    from asof.compute.standing import answer_at, stand
    from asof.engine.batch_tables import tables_at
    from asof.engine.ingest import ingest
    from asof.stores.store import Store

    at = microseconds(NOW)
    for name, system in SYSTEMS.items():
        with Store(folder / ".asof" / name) as store:
            for table in system.tables:
                ingest(table, store, now=0, base=folder)
            first = asof.score(system, as_of=NOW, fit=True, base=folder, store=store)
            fitted, _ = store.models.get(first.model)
            fitted.estimator.booster_.save_model(folder / f"{name}.txt")
            (folder / f"{name}.id").write_text(first.model, encoding="utf-8")
            planned = plan(system.features.columns)
            tables = tables_at(planned, store, at, store.journal.head())
            standing = [stand(planned, work, tables, at) for work in planned.work]
            rows = pl.read_parquet(folder / "requests.parquet")
            features = answer_at(planned, standing, rows, tables, at)
            features.insert_column(0, rows["asked_id"]).write_parquet(
                folder / f"{name}.parquet", row_group_size=262_144
            )


def bare(folder: Path, name: str, threads: int) -> Callable[[], None]:
    from lightgbm import Booster

    booster = Booster(model_file=folder / f"{name}.txt")

    def run() -> None:
        rows = pl.read_parquet(folder / f"{name}.parquet")
        features = rows.drop("asked_id").to_numpy()
        predictions = booster.predict(features, num_threads=threads)
        pl.DataFrame({"asked_id": rows["asked_id"], "prediction": predictions}).write_parquet(
            folder / f"{name}-bare.out.parquet"
        )

    return run


def ours(folder: Path, name: str, threads: int) -> Callable[[], None]:
    model = (folder / f"{name}.id").read_text(encoding="utf-8")

    def run() -> None:
        asof.score(
            SYSTEMS[name], requests=folder / "requests.parquet", as_of=NOW, model=model,
            base=folder, out=folder / f"{name}-asof.out.parquet", workers=threads,
        )  # fmt: skip

    return run


CONTENDERS = {"bare": bare, "asof": ours}


def child(contender: str, name: str, folder: Path, threads: int) -> None:
    """The best of four turns of a contender in this process, as JSON."""
    run = CONTENDERS[contender](folder, name, threads)
    found = []
    for _ in range(4):
        began, before = time.monotonic(), time.process_time()
        run()
        found.append((time.process_time() - before, time.monotonic() - began))
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024  # ru_maxrss may be its parent's
    print(json.dumps([min(cpu for cpu, _ in found), min(wall for _, wall in found), peak]))


def measured(contender: str, name: str, arguments: argparse.Namespace) -> tuple[float, ...]:
    environment = os.environ | {
        "POLARS_MAX_THREADS": str(arguments.threads), "OMP_NUM_THREADS": str(arguments.threads),
    }  # fmt: skip
    command = [
        sys.executable, "-W", "ignore", __file__, "--rows", str(arguments.rows),
        "--threads", str(arguments.threads), "--child", contender, "--task", name,
    ]  # fmt: skip
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def same(folder: Path, name: str) -> bool:
    """Whether both contenders predicted the same, to the bit."""
    outs = [pl.read_parquet(folder / f"{name}-{each}.out.parquet") for each in CONTENDERS]
    return outs[0].equals(outs[1].select("asked_id", "prediction"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--child", choices=CONTENDERS)
    parser.add_argument("--task", choices=SYSTEMS)
    arguments = parser.parse_args()
    folder = DATA / f"score-{arguments.rows}"
    if arguments.child:
        child(arguments.child, arguments.task, folder, arguments.threads)
        return
    if not (folder / "windowed.parquet").exists():
        generate(folder, arguments.rows)
        prepare(folder)
    print(
        f"{arguments.rows:,} rows, {arguments.threads} threads, best of {arguments.turns} turns\n"
    )
    print(f"{'':<10}{'':<6}{'CPU s':>8}{'s':>8}{'rows/CPU s':>12}{'MB':>7}   ratio by CPU, by time")
    for name in SYSTEMS:
        turns = [
            {each: measured(each, name, arguments) for each in CONTENDERS}
            for _ in range(arguments.turns)
        ]
        told = {
            each: tuple(min(turn[each][k] for turn in turns) for k in range(3))
            for each in CONTENDERS
        }
        for each, (cpu, wall, peak) in told.items():
            ratios = [told["bare"][k] / told[each][k] for k in (0, 1)]
            print(
                f"{name:<10}{each:<6}{cpu:>8.2f}{wall:>8.2f}{arguments.rows / cpu:>12,.0f}"
                f"{peak:>7.0f}   {ratios[0]:.2f}  {ratios[1]:.2f}"
            )
        print(f"{'':<10}the predictions are {'equal' if same(folder, name) else 'NOT EQUAL'}")


if __name__ == "__main__":
    main()
