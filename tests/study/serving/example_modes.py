"""Facts of made-up studies: every result that a report must be able to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from asof.study.facts import Coverage, Figure, MethodFact, MetricFact
from asof.study.serving.facts import AdviceFact, ModeFact, ServingFacts
from asof.units import DAY, HOUR, MINUTE

START = 1_362_114_000_000_000  # 2013-03-01 00:00 New York
LOG_LOSS = MetricFact("log_loss", "log loss", lower_is_better=True, bounded=True, task="binary")
AUC = MetricFact("auc", "AUC", lower_is_better=False, bounded=True, task="binary")
MAE = MetricFact("mae", "mean absolute error", True, False, "regression")
N = 277_337


def figure(value: float, spread: float = 0.004) -> Figure:
    return Figure(value, value - spread, value + spread, N)


def mode(
    name: str, kind: str, every: int, value: float, size: float, spread: float = 0.001, **more
) -> ModeFact:
    """A mode of a loss `size` above online; its figures hang together."""
    night = every == DAY
    schedule = "daily at 00:00 New York" if night else f"every {every // HOUR} hours"
    schedule = "every hour" if every == HOUR else schedule
    difference = Figure(size, size - spread, size + spread, N)
    verdict = "worse" if difference.sign > 0 else "better" if difference.sign < 0 else None
    given = {
        "difference": difference,
        "verdict": verdict or "no difference shown",
        "loss": size,
        "at_most": size + spread,
        "age_half": every // 2,
        "age_most": every * 9 // 10,
        "schedule": schedule,
    }
    if kind == "online":
        given |= {"difference": None, "verdict": "yardstick", "loss": 0.0, "at_most": 0.0}
        given |= {"schedule": ""}
    made = None
    if kind == "predictions":
        made = 301_222
        given |= {"used": 280_001, "waste": 1 - 280_001 / made}
    given |= {"why_no_waste": "" if made else "nothing is predicted before it is asked for"}
    return ModeFact(**{
        "name": name,
        "kind": kind,
        "every": every,
        "declared": kind == "online",
        "total": figure(value),
        "beside_nothing": figure(value - 0.5501),
        "coverage": Coverage(284_821, 284_821),
        "covered": 1.0,
        "made": made,
        "cpu_seconds": 2.9,
        "answers": 284_821,
        "cpu_per_thousand": 0.0101 + 1e-14 * every,
        "on_front": kind != "skewed",
        "fits": 10,
        **given,
        **more,
    })  # fmt: skip


def usual() -> ServingFacts:
    """As the flights are: an hour is nearly nothing, a night is much, skew is worse than none."""
    hour = mode("features 1h", "features", HOUR, 0.4639, 0.0031, kept=0.9284)
    six = mode("features 6h", "features", 6 * HOUR, 0.4799, 0.0191, 0.0026, kept=0.5589)
    skewed = mode("features nightly, trained fresh", "skewed", DAY, 0.5855, 0.1248, 0.016)
    return ServingFacts(
        system="flight-delay",
        fingerprint="0123456789ab",
        question="Will this flight land more than 15 minutes late?",
        metric=LOG_LOSS,
        zone="America/New_York",
        start=START,
        end=START + 306 * DAY,
        as_of=START + 308 * DAY,
        until=START + 310 * DAY,
        part=1.0,
        days=306,
        asked=284_821,
        scored=N,
        modes=(
            mode("online", "online", 0, 0.4608, 0.0),
            hour,
            six,
            mode("features nightly", "features", DAY, 0.5041, 0.0433, 0.007),
            mode(
                "predictions nightly", "predictions", DAY, 0.5066, 0.0458, 0.0072, covered=0.9832,
                coverage=Coverage(284_821, 280_001, 4_820), age_half=11 * HOUR + 12 * MINUTE,
            ),
            replace(
                skewed, worse_than_nothing=True,
                beside_nothing=Figure(0.0354, 0.02, 0.05, N),
            ),
        ),
        nothing=figure(0.5501),
        nothing_beside_online=figure(0.0893, 0.005),
        nothing_label="constant rate",
        stalest="features nightly",
        worth=0.0433,
        model_worth=0.0893,
        advice=AdviceFact(
            "features 1h", "keeps", 0.00433, None, None, 0.9,
            ((0.0, "online"), (0.0041, "features 1h"), (0.0217, "features 6h"),
             (0.0503, "features nightly"), (0.053, "predictions nightly")),
        ),
        retraining="monthly on day 1 at 00:00 New York, on all before",
        method=MethodFact(2000, 0, "3.6 days"),
        fits=60,
        reused=20,
        total_cpu_seconds=260.0,
    )  # fmt: skip


def _flat(spread: float, **more) -> ServingFacts:
    """No loss is shown; intervals are so wide."""
    found = usual()
    modes = [
        replace(
            each, kept=None, worse_than_nothing=False, verdict="no difference shown", loss=0.0007,
            at_most=0.0007 + spread, difference=Figure(0.0007, 0.0007 - spread, 0.0007 + spread, N),
            total=figure(0.4615),
        )
        if each.kind != "online" else each
        for each in found.modes
    ]  # fmt: skip
    return replace(found, modes=tuple(modes), worth=None, **more)


def nothing_shown() -> ServingFacts:
    return _flat(
        0.004, advice=AdviceFact("predictions nightly", "shown", 0.0089, None, None, 0.9, ())
    )


def wide_intervals() -> ServingFacts:
    return _flat(0.04, advice=AdviceFact("online", "shown", 0.0089, None, None, 0.9, ()))


def no_model_shown() -> ServingFacts:
    why = "it is not shown that the model is better than none"
    return _flat(
        0.04, advice=AdviceFact(None, "shown", None, None, None, 0.9, (), why), model_worth=None,
        nothing_beside_online=Figure(0.01, -0.02, 0.04, N),
    )  # fmt: skip


def better() -> ServingFacts:
    """Stale features are ahead, as they can be."""
    found = usual()
    size = Figure(-0.0051, -0.0081, -0.0021, N)
    modes = [
        replace(each, difference=size, verdict="better", loss=-0.0051, at_most=-0.0021, kept=None)
        if each.kind == "features" else each
        for each in found.modes
    ]  # fmt: skip
    advice = AdviceFact("features nightly", "shown", 0.0089, None, None, 0.9, ())
    return replace(found, modes=tuple(modes), worth=None, advice=advice)


def higher_is_better() -> ServingFacts:
    """AUC: what is lost lies below online, on the left."""
    found = usual()

    def turned(figure: Figure | None) -> Figure | None:
        if figure is None or figure.value is None:
            return figure
        return Figure(-figure.value, -(figure.high or 0), -(figure.low or 0), N)

    modes = tuple(
        replace(each, difference=turned(each.difference), total=figure(1 - each.total.value / 2))
        for each in found.modes
    )
    return replace(
        found, metric=AUC, modes=modes, nothing=figure(0.5),
        nothing_beside_online=Figure(-0.26, -0.27, -0.25, N),
    )  # fmt: skip


def regression() -> ServingFacts:
    found = usual()

    def scaled(figure: Figure | None) -> Figure | None:
        if figure is None or figure.value is None:
            return figure
        return Figure(figure.value * 300, figure.low * 300, figure.high * 300, N)

    modes = tuple(
        replace(
            each, difference=scaled(each.difference), total=scaled(each.total),
            loss=each.loss * 300, at_most=each.at_most * 300,
        )
        for each in found.modes
    )  # fmt: skip
    return replace(
        found, metric=MAE, modes=modes, nothing=figure(165.0), worth=0.0433 * 300,
        nothing_beside_online=figure(26.8, 2.0), nothing_label="constant mean",
        advice=replace(found.advice, turns=((1.23, "features 1h"), (6.51, "features 6h"))),
    )  # fmt: skip


def too_few_days() -> ServingFacts:
    """Differences without intervals."""
    why = "5 days: an interval needs at least 8"
    found = usual()
    modes = [
        replace(
            each, difference=Figure(0.01, None, None, 400, why), verdict="not identifiable",
            kept=None, at_most=None, worse_than_nothing=False, loss=0.01,
        )
        if each.kind != "online" else each
        for each in found.modes
    ]  # fmt: skip
    advice = AdviceFact("online", "shown", 0.0089, None, None, 0.9, ((0.0, "online"),))
    return replace(found, modes=tuple(modes), worth=None, advice=advice, scored=400, days=5)


def _silent(why: str, scored: int) -> ServingFacts:
    found = usual()
    modes = tuple(
        replace(
            each, total=Figure.missing(why), difference=None, beside_nothing=None, loss=None,
            at_most=None, kept=None, verdict="none", why=why, worse_than_nothing=False,
            on_front=False,
        )
        for each in found.modes
    )  # fmt: skip
    advice = AdviceFact(None, "shown", None, None, None, 0.9, (), why)
    return replace(
        found, modes=modes, advice=advice, trouble=why, scored=scored, worth=None,
        nothing=Figure.missing(why), nothing_beside_online=Figure.missing(why), model_worth=None,
    )  # fmt: skip


def one_class() -> ServingFacts:
    return _silent("all 812 outcomes are no", 812)


def few_rows() -> ServingFacts:
    return _silent("too few outcomes to read a figure from", 5)


def failed_mode() -> ServingFacts:
    """A mode whose every fit failed stands beside those that have figures."""
    found = usual()
    why = "ValueError: Input X contains NaN."
    broken = replace(
        found.modes[4], total=Figure.missing(why), difference=None, loss=None, at_most=None,
        verdict="none", why=why, beside_nothing=None, made=None, used=None, waste=None,
        cpu_per_thousand=None, age_half=None, age_most=None, covered=None, on_front=False,
    )  # fmt: skip
    return replace(found, modes=(*found.modes[:4], broken, found.modes[5]))


def declared_worse() -> ServingFacts:
    """What is declared is worse than no model."""
    found = usual()
    modes = tuple(replace(each, declared=each.kind == "skewed") for each in found.modes)
    return replace(found, modes=modes)


def budget() -> ServingFacts:
    found = usual()
    return replace(
        found, advice=replace(found.advice, mode="features 6h", rule="max_loss", max_loss=0.03)
    )


def no_budget() -> ServingFacts:
    advice = replace(
        usual().advice, mode=None, rule="max_cost", max_cost=0.001, limit=None,
        why="no mode is within the budget",
    )  # fmt: skip
    return replace(usual(), advice=advice)


def dear() -> ServingFacts:
    """CPU differs between modes, and only a part was replayed."""
    found = usual()
    modes = tuple(
        replace(each, cpu_per_thousand=0.01 * (1 + number))
        for number, each in enumerate(found.modes)
    )
    return replace(found, modes=modes, part=0.3334, days=102)


def hybrid() -> ServingFacts:
    """Predictions that do not know every request, and the same with online answers to the rest."""
    found = usual()
    both = mode(
        "hybrid nightly", "hybrid", DAY, 0.5033, 0.0425, 0.0069, made=301_222, used=280_001,
        waste=1 - 280_001 / 301_222, why_no_waste="", age_half=11 * HOUR, kept=0.0185,
    )  # fmt: skip
    return replace(found, modes=(*found.modes[:5], both, found.modes[5]))


STUDIES: dict[str, Callable[[], ServingFacts]] = {
    each.__name__: each
    for each in (
        usual, nothing_shown, wide_intervals, no_model_shown, better, higher_is_better, regression,
        too_few_days, one_class, few_rows, failed_mode, declared_worse, budget, no_budget, dear,
        hybrid,
    )
}  # fmt: skip
