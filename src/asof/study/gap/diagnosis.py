"""What remains between the training and the serving period, looked at through the features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from asof.compute.divide import Divided, divided
from asof.compute.metric import Metric, metric
from asof.compute.overlap import overlap
from asof.compute.split import by_block, sample
from asof.engine.kept import Ask, KeptFits, Training
from asof.errors import MetricUndefined
from asof.study.facts import Figure
from asof.study.gap.facts import DiagnosisFact, DivisionFact, DriverFact
from asof.study.gap.world import FOLDS, World
from asof.study.losses import oriented, readable

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ROWS, QUICK_ROWS = 8000, 3000
"""The most rows of each period that the classifier is shown."""

FEW_DAYS = 2 * FOLDS
"""Fewer days than these in a period are too few to hold some out."""

ENOUGH_DAYS, ENOUGH_ROWS = 8.0, 0.05
"""Training rows that are worth fewer days, or a smaller share of rows, do not cover serving."""

MOST_DRIVERS = 5


def diagnosis(world: World, kept: KeptFits, draws: int) -> DiagnosisFact:
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
    parts = [_evenly(world, before, most), _evenly(world, after, most)]
    rows = np.concatenate(parts)
    second = np.repeat([False, True], [len(part) for part in parts])
    seen = world.fresh.matrix
    with threadpool_limits(1):  # several threads in one small fit cost more than they bring
        found = overlap(
            seen.values[rows], second, world.day[rows], seen.names, draws=min(draws, 400)
        )
    auc = Figure.of(found.auc)
    verdict = _verdict(auc, found.effective_days, found.effective_rows)
    told = DiagnosisFact(
        verdict,
        auc,
        *counts,
        effective_rows=found.effective_rows * len(before),
        effective_days=found.effective_days,
        drivers=tuple(DriverFact(name, lost) for name, lost in found.loses[:MOST_DRIVERS]),
    )
    if verdict == "not identifiable":
        return told
    return replace(told, division=_division(world, kept, parts, found.second, draws))


def _division(
    world: World, kept: KeptFits, parts: list[Ints], second: Floats, draws: int
) -> DivisionFact:
    """What of the change of loss came with the features.

    The models are those of folds of the days before the life, so that no row is judged by a model
    that was fitted on its day, and both periods by models of the same days.
    """
    measured = readable(metric(world.history.system.measured))
    before, after = parts
    try:
        early, late = _losses(world, kept, measured, before, after)
    except MetricUndefined as undefined:
        return _undivided(measured, len(before) + len(after), undefined.what)
    rows = np.concatenate(parts)
    with threadpool_limits(1):
        found = divided(
            world.fresh.matrix.values[rows],
            np.concatenate([early, late]),
            np.repeat([False, True], [len(before), len(after)]),
            second,
            world.day[rows],
            draws=draws,
        )
    return _told(measured, found)


def _losses(
    world: World, kept: KeptFits, measured: Metric, before: Ints, after: Ints
) -> tuple[Floats, Floats]:
    """The loss of each row before and after, that of the latter the mean over the models."""
    folds, trained = world.setting.folds, world.trained(world.life.start)
    salt = f"{world.setting.salt} division"
    dealt = by_block(world.day[trained], folds, salt)
    fold = dealt[np.searchsorted(trained, before)]
    asks = [_ask(world, trained[dealt != k], before[fold == k], after) for k in range(folds)]
    kept.work.plan("division", kept.needed(asks))
    early, late = np.full(len(before), np.nan), np.zeros(len(after))
    value = world.value
    for k, (ask, answer) in enumerate(zip(asks, kept.answers(asks), strict=True)):
        if answer.failure:
            raise MetricUndefined(answer.failure.splitlines()[0])
        p = dict(zip(ask.positions.tolist(), answer.predictions.tolist(), strict=True))
        own = before[fold == k]
        early[fold == k] = oriented(measured, value[own], np.array([p[i] for i in own.tolist()]))
        other = np.array([p[i] for i in after.tolist()])
        late += oriented(measured, value[after], other) / folds
    return early, late


def _ask(world: World, rows: Ints, before: Ints, after: Ints) -> Ask:
    system, seen = world.history.system, world.fresh.matrix
    training = Training(system.model, seen, rows, world.value[rows], system.task, world.life.start)
    return Ask(training, seen, np.unique(np.concatenate([before, after])))


def _told(measured: Metric, found: Divided) -> DivisionFact:
    why, days = "", min(found.shared_days)
    if days < ENOUGH_DAYS:
        why = f"what both periods share is worth {days:.1f} days, and {ENOUGH_DAYS:.0f} are needed"
    return DivisionFact(
        measured.words, Figure.of(found.total), Figure.of(found.of_x), Figure.of(found.of_y),
        *found.shared_days, rows=found.total.n, why=why,
    )  # fmt: skip


def _undivided(measured: Metric, rows: int, why: str) -> DivisionFact:
    missing = Figure.missing(why, rows)
    return DivisionFact(measured.words, missing, missing, missing, 0.0, 0.0, rows, why)


def _evenly(world: World, rows: Ints, most: int) -> Ints:
    return sample(rows, world.lot, most)


def _verdict(auc: Figure, days: float, share: float) -> str:
    if auc.low is not None and auc.low <= 0.5:
        return "no difference shown"
    if days < ENOUGH_DAYS or share < ENOUGH_ROWS:
        return "not identifiable"
    return "overlap"
