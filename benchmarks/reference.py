"""The lives of the flights beside an independent program's: `python benchmarks/reference.py`.

Replays every policy of the reference's table and prints its log loss and AUC beside ours, with the
tolerance that several seeds of the model allow; the differences week by week where the reference
has them. `python benchmarks/reference.py weekly nightly` replays some of them. The reference lies
in ASOF_REFERENCE or `../shared/reference` beside the repository. Takes about ten minutes.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import time as wall
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

import asof
from asof import days, hours
from asof.compute.metric import metric
from asof.compute.schedule import first_instant
from asof.declare.system import System
from asof.engine.history import History, read_tables, until_of
from asof.engine.replay import Replayed, replay
from asof.faces.project import project
from asof.stores.store import Store
from asof.study.backtest import ingest_declared

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = Path(os.environ.get("ASOF_REFERENCE", ROOT.parent / "shared" / "reference"))
FLIGHTS = ROOT / "examples" / "flights"

# Log loss, its tolerance, AUC: the table of the reference's README.
TABLE = {
    "weekly": (0.4584, 0.001, 0.7661),
    "monthly": (0.4607, 0.001, 0.7633),
    "weekly sliding": (0.4659, 0.0015, 0.7555),
    "monthly sliding": (0.4676, 0.0015, 0.7530),
    "never": (0.4779, 0.002, 0.7364),
    "hourly": (0.4639, 0.001, 0.7595),
    "six-hourly": (0.4799, 0.002, 0.7382),
    "nightly": (0.5040, 0.003, 0.7051),
    "nightly never": (0.5226, 0.008, 0.6646),
    "skewed hourly": (0.4642, 0.001, 0.7585),
    "skewed six-hourly": (0.4950, 0.004, 0.7172),
    "skewed nightly": (0.5855, 0.010, 0.6580),
}
WEEKLY = {"weekly": "online weekly", "monthly": "online monthly", "never": "online never"}


def declared() -> dict[str, System[Any]]:
    """The systems of the table."""
    found = {
        name: project(f"{FLIGHTS / 'flights.py'}:{name}").system
        for name in ("system", "monthly", "never", "hourly", "nightly", "skewed")
    }
    monthly = found["monthly"]
    two_months = asof.sliding(days(60))
    return {
        "weekly": found["system"],
        "monthly": monthly,
        "weekly sliding": found["system"].but(train=two_months),
        "monthly sliding": monthly.but(train=two_months),
        "never": found["never"],
        "hourly": found["hourly"],
        "six-hourly": monthly.but(serving=asof.batch_features(hours(6))),
        "nightly": found["nightly"],
        "nightly never": found["nightly"].but(retraining=asof.never()),
        "skewed hourly": monthly.but(serving=asof.batch_features(hours(1), trained="fresh")),
        "skewed six-hourly": monthly.but(serving=asof.batch_features(hours(6), trained="fresh")),
        "skewed nightly": found["skewed"],
    }


def judged(life: Replayed) -> pl.DataFrame:
    """The requests of a life that have a label."""
    over = slice(life.first, life.last)
    outcomes = life.history.outcomes
    frame = {"fired": outcomes.fired[over], "p": life.predictions[over], "y": outcomes.value[over]}
    return pl.DataFrame(frame).filter(pl.col("y").is_not_nan())


def of_weeks(found: pl.DataFrame, policy: str) -> float:
    """The largest difference from the reference's log loss in a week."""
    table = pl.read_parquet(REFERENCE / "flights_weekly.parquet").filter(pl.col("policy") == policy)
    zone = ZoneInfo("America/New_York")
    edges = [first_instant(day, wall(0), zone) for day in table["slot_start"]]
    slot = np.searchsorted(edges, found["fired"].to_numpy(), side="right") - 1
    worst = 0.0
    for number, theirs in enumerate(table.iter_rows(named=True)):
        rows = found.filter(pl.Series(slot == number))
        if rows.height != theirs["n"]:
            return float("inf")
        ours = metric("log_loss").value(rows["y"].to_numpy(), rows["p"].to_numpy())
        worst = max(worst, abs(ours - theirs["log_loss"]))
    return worst


def main(asked: list[str]) -> int:
    """Print the table; 1 if something lies outside its tolerance."""
    systems = declared()
    outside = 0
    head = f"{'policy':<19}{'ours':>9}{'theirs':>9}{'differ':>9}{'may':>8}{'AUC':>8}{'theirs':>8}"
    print(head + f"{'weeks':>10}{'CPU s':>8}")
    with tempfile.TemporaryDirectory(prefix="asof-") as folder, Store(Path(folder)) as store:
        ingest_declared(systems["weekly"], store, FLIGHTS)
        tables = read_tables(systems["weekly"], store)
        for name, (theirs, tolerance, auc) in TABLE.items():
            if asked and name not in asked:
                continue
            begun = time.process_time()
            history = History(systems[name], tables, until_of(systems[name], store))
            found = judged(replay(history))
            y, p = found["y"].to_numpy(), found["p"].to_numpy()
            ours = metric("log_loss").value(y, p)
            weeks = f"{of_weeks(found, WEEKLY[name]):.1e}" if name in WEEKLY else ""
            outside += abs(ours - theirs) > tolerance
            print(
                f"{name:<19}{ours:>9.5f}{theirs:>9.4f}{ours - theirs:>+9.5f}{tolerance:>8.4f}"
                f"{metric('auc').value(y, p):>8.4f}{auc:>8.4f}{weeks:>10}"
                f"{time.process_time() - begun:>8.1f}",
                flush=True,
            )
    return int(outside > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
