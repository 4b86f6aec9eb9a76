"""All 87 features of the flights against two programs written apart from this one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from asof.declare.system import System
from asof.engine.history import History

HELD = Path(__file__).parent
VARIANTS = {"online": "system", "hourly": "hourly", "nightly": "nightly"}
TOLERANCE = 1e-9  # relative; absolute near zero


def disagreements(history: History, wanted: pl.DataFrame) -> list[str]:
    """The features that differ from those of the reference, with the first such value of each."""
    asked = history.requests.frame["flight_id"].to_numpy()
    position = np.empty(len(asked), dtype=np.int64)
    position[asked] = np.arange(len(asked))
    rows = position[wanted["flight_id"].to_numpy()]
    found = history.serving.matrix.take(rows)
    faults = []
    for number, name in enumerate(found.names):
        # Categories are numbered from 1 there, from 0 here, in alphabetical order both.
        ours = found.values[:, number] + (name in found.categories)
        theirs = wanted[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        same = np.isclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        if not same.all():
            at = int(np.argmin(same))
            faults.append(
                f"{name}: {int((~same).sum())} rows, flight {wanted['flight_id'][at]}: "
                f"{ours[at]!r} for {theirs[at]!r}"
            )
    label = history.outcomes.value[rows]
    expected = wanted["y"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    if not np.array_equal(label, expected, equal_nan=True):
        faults.append("the label")
    return faults


@pytest.fixture(params=VARIANTS)
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_held_rows_agree(
    mode: str, flights: Mapping[str, Any], history: Callable[[System[Any]], History]
) -> None:
    held = pl.read_parquet(HELD / "flights_300.parquet").filter(pl.col("mode") == mode)
    assert held.height == 100
    assert disagreements(history(flights[VARIANTS[mode]]), held) == []


def test_every_row_of_the_reference_agrees(
    mode: str,
    reference: Path,
    flights: Mapping[str, Any],
    history: Callable[[System[Any]], History],
) -> None:
    wanted = pl.read_parquet(reference / f"flights_features_{mode}.parquet")
    of_variant = history(flights[VARIANTS[mode]])
    assert wanted.height == 11_613
    assert [c for c in wanted.columns if c in set(of_variant.serving.matrix.names)] == list(
        of_variant.serving.matrix.names
    )
    assert len(of_variant.serving.matrix.names) == 87
    assert disagreements(of_variant, wanted) == []


def test_the_comparison_can_fail(
    flights: Mapping[str, Any], history: Callable[[System[Any]], History]
) -> None:
    held = pl.read_parquet(HELD / "flights_300.parquet").filter(pl.col("mode") == "online")
    name = "route_arr_delay_30d"
    wrong = held.with_columns(pl.col(name) * (1 + 1e-8))
    assert [
        fault.partition(":")[0] for fault in disagreements(history(flights["system"]), wrong)
    ] == [name]


def test_the_held_rows_are_those_of_the_reference(reference: Path) -> None:
    told = json.loads((HELD / "flights_300.json").read_text(encoding="utf-8"))
    held = pl.read_parquet(HELD / "flights_300.parquet")
    assert held.height == told["rows"]
    for mode in VARIANTS:
        file = reference / f"flights_features_{mode}.parquet"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == told["sha256"][file.name]
        rows = held.filter(pl.col("mode") == mode).drop("mode")
        whole = pl.read_parquet(file).select(rows.columns)
        assert rows.equals(whole.filter(pl.col("flight_id").is_in(rows["flight_id"].implode())))
