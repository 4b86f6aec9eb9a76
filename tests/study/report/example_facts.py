"""Seeded lives, made up: what a report must be able to show, the edges included."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise

from asof.study.facts import (
    CostFact,
    Coverage,
    DecisionFact,
    FeatureFact,
    Figure,
    LabelFact,
    Life,
    MethodFact,
    MetricFact,
    ModelFact,
    Series,
    Slot,
    SourceFact,
)
from asof.units import DAY, HOUR

START = 1_362_114_000_000_000  # 2013-03-01 00:00 New York
LOG_LOSS = MetricFact("log_loss", "log loss", lower_is_better=True, bounded=True, task="binary")
AUC = MetricFact("auc", "AUC", lower_is_better=False, bounded=True, task="binary")
MAE = MetricFact("mae", "mean absolute error", False, False, "regression")
MAE = replace(MAE, lower_is_better=True)
REASONS = ("same aircraft, same departure, twice", "distance is below 0", "carrier is missing")


def figure(value: float | None, spread: float, n: int, why: str = "") -> Figure:
    if value is None:
        return Figure.missing(why, n)
    return Figure(value, value - spread, value + spread, n)


def life(
    slots: int = 44,
    *,
    length: int = 7 * DAY,
    words: str = "week",
    seed: int = 7,
    metric: MetricFact = LOG_LOSS,
    unit: float = 1.0,
    rows: int = 6400,
    every: int = 1,
    gate: float = 0.0,
    failing: float = 0.0,
    quarantine: int = 26,
    open_slots: int = 1,
    worth: float = 0.02,
    system: str = "flight-delay",
    zone: str = "America/New_York",
) -> Life:
    rng = random.Random(seed)
    times = [START + index * length for index in range(slots + 1)]
    kept = _slots(rng, times, rows, open_slots)
    sign = 1 if metric.lower_is_better else -1
    walk = [0.46 + 0.1 * math.sin(i / 5) + rng.gauss(0, 0.045) for i in range(slots)]
    walk = [value if sign > 0 else 1.15 - value for value in walk]
    series = [
        _series("served", "served model", "served", walk, 0.0, 0.05, kept, unit, rng),
        _series("never", "never refit", "yardstick", walk, sign * worth, 0.05, kept, unit, rng),
        _series("prior", "constant rate", "baseline", walk, sign * 0.09, 0.06, kept, unit, rng),
        _series("rate", "rate by route", "baseline", walk, sign * 0.082, 0.06, kept, unit, rng),
        _series("last", "last outcome", "baseline", walk, sign * 0.4, 0.09, kept, unit, rng),
    ]
    models = _models(rng, times, every, gate, failing, rows)
    asked = sum(slot.requests for slot in kept)
    per_slot = [0] * slots
    for _ in range(quarantine):
        per_slot[min(slots - 1, int(rng.random() ** 1.4 * slots))] += 1
    scored = sum(slot.scored for slot in kept)
    fit_cpu = sum(model.cpu_seconds or 0.0 for model in models)
    return Life(
        system=system,
        fingerprint="3f9a1c77be02",
        question="Will this flight land more than 15 minutes late? Asked two hours before.",
        metric=metric,
        zone=zone,
        start=times[0],
        end=times[-1],
        as_of=times[-1],
        until=times[-1] + 2 * DAY,
        slot_words=words,
        slots=kept,
        series=tuple(series),
        models=models,
        sources=_sources(times, per_slot, quarantine),
        features=_features(rng),
        labels=LabelFact(
            mature=scored,
            never_came=sum(slot.never_came for slot in kept),
            late=3,
            open=sum(slot.open for slot in kept),
            half_known=int(4.8 * HOUR),
            most_known=int(9.8 * HOUR),
            positive_share=0.21 if metric.task == "binary" else None,
            mean=None if metric.task == "binary" else 12.5,
        ),
        cost=CostFact(len(models), fit_cpu, asked, 3.21, 2.75, fit_cpu + 9.4),
        decisions=_decisions(models),
        serving="online features",
        retraining="every week, from the start of the life",
        coverage=Coverage(asked, asked - 120, fallback=118, unanswered=2),
        method=MethodFact(2000, 0, "1 day"),
        notes=("planes is taken as always known at its first load.",),
    )


def _slots(rng: random.Random, times: list[int], rows: int, open_slots: int) -> tuple[Slot, ...]:
    found = []
    for index, (start, stop) in enumerate(pairwise(times)):
        requests = max(1, int(rows * (1 + 0.03 * rng.gauss(0, 1))))
        never = int(requests * abs(rng.gauss(0.02, 0.02)))
        waiting = int(0.4 * requests) if index >= len(times) - 1 - open_slots else 0
        scored = max(0, requests - never - waiting)
        found.append(
            Slot(
                start,
                stop,
                requests,
                scored,
                never,
                waiting,
                (requests - waiting) / requests,
                final=waiting == 0,
                outcome=round(0.2 + 0.1 * rng.random(), 6),
            )
        )
    return tuple(found)


def _series(name, label, kind, walk, more, spread, slots, unit, rng) -> Series:
    values = [
        unit * max(0.01, base + more + (0 if not more else 0.02 * rng.gauss(0, 1))) for base in walk
    ]
    figures = tuple(
        figure(value, unit * spread * (0.6 + rng.random()), slot.scored)
        for value, slot in zip(values, slots, strict=True)
    )
    n = sum(slot.scored for slot in slots)
    total = sum(v * s.scored for v, s in zip(values, slots, strict=True)) / max(1, n)
    difference = None
    if kind != "served":
        difference = figure(unit * more, unit * 0.0042, n)
    return Series(name, label, kind, figure(total, unit * 0.011, n), difference, figures)


def _models(rng, times, every, gate, failing, rows) -> tuple[ModelFact, ...]:
    triggers = times[:-1:every]
    kinds: list[str] = []
    for index in range(len(triggers)):
        draw = rng.random()
        kinds.append(
            "promoted"
            if index == 0 or draw >= gate + failing
            else ("failed" if draw < failing else "refused")
        )
    promoted = [index for index, kind in enumerate(kinds) if kind == "promoted"]
    found = []
    for index, (trigger, kind) in enumerate(zip(triggers, kinds, strict=True)):
        later = [triggers[other] for other in promoted if other > index]
        serves = kind == "promoted"
        found.append(
            ModelFact(
                name=f"m{index}",
                trigger=trigger,
                active_from=trigger if serves else None,
                served_until=later[0] if serves and later else None,
                rows=55_000 + index * rows,
                served=rows * every if serves else 0,
                cpu_seconds=round(2 + 0.1 * index + rng.random(), 3),
                status=kind,
                reason={
                    "promoted": "the schedule asked for it",
                    "refused": "it did not beat the model in service",
                    "failed": "ValueError: Input contains NaN; the model in service went on",
                }[kind],
            )
        )
    return tuple(found)


def _sources(times: list[int], per_slot: list[int], quarantine: int) -> tuple[SourceFact, ...]:
    reasons = tuple(
        (why, rows)
        for why, rows in zip(REASONS, (quarantine + 3, quarantine // 9), strict=False)
        if rows and quarantine
    )
    return (
        SourceFact(
            "flights",
            336_776,
            336_776,
            reasons,
            tuple(per_slot) if quarantine else (),
            earliest=times[0] - 59 * DAY,
            latest=times[-1],
        ),
        SourceFact("weather", 26_115, 26_115, earliest=times[0] - 59 * DAY, latest=times[-1]),
        SourceFact("planes", 3_322, 3_322),
    )


def _features(rng: random.Random) -> tuple[FeatureFact, ...]:
    found = [
        FeatureFact("carrier", "category", 0.0, distinct=16),
        FeatureFact("dest", "category", 0.0, distinct=105),
    ]
    for name in ("n_3h", "n_1d", "n_7d", "delay_3h", "delay_1d", "delay_7d", "late_3h", "late_1d"):
        for key in ("carrier", "origin", "route", "tail"):
            missing = 0.0 if name.startswith("n_") else round(rng.random() ** 3, 5)
            found.append(
                FeatureFact(
                    f"{key}_{name}",
                    "number",
                    missing,
                    mean=rng.gauss(10, 4),
                    low=-30.0,
                    high=float(rng.randrange(20, 1400)),
                )
            )
    return tuple(found)


def _decisions(models: tuple[ModelFact, ...]) -> tuple[DecisionFact, ...]:
    kinds = {"promoted": "promoted", "refused": "kept", "failed": "failed"}
    return tuple(
        DecisionFact(
            model.trigger,
            "first model" if index == 0 else kinds[model.status],
            f"{model.name}: {model.reason}.",
            {"rows": model.rows},
        )
        for index, model in enumerate(models)
    )


def _alike(found: Life, why: str) -> Life:
    """The same life without any figure, and the words why."""
    slots = len(found.slots)
    series = tuple(
        replace(
            each,
            total=Figure.missing(why, each.total.n),
            difference=None if each.difference is None else Figure.missing(why),
            slots=tuple(Figure.missing(why, n=5) for _ in range(slots)),
        )
        for each in found.series
    )
    return replace(found, series=series)


def one_slot() -> Life:
    found = life(1, open_slots=0, quarantine=0)
    series = tuple(
        replace(
            each,
            total=Figure(each.total.value, None, None, each.total.n, "one week holds no interval"),
            difference=None
            if each.difference is None
            else Figure(0.02, None, None, each.total.n, "one week holds no interval"),
        )
        for each in found.series
    )
    return replace(found, series=series)


def one_class() -> Life:
    return _alike(life(6, open_slots=0), "all outcomes are alike")


def five_rows() -> Life:
    found = life(3, rows=2, open_slots=0, quarantine=0)
    slots = tuple(
        replace(slot, requests=2 - (index == 2), scored=2 - (index == 2), never_came=0)
        for index, slot in enumerate(found.slots)
    )
    found = replace(found, slots=slots, coverage=Coverage(5, 5))
    return _alike(found, "5 outcomes are too few for an interval")


def nothing_scored() -> Life:
    found = life(4, open_slots=4)
    slots = tuple(replace(slot, scored=0, never_came=0, open=slot.requests) for slot in found.slots)
    return _alike(replace(found, slots=slots), "no outcome is mature yet")


def none_final() -> Life:
    """Due times vary, and some request of every slot is not due yet."""
    found = life(12, open_slots=0)
    slots = tuple(
        replace(slot, final=False, mature_share=1 - 0.008 * (index + 1))
        for index, slot in enumerate(found.slots)
    )
    return _alike(replace(found, slots=slots), "no week is final yet")


def failing_fits() -> Life:
    found = life(20)
    models = tuple(
        replace(model, status="failed", served=0, active_from=None, served_until=None)
        for model in found.models
    )
    asked = found.coverage.asked
    return replace(found, models=models, coverage=Coverage(asked, 0, fallback=asked))


def no_difference() -> Life:
    return life(44, worth=0.001)


def harmful() -> Life:
    return life(44, worth=-0.03)


def gated() -> Life:
    return life(44, gate=0.68, failing=0.05)


def never_retrained() -> Life:
    found = life(44, every=44)
    series = tuple(each for each in found.series if each.name != "never")
    return replace(found, series=series, retraining="never")


def regression() -> Life:
    return life(30, metric=MAE, unit=310.0, every=4, system="power-halfhour", zone="Europe/London")


def higher_is_better() -> Life:
    return life(40, metric=AUC)


def hours() -> Life:
    return life(30, length=HOUR, words="hour", rows=90, zone="UTC", every=6)


def many_slots() -> Life:
    return life(300, length=DAY, words="day", rows=900, quarantine=900)


def three_years() -> Life:
    return life(
        1095, length=DAY, words="day", rows=900, failing=0.02, gate=0.3, quarantine=9000,
        system="a-system-with-a-name-that-somebody-took-a-long-time-to-think-about-and-it-shows",
    )  # fmt: skip


def bare() -> Life:
    """No yardstick, no baseline, no quarantine, no feature figures, nothing late."""
    found = life(12, quarantine=0, every=12, open_slots=0)
    return replace(found, series=found.series[:1], features=(), notes=(), question="")


LIVES = {
    make.__name__: make
    for make in (
        life, one_slot, one_class, five_rows, nothing_scored, none_final, failing_fits,
        no_difference, harmful, gated, never_retrained, regression, higher_is_better, hours,
        many_slots, three_years, bare,
    )
}  # fmt: skip
