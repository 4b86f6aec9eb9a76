"""From the answers of each mode to its figures, the front, and what to take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.compute.interval import Estimate, estimate, paired
from asof.compute.metric import Metric, metric
from asof.compute.tradeoff import KEEP, Option, choose, front, turns
from asof.declare.policies import Online
from asof.declare.system import System
from asof.engine.clock import cpu
from asof.engine.history import History
from asof.study.counted import counted, not_final
from asof.study.facts import Coverage, Figure, MethodFact, MetricFact
from asof.study.findings import FEW
from asof.study.periods import civil_days
from asof.study.serving.facts import AdviceFact, ModeFact, ServingFacts, Verdict
from asof.study.serving.measure import Measured
from asof.study.serving.modes import Mode
from asof.study.words import retraining_words, schedule_words
from asof.units import DAY

Floats = NDArray[np.float64]
Answers = Sequence[tuple[Mode, Measured]]

_ALWAYS_ON = 1e9
"""What online answers demand, in runs a day: more than any schedule."""
_SERVER = 0.5
"""What a server that answers by a model demands beside its runs, in runs a day."""

_BUDGET = "no mode is within the budget"


@dataclass(frozen=True)
class Setting:
    """What was asked: the system, the ground of its requests and outcomes, and the life."""

    system: System[Any]
    ground: History
    start: int
    whole: float
    zone: str
    question: str
    draws: int


@dataclass(frozen=True)
class _Scored:
    """The requests that stand in every figure: positions among those of the life."""

    metric: Metric
    rows: NDArray[np.int64]
    value: Floats
    day: NDArray[np.int64]
    draws: int

    def total(self, predictions: Floats) -> Estimate:
        return estimate(self.metric, self.value, predictions[self.rows], self.day, draws=self.draws)

    def beside(self, yardstick: Floats, predictions: Floats) -> Figure:
        p, q = yardstick[self.rows], predictions[self.rows]
        return Figure.of(paired(self.metric, self.value, p, q, self.day, draws=self.draws))


def facts(
    setting: Setting, answers: Answers, *, max_loss: float | None, max_cost: float | None
) -> ServingFacts:
    """Everything that the report says; `max_cost` in CPU seconds for a thousand predictions."""
    ground, system = setting.ground, setting.system
    first = int(np.searchsorted(ground.requests.fired, setting.start, side="left"))
    fired = ground.requests.fired[first:]
    end = int(fired[-1]) + 1
    as_of = max(end, min(ground.until, int(ground.outcomes.due.max()) + 1))
    scored = _scored(setting, answers, first, as_of)
    online = answers[0][1]
    constant = np.full(len(fired), online.nothing)
    whole = scored.total(online.predictions) if len(online.predictions) else None
    found = [_mode(mode, measured, scored, online, constant) for mode, measured in answers]
    trouble = _trouble(setting, scored, answers, whole)
    stalest = _stalest(found)
    worth = stalest.loss if stalest is not None and stalest.verdict == "worse" else None
    found = [_kept(mode, stalest, worth) for mode in found]
    beaten = [] if trouble else front(options(found))
    found = [replace(mode, on_front=mode.name in beaten) for mode in found]
    judged = bool(len(online.predictions)) and not trouble
    beside = scored.beside(online.predictions, constant) if judged else Figure.missing(trouble)
    model_worth = _model_worth(beside, lower=scored.metric.lower_is_better)
    return ServingFacts(
        system=system.name,
        fingerprint=system.fingerprint,
        question=setting.question,
        metric=MetricFact.of(scored.metric),
        zone=setting.zone,
        start=setting.start,
        end=end,
        as_of=as_of,
        until=ground.until,
        part=min(1.0, (end - setting.start) / DAY / setting.whole),
        days=len(np.unique(scored.day)),
        asked=len(fired),
        scored=len(scored.rows),
        modes=tuple(found),
        nothing=Figure.of(scored.total(constant)) if judged else Figure.missing(trouble),
        nothing_beside_online=beside,
        nothing_label="constant rate" if system.task == "binary" else "constant mean",
        stalest=stalest.name if stalest is not None else "",
        worth=worth,
        model_worth=model_worth,
        advice=_advice(found, worth, model_worth, trouble, (max_loss, max_cost)),
        retraining=retraining_words(system.retraining, system.train),
        method=MethodFact.of(
            whole.draws or setting.draws if whole else setting.draws,
            whole.block_length if whole else 1.0,
        ),
        fits=sum(measured.fits for _, measured in answers),
        reused=sum(measured.reused for _, measured in answers),
        total_cpu_seconds=cpu(),
        trouble=trouble,
    )


def _scored(setting: Setting, answers: Answers, first: int, as_of: int) -> _Scored:
    """The requests with an outcome that every mode that could be replayed has answered."""
    outcomes = setting.ground.outcomes
    value = outcomes.value[first:]
    known = counted(setting.ground, setting.start, as_of)[first:]
    for _, measured in answers:
        if len(measured.predictions):
            known = known & ~np.isnan(measured.predictions)
    rows = np.flatnonzero(known)
    day = civil_days(setting.ground.requests.fired[first:][rows], setting.zone)
    found = metric(setting.system.measured)
    return _Scored(found, rows, value[rows], day, setting.draws)


def _trouble(setting: Setting, scored: _Scored, answers: Answers, whole: Estimate | None) -> str:
    """Why there is nothing to read, or ""."""
    if whole is None:
        return f"online features could not be replayed: {answers[0][1].why}"
    if not len(scored.rows):
        return not_final(setting.ground, setting.start) or "no outcome counts yet"
    if whole.value is None:
        return whole.why or "the metric is not defined on these outcomes"
    if len(scored.rows) < FEW:
        return "too few outcomes to read a figure from"
    if scored.metric.task == "binary" and scored.value.min() == scored.value.max():
        return f"all {len(scored.rows):,} outcomes are {'yes' if scored.value[0] else 'no'}"
    return ""


def _mode(
    mode: Mode, measured: Measured, scored: _Scored, online: Measured, constant: Floats
) -> ModeFact:
    """The figures of one mode."""
    found = ModeFact(
        name=mode.name,
        kind=mode.kind,
        schedule="" if isinstance(mode.serving, Online) else schedule_words(mode.serving.schedule),
        every=mode.every,
        declared=mode.declared,
        total=Figure.missing(measured.why),
        difference=None,
        beside_nothing=None,
        coverage=measured.coverage,
        verdict="none",
        fits=measured.fits,
        reused=measured.reused,
        fit_cpu_seconds=measured.fit_cpu_seconds,
        why=measured.why,
    )
    if not len(measured.predictions):
        return found
    found = _costs(found, measured)
    if not len(scored.rows):
        return replace(found, why="no outcome counts yet")
    beside = scored.beside(constant, measured.predictions)
    lower = scored.metric.lower_is_better
    found = replace(
        found,
        total=Figure.of(scored.total(measured.predictions)),
        beside_nothing=beside,
        worse_than_nothing=(beside.sign if lower else -beside.sign) > 0,
    )
    if mode.kind == "online":
        return replace(found, verdict="yardstick", loss=0.0, at_most=0.0)
    if not len(online.predictions):
        return found
    difference = scored.beside(online.predictions, measured.predictions)
    loss, at_most = _loss(difference, lower=lower)
    return replace(
        found, difference=difference, verdict=_verdict(difference, lower), loss=loss,
        at_most=at_most,
    )  # fmt: skip


def _costs(found: ModeFact, measured: Measured) -> ModeFact:
    """Age, coverage, waste and CPU of one mode."""
    made, used, answers = measured.made, measured.used, measured.answers
    why = ""
    if made is None:
        why = "nothing is predicted before it is asked for"
    elif not made:
        why = "no run predicted anything"
    ages = measured.ages
    unused = measured.ahead_cpu_seconds * (made / used - 1) if made and used else 0.0
    each = (measured.cpu_seconds + unused) / answers if answers else None
    return replace(
        found,
        age_half=int(np.quantile(ages, 0.5)) if len(ages) else None,
        age_most=int(np.quantile(ages, 0.9)) if len(ages) else None,
        made=made,
        used=used,
        waste=None if why or used is None or not made else max(0.0, 1 - used / made),
        why_no_waste=why,
        covered=_covered(measured.coverage),
        cpu_seconds=measured.cpu_seconds,
        answers=answers,
        cpu_per_thousand=None if each is None else 1000 * each,
    )


def _covered(answered: Coverage) -> float | None:
    """The share of the answered requests that a model answered, not the fallback."""
    both = answered.served + answered.fallback
    return answered.served / both if both else None


def _loss(difference: Figure, *, lower: bool) -> tuple[float | None, float | None]:
    """A difference and the worse end of its interval, so that positive is worse."""
    if difference.value is None:
        return None, None
    if lower:
        return difference.value, difference.high
    return -difference.value, None if difference.low is None else -difference.low


def _verdict(difference: Figure, lower: bool) -> Verdict:  # noqa: FBT001
    if difference.value is None or difference.low is None:
        return "not identifiable"
    sign = difference.sign if lower else -difference.sign
    return "no difference shown" if sign == 0 else "worse" if sign > 0 else "better"


def _stalest(found: Sequence[ModeFact]) -> ModeFact | None:
    """The batch mode with the longest span between runs, features first."""
    for kind in ("features", "predictions"):
        batch = [mode for mode in found if mode.kind == kind and mode.loss is not None]
        if batch:
            return max(batch, key=lambda mode: mode.every)
    return None


def _kept(mode: ModeFact, stalest: ModeFact | None, worth: float | None) -> ModeFact:
    """What share of the worth of freshness a mode keeps; none where none was shown."""
    if worth is None or stalest is None or mode.loss is None or mode.kind in ("online", "skewed"):
        return mode
    kept = 1 - mode.loss / worth
    return replace(mode, kept=kept) if mode.name != stalest.name and 0 <= kept <= 1 else mode


def options(found: Sequence[ModeFact]) -> list[Option]:
    """The modes that may be taken: with a figure, no mistake, better than no model."""
    return [
        Option(
            mode.name,
            mode.loss,
            math.inf if mode.at_most is None else mode.at_most,
            # In two figures: CPU seconds measured once do not tell more.
            float(f"{mode.cpu_per_thousand or 0.0:.2g}"),
            _demand(mode),
        )
        for mode in found
        if mode.loss is not None and mode.kind != "skewed" and not mode.worse_than_nothing
    ]


def _demand(mode: ModeFact) -> float:
    if mode.kind == "online":
        return _ALWAYS_ON
    if mode.kind == "hybrid":
        return _ALWAYS_ON + DAY / mode.every
    return DAY / mode.every + (_SERVER if mode.kind == "features" else 0.0)


def _model_worth(beside: Figure, *, lower: bool) -> float | None:
    """What the model is worth online against none; None where it is not shown to be better."""
    if beside.value is None or (beside.sign if lower else -beside.sign) <= 0:
        return None
    return abs(beside.value)


def _advice(
    found: Sequence[ModeFact],
    worth: float | None,
    model_worth: float | None,
    trouble: str,
    budget: tuple[float | None, float | None],
) -> AdviceFact:
    eligible, (max_loss, max_cost) = options(found), budget
    choice = choose(
        eligible, worth=worth, model_worth=model_worth, max_loss=max_loss, max_cost=max_cost
    )
    why = trouble
    if not why and choice.name is None:
        free = max_loss is None and max_cost is None
        why = "it is not shown that the model is better than none" if free else _BUDGET
    return AdviceFact(
        mode=None if why else choice.name,
        rule=choice.rule,
        limit=choice.limit,
        max_loss=max_loss,
        max_cost=max_cost,
        keep=KEEP,
        turns=() if trouble else tuple((turn.limit, turn.name) for turn in turns(eligible)),
        why=why,
    )
