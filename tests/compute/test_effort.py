"""How long the rest takes, told from recorded runs: at a quarter, half and three quarters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from asof.compute.effort import SIDE_BY_SIDE, Effort, Spent, Unit, costs, left, share

TRACES = Path(__file__).parent / "traces"
"""Runs of the three studies, recorded: each unit with kind, size and CPU seconds, in the order in
which they were begun. A clock is made up for them: two lanes, and nobody else on the machine."""

QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Ran:
    """A unit that was run: seconds from the beginning of the run, and CPU seconds."""

    unit: Unit
    begun: float
    over: float
    seconds: float


def standing(ran: Sequence[Ran], now: float, lanes: int) -> Effort:
    """What was known of a run at a moment of it."""
    done = [Spent(each.unit, each.seconds) for each in ran if each.over <= now]
    begun = [Spent(each.unit, now - each.begun) for each in ran if each.begun <= now < each.over]
    ahead = [each.unit for each in ran if each.begun > now]
    clock = [0.0, 0.0]
    for sort, wide in enumerate((True, False)):
        at = 0.0
        for each in sorted(ran, key=lambda each: each.begun):
            if (each.unit.kind in SIDE_BY_SIDE) == wide and each.begun <= now:
                stop = min(each.over, now)
                clock[sort] += max(0.0, stop - max(at, each.begun))
                at = max(at, stop)
    return Effort(done, begun, ahead, lanes, (clock[0], clock[1]))


def read(name: str) -> tuple[list[Ran], float, int]:
    told = json.loads((TRACES / f"{name}.json").read_text(encoding="utf-8"))
    units = [Unit(kind, size) for kind, size, _ in told["units"]]
    ran = side_by_side(units, [seconds for *_, seconds in told["units"]], told["lanes"])
    return ran, max(each.over for each in ran), told["lanes"]


def side_by_side(units: Sequence[Unit], seconds: Sequence[float], lanes: int) -> list[Ran]:
    """Each unit begun when a lane is free; what runs alone waits for all, and they for it."""
    free, ran = [0.0] * lanes, []
    for unit, took in zip(units, seconds, strict=True):
        if unit.kind not in SIDE_BY_SIDE:
            free = [max(free)] * lanes
        lane = free.index(min(free))
        ran.append(Ran(unit, free[lane], free[lane] + took, took))
        free[lane] += took
        if unit.kind not in SIDE_BY_SIDE:
            free = [free[lane]] * lanes
    return ran


@pytest.mark.parametrize("name", ["gap", "compare", "serving"])
@pytest.mark.parametrize("quarter", QUARTERS)
def test_recorded_runs_are_told_within_a_third(name: str, quarter: float):
    ran, whole, lanes = read(name)
    told = left(standing(ran, quarter * whole, lanes))
    assert told == pytest.approx((1 - quarter) * whole, rel=0.3)


@pytest.mark.parametrize("quarter", QUARTERS)
@pytest.mark.parametrize("rising", [True, False])
def test_fits_that_grow_do_not_mislead(quarter: float, rising: bool):
    rng = np.random.default_rng(0)
    sizes = np.linspace(50_000, 300_000, 44)
    sizes = sizes if rising else sizes[::-1]
    seconds = (0.3 + 28e-6 * sizes) * rng.normal(1, 0.08, size=44)
    units = [Unit("fit", float(size)) for size in sizes]
    ran = side_by_side(units, seconds.tolist(), 2)
    whole = max(each.over for each in ran)
    found = standing(ran, quarter * whole, 2)
    assert left(found) == pytest.approx((1 - quarter) * whole, rel=0.3)
    assert share(found) == pytest.approx(quarter, abs=0.1)
    # That the share of fits done would have told another story is why sizes are looked at.
    done = sum(each.over <= quarter * whole for each in ran)
    if quarter == 0.25:
        assert abs(whole * quarter * (44 - done) / done / ((1 - quarter) * whole) - 1) > 0.3


def test_nothing_is_told_before_a_fit_has_been_measured():
    fit = Unit("fit", 1e5)
    assert left(Effort([], [], [fit], 2, (0.0, 0.0))) is None
    assert left(Effort([], [Spent(fit, 3.0)], [fit], 2, (3.0, 0.0))) is None
    assert left(Effort([], [], [Unit("predict", 1e6)], 2, (0.0, 0.0))) is not None
    assert left(Effort([], [], [], 2, (0.0, 0.0))) == 0


def test_a_machine_that_is_shared_takes_longer():
    done = [Spent(Unit("fit", 100.0), 2.0)]
    alone = left(Effort(done, [], [Unit("fit", 100.0)], 1, (2.0, 0.0)))
    shared = left(Effort(done, [], [Unit("fit", 100.0)], 1, (6.0, 0.0)))
    assert alone == pytest.approx(2.0)
    assert shared == pytest.approx(6.0)


def test_what_a_fit_costs_beside_its_rows():
    line = [Spent(Unit("fit", size), 1.0 + size / 100) for size in (100.0, 200.0, 300.0)]
    found = costs(line)["fit"]
    assert found.once == pytest.approx(1.0)
    assert found.each == pytest.approx(0.01)
    falling = [Spent(Unit("fit", size), 5.0 - size / 100) for size in (100.0, 200.0, 300.0)]
    assert costs(falling)["fit"].each == 0
