"""Sentences of a gap, made from its facts by rules: nothing is said that they do not show.

What cannot be said is said first: too little data, no difference shown, not identifiable. A bar
may have either sign, and a bar whose interval holds zero is "no difference shown".
"""

from __future__ import annotations

from collections.abc import Iterator

from asof.study.facts import Figure
from asof.study.gap import causes
from asof.study.gap.facts import GapFacts, StageFact
from asof.study.report import numbers
from asof.study.report.words import Said, because, each
from asof.study.words import duration_words
from asof.units import Duration

TITLE = 90
"""The longest title, in characters."""

LABELS = {
    "notebook": "In the notebook",
    "available": "Only rows known by then",
    "size": "As many rows as in life",
    "blocks": "Whole days held out",
    "past": "Train on the past only",
    "mature": "Labels only when mature",
    "stale": "Features as old as served",
    "skew": "Trained fresh, served stale",
    "policy": "Refit as declared",
    "end": "In production",
}
"""Stages by what is taken away."""

OPTIMISM = ("available", "size", "blocks", "past")
"""Steps that say how far the notebook's figure was too good; the others are lost in production."""


def scale(facts: GapFacts) -> numbers.Scale:
    """How the metric's values are printed."""
    levels = [stage.level.value for stage in facts.stages]
    return numbers.scale(levels, bounded=facts.metric.bounded)


def label(stage: StageFact) -> str:
    """What a stage is called."""
    return LABELS[stage.key]


def second(facts: GapFacts, stage: StageFact) -> str:
    """The second line of a stage: how it was made, or why it has no figure."""
    if not stage.level.shown:
        return because(stage.level.why)
    period = facts.period_words
    return {
        "notebook": "random folds, by event time",
        "available": "the same folds, by availability",
        "size": f"what each {period} began with",
        "blocks": "no day on both sides",
        "past": f"a fit {each(period)}, labels at once",
        "mature": _waited(facts),
        "stale": _old(facts),
        "skew": "trained as of each request",
        "policy": _declared(facts, stage),
    }[stage.key]


def mark(facts: GapFacts, stage: StageFact) -> str:
    """What is to be known of a step beside its size, or nothing."""
    step = stage.step
    if step is None or step.value is None:
        return ""
    if stage.same:
        return "the same answers"
    if step.low is None:
        return "no interval"
    if facts.worsens(step) == 0:
        return "no difference shown"
    return "less than another seed moves it" if stage.noise else ""


def _waited(facts: GapFacts) -> str:
    if facts.wait is None:
        return "rows whose label was due"
    return f"due {duration_words(Duration(facts.wait))} after asked"


def _old(facts: GapFacts) -> str:
    return (
        "as serving sees them"
        if facts.age is None
        else f"{numbers.duration(facts.age)} old at the median"
    )


def _aged(facts: GapFacts) -> str:
    serving = facts.serving.partition(", trained")[0]
    if facts.age is None:
        return serving
    return f"{serving}: {_old(facts)}"


def _declared(facts: GapFacts, stage: StageFact) -> str:
    words = facts.retraining.partition(",")[0].partition(" at ")[0]
    if stage.same:
        return "the same models at the same moments"
    return f"{words}, not each {facts.period_words}"


# --- title and subtitle --------------------------------------------------------------------------


def title(facts: GapFacts) -> str:
    """The finding in one sentence of at most 90 characters."""
    return next(text for text in _titles(facts) if len(text) <= TITLE)


