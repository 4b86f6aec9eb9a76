"""Sentences about what carries a gap: slices, and how the periods before and in the life differ."""

from __future__ import annotations

from collections.abc import Iterator

from asof.study.facts import Figure
from asof.study.gap.facts import DivisionFact, GapFacts, SliceFact
from asof.study.report import numbers
from asof.study.report.words import Said, because

_PLAIN = numbers.Scale(4, bounded=True)


# --- slices --------------------------------------------------------------------------------------


def slices(facts: GapFacts) -> Iterator[Said]:
    """The groups of requests that carry more than their share of the gap."""
    if not facts.slices_seen or not facts.total.sign:
        return
    many = numbers.many(facts.slices_seen, "slice")
    if not facts.slices:
        yield Said(f"No slice is shown to carry more of the gap than its share, of {many} seen.")
        return
    named = "; ".join(_slice(facts, each) for each in facts.slices)
    yield Said(
        f"These carry more of the gap in {facts.slices_loss} than their share of the requests: "
        f"{named}. {many[:1].upper()}{many[1:]} were looked at, and the intervals hold for all at "
        "once."
    )


def _slice(facts: GapFacts, found: SliceFact) -> str:
    print_as = _scale(facts, found.contribution)
    size = _with_interval(print_as, found.contribution)
    return f"{slice_words(found)} ({numbers.share(found.share)} of them), {size}"


def slice_words(found: SliceFact) -> str:
    """A slice as it is named.

    >>> slice_words(SliceFact("hour", None, 6.0, 9.5, 0.2, 0.1, Figure.missing("")))
    'hour from 6 to below 9.5'
    """
    column = found.column
    if found.value is not None:
        return f"{column} {found.value}"
    match found.low, found.high:
        case None, None:
            return f"{column} missing"
        case None, float(high):
            return f"{column} below {high:.4g}"
        case float(low), None:
            return f"{column} from {low:.4g}"
        case low, high:
            return f"{column} from {low:.4g} to below {high:.4g}"


# --- the periods ---------------------------------------------------------------------------------


def diagnosed(facts: GapFacts) -> Iterator[Said]:
    """How far the periods differ, by what, and what that did to the loss."""
    found = facts.diagnosis
    auc = found.auc
    if found.verdict in {"too few days", "too little data"} or auc.value is None:
        why = because(found.why or auc.why)
        yield Said(f"How far training and serving period differ is not identifiable: {why}.")
        return
    level = _PLAIN.level(auc.value)
    if auc.low is not None and auc.high is not None:
        level += f" {_PLAIN.span(auc.low, auc.high)}"
    told = (
        f"a classifier tells held-out days before the life from those in it with an AUC of {level}"
    )
    if found.verdict == "no difference shown":
        yield Said(f"No difference is shown between the features of both periods: {told}.")
    else:
        days, held = found.effective_days or 0.0, numbers.many(found.training_days, "day")
        worth = f"weighted to look like those served, the {held} before it are worth {days:.1f}"
        yield Said(f"The features of both periods differ: {told}; {worth}.")
    if found.verdict == "not identifiable":
        yield _not_identifiable("the periods overlap too little")
    elif found.division is not None:
        yield from _divided(facts, found.division)
    if found.drivers and found.verdict != "no difference shown":
        names = ", ".join(f"{each.name} ({_PLAIN.level(each.loses)})" for each in found.drivers)
        yield Said(f"The columns that tell them apart, with the AUC lost without each: {names}.")


def _not_identifiable(why: str) -> Said:
    return Said(
        f"Whether the features changed or what follows from them is not identifiable: {why}."
    )


def _divided(facts: GapFacts, found: DivisionFact) -> Iterator[Said]:
    """The change of the loss of the same models, and what it came with."""
    why = found.why or next((f.why for f in (found.total, found.of_x, found.of_y) if f.why), "")
    if why or found.total.value is None:
        yield _not_identifiable(because(why))
        return
    print_as = _scale(facts, found.total)
    size, x, y = (_with_interval(print_as, f) for f in (found.total, found.of_x, found.of_y))
    whole = (
        f"the {found.loss} of the same models changes by {size} from the days before the life to "
        "those in it"
    )
    of_x, of_y = found.of_x.sign, found.of_y.sign
    if of_x and of_y:
        parts = (
            f"{x} came with the features (X), {y} with what follows from the same features (Y "
            "given X)"
        )
    elif of_x:
        parts = (
            f"{x} came with the features (X); that what follows from them changed (Y given X) is "
            f"not shown, {y}"
        )
    elif of_y:
        parts = (
            f"{y} came with what follows from the same features (Y given X); that the features "
            f"(X) did anything to it is not shown, {x}"
        )
    else:
        parts = (
            f"no part is shown of the features (X), {x}, nor of what follows from them (Y given "
            f"X), {y}"
        )
    what = {
        (True, True): "The features changed, and what follows from them too",
        (True, False): "The features changed, not shown is that what follows from them did",
        (False, True): "What follows from the features changed",
        (False, False): (
            "A change is shown, but not of which of the two"
            if found.total.sign
            else "No change is shown that the model feels"
        ),
    }[bool(of_x), bool(of_y)]
    yield Said(f"{what}: {whole}; {parts}.")


def _scale(facts: GapFacts, figure: Figure) -> numbers.Scale:
    return numbers.scale([figure.value], bounded=facts.metric.bounded)


def _with_interval(print_as: numbers.Scale, figure: Figure) -> str:
    size = "none" if figure.value is None else print_as.difference(figure.value)
    if figure.low is None or figure.high is None:
        return f"{size}, no interval"
    return f"{size} {print_as.interval(figure.low, figure.high)}"
