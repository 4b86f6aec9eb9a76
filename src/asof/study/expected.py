"""What replays will take, said before they are run: their units of work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asof.compute.effort import Unit
from asof.compute.schedule import moments
from asof.declare.schedules import AfterLabels, parts_of
from asof.engine.history import History
from asof.engine.kept import KeptFits, training, trees
from asof.engine.replay import Replayed, replay, start_of
from asof.engine.work import Work


def features_of(history: History) -> Unit:
    """The features of all requests."""
    return Unit("features", float(len(history) * len(history.system.features.names)))


def answers_of(history: History, start: int) -> Unit:
    """The answers of a life that starts at a moment."""
    fired = history.requests.fired
    return Unit("answer", float(len(fired) - np.searchsorted(fired, start)))


def triggers_of(history: History, start: int) -> list[int]:
    """When a life that starts at a moment fits a model; where labels decide, about when."""
    retraining, stop = history.system.retraining, int(history.requests.fired[-1]) + 1
    found = {start, *map(int, moments(retraining, start + 1, stop, anchor=start))}
    for part in parts_of(retraining):
        if isinstance(part, AfterLabels):
            ripe = history.ripe[history.matured(start) :: part.labels]
            found |= {int(at) for at in ripe[1:] if at < stop}
    return sorted(found)


def fits_of(history: History, start: int, kept: KeptFits) -> list[Unit]:
    """The fits of a life that are not kept yet. Its features are computed for that."""
    wanted = (training(history, at) for at in triggers_of(history, start))
    return [each.unit for each in wanted if not kept.has(each)]


def fits_guessed(history: History, start: int) -> list[Unit]:
    """The fits of a life, kept or not; no features are needed to tell."""
    length, grown = history.system.train.length, trees(history.system.model)

    def rows(at: int) -> int:
        since = None if length is None else at - length.microseconds
        return len(history.outcomes.labelled(at, since))

    return [Unit("fit", float(grown * rows(at))) for at in triggers_of(history, start)]


def replay_guessed(history: History, start: int) -> list[Unit]:
    """A whole replay, before anything of it is known to be kept."""
    return [features_of(history), *fits_guessed(history, start), answers_of(history, start)]


def featured(history: History, work: Work) -> None:
    """Compute what training sees, and serving where that is the same, as a unit of the work."""
    with work.doing(features_of(history)):
        _ = history.training.matrix


def replayed(
    history: History,
    kept: KeptFits,
    part: str,
    after: Sequence[Unit] = (),
    *,
    workers: int | None = None,
) -> Replayed:
    """A life replayed with kept fits, its work told as `part` of all, of which `after` is to come.

    Its features should be there, or they pass for a part of the answers.
    """
    work, start = kept.work, start_of(history.system, history)
    answers = answers_of(history, start)
    work.plan(part, [*fits_of(history, start, kept), answers, *after])
    life = replay(history, workers=workers, kept=kept)
    work.record(answers, life.predict_cpu_seconds)
    work.plan(part, after)
    return life
