"""A year of monthly refits, week by week, against an independent program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from asof.compute.metric import metric
from asof.compute.schedule import first_instant
from asof.declare.system import System
from asof.engine.history import History
from asof.engine.replay import Replayed, replay

WHOLE, WHOLE_AUC = 0.4607, 0.7633  # monthly, of the reference's table
SAME_PROCESSOR = 1e-5
"""On the reference's processor; on another LightGBM may round otherwise."""
TOLERANCE = 0.001
TOLERANCE_OF_A_WEEK = 0.01
SERVED, SCORED = 284_821, 277_337
COHORTS = {1: 48_153, 2: 76_253, 3: 103_545, 10: 298_812}  # rows of the fits of these months


@pytest.fixture(scope="module")
def life(flights: Mapping[str, Any], history: Callable[[System[Any]], History]) -> Replayed:
    return replay(history(flights["monthly"]))


def judged(life: Replayed) -> pl.DataFrame:
    """The requests of the life that have a label: when asked, the answer, the label."""
    over = slice(life.first, life.last)
    return pl.DataFrame(
        {
            "fired": life.history.outcomes.fired[over],
            "p": life.predictions[over],
            "y": life.history.outcomes.value[over],
        }
    ).filter(pl.col("y").is_not_nan())


def test_what_is_served_scored_and_trained_on(life: Replayed) -> None:
    assert life.last - life.first == SERVED
    assert judged(life).height == SCORED
    assert len(life.fits) == 10
    # The first of March, April, May and December are the fits 1, 2, 3 and 10.
    assert {number: life.fits[f"m{number}"].rows for number in COHORTS} == COHORTS


def test_the_whole_life_agrees(life: Replayed) -> None:
    found = judged(life)
    y, p = found["y"].to_numpy(), found["p"].to_numpy()
    assert metric("log_loss").value(y, p) == pytest.approx(WHOLE, abs=TOLERANCE)
    assert metric("auc").value(y, p) == pytest.approx(WHOLE_AUC, abs=TOLERANCE)


def test_every_week_agrees(life: Replayed, reference: Path) -> None:
    wanted = pl.read_parquet(reference / "flights_weekly.parquet").filter(
        pl.col("policy") == "online monthly"
    )
    found = judged(life)
    edges = [_midnight(day) for day in wanted["slot_start"]]
    slot = np.searchsorted(edges, found["fired"].to_numpy(), side="right") - 1
    differences = []
    for number, theirs in enumerate(wanted.iter_rows(named=True)):
        rows = found.filter(pl.Series(slot == number))
        assert rows.height == theirs["n"], theirs["slot_start"]
        ours = metric("log_loss").value(rows["y"].to_numpy(), rows["p"].to_numpy())
        differences.append(abs(ours - theirs["log_loss"]))
    assert len(differences) == 44
    if max(differences) > SAME_PROCESSOR:
        # Another processor: every week near, and the whole within the README's tolerance (above).
        assert max(differences) < TOLERANCE_OF_A_WEEK


def _midnight(day: date) -> int:
    return first_instant(day, time(0), ZoneInfo("America/New_York"))
