"""The facts of a gap: what its report says, as data; JSON out, no drawing.

Moments are int64 microseconds UTC, spans microseconds, shares between 0 and 1. A `Figure` without
a value says why.
"""

from __future__ import annotations

from dataclasses import dataclass

from asof.study.facts import Facts, Figure, MethodFact

TOO_FEW = 20
"""Below so many scored requests a metric is not read."""


@dataclass(frozen=True, slots=True)
class StageFact:
    """One stage: its level, and the paired difference from the stage `since` before it.

    For a loss a positive step is worse. `same` says that its answers are those of `since`. `spread`
    is how far the step moves with another seed of fits and folds, None where one seed was run.
    `rows` are the least and the most training rows of its fits.
    """

    key: str
    level: Figure
    step: Figure | None
    since: str
    same: bool = False
    spread: float | None = None
    fits: int = 0
    rows: tuple[int, int] | None = None
    short: int = 0

    @property
    def noise(self) -> bool:
        """Whether the step is smaller than what another seed moves it by."""
        size = self.step.value if self.step else None
        return self.spread is not None and size is not None and abs(size) < self.spread


@dataclass(frozen=True, slots=True)
class DriverFact:
    """A column by which training and serving period differ: what the AUC loses without it."""

    name: str
    loses: float


@dataclass(frozen=True, slots=True)
class DivisionFact:
    """What of the change in loss between the periods came with X, and what with Y given X.

    `total` is the loss in the life less that on days before it, of models fitted on other days
    before it, positive for worse; `loss` names it. `of_x` and `of_y` add up to it. `training_days`
    and `serving_days` are what the days of each period are worth in what both share.
    """

    loss: str
    total: Figure
    of_x: Figure
    of_y: Figure
    training_days: float
    serving_days: float
    rows: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class SliceFact:
    """A group of requests that carries more than its share of the gap.

    Its `column` has a `value`, or lies in [low, high) where that is None; missing where all three
    are. `contribution` is `share` times the difference `within`; its interval holds for all slices
    at once.
    """

    column: str
    value: str | None
    low: float | None
    high: float | None
    share: float
    within: float
    contribution: Figure


@dataclass(frozen=True, slots=True)
class DiagnosisFact:
    """How the period before the life differs from the life, looked at through the features.

    `auc` is how well a classifier tells them apart on days that it was not fitted on (0.5: not at
    all). `effective_rows` is what the training rows are worth when they are weighted to look like
    those served (Kish, less what of those served is nowhere among them), `effective_days` the same
    of their days. `verdict` says whether a change of X can be told from one of Y given X, and
    `division` tells them apart where it can.
    """

    verdict: str
    auc: Figure
    training_rows: int
    training_days: int
    serving_rows: int
    serving_days: int
    effective_rows: float | None = None
    effective_days: float | None = None
    drivers: tuple[DriverFact, ...] = ()
    why: str = ""
    division: DivisionFact | None = None


@dataclass(frozen=True, slots=True)
class GapCost:
    """What it took now: fits asked for and made, CPU seconds of fits and predictions."""

    fits: int
    fits_now: int
    fit_cpu_seconds: float
    predict_cpu_seconds: float
    total_cpu_seconds: float


@dataclass(frozen=True, slots=True)
class GapFacts(Facts):
    """The way from a notebook's figure to production's, all stages on the same `n` requests.

    `constant` is no model at all, `beyond` the paired difference of production from it. `wait` is
    how long labels take at most, None where that is not the same for all. `age` is the
    median age of the features as they are served. `part` says in words which part of the life was
    looked at, "" for all of it. `slices` carry the difference between notebook and production, of
    `slices_seen` that were looked at, in the loss that `slices_loss` names.
    """

    as_of: int
    n: int
    days: int
    serving: str
    retraining: str
    period_words: str
    periods: int
    folds: int
    stages: tuple[StageFact, ...]
    total: Figure
    constant: Figure
    beyond: Figure
    diagnosis: DiagnosisFact
    cost: GapCost
    method: MethodFact
    seeds: int = 1
    quick: bool = False
    part: str = ""
    wait: int | None = None
    age: int | None = None
    why: str = ""
    notes: tuple[str, ...] = ()
    slices: tuple[SliceFact, ...] = ()
    slices_seen: int = 0
    slices_loss: str = ""

    def stage(self, key: str) -> StageFact | None:
        """The stage of that key, where it applies."""
        return next((each for each in self.stages if each.key == key), None)

    @property
    def steps(self) -> tuple[StageFact, ...]:
        """The stages that are a step from one before."""
        return tuple(each for each in self.stages if each.step is not None)

    @property
    def shown(self) -> tuple[StageFact, ...]:
        """The stages that have a level."""
        return tuple(each for each in self.stages if each.level.shown)

    def worsens(self, step: Figure | None) -> int:
        """1 where a difference is shown to be for the worse, -1 for the better, else 0."""
        if step is None:
            return 0
        return step.sign if self.metric.lower_is_better else -step.sign
