"""Facts once for each join value give what facts request by request give, to the bit."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from asof.compute.plan import Plan, answer, plan
from asof.compute.schedule import microseconds
from asof.compute.standing import answer_at, stand
from asof.compute.table import Versions, versions
from asof.declare.kept import AVAILABLE, POSITION, RECORDED, WITHDRAWN
from asof.units import DAY

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
world: Any = import_module("batch_world")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Versions]:
    """All versions of the shop's tables, as a life sees them."""
    from asof.compute.contract import check

    folder = tmp_path_factory.mktemp("shop")
    world.write(folder, many=400)
    found = {}
    for table in world.system.tables:
        good = check(pl.read_parquet(folder / table.path), table).good
        stored = good.with_columns(pl.lit(1, pl.Int64).alias(RECORDED))
        assert {AVAILABLE, POSITION, WITHDRAWN} <= set(stored.columns)
        found[table.name] = versions(table, stored)
    return found


def as_asked(planned: Plan, tables: dict[str, Versions], asked: pl.DataFrame, at: int):
    standing = [stand(planned, work, tables, at, own="order") for work in planned.work]
    found = answer_at(planned, standing, asked, tables, at, own="order")
    as_of = np.full(asked.height, at)
    return found, answer(planned, asked, as_of, tables, own="order"), standing


@pytest.mark.parametrize("day", [-3, 0, 1, 9, 20, 33, 60])
def test_each_value_once_is_each_request_by_itself(tables: dict[str, Versions], day: int):
    planned = plan(world.features.columns)
    at = microseconds(world.BEGIN) + day * DAY + 12_345
    found, wanted, standing = as_asked(planned, tables, tables["order"].frame, at)
    assert found.equals(wanted)
    busy = [each for each in standing if each.busy.height]
    assert all(each.work.joined.table.name == "order" for each in busy)
    if day == 20:  # the kernel asks no more values than there are, and own rows are left out
        assert len(busy) > 1
        assert max(each.facts.height for each in standing) <= 8


def test_values_that_no_row_has_and_empty_tables(tables: dict[str, Versions]):
    planned = plan(world.features.columns)
    at = microseconds(world.BEGIN) + 20 * DAY
    asked = tables["order"].frame.head(3).with_columns(shop=pl.Series(["nowhere", None, "birke"]))
    found, wanted, _ = as_asked(planned, tables, asked, at)
    assert found.equals(wanted)
    assert found["seen_n_3d"].to_list()[:2] == [0.0, None]
    nothing = {name: table.take(np.arange(0)) for name, table in tables.items()}
    found, wanted, _ = as_asked(planned, nothing, asked, at)
    assert found.equals(wanted)


def test_no_requests(tables: dict[str, Versions]):
    planned = plan(world.features.columns)
    found, wanted, _ = as_asked(planned, tables, tables["order"].frame.head(0), DAY)
    assert found.schema == wanted.schema
    assert found.height == 0
