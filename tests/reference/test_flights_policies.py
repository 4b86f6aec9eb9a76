"""The lattice of a year of weekly refits against an independent program: cells, policies, the best.

The fits are kept beside the example, so only the first run takes minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from asof.compute.hindsight import best_by_number
from asof.compute.lattice import cells
from asof.declare.system import System
from asof.engine.history import History
from asof.engine.kept import KeptFits
from asof.faces.project import project
from asof.stores.store import Store
from asof.study.compare.figures import Judge, freshness
from asof.study.compare.gather import Gathered, gather, looks_of, plan

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SCORED = 277_337
EVERY = {
    1: 0.45844, 2: 0.45901, 3: 0.45919, 4: 0.46034, 6: 0.46090, 8: 0.46215, 13: 0.46435,
    22: 0.47043, 44: 0.47790,
}  # fmt: skip
BEST = {1: 0.46448, 2: 0.46102, 3: 0.46009, 4: 0.45955, 5: 0.45908, 6: 0.45871, 19: 0.45735}
AGED = {1: 0.0009, 2: 0.0021, 4: 0.0039, 8: 0.0075, 13: 0.0131}
CELL = 1e-5  # relative, on the reference's processor


@pytest.fixture(scope="module")
def found(flights_folder: Path, history: Callable[[System[Any]], History]) -> Gathered:
    declared = project(f"{flights_folder / 'flights.py'}")
    weekly = history(declared.system)
    with Store(declared.store) as store:
        return gather(plan(weekly, looks_of(weekly)), KeptFits(store))


def test_each_cell_agrees(found: Gathered, reference: Path) -> None:
    wanted = pl.read_parquet(reference / "flights_lattice_weekly.parquet")
    cut = cells(found.lattice, found.prior)
    i, j = wanted["i"].to_numpy(), wanted["j"].to_numpy()
    assert (cut.count[j] == wanted["n"].to_numpy()).all()
    assert cut.loss[i, j] == pytest.approx(wanted["loss_sum"].to_numpy(), rel=CELL)


def test_periodic_policies_agree(found: Gathered) -> None:
    cut = cells(found.lattice, found.prior)
    looks = np.arange(len(cut))
    mean = {k: cut.loss[looks - looks % k, looks].sum() / SCORED for k in EVERY}
    assert mean == pytest.approx(EVERY, abs=6e-6)


def test_the_best_in_hindsight_agrees(found: Gathered) -> None:
    every = best_by_number(cells(found.lattice, found.prior), 0)
    assert {n: every[n].loss / SCORED for n in BEST} == pytest.approx(BEST, abs=6e-6)
    assert min(every, key=lambda each: each.loss).retrainings == 19
    assert (every[1].trained, every[2].trained) == ((0, 11), (0, 11, 18))


def test_what_age_costs_agrees(found: Gathered) -> None:
    aged = {each.age: each for each in freshness(Judge(found, "America/New_York", 500))}
    assert {age: aged[age].difference.value for age in AGED} == pytest.approx(AGED, abs=6e-5)
    low, high = aged[13].difference.low, aged[13].difference.high
    assert low is not None
    assert high is not None
    assert low == pytest.approx(0.004, abs=0.003)
    assert high == pytest.approx(0.026, abs=0.006)
