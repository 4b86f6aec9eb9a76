"""One mode replayed: its answers, the age of its features, its waste, its CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.compute.baseline import prior
from asof.compute.effort import Unit
from asof.compute.evaluate import evaluate
from asof.compute.schedule import moments
from asof.declare.policies import BatchPredictions, Online
from asof.declare.sources import Ticks
from asof.declare.system import System
from asof.engine.history import History, Tables
from asof.engine.kept import KeptFits
from asof.engine.replay import Replayed
from asof.engine.work import Work
from asof.errors import EstimatorError
from asof.study.expected import featured, replayed
from asof.study.facts import Coverage

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

WARM = 200
"""Requests whose features are computed once before anything is measured: the first use of the
kernel loads it, and that is no cost of a mode."""


@dataclass(frozen=True)
class Measured:
    """What a replay of one mode showed.

    `predictions` are those of the life's requests, in their order, NaN where none was made; empty
    where the mode could not be replayed at all, and `why` says it. `ages` are those of the features
    of the requests that were covered, in microseconds. `known` says which requests a model
    answered, not the fallback. CPU is in seconds, for `answers` answers; `ahead_cpu_seconds` of it
    for those made beforehand, which others that nobody asked for come on top of.
    `nothing` is the constant answer of the training rows of the first model, NaN where none served.
    """

    predictions: Floats
    coverage: Coverage
    known: NDArray[np.bool_]
    ages: Times
    made: int | None
    used: int | None
    cpu_seconds: float
    answers: int
    fits: int
    reused: int
    fit_cpu_seconds: float
    nothing: float
    why: str = ""
    ahead_cpu_seconds: float = 0.0


def prepared(system: System[Any], tables: Tables, until: int, work: Work, unit: Unit) -> History:
    """The history of a mode with its features, told as a unit of the work."""
    with work.doing(unit):
        history = History(system, tables, until)
        history.seen(history.requests.take(np.arange(min(WARM, len(history)))))
        _ = history.serving.matrix
    return history


def measure(
    history: History,
    kept: KeptFits,
    *,
    workers: int | None = None,
    after: Sequence[Unit] = (),
) -> Measured:
    """Replay the life of one mode, `after` which other work is to come.

    An estimator that fails makes no figure, but a reason.
    """
    per_request = history.meter.seconds / len(history)  # before training asks for more
    serving = history.system.serving
    if not isinstance(serving, Online) and serving.trained == "fresh":
        featured(history, kept.work)
    try:
        life = replayed(history, kept, "modes", after, workers=workers)
    except EstimatorError as error:
        return _failed(history, error.what)
    inside = slice(life.first, life.last)
    coverage = _coverage(life)
    if not coverage.served + coverage.fallback:
        reasons = [fit.reason.splitlines()[0] for fit in life.fits.values() if fit.reason]
        if not history.serving.covered[inside].any():  # the fits then fail for want of rows
            reasons = ["no run could know a single request before it was asked"]
        return replace(_failed(history, reasons[-1] if reasons else "no model"), fits=len(reasons))
    known = history.serving.covered[inside] & ~life.fallback[inside] & (life.models[inside] >= 0)
    ages = history.requests.fired[inside] - history.serving.as_of[inside]
    made = _made(life)
    spent = per_request * coverage.served + life.predict_cpu_seconds
    return Measured(
        predictions=life.predictions[inside],
        coverage=coverage,
        known=known,
        ages=ages[known],
        made=made,
        used=None if made is None else coverage.served,
        cpu_seconds=spent,
        ahead_cpu_seconds=0.0 if made is None else spent,
        answers=coverage.served,
        fits=len(life.fits),
        reused=sum(fit.cpu_seconds == 0 for fit in life.fits.values()),
        fit_cpu_seconds=sum(fit.cpu_seconds for fit in life.fits.values()),
        nothing=_nothing(life),
    )


def hybrid(beforehand: Measured, online: Measured) -> Measured:
    """Predictions made beforehand, and online answers to what no run knew.

    Each is that of the mode by itself, from a model trained as that mode trains: nothing that one
    answers changes the other.
    """
    if why := beforehand.why or online.why:
        return replace(beforehand, predictions=beforehand.predictions[:0], why=why)
    known = beforehand.known
    fresh = int((~known & online.known).sum())
    one = online.cpu_seconds / online.answers if online.answers else 0.0
    answered = beforehand.coverage.served + fresh
    asked = beforehand.coverage.asked
    return replace(
        beforehand,
        predictions=np.where(known, beforehand.predictions, online.predictions),
        coverage=Coverage(asked, answered, 0, asked - answered),
        known=known | online.known,
        ages=np.concatenate([beforehand.ages, np.zeros(fresh, dtype=np.int64)]),
        cpu_seconds=beforehand.cpu_seconds + one * fresh,
        answers=answered,
        fits=0,
        reused=0,
        fit_cpu_seconds=0.0,
    )


def _failed(history: History, why: str) -> Measured:
    empty = np.empty(0, dtype=np.float64)
    nobody = Coverage(len(history), 0, 0, len(history))
    no_time = np.empty(0, dtype=np.int64)
    nothing_known = np.empty(0, dtype=np.bool_)
    return Measured(
        empty, nobody, nothing_known, no_time, None, None, 0.0, 0, 0, 0, 0.0, float("nan"), why
    )


def _coverage(life: Replayed) -> Coverage:
    inside = slice(life.first, life.last)
    unanswered = int((life.models[inside] < 0).sum())
    fallback = int((life.fallback[inside] & (life.models[inside] >= 0)).sum())
    asked = life.last - life.first
    return Coverage(asked, asked - fallback - unanswered, fallback, unanswered)


def _nothing(life: Replayed) -> float:
    """The rate, or mean, of the rows that the first model in service was trained on."""
    models = life.models[life.first : life.last]
    answered = models[models >= 0]
    trigger = life.fits[f"m{answered[0]}"].trigger
    value = life.history.outcomes.value[life.history.training_rows(trigger)]
    return prior(value, task=life.history.system.task)


def _made(life: Replayed) -> int | None:
    """How many predictions the runs of the life made; None where nothing is made beforehand."""
    history, system = life.history, life.history.system
    serving = system.serving
    if not isinstance(serving, BatchPredictions):
        return None
    last = int(history.requests.fired[life.last - 1]) + 1
    at = moments(serving.schedule, life.start, last)
    table, ahead = history.tables[history.asked], serving.ahead.microseconds
    if isinstance(system.requests, Ticks):
        ticks = moments(system.requests.schedule, life.start, last + ahead)
        coming = np.searchsorted(ticks, at + ahead) - np.searchsorted(ticks, at)
        rows = [int(table.visible(int(run)).sum()) for run in at]
        return int(np.dot(rows, coming))
    planned = table.frame.select(evaluate(system.asked_at).alias("at")).to_series().to_numpy()
    # A run at R predicts the version that is visible then and is to be asked in [R, R + ahead).
    first = np.maximum(table.known_from, planned - ahead) + 1
    stop = np.minimum(table.known_until, planned) + 1
    counted = np.searchsorted(at, stop) - np.searchsorted(at, first)
    return int(np.maximum(counted, 0).sum())
