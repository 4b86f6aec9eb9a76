"""Gaps made by hand, one for each thing that a report may have to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from asof.study.facts import Figure, MethodFact, MetricFact
from asof.study.gap.facts import (
    DiagnosisFact,
    DivisionFact,
    DriverFact,
    GapCost,
    GapFacts,
    SliceFact,
    StageFact,
)
from asof.units import DAY, HOUR

KEYS = ("notebook", "available", "size", "blocks", "past", "mature", "stale", "skew", "policy")
START = 1_362_114_000_000_000
LOG_LOSS = MetricFact("log_loss", "log loss", True, True, "binary")
AUC = MetricFact("auc", "AUC", False, True, "binary")
MAE = MetricFact("mae", "mean absolute error", True, False, "regression")


def _less(last: tuple[str, float] | None, level: Figure, half: float, n: int) -> Figure:
    by = (last[1] if last else 0.0) - (level.value or 0.0)
    return Figure(by, by - half, by + half, n)


def gap_of(
    levels: Sequence[float | None],
    *,
    keys: Sequence[str] = KEYS,
    half: float = 0.001,
    metric: MetricFact = LOG_LOSS,
    constant: float = 0.5501,
    n: int = 277_337,
) -> GapFacts:
    """Facts with these levels; every interval reaches `half` to both sides."""
    stages: list[StageFact] = []
    last: tuple[str, float] | None = None
    for key, level in zip(keys, levels, strict=True):
        if level is None:
            figure = Figure.missing("3 of its 50 fits failed: ValueError: no", n)
            stages.append(StageFact(key, figure, None, last[0] if last else ""))
            continue
        step = None
        if last is not None:
            by = level - last[1]
            step = Figure(by, by - half, by + half, n)
        figure = Figure(level, level - 3 * half, level + 3 * half, n)
        since = last[0] if last else ""
        stages.append(StageFact(key, figure, step, since, fits=5, rows=(48_153, 298_812)))
        last = (key, level)
    total = Figure.missing("no figure", n)
    if levels[0] is not None and last is not None:
        by = last[1] - levels[0]
        total = Figure(by, by - half, by + half, n)
    level = Figure(constant, constant - half, constant + half, n)
    return GapFacts(
        system="flight-delay", fingerprint="0123456789ab", question="Will it be late?",
        metric=metric, zone="America/New_York", start=START, end=START + 306 * DAY,
        as_of=START + 308 * DAY, until=START + 308 * DAY, n=n, days=306,
        serving="batch features daily at 00:00 New York, trained on fresh ones",
        retraining="monthly on day 1 at 00:00 New York, on all before", period_words="month",
        periods=10, folds=5, stages=tuple(stages), total=total, constant=level,
        beyond=_less(last, level, half, n),
        diagnosis=DiagnosisFact(
            "not identifiable", Figure(0.978, 0.951, 0.99, n), 48_153, 59, 277_337, 306,
            effective_rows=2100.0, effective_days=2.4,
            drivers=(DriverFact("wx_temp", 0.211), DriverFact("route_arr_n_30d", 0.034)),
        ),
        cost=GapCost(130, 110, 512.4, 33.1, 580.0), method=MethodFact(2000, 0, "1 day"),
        wait=2 * DAY, age=12 * HOUR,
    )  # fmt: skip


def skewed() -> GapFacts:
    """The flights, trained fresh and served stale: worse than no model."""
    return gap_of([0.4242, 0.4432, 0.4443, 0.4539, 0.4604, 0.4607, 0.5040, 0.5855, 0.5855])


def better() -> GapFacts:
    """Production is better than the notebook."""
    return gap_of(
        [0.47, 0.468, 0.465, 0.465, 0.462, 0.4621], keys=("notebook", *KEYS[1:5], "policy")
    )


def auc() -> GapFacts:
    """Higher is better."""
    return gap_of(
        [0.81, 0.79, 0.788, 0.77, 0.765, 0.7651, 0.76],
        keys=(*KEYS[:6], "policy"), metric=AUC, constant=0.5,
    )  # fmt: skip


def quantity() -> GapFacts:
    """A metric in the unit of the label."""
    return gap_of(
        [412.1, 436.0, 437.2, 439.9, 450.1, 450.4, 441.8],
        keys=(*KEYS[:6], "policy"), metric=MAE, constant=620.5, half=3.0,
    )  # fmt: skip


def unshown() -> GapFacts:
    """No difference is shown anywhere."""
    return gap_of([0.46, 0.4601, 0.4599, 0.46, 0.4602, 0.46, 0.4601], keys=(*KEYS[:6], "policy"))


def noisy() -> GapFacts:
    """Two seeds, and steps smaller than what these move them by."""
    made = unshown()
    stages = [replace(s, spread=0.01 if s.step else None) for s in made.stages]
    return replace(made, stages=tuple(stages), seeds=2)


def same() -> GapFacts:
    """The policy refits at each period."""
    made = skewed()
    zero = Figure(0.0, 0.0, 0.0, made.n)
    last = replace(made.stages[-1], step=zero, same=True)
    return replace(made, stages=(*made.stages[:-1], last))


def quick() -> GapFacts:
    """A part of the life."""
    return replace(skewed(), quick=True, part="2 of 10 months, whole", folds=3, periods=2)


def holes() -> GapFacts:
    """One stage has no figure."""
    return gap_of(
        [0.4242, 0.4432, 0.4443, None, 0.4604, 0.4607, 0.4779], keys=(*KEYS[:6], "policy")
    )


def no_notebook() -> GapFacts:
    """The first stage has no figure."""
    return gap_of([None, 0.44, 0.45, 0.46, 0.46, 0.46, 0.47], keys=(*KEYS[:6], "policy"))


def few_days() -> GapFacts:
    """Levels without intervals."""
    made = skewed()
    why = "5 days: an interval needs at least 8"

    def bare(figure: Figure | None) -> Figure | None:
        return figure and Figure(figure.value, None, None, figure.n, why)

    stages = [replace(s, level=bare(s.level), step=bare(s.step)) for s in made.stages]
    diagnosis = DiagnosisFact(
        "too few days", Figure.missing("few", 10), 40, 2, 60, 5,
        why="the training period holds 2 days, and telling periods apart needs 10",
    )  # fmt: skip
    return replace(
        made, stages=tuple(stages), total=bare(made.total), constant=bare(made.constant),
        beyond=bare(made.beyond),
        diagnosis=diagnosis, n=120, end=START + 5 * DAY, days=5,
    )  # fmt: skip


def divided() -> GapFacts:
    """The periods overlap, and slices carry more than their share."""
    made = auc()
    n = 16_000
    division = DivisionFact(
        "log loss", Figure(0.0412, 0.0301, 0.0523, n), Figure(0.0301, 0.0198, 0.0404, n),
        Figure(0.0111, 0.0012, 0.0210, n), 38.2, 120.4, n,
    )  # fmt: skip
    diagnosis = replace(
        made.diagnosis, verdict="overlap", auc=Figure(0.71, 0.64, 0.78, n), effective_days=31.5,
        division=division,
    )  # fmt: skip
    slices = (
        SliceFact("origin", "EWR", None, None, 0.36, 0.05, Figure(0.018, 0.011, 0.025, 99_841)),
        SliceFact("wx_wind", None, 12.65, None, 0.25, 0.03, Figure(0.0075, 0.001, 0.014, 69_334)),
    )
    return replace(
        made, diagnosis=diagnosis, slices=slices, slices_seen=214, slices_loss="log loss"
    )


def one_class() -> GapFacts:
    """Nothing can be said."""
    why = "all 300 outcomes are no"
    missing = Figure.missing(why, 300)
    nothing = DiagnosisFact("too little data", missing, 0, 0, 0, 0, why=why)
    return replace(
        skewed(),
        stages=(),
        total=missing,
        constant=missing,
        beyond=missing,
        diagnosis=nothing,
        why=why,
        n=300,
    )


GAPS: dict[str, Callable[[], GapFacts]] = {
    made.__name__: made
    for made in (
        skewed, better, auc, quantity, unshown, noisy, same, quick, holes, no_notebook, few_days,
        divided, one_class,
    )
}  # fmt: skip
