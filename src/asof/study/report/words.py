"""Sentences made from the facts by rules: nothing is said that they do not show.

What cannot be said is said first: no figure, not identifiable, no difference shown (an interval
that holds zero). A cause is named only where a replay has shown it: the yardstick "never" is the
same life without refits, so what differs is what retraining is worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from asof.study.facts import Figure, Life, Series
from asof.study.findings import Against, Findings, strongest
from asof.study.report import numbers

LATE = 0.01
"""From which share of due outcomes those that came too late are warned of (`asof check`, too)."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence with at most one part in bold."""

    before: str
    strong: str = ""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.before}{self.strong}{self.after}"


def scale(life: Life) -> numbers.Scale:
    """The scale of the life's metric."""
    return numbers.scale([life.served.total.value], bounded=life.metric.bounded)


def because(why: str) -> str:
    """A reason as the end of a sentence.

    >>> because("Too few rows.")
    'too few rows'
    """
    bare = why.strip().rstrip(".")
    return bare[:1].lower() + bare[1:] if bare[1:2].islower() or bare[1:2] == " " else bare


def each(unit: str) -> str:
    """A unit with its article, for rates.

    >>> each("hour"), each("week")
    ('an hour', 'a week')
    """
    return f"an {unit}" if unit.startswith("hour") else f"a {unit}"


def subtitle(life: Life, found: Findings) -> str:
    """What was measured, on how many rows, over which days."""
    days = numbers.period(life.start, life.end, life.zone)
    have = "has" if found.scored == 1 else "have"
    asked = f"{numbers.many(found.requests, 'request')}, {days}"
    return f"{asked}; {numbers.count(found.scored)} {have} an outcome."


def yardstick(life: Life) -> Series | None:
    """The same life without refits, where it was replayed."""
    return next((each for each in life.series if each.name == "never"), None)


def story(life: Life, found: Findings) -> list[Said]:
    """What happened, most important first."""
    told = [
        *_figure_words(life, found),
        *_retraining_words(life, found),
        *_baseline_words(life, found),
        *_worst_words(life, found),
        *_model_words(found),
        *_label_words(life, found),
        *_coverage_words(life, found),
        *_quarantine_words(found),
        *_cost_words(life, found),
    ]
    return list(told)


def two_sentences(life: Life, found: Findings) -> list[Said]:
    """The two that stand in the terminal."""
    return story(life, found)[:2]


def no_picture(life: Life, found: Findings) -> str:
    """Why the life is not drawn, or ""."""
    unit = life.slot_words
    if found.trouble:
        return f"There is no {life.metric.words} to draw: {because(found.trouble)}."
    if found.pictured_slots < 2:
        shown = "no" if not found.pictured_slots else "only one"
        return f"A life is drawn {unit} by {unit}, and {shown} {unit} has a {life.metric.words}."
    return ""


def _figure_words(life: Life, found: Findings) -> Iterator[Said]:
    if found.trouble:
        yield Said(f"There is no {life.metric.words} to show: {because(found.trouble)}.")
        yield from _final_words(life, found)
    elif yardstick(life) is None or found.slots == 1:
        total, print_as = life.served.total, scale(life)
        level = print_as.level(total.value or 0.0)
        rest = f" on {numbers.many(total.n, 'request')}."
        if total.low is not None and total.high is not None:
            rest = f", 95% interval {print_as.span(total.low, total.high)},{rest}"
        else:
            rest = f"{rest[:-1]}; no interval because {because(total.why or 'none was computed')}."
        yield Said(f"The {life.metric.words} of what was served is ", level, rest)


def _final_words(life: Life, found: Findings) -> Iterator[Said]:
    """What to declare where outcomes are in and no slot is final."""
    if not found.scored or found.final_slots:
        return
    unit = life.slot_words
    told = f"Due times vary, and a {unit} counts when all its labels are due, or the declared share"
    if found.enough_share is None:
        yield Said(
            f"{told}; less than half of them are due in every {unit}: more history is needed."
        )
        return
    slots = numbers.many(found.slots, unit)
    yield Said(
        f"{told}: with ", f"final_share={found.enough_share:g}",
        f" in the declaration {numbers.count(found.enough_slots)} of {slots} would count.",
    )  # fmt: skip


def _retraining_words(life: Life, found: Findings) -> Iterator[Said]:
    never = yardstick(life)
    if never is None or found.trouble or found.failed == found.fits:
        return
    if found.refits == 0:
        yield Said("There was no refit in this life, so retraining has nothing to be worth.")
        return
    pair, metric = beside(found, never), life.metric.words
    levels = f"{_levels(life, never)}."
    if pair.verdict == "not identifiable":
        yield Said(f"What retraining is worth is not identifiable: {because(pair.why)}.")
    elif pair.verdict == "no difference shown":
        yield Said(
            "No difference is shown between retraining and not, 95% interval ",
            _gain_interval(life, never),
            f" of {metric}: {levels}",
        )
    else:
        verb = "is worth" if pair.verdict == "better" else "costs"
        interval = _gain_interval(life, never, turned=pair.verdict == "worse")
        yield Said(
            f"Retraining {verb} ",
            _size(life, never),
            f" of {metric}, 95% interval {interval}: {levels}",
        )


