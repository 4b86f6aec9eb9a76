"""The facts of `asof serving`: each way to answer requests, with what it loses and what it costs.

Moments and spans are int64 microseconds, shares lie between 0 and 1, CPU is in seconds. A figure
without a value says why. Losses are oriented so that positive is worse, whatever the metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from asof.compute.tradeoff import Rule
from asof.study.facts import Coverage, Facts, Figure, MethodFact

Kind = Literal["online", "features", "predictions", "hybrid", "skewed"]
Verdict = Literal["yardstick", "better", "worse", "no difference shown", "not identifiable", "none"]


@dataclass(frozen=True, slots=True)
class ModeFact:
    """One way to answer: "online", batch "features", batch "predictions", "hybrid", or "skewed".

    A hybrid has predictions made beforehand, and answers online what no run knew.

    `schedule` is when features or predictions are made, in words, `every` the span between two
    runs (0 online). `difference` is the paired difference of this mode minus online on the same
    requests, `beside_nothing` that of this mode minus the constant rate. `kept` is the share of
    what freshness is worth that this mode keeps. `made` counts the predictions of all runs, `used`
    those that answered a request; `why_no_waste` says why there is no share of waste. `cpu_seconds`
    is the CPU of features and predictions for the `answers` of this mode, `cpu_per_thousand` for a
    thousand useful predictions, those that nobody asked for paid by the others. `why` says why the
    mode has no figure.
    """

    name: str
    kind: Kind
    schedule: str
    every: int
    declared: bool
    total: Figure
    difference: Figure | None
    beside_nothing: Figure | None
    coverage: Coverage
    verdict: Verdict
    worse_than_nothing: bool = False
    kept: float | None = None
    loss: float | None = None
    at_most: float | None = None
    age_half: int | None = None
    age_most: int | None = None
    made: int | None = None
    used: int | None = None
    waste: float | None = None
    why_no_waste: str = ""
    covered: float | None = None
    cpu_seconds: float | None = None
    answers: int = 0
    cpu_per_thousand: float | None = None
    on_front: bool = False
    fits: int = 0
    reused: int = 0
    fit_cpu_seconds: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class AdviceFact:
    """What to take, by which rule, and at which losses another mode would be taken.

    `mode` is None where nothing is within the budget, `why` then says so. `limit` is the loss that
    the rule allowed; each turn is (loss, mode): from that loss on the mode is the easiest one.
    """

    mode: str | None
    rule: Rule
    limit: float | None
    max_loss: float | None
    max_cost: float | None
    keep: float
    turns: tuple[tuple[float, str], ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class ServingFacts(Facts):
    """Everything that the report says; modes in the order of their kinds.

    The life is judged `as_of`; `scored` requests have an outcome and
    stand in every figure. `part` is the share of the days of the life that was replayed (1: all).
    `worth` is what freshness is worth: the loss of the mode named `stalest`, None where no loss is
    shown. `model_worth` is what the model is worth online against none, None where that is not
    shown. `trouble` says why there is nothing to read.
    """

    as_of: int
    part: float
    days: int
    asked: int
    scored: int
    modes: tuple[ModeFact, ...]
    nothing: Figure
    nothing_beside_online: Figure
    nothing_label: str
    stalest: str
    worth: float | None
    model_worth: float | None
    advice: AdviceFact
    retraining: str
    method: MethodFact
    fits: int
    reused: int
    total_cpu_seconds: float
    trouble: str = ""
    notes: tuple[str, ...] = ()

    def mode(self, name: str) -> ModeFact:
        """The mode of that name."""
        return next(each for each in self.modes if each.name == name)

    @property
    def frame(self) -> pl.DataFrame:
        """A row a mode."""
        return pl.DataFrame([_row(each) for each in self.modes], infer_schema_length=None)


def _row(mode: ModeFact) -> dict[str, object]:
    difference = mode.difference or Figure.missing("")
    return {
        "mode": mode.name,
        "kind": mode.kind,
        "declared": mode.declared,
        "metric": mode.total.value,
        "difference": difference.value,
        "low": difference.low,
        "high": difference.high,
        "verdict": mode.verdict,
        "kept": mode.kept,
        "covered": mode.covered,
        "age_half": mode.age_half,
        "age_most": mode.age_most,
        "waste": mode.waste,
        "cpu_per_thousand": mode.cpu_per_thousand,
        "on_front": mode.on_front,
        "why": mode.why,
    }
