"""From a history to its lattice: which fits are needed, which predictions, and what they lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.compute.lattice import Lattice, Scored, assembled, firsts, lattice, memory
from asof.compute.metric import Metric, metric
from asof.compute.schedule import moments
from asof.declare.policies import BatchPredictions
from asof.declare.schedules import Periodic
from asof.engine.history import History
from asof.engine.kept import Answered, Ask, KeptFits, Training, training
from asof.engine.replay import start_of
from asof.errors import UsageError
from asof.study.counted import counted
from asof.study.losses import oriented, readable
from asof.units import DAY, Duration

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Times = NDArray[np.int64]

MOST_LOOKS = 800
"""More looks than these make a lattice that no memory holds."""


def looks_of(history: History, every: Duration | None = None) -> Times:
    """The moments at which a model is fitted: the start, and those of the declared schedule.

    A system that retrains by no clock is looked at `every` week, or as stated.

    Raises:
        UsageError: there would be more than 800.
    """
    system, start = history.system, start_of(history.system, history)
    stop = int(history.requests.fired[-1]) + 1
    schedule = system.retraining if every is None else Periodic(every)
    found = moments(schedule, start + 1, stop, anchor=start)
    if every is None and not len(found):
        found = moments(Periodic(Duration(7 * DAY)), start + 1, stop, anchor=start)
    if len(found) >= MOST_LOOKS:
        raise UsageError(
            f"{len(found) + 1:,} looks are too many: a model is fitted at each of them.",
            found=f"at most {MOST_LOOKS:,}",
            mend="Compare on a coarser grid: --every 7 looks each seven days.",
        )
    return np.append(np.array([start], dtype=np.int64), found)


@dataclass(frozen=True, eq=False)
class Plan:
    """What a lattice needs: a fit for each look, predictions for the requests scored after it.

    `rows` are the positions of the scored requests; `delay` is from a trigger to its promotion,
    `takes` of it the training. `early` marks the requests of runs before the first model, which
    get its fallback.
    """

    history: History
    looks: Times
    takes: int
    delay: int
    rows: Ints
    scored: Scored
    early: NDArray[np.bool_]

    @cached_property
    def first(self) -> Ints:
        """The first scored request that the model of each look may serve."""
        return firsts(self.scored.chosen, self.looks, self.delay)

    @cached_property
    def trainings(self) -> tuple[Training, ...]:
        """What the model of each look is trained on."""
        return tuple(training(self.history, int(at)) for at in self.looks)

    @property
    def memory(self) -> int:
        """How many bytes the lattice will take."""
        return memory(self.first, len(self.rows))

    @property
    def label(self) -> Floats:
        """The labels of the scored requests."""
        return self.history.outcomes.value[self.rows]

    @property
    def prior(self) -> float:
        """The constant prediction: what the first model's training rows say on average."""
        label = self.trainings[0].label
        return float(label.mean()) if len(label) else float("nan")

    @cached_property
    def served(self) -> NDArray[np.bool_]:
        """Which of the scored requests a model predicts; the others get the fallback."""
        return self.history.serving.covered[self.rows] & ~self.early

    def asks(self, model: Any = None) -> list[Ask]:
        """The predictions wanted of each fit, of another estimator if one is given."""
        matrix = self.history.serving.matrix
        trainings = [
            each if model is None else replace(each, model=model) for each in self.trainings
        ]
        return [
            Ask(each, matrix, self.rows[first:][self.served[first:]])
            for each, first in zip(trainings, self.first, strict=True)
        ]

    def predictions(self, answers: Sequence[Answered]) -> list[Floats | None]:
        """What each fit predicts, the fallback filled in; None where it failed."""
        serving = self.history.system.serving
        stated = serving.otherwise if isinstance(serving, BatchPredictions) else None
        found: list[Floats | None] = []
        for answer, first, trained in zip(answers, self.first, self.trainings, strict=True):
            if answer.failure:
                found.append(None)
                continue
            otherwise = float(trained.label.mean()) if stated is None else stated
            each = np.full(len(self.rows) - first, otherwise, dtype=np.float64)
            each[self.served[first:]] = answer.predictions
            found.append(each)
        return found


def plan(history: History, looks: Times, *, approval: int = 0) -> Plan:
    """What the lattice of a history needs, the models of `looks` promoted `approval` later."""
    outcomes, fired = history.outcomes, history.requests.fired
    takes = history.system.training_takes.microseconds
    delay = takes + approval
    promoted = int(looks[0]) + delay
    # The moment of the report: as of it labels are counted, as in the report of a backtest.
    as_of = max(int(fired[-1]) + 1, min(history.until, int(outcomes.due.max()) + 1))
    rows = np.flatnonzero(counted(history, int(looks[0]), as_of) & (fired >= promoted))
    batch = isinstance(history.system.serving, BatchPredictions)
    chosen = (history.serving.as_of if batch else fired)[rows]
    scored = Scored(np.maximum(chosen, promoted), np.maximum(fired[rows], outcomes.due[rows]))
    return Plan(history, looks, takes, delay, rows, scored, chosen < promoted)


@dataclass(frozen=True, eq=False)
class Gathered:
    """The predictions of a plan's fits, and the lattice of their losses.

    Losses are oriented, less being better. They are those of the metric where that is a mean of
    losses (`exact`); else those by which the policies that read labels decide. `prior` are the
    losses of the constant prediction. `failures` says why fits failed. `fit_cpu` is what the fits
    took whenever they were made, as far as that was noted, for `fitted_rows` rows.
    """

    plan: Plan
    metric: Metric
    predictions: tuple[Floats | None, ...]
    lattice: Lattice
    prior: Floats
    failures: tuple[str, ...]
    reused: int
    predicted: int
    fit_cpu: float
    fitted_rows: int

    @property
    def cpu_a_row(self) -> float:
        """CPU seconds of fitting a row, as was measured when the fits were made."""
        return self.fit_cpu / max(self.fitted_rows, 1)

    @property
    def exact(self) -> bool:
        """Whether the metric is a mean of losses, so that the lattice says it exactly."""
        return self.metric.is_mean

    def served(self, models: Ints) -> Floats:
        """The predictions of a life that these models served, one a cell."""
        return assembled(self.predictions, self.plan.first, models, len(self.plan.rows))


def gather(wanted: Plan, kept: KeptFits, model: Any = None) -> Gathered:
    """Fit and predict what is not kept yet, and lay the losses out.

    Raises:
        MetricUndefined: the predictions are none that the metric can read.
    """
    answers = kept.answers(wanted.asks(model))
    predictions = wanted.predictions(answers)
    measured = metric(wanted.history.system.measured)
    y = wanted.label
    walked = readable(measured)
    losses = [
        None if p is None else oriented(walked, y[first:], p)
        for p, first in zip(predictions, wanted.first, strict=True)
    ]
    found = lattice(wanted.looks, wanted.delay, wanted.scored, losses)
    prior = oriented(walked, y, np.full(len(y), wanted.prior))
    fresh = [each for each in answers if each.fitted_now]
    known = [
        (seconds, len(each.rows))
        for each in wanted.trainings
        if (seconds := kept.took(each)) is not None
    ]
    return Gathered(
        wanted, measured, tuple(predictions), found, prior,
        tuple(each.failure for each in answers),
        len(answers) - len(fresh), sum(each.predicted_now for each in answers),
        sum(seconds for seconds, _ in known), sum(rows for _, rows in known),
    )  # fmt: skip