def _baseline_words(life: Life, found: Findings) -> Iterator[Said]:
    other = strongest(life)
    if other is None or found.trouble:
        if found.baselines == 0 and not found.trouble:
            yield Said("The declaration names no baseline, so the level has nothing beside it.")
        return
    pair = beside(found, other)
    label = f"the strongest of {numbers.count(found.baselines)} baselines, {other.label}"
    label = label if found.baselines > 1 else f"its baseline, {other.label}"
    if pair.verdict == "not identifiable":
        yield Said(f"Whether served beats {label}, is not identifiable: {because(pair.why)}.")
    elif pair.verdict == "no difference shown":
        interval = _gain_interval(life, other)
        yield Said(f"No difference is shown between served and {label}: ", interval, ".")
    else:
        interval = _gain_interval(life, other, turned=pair.verdict == "worse")
        yield Said(
            f"Served is {pair.verdict} than {label}, by ",
            _size(life, other),
            f" {interval}: {_levels(life, other)}.",
        )


def _worst_words(life: Life, found: Findings) -> Iterator[Said]:
    worst = found.worst
    if worst is None:
        return
    name = slot_name(life, worst.start)
    text = f"The worst {life.slot_words}, {name}, has "
    rest = ""
    if worst.outcome is not None:
        rest = f" with {outcome_words(life, worst.outcome)}"
    rest += "; every other line is at its worst there too." if worst.every else "."
    yield Said(text, scale(life).level(worst.value), rest)


def _model_words(found: Findings) -> Iterator[Said]:
    if found.fits == 0:
        yield Said("No model was fitted.")
    elif found.failed == found.fits:
        yield Said(f"{_fits(found)} failed, so no model ever served.")
    elif found.refits == 0:
        yield Said("One model served the whole life; nothing asked for another.")
    else:
        whole = found.promotions == found.refits > 1
        ends = ["all promoted" if whole else f"{numbers.count(found.promotions)} promoted"]
        if found.refused:
            ends.append(f"{numbers.count(found.refused)} refused")
        if found.failed:
            ends.append(f"{numbers.count(found.failed)} failed")
        after = numbers.many(found.refits, "refit")
        were = "was" if found.refits == 1 else "were"
        yield Said(f"After the first model there {were} {after}: {', '.join(ends)}.")
    if 0 < found.failed < found.fits:
        yield Said("Where a fit failed, the model in service went on.")


def _fits(found: Findings) -> str:
    return "The only fit" if found.fits == 1 else f"All {numbers.count(found.fits)} fits"


def without_outcome(life: Life) -> str:
    """What is said of requests that were due and have no outcome: some may have one by now."""
    return "not in time" if life.labels.late else "never came"


def _label_words(life: Life, found: Findings) -> Iterator[Said]:
    labels = life.labels
    have = "has" if found.scored == 1 else "have"
    text = f"{numbers.count(found.scored)} of {numbers.many(found.requests, 'request')} {have} "
    text += "an outcome; "
    text += f"{numbers.count(found.never_came)} {without_outcome(life)}, "
    text += f"{numbers.count(found.open)} still open."
    yield Said(text)
    if found.young_slots and found.scored:
        are, their = ("is", "its") if found.young_slots == 1 else ("are", "their")
        out = life.served.total.n < sum(figure.n for figure in life.served.slots)
        yield Said(
            f"{numbers.count(found.young_slots)} of {numbers.many(found.slots, life.slot_words)} "
            f"{are} not final: only those of {their} requests that were due early have outcomes"
            + (
                ", and they may be of another kind than the rest, so the figures over the life "
                "leave them out."
                if out
                else ", and these are in the figures."
            )
        )
    if labels.half_known is not None and labels.most_known is not None:
        half, most = numbers.duration(labels.half_known), numbers.duration(labels.most_known)
        yield Said(f"Half of the outcomes were known {half} after the request, 99% after {most}.")
    if labels.late:
        came = numbers.many(labels.late, "outcome")
        was = "was" if labels.late == 1 else "were"
        yield Said(f"{came} came after the due time and {was} not used.")
    if found.late_share is not None and found.late_share >= LATE:
        yield Said(
            f"That is {numbers.share(found.late_share)} of those that were due: trained on and "
            "counted are the others alone, which may be of another kind. A longer wait, which "
            "asof check names, lets them in."
        )


