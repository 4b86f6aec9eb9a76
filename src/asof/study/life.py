"""The facts of a replayed life: figures with intervals, models, labels, tables, cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.interval import DRAWS, Estimate, by_slot, estimate, paired
from asof.compute.leakage import CAUGHT, MANY_LATE, late
from asof.compute.metric import Metric, metric
from asof.compute.requests import names
from asof.compute.slots import counts, finality, slots
from asof.compute.window.contract import NEVER
from asof.declare.policies import Online
from asof.declare.sources import Reference
from asof.declare.system import System
from asof.engine.clock import cpu
from asof.engine.messages import Promoted
from asof.engine.replay import Replayed
from asof.stores.store import Store
from asof.study.counted import counted
from asof.study.decisions import decisions
from asof.study.facts import (
    CostFact,
    Coverage,
    Figure,
    LabelFact,
    Life,
    MethodFact,
    MetricFact,
    ModelFact,
    Series,
    Slot,
)
from asof.study.inputs import features, sources
from asof.study.periods import Periods, civil_days, periods, zone_of
from asof.study.report.numbers import duration
from asof.study.words import retraining_words, serving_words
from asof.study.yardsticks import yardsticks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """The requests of a life that are judged: scored ones, with day and slot, life order.

    `counts` are those that the figures over the life rest on.
    """

    metric: Metric
    rows: Ints
    value: Floats
    day: Ints
    slot: Ints
    counts: NDArray[np.bool_]
    periods: Periods
    draws: int

    @property
    def slots(self) -> int:
        """How many slots the life has."""
        return len(self.periods.edges) - 1

    def whole(self, predictions: Floats) -> Estimate:
        """The metric over the life, on what counts."""
        y, p, day = self._counting(predictions)
        found = estimate(self.metric, y, p, day, draws=self.draws)
        if len(self.rows) and not len(y):
            return replace(found, why=f"no {self.periods.words} is final yet")
        return found

    def against(self, served: Floats, predictions: Floats) -> Estimate:
        """The paired difference of other predictions from those served, on what counts."""
        y, q, day = self._counting(predictions)
        _, p, _ = self._counting(served)
        return paired(self.metric, y, p, q, day, draws=self.draws)

    def _counting(self, predictions: Floats) -> tuple[Floats, Floats, Ints]:
        return (
            self.value[self.counts],
            predictions[self.rows][self.counts],
            self.day[self.counts],
        )


def life_facts(life: Replayed, store: Store, *, question: str = "", draws: int = DRAWS) -> Life:
    """Everything that the report of a backtest says."""
    history, system = life.history, life.history.system
    zone = zone_of(system)
    fired = history.requests.fired[life.first : life.last]
    over = periods(life.start, int(fired[-1]), zone)
    judged = _judged(life, over, zone, draws)
    whole = judged.whole(life.predictions)
    if not len(judged.rows) and (life.models[life.first : life.last] < 0).all():
        whole = replace(whole, why="no model answered a request")
    served = _series(judged, "served", "served model", "served", life.predictions, whole)
    others = [
        _series(
            judged,
            each.name,
            each.label,
            each.kind,
            each.predictions,
            judged.whole(each.predictions),
            life.predictions,
        )
        for each in yardsticks(life)
    ]
    return Life(
        system=system.name,
        fingerprint=system.fingerprint,
        question=question,
        metric=MetricFact.of(judged.metric),
        zone=zone,
        start=life.start,
        end=int(fired[-1]) + 1,
        as_of=_as_of(life),
        until=history.until,
        slot_words=over.words,
        slots=_slots(life, judged),
        series=(served, *others),
        models=_models(life),
        sources=sources(life, store, over),
        features=features(life),
        labels=_labels(life),
        cost=_cost(life),
        decisions=tuple(decisions(life.log.messages)),
        serving=serving_words(system.serving),
        retraining=retraining_words(system.retraining, system.train),
        coverage=_coverage(life),
        method=MethodFact.of(whole.draws or draws, whole.block_length),
        notes=(*_notes(system), *_late_outcomes(life)),
    )


def _as_of(life: Replayed) -> int:
    """The moment of the report: when the last request was asked, or history ends if earlier."""
    last = int(life.history.requests.fired[life.last - 1]) + 1
    return max(last, min(life.history.until, int(life.history.outcomes.due.max()) + 1))


def _judged(life: Replayed, over: Periods, zone: str, draws: int) -> Judged:
    outcomes = life.history.outcomes
    inside = np.arange(life.first, life.last)
    scored = outcomes.mature(_as_of(life))[inside] & ~np.isnan(outcomes.value[inside])
    rows = inside[scored & ~np.isnan(life.predictions[inside])]
    fired = life.history.requests.fired[rows]
    return Judged(
        metric(life.history.system.measured),
        rows,
        outcomes.value[rows],
        civil_days(fired, zone),
        slots(fired, over.edges),
        counted(life.history, life.start, _as_of(life))[rows],
        over,
        draws,
    )


def _series(
    judged: Judged,
    name: str,
    label: str,
    kind: Literal["served", "yardstick", "baseline"],
    predictions: Floats,
    whole: Estimate,
    served: Floats | None = None,
) -> Series:
    """One predictor's figures: over the life, against what was served, and by slot."""
    y, p = judged.value, predictions[judged.rows]
    difference = None
    if served is not None:
        difference = Figure.of(judged.against(served, predictions))
    each = by_slot(judged.metric, y, p, judged.day, judged.slot, judged.slots, draws=judged.draws)
    return Series(name, label, kind, Figure.of(whole), difference, tuple(map(Figure.of, each)))