def _titles(facts: GapFacts) -> Iterator[str]:
    system, metric = facts.system, facts.metric.words
    first, last = _ends(facts)
    if facts.why or first is None or last is None:
        yield f"{system} has no gap to show because {because(facts.why or _last_why(facts))}"
        yield f"{system} has no gap to show"
        yield "There is no gap to show"
        return
    was, now = (_round(facts, value) for value in (first, last))
    if facts.total.low is None:
        yield f"Too few days to say whether the {metric} of {system} differs in production"
        yield "Too few days to say whether production differs from the notebook"
    verdict = facts.worsens(facts.total)
    if verdict == 0:
        yield f"No difference is shown between notebook, {was}, and production, {now}"
    elif verdict < 0:
        yield f"Production gets {article(metric)} of {now}, better than the notebook's {was}"
    else:
        tail = ", worse than no model" if facts.worsens(facts.beyond) > 0 else ""
        yield f"The notebook promised {article(metric)} of {was}; production gets {now}{tail}"
        yield f"The notebook promised {was}; production gets {now}{tail}"
    yield f"From {was} in the notebook to {now} in production"


def _ends(facts: GapFacts) -> tuple[float | None, float | None]:
    shown = facts.shown
    if not shown or (shown[0].key, shown[-1].key) != ("notebook", "policy"):
        return None, None
    return shown[0].level.value, shown[-1].level.value


def _last_why(facts: GapFacts) -> str:
    missing = (each.level.why for each in facts.stages if not each.level.shown)
    return next(missing, "nothing was asked")


def article(metric: str) -> str:
    """A metric with its article.

    >>> article("log loss"), article("AUC"), article("F1")
    ('a log loss', 'an AUC', 'an F1')
    """
    return f"an {metric}" if metric[0].lower() in "aeiou" or metric == "F1" else f"a {metric}"


def _round(facts: GapFacts, value: float) -> str:
    found = scale(facts)
    return numbers.Scale(max(found.places - 1, 0), found.bounded).level(value)


def subtitle(facts: GapFacts) -> str:
    """What was measured, on how many rows, over which days."""
    days = numbers.period(facts.start, facts.end, facts.zone)
    asked = numbers.many(facts.n, "request")
    if not facts.part:
        return f"Each bar takes away one idealisation, on the same {asked} ({days})."
    return (
        f"A quick look at {facts.part}, with {facts.folds} folds, on the same {asked} (of {days})."
    )


# --- advice --------------------------------------------------------------------------------------


def advice(facts: GapFacts) -> list[Said]:
    """What to do about the largest bar, and about the largest that production itself loses."""
    if facts.why or not facts.steps:
        # The title leaves the reason out where it is long, and a terminal has no picture to say it.
        return [Said(f"There is no gap to show: {because(facts.why or _last_why(facts))}.")]
    worse = [each for each in facts.steps if _counts(facts, each)]
    if not worse:
        return [_nothing_worse(facts)]
    by_size = sorted(worse, key=lambda stage: -abs(_value(stage)))
    told = [by_size[0]]
    lost = next((each for each in by_size if each.key not in OPTIMISM), None)
    if by_size[0].key in OPTIMISM:
        told += [lost] if lost is not None else []
    else:
        told += list(by_size[1:2])
    return [_order(facts, stage) for stage in told]


def _nothing_worse(facts: GapFacts) -> Said:
    if facts.worsens(facts.total) > 0:
        return Said(
            "No single bar is shown to make it worse; together they are: look at more days."
        )
    if all(stage.step is None or stage.step.low is None for stage in facts.steps):
        return Said(
            "No bar has an interval, so none is shown to be more than chance: look at more days."
        )
    return Said("No bar is shown to make it worse, so there is nothing here to mend.")


def _counts(facts: GapFacts, stage: StageFact) -> bool:
    return facts.worsens(stage.step) > 0 and not stage.noise


def _value(stage: StageFact) -> float:
    return stage.step.value or 0.0 if stage.step else 0.0