def _coverage_words(life: Life, found: Findings) -> Iterator[Said]:
    answers = life.coverage
    if answers.asked == 0:
        return
    if not answers.fallback and not answers.unanswered:
        yield Said("A model answered every request.")
        return
    if answers.fallback:
        part = numbers.share(found.fallback_share or 0.0)
        what = numbers.many(answers.fallback, "request")
        yield Said(f"{what} ({part}) got the declared fallback, and count in the figures.")
    if answers.unanswered:
        what = numbers.many(answers.unanswered, "request")
        was = "was" if answers.unanswered == 1 else "were"
        yield Said(f"{what} broke the contract and {was} not answered.")


def _quarantine_words(found: Findings) -> Iterator[Said]:
    if not found.quarantined:
        yield Said("No row is in quarantine.")
        return
    rows, reasons = numbers.many(found.quarantined, "row"), found.quarantine_reasons
    verb = "is" if found.quarantined == 1 else "are"
    inside = numbers.count(found.quarantined_in_life)
    yield Said(
        f"{rows} {verb} in quarantine, for {numbers.many(reasons, 'reason')}; "
        f"{inside} of the time of this life."
    )


def _cost_words(life: Life, found: Findings) -> Iterator[Said]:
    cost = life.cost
    fits = numbers.many(cost.fits, "fit")
    text = f"{fits} took {numbers.cpu(cost.fit_cpu_seconds)} of CPU"
    if found.total_cpu_seconds is not None and found.fit_cpu_share is not None:
        whole = numbers.cpu(found.total_cpu_seconds)
        text += f", {numbers.share(found.fit_cpu_share)} of the {whole} of the whole run"
    yield Said(f"{text}.")


def method(life: Life) -> list[str]:
    """How the figures were made and what they do not cover, for the footer."""
    made = life.method
    as_of, until = (numbers.moment(when, life.zone) for when in (life.as_of, life.until))
    return [
        (
            f"Intervals: 95%, bootstrap over blocks of {made.block}, "
            f"{numbers.many(made.draws, 'draw')}, seed {made.seed}; differences are paired on the "
            "same requests and taken before rounding."
        ),
        f"As of {as_of}; outcomes complete up to {until}. Declaration {life.fingerprint}.",
        (
            "Not covered: requests that are still open and those whose outcome did not come in "
            "time are in no figure. A replay does not show what the system's own answers would "
            "have changed."
        ),
        *life.notes,
    ]


def slot_name(life: Life, start: int) -> str:
    """The name of a slot in a sentence."""
    year = numbers.local(life.start, life.zone).year != numbers.local(life.end - 1, life.zone).year
    return numbers.slot(start, life.slot_words, life.zone, year=year)


def outcome_words(life: Life, outcome: float) -> str:
    """The mean outcome of a slot: a share of yes, or a mean."""
    if life.metric.task == "binary":
        return f"{numbers.share(outcome)} yes"
    return f"a mean outcome of {numbers.plain(outcome)}"


def beside(found: Findings, other: Series) -> Against:
    """How served stands beside `other`."""
    return next(each for each in found.against if each.name == other.name)


def _levels(life: Life, other: Series) -> str:
    print_as = scale(life)
    ours, theirs = life.served.total.value, other.total.value
    if ours is None or theirs is None:
        return "its level is not known"
    return f"{print_as.level(ours)} against {print_as.level(theirs)}"


def _size(life: Life, other: Series) -> str:
    difference = other.difference or Figure.missing("")
    return scale(life).level(abs(difference.value or 0.0))


def _gain_interval(life: Life, other: Series, *, turned: bool = False) -> str:
    """The interval of what served gains on `other`; turned, of what it loses."""
    difference = other.difference
    if difference is None or difference.low is None or difference.high is None:
        return "without an interval"
    low, high = difference.low, difference.high
    if life.metric.lower_is_better == turned:
        low, high = -high, -low
    return scale(life).interval(low, high)


def decision_words(found: Findings) -> list[Said]:
    """How many decisions there were, by kind."""
    if not found.decisions:
        return []
    counted = ", ".join(f"{numbers.count(times)} {kind}" for kind, times in found.decision_kinds)
    return [Said(f"{numbers.many(found.decisions, 'decision')}: {counted}.")]


def feature_words(life: Life, found: Findings) -> list[Said]:
    """How many columns there are, and where values are missing."""
    columns = numbers.many(found.features, "feature")
    if not found.incomplete_features:
        return [Said(f"{columns}; no value is missing.")]
    most = max(life.features, key=lambda feature: feature.missing_share)
    part = numbers.share(most.missing_share)
    count = numbers.count(found.incomplete_features)
    verb = "has" if found.incomplete_features == 1 else "have"
    return [Said(f"{columns}, {count} {verb} missing values; most in {most.name}, {part}.")]
