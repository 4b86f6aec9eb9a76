"""From the predictions of each stage to the facts of a gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.compute.baseline import prior
from asof.compute.gap import Bar, counted_twice, waterfall
from asof.compute.interval import estimate, paired
from asof.compute.metric import Metric, metric
from asof.compute.slices import Carried, carried
from asof.declare.policies import Online
from asof.engine.clock import cpu
from asof.engine.kept import KeptFits
from asof.engine.work import Work
from asof.study.counted import not_final
from asof.study.facts import Figure, MethodFact, MetricFact
from asof.study.gap.diagnosis import diagnosis
from asof.study.gap.facts import TOO_FEW, DiagnosisFact, GapCost, GapFacts, SliceFact, StageFact
from asof.study.gap.stages import OF_FOLDS, Run, Stage
from asof.study.gap.world import World
from asof.study.losses import oriented, readable
from asof.study.periods import zone_of
from asof.study.report import numbers
from asof.study.words import retraining_words, serving_words

Floats = NDArray[np.float64]

MOST_SLICES = 5
"""So many slices are told."""


def nothing(here: World) -> str:
    """Why there is no gap to show, or nothing."""
    value, covered = here.value[here.scored], here.history.serving.covered
    if not covered[here.life.first : here.life.last].any():
        return "no run could know a single request before it was asked"
    if not len(value):
        young = not_final(here.history, here.life.start)
        return young or f"no outcome counts yet, and a gap needs at least {TOO_FEW}"
    if len(value) < TOO_FEW:
        scored = numbers.many(len(value), "request")
        return f"{scored} can be scored, and a gap needs at least {TOO_FEW}"
    if here.history.system.task == "binary" and len(np.unique(value)) == 1:
        return f"all {len(value):,} outcomes are {'yes' if value[0] else 'no'}"
    return ""


def told(
    here: World,
    kept: KeptFits,
    first: Run,
    others: Sequence[Mapping[str, Floats | str]],
    question: str,
    draws: int,
) -> tuple[GapFacts, dict[str, Floats]]:
    """The facts of a gap, and the predictions of its stages."""
    measured = metric(here.history.system.measured)
    y, day = here.value[here.scored], here.day[here.scored]
    served = here.life.predictions[here.scored]
    found: dict[str, Floats | str] = {**first.predictions, "policy": served}
    keys = list(found)
    bars = bars_of(here, first, draws)
    planned = {stage.key: stage for stage in first.stages}
    told = tuple(
        _stage(
            key, bar, keys, planned.get(key), _spread(measured, y, key, bar, keys, found, others)
        )
        for key, bar in zip(keys, bars, strict=True)
    )
    begun = found[keys[0]]
    total = (
        Figure.missing(begun, len(y))
        if isinstance(begun, str)
        else Figure.of(paired(measured, y, begun, served, day, draws=draws))
    )
    length = max((each.level.block_length for each in bars), default=1.0)
    facts = facts_of(
        here, question, draws, 1 + len(others), "",
        stages=told, total=total, length=length,
    )  # fmt: skip
    facts = replace(facts, diagnosis=diagnosis(here, kept, draws), **_slices(here, begun, draws))
    facts = replace(facts, cost=_cost(kept.work))
    return facts, {key: p for key, p in found.items() if not isinstance(p, str)}


def bars_of(here: World, first: Run, draws: int) -> list[Bar]:
    """The bars of the stages that were run, and of the life itself at the end."""
    y, day = here.value[here.scored], here.day[here.scored]
    served = here.life.predictions[here.scored]
    found = [*first.predictions.values(), served]
    twice = [*_twice(here, first), 0.0]
    return waterfall(metric(here.history.system.measured), y, found, day, twice=twice, draws=draws)


def _twice(here: World, first: Run) -> list[float]:
    """What each step from a stage of folds has counted twice, 0 for the others."""
    found: list[float] = []
    last: Stage | None = None
    for stage in first.stages:
        if last is not None and last.key in OF_FOLDS and not stage.why:
            before, after = (
                [(part.training.rows, part.at) for part in each.parts] for each in (last, stage)
            )
            anew = last.parts[0].training.seen.digest != stage.parts[0].training.seen.digest
            found.append(counted_twice(here.scored, before, after, anew=anew))
        else:
            found.append(0.0)
        if not isinstance(first.predictions[stage.key], str):
            last = stage
    return found


def _cost(work: Work) -> GapCost:
    """What it all took now."""
    made, reused = work.fits()
    spent = work.seconds()
    return GapCost(
        fits=made + reused,
        fits_now=made,
        fit_cpu_seconds=spent["fit"],
        predict_cpu_seconds=spent["predict"] + spent["answer"],
        total_cpu_seconds=cpu(),
    )


def _slices(here: World, begun: Floats | str, draws: int) -> dict[str, Any]:
    """The slices that carry the difference between the notebook and production."""
    measured = readable(metric(here.history.system.measured))
    if isinstance(begun, str):
        return {}
    y, rows = here.value[here.scored], here.scored
    served = here.life.predictions[rows]
    terms = oriented(measured, y, served) - oriented(measured, y, begun)
    seen = here.fresh.matrix.take(rows)
    found, many = carried(seen, terms, here.day[rows], draws=min(draws, 1000))
    return {
        "slices": tuple(_slice(each) for each in found[:MOST_SLICES]),
        "slices_seen": many,
        "slices_loss": measured.words,
    }


def _slice(found: Carried) -> SliceFact:
    what = found.slice
    return SliceFact(
        what.column,
        what.value or None,
        what.low,
        what.high,
        found.share,
        found.within,
        Figure(found.contribution, found.low, found.high, found.rows),
    )


def _stage(
    key: str, bar: Bar, keys: list[str], planned: Stage | None, spread: float | None
) -> StageFact:
    rows = [len(part.training.rows) for part in planned.parts] if planned else []
    return StageFact(
        key,
        Figure.of(bar.level),
        None if bar.step is None else Figure.of(bar.step),
        "" if bar.since is None else keys[bar.since],
        same=bar.same,
        spread=spread,
        fits=len({part.training.key for part in planned.parts}) if planned else 0,
        rows=(min(rows), max(rows)) if rows else None,
        short=planned.short if planned else 0,
    )


def _spread(
    measured: Metric,
    y: Floats,
    key: str,
    bar: Bar,
    keys: list[str],
    found: Mapping[str, Floats | str],
    others: Sequence[Mapping[str, Floats | str]],
) -> float | None:
    """How far a step moves between seeds at most; None where only one was run."""
    if bar.since is None or not others:
        return None
    steps: list[float] = []
    for each in (found, *others):
        before, after = each.get(keys[bar.since], ""), each.get(key, "")
        if isinstance(before, str) or isinstance(after, str):
            return None
        steps.append(measured.value(y, after) - measured.value(y, before))
    return max(steps) - min(steps)


def facts_of(
    here: World,
    question: str,
    draws: int,
    seeds: int,
    why: str,
    *,
    stages: tuple[StageFact, ...] = (),
    total: Figure | None = None,
    length: float = 1.0,
) -> GapFacts:
    """The facts of a gap; `why` there is none, where there is none."""
    history, system, life = here.history, here.history.system, here.life
    measured = metric(system.measured)
    fired = history.requests.fired
    wait = system.label.constant_wait
    missing = Figure.missing(why, len(here.scored))
    constant, beyond = (missing, missing) if why else _constant(here, measured, draws)
    end = int(fired[-1]) + 1
    return GapFacts(
        system=system.name,
        fingerprint=system.fingerprint,
        question=question,
        metric=MetricFact.of(measured),
        zone=zone_of(system),
        start=life.start,
        end=end,
        as_of=max(end, min(history.until, int(history.outcomes.due.max()) + 1)),
        until=history.until,
        n=len(here.scored),
        days=len(np.unique(here.day[here.scored])),
        serving=serving_words(system.serving),
        retraining=retraining_words(system.retraining, system.train),
        period_words=here.periods.words,
        periods=len(here.chosen),
        folds=here.setting.folds,
        stages=stages,
        total=total or missing,
        constant=constant,
        beyond=beyond,
        diagnosis=DiagnosisFact("too little data", missing, 0, 0, 0, 0, why=why),
        cost=GapCost(0, 0, 0.0, 0.0, cpu()),
        method=MethodFact.of(draws, length),
        seeds=seeds,
        quick=here.setting.quick,
        part=_part(here),
        wait=None if wait is None else wait.microseconds,
        age=_age(here),
        why=why,
        notes=tuple(_notes(stages)),
    )


def _constant(here: World, measured: Metric, draws: int) -> tuple[Figure, Figure]:
    """No model at all, the rate or mean of the rows before the life; and production less that."""
    rows = here.trained(here.life.start)
    if not len(rows):
        missing = Figure.missing("there is no labelled row before the life", len(here.scored))
        return missing, missing
    y, day = here.value[here.scored], here.day[here.scored]
    p = np.full(len(y), prior(here.value[rows], task=here.history.system.task))
    served = here.life.predictions[here.scored]
    beyond = paired(measured, y, p, served, day, draws=draws)
    return Figure.of(estimate(measured, y, p, day, draws=draws)), Figure.of(beyond)


def _age(here: World) -> int | None:
    """The median age of features as they are served; None where they are of the moment."""
    if isinstance(here.history.system.serving, Online) or not len(here.scored):
        return None
    old = here.history.requests.fired - here.history.serving.as_of
    return int(np.median(old[here.scored]))


def _part(here: World) -> str:
    """Which part of the life was looked at, in words."""
    whole = len(here.periods.edges) - 1
    if len(here.chosen) == whole:
        return ""
    return f"{len(here.chosen):,} of {whole:,} {here.periods.words}s, whole"


def _notes(told: Sequence[StageFact]) -> list[str]:
    notes: list[str] = []
    if any(each.short for each in told):
        short = max(each.short for each in told)
        notes.append(
            f"Outside a fold there are fewer rows than the life had to train on in {short:,} fits; "
            "these took all there are."
        )
    return notes