def _slots(life: Replayed, judged: Judged) -> tuple[Slot, ...]:
    history, edges = life.history, judged.periods.edges
    fired = history.requests.fired[life.first : life.last]
    due = history.outcomes.due[life.first : life.last]
    value = history.outcomes.value[life.first : life.last]
    as_of, k = _as_of(life), len(edges) - 1
    slot = slots(fired, edges)
    mature = history.outcomes.mature(as_of)[life.first : life.last]
    final = finality(
        fired, fired, due, edges,
        until=history.until, as_of=as_of, share=history.system.final_share,
    )  # fmt: skip
    asked = counts(slot, k)
    scored = counts(slot, k, among=mature & ~np.isnan(value))
    never_came = counts(slot, k, among=mature & np.isnan(value))
    known = mature & ~np.isnan(value)
    sums = np.bincount(slot[known], weights=value[known], minlength=k)
    return tuple(
        Slot(
            start=int(edges[i]),
            stop=int(edges[i + 1]),
            requests=int(asked[i]),
            scored=int(scored[i]),
            never_came=int(never_came[i]),
            open=int(asked[i] - scored[i] - never_came[i]),
            mature_share=float(final.mature_share[i]) if asked[i] else 0.0,
            final=bool(final.final[i]),
            outcome=float(sums[i] / scored[i]) if scored[i] else None,
        )
        for i in range(k)
    )


def _models(life: Replayed) -> tuple[ModelFact, ...]:
    promoted: dict[str, Promoted] = {}
    for message in life.log.messages:
        if isinstance(message, Promoted):
            promoted[message.model] = message
    order = list(promoted)
    return tuple(
        ModelFact(
            name=name,
            trigger=fit.trigger,
            active_from=promoted[name].at if name in promoted else None,
            served_until=(
                promoted[order[order.index(name) + 1]].at
                if name in promoted and order.index(name) + 1 < len(order)
                else None
            ),
            rows=fit.rows,
            served=int((life.models == int(name[1:])).sum()),
            cpu_seconds=fit.cpu_seconds,
            status="promoted" if name in promoted else "failed",
            reason=fit.reason.splitlines()[0] if fit.reason else "",
        )
        for name, fit in life.fits.items()
    )


def _labels(life: Replayed) -> LabelFact:
    outcomes, inside = life.history.outcomes, slice(life.first, life.last)
    mature = outcomes.mature(_as_of(life))[inside]
    value = outcomes.value[inside]
    known = mature & ~np.isnan(value)
    took = (outcomes.known_at - life.history.requests.fired)[inside][known]
    took = took[outcomes.known_at[inside][known] != NEVER]
    mean = float(value[known].mean()) if known.any() else None
    binary = life.history.system.task == "binary"
    return LabelFact(
        mature=int(mature.sum()),
        never_came=int((mature & np.isnan(value)).sum()),
        late=int((outcomes.late[inside] & mature).sum()),
        open=int((~mature).sum()),
        half_known=int(np.quantile(took, 0.5)) if len(took) else None,
        most_known=int(np.quantile(took, 0.99)) if len(took) else None,
        positive_share=mean if binary else None,
        mean=None if binary else mean,
    )


def _cost(life: Replayed) -> CostFact:
    answered = int((life.models[life.first : life.last] >= 0).sum())
    return CostFact(
        fits=len(life.fits),
        fit_cpu_seconds=sum(fit.cpu_seconds for fit in life.fits.values()),
        predictions=answered,
        predict_cpu_seconds=life.predict_cpu_seconds,
        feature_cpu_seconds=life.history.meter.seconds,
        total_cpu_seconds=cpu(),
    )


def _coverage(life: Replayed) -> Coverage:
    inside = slice(life.first, life.last)
    asked = life.last - life.first
    unanswered = int((life.models[inside] < 0).sum())
    fallback = int((life.fallback[inside] & (life.models[inside] >= 0)).sum())
    return Coverage(asked, asked - fallback - unanswered, fallback, unanswered)


def _notes(system: System[Any]) -> list[str]:
    always = [table.name for table in system.tables if isinstance(table, Reference)]
    notes = [f"{name}: a reference table, taken as always known." for name in always]
    if not isinstance(system.serving, Online) and system.serving.trained == "fresh":
        notes.append("Trained on fresh features and served stale ones, as declared by name.")
    return notes


def _late_outcomes(life: Replayed) -> Iterator[str]:
    """Where more than 1 % of outcomes come too late, the wait that would do (LAW 6c)."""
    found = late(life.history.outcomes, life.history.requests.at)
    if found is None or found.share <= MANY_LATE or life.history.system.label.constant_wait is None:
        return
    yield (
        f"{found.share:.1%} of the outcomes came after their due time and were not used: a wait "
        f"that is too short is itself a bias. {CAUGHT:.1%} had come within "
        f"{duration(found.wanted)} of the request."
    )


def predictions_frame(life: Replayed) -> pl.DataFrame:
    """One row a request of the life: when asked, answer, model, label as of its due time.

    There is no label before it is due: those that are in sooner are a selection (LAW 6d).
    """
    inside = slice(life.first, life.last)
    history = life.history
    label = np.where(history.outcomes.mature(_as_of(life)), history.outcomes.value, np.nan)
    return pl.DataFrame(
        {
            "request": names(history.requests)[inside],
            "asked_at": pl.Series(history.requests.fired[inside]).cast(pl.Datetime("us", "UTC")),
            "prediction": pl.Series(life.predictions[inside], nan_to_null=True),
            "model": pl.Series(
                [f"m{m}" if m >= 0 else None for m in life.models[inside]], dtype=pl.String
            ),
            "fallback": life.fallback[inside],
            "label": pl.Series(label[inside], nan_to_null=True),
            "due": pl.Series(history.outcomes.due[inside]).cast(pl.Datetime("us", "UTC")),
        }
    )
