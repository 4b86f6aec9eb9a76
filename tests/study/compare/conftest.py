"""A small world that drifts, for lives that are walked and replayed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import asof
from asof import Col, Key, Time, days, hours
from asof.compute.schedule import microseconds
from asof.compute.table import versions
from asof.declare.kept import AVAILABLE, DECLARED, LOAD, POSITION, RECORDED, WITHDRAWN
from asof.declare.system import System
from asof.engine.history import History
from asof.engine.kept import KeptFits
from asof.stores.store import Store
from asof.study.compare.compare import Compared, compare
from asof.units import DAY, HOUR

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

FIRST = datetime(2024, 12, 31, tzinfo=UTC)  # day 20,088 since 1970: even, so two-day grids meet it
START = FIRST + timedelta(days=20)


class Visit(asof.Row):
    visit_id: Key[int]
    x: Col[float]
    z: Col[float]
    seen_at: Time


class Result(asof.Row):
    visit_id: Key[int]
    yes: Col[bool]
    size: Col[float]
    known_at: Time


visits = asof.source(Visit)
results = asof.source(Result)
system = asof.System(
    "visits",
    requests=visits,
    at=Visit.seen_at,
    features=asof.features(Visit, x=Visit.x, z=Visit.z),
    label=asof.outcome(results.same(Visit.visit_id), Result.yes, wait=hours(29)),
    model=LogisticRegression(),
    metric="log_loss",
    retraining=asof.every(days(2)),
    looks=days(2),
    start=START,
    until=FIRST + timedelta(days=60),
)


def stored(frame: pl.DataFrame, known: np.ndarray) -> pl.DataFrame:
    return frame.with_columns(
        pl.Series(AVAILABLE, known), pl.lit(None, pl.Int64).alias(DECLARED),
        pl.lit(0, pl.Int64).alias(RECORDED), pl.int_range(pl.len()).alias(POSITION),
        pl.lit("load").alias(LOAD), pl.lit(False).alias(WITHDRAWN),
    )  # fmt: skip


def tables(seed: int, count: int = 4000, length: int = 60) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(0, length * DAY, count)) + microseconds(FIRST)
    x, z = rng.normal(size=(2, count))
    angle = (at - at[0]) / (25 * DAY)  # what matters turns from x to z and on
    chance = 1 / (1 + np.exp(-2 * (np.cos(angle) * x + np.sin(angle) * z)))
    yes = rng.random(count) < chance
    known = at - rng.integers(0, 30 * HOUR, count)  # some are known of a day ahead, others are not
    came = at + rng.integers(HOUR, 29 * HOUR, count)
    stamp = pl.Datetime("us", "UTC")
    told = pl.DataFrame({
        "visit_id": np.arange(count), "x": x, "z": z, "seen_at": pl.Series(at).cast(stamp),
    })  # fmt: skip
    ends = pl.DataFrame({
        "visit_id": np.arange(count), "yes": yes, "size": x + rng.normal(size=count),
        "known_at": pl.Series(came).cast(stamp),
    })  # fmt: skip
    ends = ends.filter(pl.Series(rng.random(count) < 0.9))  # the others never come
    return {
        "visit": versions(visits, stored(told, known)),
        "result": versions(results, stored(ends, ends["known_at"].cast(pl.Int64).to_numpy())),
    }


Make = Callable[..., History]


@pytest.fixture(scope="session")
def world() -> Make:
    """The history of a variant of the world: `world(retraining=..., metric=...)`."""
    known = tables(0)

    def make(base: System[Any] = system, **changes: Any) -> History:
        changed = base.but(**changes) if changes else base
        return History(changed, known, microseconds(changed.until or START))

    return make


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptFits]:
    folder: Path = tmp_path_factory.mktemp("compare")
    with Store(folder / "store") as store:
        yield KeptFits(store, workers=1)


# --- the same world in files ---------------------------------------------------------------------

filed_visits = asof.source(Visit, "visits.csv", lag=-days(2))
filed_results = asof.source(Result, "results.csv", available=Result.known_at)
filed = asof.System(
    "visits",
    requests=filed_visits,
    at=Visit.seen_at,
    features=asof.features(Visit, x=Visit.x, z=Visit.z),
    label=asof.outcome(filed_results.same(Visit.visit_id), Result.yes, wait=hours(29)),
    model=LogisticRegression(),
    retraining=asof.every(days(5)),
    start=START,
    until=FIRST + timedelta(days=130),
)
sized = filed.but(
    label=asof.outcome(filed_results.same(Visit.visit_id), Result.size, wait=hours(29)),
    model=LinearRegression(),
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("filed")
    for name, table in tables(1, 6000, 130).items():
        columns = [each for each in table.frame.columns if not each.endswith("_")]
        table.frame.select(
            pl.col(c).dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ") if c.endswith("_at") else pl.col(c)
            for c in columns
        ).write_csv(made / f"{name}s.csv")
    return made


@pytest.fixture(scope="session")
def compared(folder: Path) -> Callable[..., Compared]:
    """`compared(system)`: a comparison with few draws, on one worker."""

    def run(declared: System[Any] = filed, **more: Any) -> Compared:
        return compare(declared, base=folder, draws=200, workers=1, **more)

    return run


@pytest.fixture(scope="session")
def usual(compared: Callable[..., Compared]) -> Compared:
    variants = {"online": filed, "short": filed.but(train=asof.sliding(days(8)))}
    return compared(variants=variants, seeds=2)


@pytest.fixture(name="filed")
def _filed() -> System[Any]:
    return filed


@pytest.fixture(name="sized")
def _sized() -> System[Any]:
    return sized


@pytest.fixture(name="results")
def _results() -> Any:
    return filed_results


@pytest.fixture(name="result")
def _result() -> type[Result]:
    return Result