def _order(facts: GapFacts, stage: StageFact) -> Said:
    """An order to act: what, and what it is worth with its interval."""
    worth = _worth(facts, stage.step or Figure.missing(""))
    period = facts.period_words
    what, then = {
        "available": (
            "Judge with rows as they were known when asked",
            f": rows that came later made the notebook's figure {worth} too good.",
        ),
        "size": (
            "Judge with as many training rows as the life has",
            f": with fewer rows than a notebook holds the model loses {worth}.",
        ),
        "blocks": (
            "Hold out whole days",
            f": with rows of one day on both sides a fold looks {worth} too good.",
        ),
        "past": (
            "Judge on days after those trained on",
            f": a fold that knows both sides of a day looks {worth} too good.",
        ),
        "mature": (
            "Learn the outcomes sooner",
            f": waiting until they are due costs {worth}.",
        ),
        "stale": (
            "Refresh the features more often",
            f" ({_aged(facts)}): their age costs {worth}.",
        ),
        "skew": (
            "Train and serve as of the same moment",
            f": that alone gives back {worth} and needs no new data.",
        ),
        "policy": (
            "Refit more often",
            (f": {_policy(facts)} costs {worth} against a fit each {period}."),
        ),
    }[stage.key]
    return Said("", what, then)


def _policy(facts: GapFacts) -> str:
    words = facts.retraining.partition(",")[0]
    return "never refitting" if words == "never" else f"a refit {words}"


def _worth(facts: GapFacts, step: Figure) -> str:
    """The size of a step that is for the worse, with its interval turned to be positive."""
    found = scale(facts)
    size = found.level(abs(step.value or 0.0))
    if step.low is None or step.high is None:
        return size
    low, high = (step.low, step.high) if facts.metric.lower_is_better else (-step.high, -step.low)
    return f"{size} {found.interval(low, high)}"


# --- the rest ------------------------------------------------------------------------------------


def story(facts: GapFacts) -> list[Said]:
    """What else the facts show, most important first."""
    if facts.why:
        return []
    return [
        *_better(facts),
        *_unshown(facts),
        *causes.slices(facts),
        *causes.diagnosed(facts),
        *_cost(facts),
    ]


def _better(facts: GapFacts) -> Iterator[Said]:
    for stage in facts.steps:
        if facts.worsens(stage.step) < 0 and stage.step is not None:
            found, step = scale(facts), stage.step
            span = found.interval(step.low or 0.0, step.high or 0.0)
            yield Said(
                f"{label(stage)} is for the better: {found.difference(_value(stage))} {span}."
            )


def _unshown(facts: GapFacts) -> Iterator[Said]:
    for stage in facts.stages:
        if not stage.level.shown:
            yield Said(f"{label(stage)} has no figure: {because(stage.level.why)}.")
    names = [
        label(s) for s in facts.steps if not s.same and mark(facts, s) == "no difference shown"
    ]
    if names:
        yield Said(f"No difference is shown for: {'; '.join(names)}.")
    noisy = [label(each) for each in facts.steps if each.noise]
    if noisy:
        yield Said(f"Smaller than what another seed moves them by: {'; '.join(noisy)}.")


def _cost(facts: GapFacts) -> Iterator[Said]:
    cost = facts.cost
    reused = cost.fits - cost.fits_now
    spent = numbers.cpu(cost.fit_cpu_seconds + cost.predict_cpu_seconds)
    yield Said(
        f"{numbers.many(cost.fits, 'fit')}, {numbers.count(reused)} of them kept from before; "
        f"fits and predictions took {spent} of CPU now."
    )


def method(facts: GapFacts) -> list[str]:
    """How the figures were made, for the footer."""
    until = numbers.moment(facts.until, facts.zone)
    as_of = numbers.moment(facts.as_of, facts.zone)
    seeds = "one seed" if facts.seeds == 1 else f"{facts.seeds} seeds"
    return [
        (
            f"Paired counterfactual replays of {facts.periods:,} {facts.period_words}s, "
            f"{facts.folds} folds, {seeds}; the steps are taken in the order shown. "
            f"Intervals: 95%, bootstrap over blocks of up to {facts.method.block}, "
            f"{numbers.many(facts.method.draws, 'draw')}; they take the fits as given."
        ),
        (
            f"Serving: {facts.serving}. Retraining: {facts.retraining}. As of {as_of}; outcomes "
            f"complete up to {until}. Declaration {facts.fingerprint}."
        ),
        *facts.notes,
    ]
