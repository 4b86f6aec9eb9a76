"""A history is the same whether its tables were read whole or only where they are looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from meals import Order, Visit, orders, system, theirs, visits

import asof
from asof.engine.clock import now
from asof.engine.history import history_of, read_tables
from asof.engine.ingest import ingest
from asof.stores.store import Store

DAY = theirs.last(asof.days(1))
SOUPS = orders.where(Order.dish.equals("soup")).same(Visit.guest).last(asof.days(2))
FEW = asof.features(
    Visit, n=DAY.count(), spent=DAY.sum(Order.price), soups=SOUPS.count(), guest=Visit.guest
)
LATEST = asof.features(Visit, n=DAY.count(), last=DAY.latest(Order.price))


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
            "table": random.integers(0, 9, 3000),
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
    names = ["guest", "dish", "price", "tip", "table", "ordered"]
    tables = {each: read_tables(system(each), store)["order"] for each in (FEW, LATEST)}
    assert tables[FEW].frame.columns == [name for name in names if name not in {"tip", "table"}]
    assert tables[LATEST].frame.columns == names
    assert read_tables(system(FEW), store, whole=True)["order"].frame.columns == names
    # What is known as it happens has one array for both.
    assert tables[FEW].known_from is tables[FEW].event_time


def test_as_many_labels_have_matured_as_could_be_trained_on(store: Store):
    history = history_of(system(FEW), store)
    for due in history.outcomes.due[::17].tolist():
        for at in (due, due + 1):
            assert history.matured(at) == len(history.outcomes.labelled(at))
