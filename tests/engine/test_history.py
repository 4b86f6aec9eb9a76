"""A history is the same whether its tables were read whole or only where they are looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import asof
from asof.engine.clock import now
from asof.engine.history import history_of, read_tables
from asof.engine.ingest import ingest
from asof.stores.store import Store


class Visit(asof.Row):
    visit: asof.Key[int]
    guest: asof.Col[int]
    at: asof.Time


class Order(asof.Row):
    guest: asof.Col[int]
    dish: asof.Col[str]
    price: asof.Col[float | None]
    tip: asof.Col[float]
    ordered: asof.Time


class Fixed:
    def fit(self, X: object, y: object) -> Fixed:
        return self

    def predict(self, X: object) -> object:
        raise NotImplementedError


visits = asof.source(Visit, "visits.parquet", zone="UTC")
orders = asof.source(Order, "orders.parquet", zone="UTC")
THEIRS = orders.same(Visit.guest)
DAY = THEIRS.last(asof.days(1))
FEW = asof.features(
    Visit,
    n=DAY.count(),
    spent=DAY.sum(Order.price),
    soups=orders.where(Order.dish.equals("soup")).same(Visit.guest).last(asof.days(2)).count(),
    guest=Visit.guest,
)
LATEST = asof.features(Visit, n=DAY.count(), last=DAY.latest(Order.price))


def system(features: asof.Features[Visit]) -> asof.System[Visit]:
    return asof.System(
        "meals",
        visits,
        Visit.at,
        features=features,
        label=asof.outcome(THEIRS.next(asof.hours(2)).sum(Order.price), wait=asof.hours(1)),
        model=Fixed(),
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Orders by whole minutes, so that many have the same moment."""
    place: Path = tmp_path_factory.mktemp("meals")
    random = np.random.default_rng(3)

    def moments(many: int) -> pl.Series:
        minutes = np.sort(random.integers(0, 4000, many))
        return pl.Series(minutes * 60_000_000).cast(pl.Datetime("us"))

    pl.DataFrame(
        {
            "guest": random.integers(0, 9, 3000),
            "dish": random.choice(["soup", "pie"], 3000),
            "price": [None if p < 1 else p for p in random.integers(0, 20, 3000).astype(float)],
            "tip": random.random(3000),
            "ordered": moments(3000),
        }
    ).write_parquet(place / "orders.parquet")
    pl.DataFrame(
        {"visit": range(200), "guest": random.integers(0, 10, 200), "at": moments(200)}
    ).write_parquet(place / "visits.parquet")
    found = Store(place / "store")
    for table in (orders, visits):
        ingest(table, found, now=now(), base=place, label=table is orders)
    return found


@pytest.mark.parametrize("features", [FEW, LATEST])
def test_what_is_not_read_changes_nothing(store: Store, features: asof.Features[Visit]):
    few, whole = (history_of(system(features), store, whole=each) for each in (False, True))
    assert few.serving.features.equals(whole.serving.features)
    assert np.array_equal(few.serving.as_of, whole.serving.as_of)
    assert few.names == whole.names
    assert np.array_equal(few.outcomes.value, whole.outcomes.value, equal_nan=True)
    assert np.array_equal(few.outcomes.known_at, whole.outcomes.known_at)


def test_only_what_is_looked_at_is_read(store: Store):
    names = ["guest", "dish", "price", "tip", "ordered"]
    tables = {each: read_tables(system(each), store)["order"] for each in (FEW, LATEST)}
    assert tables[FEW].frame.columns == [name for name in names if name != "tip"]
    assert tables[LATEST].frame.columns == names
    assert read_tables(system(FEW), store, whole=True)["order"].frame.columns == names
    # What is known as it happens has one array for both.
    assert tables[FEW].known_from is tables[FEW].event_time
