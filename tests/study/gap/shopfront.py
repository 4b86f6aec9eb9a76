"""A small simulated shop front: will a visit be a sale? Seeded, a few thousand visits."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

import asof
from asof import Col, Key, Moment, Time, days, hours
from asof.units import Duration

FIRST = datetime(2025, 1, 1, tzinfo=UTC)


class Visit(asof.Row):
    visit: Key[int]
    shop: Col[str]
    warm: Col[float]
    at: Time


class Sale(asof.Row):
    visit: Key[int]
    shop: Col[str]
    sold: Col[bool]
    sold_at: Time
    told_at: Moment


def tables(
    seed: int = 0, *, length: int = 120, a_day: int = 40, delay: float = 6.0, rate: float = 0.0
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Visits and what became of them: each shop has a mood of the day that its sales show."""
    chance = np.random.default_rng(seed)
    n = length * a_day
    at = np.sort(chance.integers(0, length * 24 * 60, n))
    shop = chance.integers(0, 4, n)
    mood = chance.normal(0, 1.5, (4, length))
    warm = chance.normal(size=n)
    odds = rate + mood[shop, at // (24 * 60)] + warm
    sold = chance.random(n) < 1 / (1 + np.exp(-odds))
    minutes = [timedelta(minutes=int(m)) for m in at]
    later = timedelta(hours=delay)
    visits = pl.DataFrame(
        {
            "visit": np.arange(n),
            "shop": [f"s{k}" for k in shop],
            "warm": warm,
            "at": [FIRST + m for m in minutes],
        }
    )
    sales = visits.select("visit", "shop").with_columns(
        sold=pl.Series(sold),
        sold_at=pl.Series([FIRST + m + timedelta(minutes=30) for m in minutes]),
        told_at=pl.Series([FIRST + m + later for m in minutes]),
    )
    return visits, sales


def system(
    *, ahead: bool = False, early: Duration = hours(0), **changes: Any
) -> asof.System[Visit]:
    visits = asof.source(Visit, "visits.parquet", lag=-days(2) if ahead else days(0))
    sales = asof.source(Sale, "sales.parquet", available=Sale.told_at)
    mine = sales.same(Visit.shop)
    declared = asof.System(
        "front",
        requests=visits,
        at=Visit.at - early,
        features=asof.features(
            Visit,
            warm=Visit.warm,
            rate=mine.last(hours(12)).share(Sale.sold).or_else(0.5),
            long=mine.last(days(7)).share(Sale.sold).or_else(0.5),
            known=mine.last(hours(12)).count(),
        ),
        label=asof.outcome(sales.same(Visit.visit), Sale.sold, wait=days(2)),
        model=LogisticRegression(C=1.0, max_iter=300),
        retraining=asof.every(days(14)),
        start=FIRST + timedelta(days=30),
    )
    return declared.but(**changes) if changes else declared


def written(folder: Path, visits: pl.DataFrame, sales: pl.DataFrame) -> Path:
    visits.write_parquet(folder / "visits.parquet")
    sales.write_parquet(folder / "sales.parquet")
    return folder


def nightly(trained: str = "aligned") -> Any:
    midnight = asof.daily(time(0), zone="UTC")
    return asof.batch_features(midnight, trained=trained)  # type: ignore[arg-type]
