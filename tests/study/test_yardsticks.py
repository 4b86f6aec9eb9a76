"""Yardsticks see no more than the model beside them: what comes later changes nothing before it."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import asof
from asof.engine.history import history_of
from asof.engine.replay import Replayed, replay
from asof.stores.store import Store
from asof.study.backtest import ingest_declared
from asof.study.yardsticks import yardsticks

sys.path.insert(0, str(Path(__file__).parent / "gap"))

import shopfront

CUT = shopfront.FIRST + timedelta(days=60)


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Replayed, Replayed]:
    """A life on all there is, and one on what was there after 60 days."""
    visits, sales = shopfront.tables(length=75)
    whole, part = (tmp_path_factory.mktemp(name) for name in ("whole", "part"))
    shopfront.written(whole, visits, sales)
    shopfront.written(
        part, visits.filter(pl.col("at") < CUT), sales.filter(pl.col("told_at") < CUT)
    )
    return lived(whole), lived(part)


def lived(folder: Path) -> Replayed:
    sold = asof.source(shopfront.Sale, "sales.parquet", available=shopfront.Sale.told_at)
    last = asof.persistence(sold.same(shopfront.Visit.shop), shopfront.Sale.sold)
    system = shopfront.system(baselines=(asof.rate(shopfront.Visit.shop), last))
    with Store(folder / ".asof" / system.name) as store:
        ingest_declared(system, store, folder)
        return replay(history_of(system, store), workers=1)


def test_what_comes_later_changes_no_yardstick(lives: tuple[Replayed, Replayed]):
    whole, part = lives
    n = part.last
    assert part.history.names[:n] == whole.history.names[:n]
    names = [each.name for each in yardsticks(part)]
    assert names[:3] == ["never", "constant", "rate_shop"]
    for one, other in zip(yardsticks(whole), yardsticks(part), strict=True):
        assert one.name == other.name
        assert np.array_equal(one.predictions[:n], other.predictions[:n], equal_nan=True), one.name
        assert not np.isnan(one.predictions[part.first : n]).any()
