"""What remains between the training and the serving period, looked at through the features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from asof.compute.overlap import overlap
from asof.compute.split import sample
from asof.study.facts import Figure
from asof.study.gap.facts import DiagnosisFact, DriverFact
from asof.study.gap.world import FOLDS, World

Ints = NDArray[np.int64]

ROWS, QUICK_ROWS = 8000, 3000
"""The most rows of each period that the classifier is shown."""

FEW_DAYS = 2 * FOLDS
"""Fewer days than these in a period are too few to hold some out."""

ENOUGH_DAYS, ENOUGH_ROWS = 8.0, 0.05
"""Training rows that are worth fewer days, or a smaller share of rows, do not cover serving."""

MOST_DRIVERS = 5


def diagnosis(world: World, draws: int) -> DiagnosisFact:
    """How the rows before the life differ from those served, and whether that can be divided."""
    before = world.trained(world.life.start)
    after = world.scored
    days = (len(np.unique(world.day[before])), len(np.unique(world.day[after])))
    counts = (len(before), days[0], len(after), days[1])
    if min(days) < FEW_DAYS:
        what = "training" if days[0] <= days[1] else "serving"
        held = f"{min(days):,} day" + ("" if min(days) == 1 else "s")
        why = f"the {what} period holds {held}, and telling periods apart needs {FEW_DAYS}"
        return DiagnosisFact("too few days", Figure.missing(why, len(before)), *counts, why=why)
    most = QUICK_ROWS if world.setting.quick else ROWS
    rows = np.concatenate([_evenly(world, before, most), _evenly(world, after, most)])
    second = np.isin(rows, after)
    seen = world.fresh.matrix
    with threadpool_limits(1):  # several threads in one small fit cost more than they bring
        found = overlap(
            seen.values[rows], second, world.day[rows], seen.names, draws=min(draws, 400)
        )
    auc = Figure(found.auc.value, found.auc.low, found.auc.high, found.auc.n, found.auc.why)
    return DiagnosisFact(
        _verdict(auc, found.effective_days, found.effective_rows),
        auc,
        *counts,
        effective_rows=found.effective_rows * len(before),
        effective_days=found.effective_days,
        drivers=tuple(DriverFact(name, lost) for name, lost in found.loses[:MOST_DRIVERS]),
    )


def _evenly(world: World, rows: Ints, most: int) -> Ints:
    return sample(rows, world.lot, most)


def _verdict(auc: Figure, days: float, share: float) -> str:
    if auc.low is not None and auc.low <= 0.5:
        return "no difference shown"
    if days < ENOUGH_DAYS or share < ENOUGH_ROWS:
        return "not identifiable"
    return "overlap"
