"""The stages of a gap: each the same requests answered with one idealisation less.

A stage is a list of parts, a part one fit and the requests that it answers. Where the life has a
fit a period, T is the beginning of the period that a request falls into:

- notebook: random folds of all labelled rows; features by event time, last versions;
- available: the same folds; features by availability, as of the request;
- size: the same folds, as many random rows outside the fold as the life had at T;
- blocks: folds of whole days instead of rows, the same sizes;
- past: all rows asked before T, their labels at once;
- mature: the rows whose labels were mature at T;
- stale: features as old as serving makes them, in training too;
- skew: served so, but trained on fresh features;
- policy: the life itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asof.compute.effort import Unit
from asof.compute.matrix import Matrix
from asof.compute.split import sample
from asof.compute.window.contract import NEVER
from asof.declare.policies import BatchPredictions, Online, Serving
from asof.engine.history import History, Seen
from asof.engine.kept import Answered, Ask, KeptFits, Training, trees
from asof.engine.work import Work
from asof.study.expected import features_of
from asof.study.gap.world import Setting, World, chosen, lived, sized, trigger
from asof.study.periods import zone_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

OF_FOLDS = ("notebook", "available", "size", "blocks")
"""Stages in which requests train the fits that answer one another."""

FEW_BLOCKS = 2
"""Fewer whole days than this a fold cannot be folds of days."""


@dataclass(frozen=True)
class Part:
    """A fit, and the scored requests (places among them) that it answers.

    Those not `covered` get `otherwise`.
    """

    training: Training
    asked: Matrix
    at: Ints
    covered: NDArray[np.bool_]
    otherwise: float


@dataclass(frozen=True)
class Stage:
    """A stage: its key, its parts, or why it cannot be run, and whether rows were too few for it.

    `short` counts the fits for which there were fewer rows than the life had.
    """

    key: str
    parts: tuple[Part, ...]
    why: str = ""
    short: int = 0


@dataclass(frozen=True)
class Run:
    """Predictions of the scored requests by stage, or why there are none."""

    stages: tuple[Stage, ...]
    predictions: Mapping[str, Floats | str]


def seen_apart(serving: Serving) -> bool:
    """Whether features of the moment are neither served nor trained on."""
    return not isinstance(serving, Online) and serving.trained != "fresh"


def stages(world: World, work: Work) -> list[Stage]:
    """All stages that apply to the declared serving, but the life itself."""
    features = features_of(world.history)
    with work.doing(features):
        _ = world.notebook
    if seen_apart(world.history.system.serving):
        with work.doing(features):
            _ = world.fresh.matrix
    serving = world.history.system.serving
    found = [
        _folds(world, "notebook", world.notebook),
        _folds(world, "available", world.fresh.matrix),
        _sized(world, "size", world.row_fold),
        _blocks(world),
        _split(world, "past", world.fresh, world.fresh, _asked_before(world)),
        _split(world, "mature", world.fresh, world.fresh, world.trained),
    ]
    if not isinstance(serving, Online):
        served = world.history.serving
        found.append(_split(world, "stale", served, served, world.trained_served))
        if serving.trained == "fresh":
            found.append(_split(world, "skew", world.fresh, served, world.history.training_rows))
    return found


def guessed(history: History, start: int, setting: Setting) -> list[Unit]:
    """The work of the stages of a life, before it is replayed: as if none of it were kept."""
    fired, outcomes = history.requests.fired, history.outcomes
    periods = lived(start, int(fired[-1]), zone_of(history.system))
    edges = periods.edges[:-1][chosen(len(periods.edges) - 1, quick=setting.quick)]
    length, grown = history.system.train.length, trees(history.system.model)
    since = 0 if length is None else length.microseconds
    sizes = [len(outcomes.labelled(int(at), int(at) - since if since else None)) for at in edges]
    labelled = len(outcomes.labelled(NEVER))
    folded = [labelled * (setting.folds - 1) / setting.folds] * (2 * setting.folds)
    online = isinstance(history.system.serving, Online)
    fits = [*folded, *sizes * (2 * setting.folds + (2 if online else 3))]
    asked = float(len(fired) - np.searchsorted(fired, start)) * len(edges)
    asked /= len(periods.edges) - 1
    many = 6 if online else 8
    found = [features_of(history)] * (2 if seen_apart(history.system.serving) else 1)
    found += [Unit("fit", float(size * grown)) for size in fits]
    return [*found, *[Unit("predict", asked)] * many]


def run(world: World, planned: Sequence[Stage], kept: KeptFits) -> Run:
    """Fit and predict what the stages need; what two of them share is done once."""
    asks: dict[tuple[str, str], list[Part]] = {}
    for part in (part for stage in planned for part in stage.parts):
        asks.setdefault((part.training.key, part.asked.digest), []).append(part)
    # A model that answers about two matrices is fitted for the first, and kept for the second.
    first: dict[str, tuple[str, str]] = {}
    for name in asks:
        first.setdefault(name[0], name)
    found: dict[tuple[str, str], tuple[Ask, Answered]] = {}
    again = [name for name in asks if first[name[0]] != name]
    merged = {name: _merged(world, parts) for name, parts in asks.items()}
    kept.work.plan("stages", kept.needed(list(merged.values())))
    for names in (list(first.values()), again):
        wanted = [merged[name] for name in names]
        found |= dict(zip(names, zip(wanted, kept.answers(wanted), strict=True), strict=True))
    kept.work.plan("stages", [])
    return Run(tuple(planned), {stage.key: _gathered(world, stage, found) for stage in planned})


def _merged(world: World, parts: Sequence[Part]) -> Ask:
    """One question for all parts that ask one model about one matrix."""
    wanted = [world.scored[part.at[part.covered]] for part in parts]
    return Ask(parts[0].training, parts[0].asked, np.unique(np.concatenate(wanted)))


def _gathered(
    world: World, stage: Stage, found: Mapping[tuple[str, str], tuple[Ask, Answered]]
) -> Floats | str:
    """The predictions of a stage in the order of the scored requests, or why there are none."""
    if stage.why:
        return stage.why
    predictions = np.full(len(world.scored), np.nan)
    failures: list[str] = []
    for part in stage.parts:
        ask, answer = found[part.training.key, part.asked.digest]
        if answer.failure:
            failures.append(answer.failure.splitlines()[0])
            continue
        predictions[part.at] = part.otherwise
        rows = part.at[part.covered]
        places = np.searchsorted(ask.positions, world.scored[rows])
        predictions[rows] = answer.predictions[places]
    if failures:
        return f"{len(failures):,} of its {len(stage.parts):,} fits failed: {failures[0]}"
    if np.isnan(predictions).any():
        return "some of the requests have no answer"
    return predictions


# --- the stages ----------------------------------------------------------------------------------


def _training(world: World, seen: Matrix, rows: Ints, at: int) -> Training:
    system = world.history.system
    return Training(system.model, seen, rows, world.value[rows], system.task, at)


def _whole(training: Training, asked: Matrix, at: Ints) -> Part:
    return Part(training, asked, at, np.ones(len(at), dtype=np.bool_), np.nan)


def _folds(world: World, key: str, seen: Matrix) -> Stage:
    """Random folds of all rows with a label, each answered by a fit on the others."""
    fold = world.row_fold[world.labelled]
    own = world.row_fold[world.scored]
    parts = [
        _whole(_training(world, seen, world.labelled[fold != k], 0), seen, np.flatnonzero(own == k))
        for k in range(world.setting.folds)
        if (own == k).any()
    ]
    return Stage(key, tuple(parts))


def _sized(world: World, key: str, fold: Ints) -> Stage:
    """Folds again, period by period, with as many random rows as the life had to train on."""
    seen = world.fresh.matrix
    parts: list[Part] = []
    short = 0
    for period in world.chosen:
        size = sized(world, int(period))
        for k in range(world.setting.folds):
            at = np.flatnonzero((world.period == period) & (fold[world.scored] == k))
            if not len(at):
                continue
            outside = world.labelled[fold[world.labelled] != k]
            short += len(outside) < size
            rows = sample(outside, world.lot, size)
            parts.append(
                _whole(_training(world, seen, rows, trigger(world, int(period))), seen, at)
            )
    return Stage(key, tuple(parts), short=short)


def _blocks(world: World) -> Stage:
    days, folds = len(np.unique(world.day[world.labelled])), world.setting.folds
    if days < FEW_BLOCKS * folds:
        why = f"{days:,} days with a label: {folds} folds of whole days need {FEW_BLOCKS * folds}"
        return Stage("blocks", (), why)
    return _sized(world, "blocks", world.day_fold)


def _asked_before(world: World) -> Callable[[int], Ints]:
    """All labelled rows asked before a moment, those of the window of training if it has one."""
    fired, length = world.history.requests.fired, world.history.system.train.length

    def rows(at: int) -> Ints:
        since = None if length is None else at - length.microseconds
        chosen = fired[world.labelled] < at
        if since is not None:
            chosen &= fired[world.labelled] >= since
        return world.labelled[chosen]

    return rows


def _split(
    world: World, key: str, trained: Seen, served: Seen, rows: Callable[[int], Ints]
) -> Stage:
    """Each period by a fit as of its beginning on `rows` of `trained`, asked about `served`."""
    parts = [
        _served(world, served, _training(world, trained.matrix, rows(at), at), places)
        for at, places in _answering(world, served)
    ]
    return Stage(key, tuple(parts))


def _answering(world: World, served: Seen) -> Iterator[tuple[int, Ints]]:
    """The beginnings of periods, and the scored requests that a model of then answers.

    A prediction made by a run is that of the run's model, be the request in the period after.
    """
    period = world.period
    if _by_runs(world, served):
        found = np.searchsorted(world.periods.edges, served.as_of[world.scored], side="right") - 1
        period = np.maximum(found, 0)
    for number in np.unique(period):
        yield trigger(world, int(number)), np.flatnonzero(period == number)


def _by_runs(world: World, served: Seen) -> bool:
    serving = world.history.system.serving
    return isinstance(serving, BatchPredictions) and served is world.history.serving


def _served(world: World, served: Seen, training: Training, at: Ints) -> Part:
    """What a model answers as it is served: those that no run could know get the fallback."""
    serving, rows = world.history.system.serving, world.scored[at]
    covered = served.covered[rows]
    otherwise = float(training.label.mean()) if len(training.label) else np.nan
    if _by_runs(world, served):
        covered = covered & (served.as_of[rows] >= world.life.start)
        declared = serving.otherwise if isinstance(serving, BatchPredictions) else None
        otherwise = otherwise if declared is None else declared
    return Part(training, served.matrix, at, covered, otherwise)
