"""Titles and sentences made from the facts by rules; what cannot be said is said first."""

from __future__ import annotations

from collections.abc import Iterator

from asof.study.compare.facts import AdviceFact, Comparison, FreshnessFact, PolicyFact
from asof.study.compare.families import YARDSTICKS
from asof.study.facts import Figure
from asof.study.report import numbers
from asof.study.report.words import Said, because

TITLE = 90
"""The longest title, in characters."""

_KINDS = {
    "never": "", "periodic": "periodic", "wall clock": "by the clock", "volume": "by volume",
    "performance": "by performance", "cost-aware": "cost-aware",
}  # fmt: skip


def scale(facts: Comparison) -> numbers.Scale:
    """The scale of the metric."""
    values = [each.total.value for each in facts.named]
    return numbers.scale(values, bounded=facts.metric.bounded)


def title(facts: Comparison) -> str:
    """The finding in one sentence of at most 90 characters."""
    return next(text for text in _titles(facts) if len(text) <= TITLE)


def _titles(facts: Comparison) -> Iterator[str]:
    advice, metric = facts.advice, facts.metric.words
    for name in (facts.system, "this system"):
        if facts.trouble or advice is None:
            yield f"{name} has no policies to compare: {because(facts.trouble)}"
            yield f"{name} has no policies to compare"
        elif (ahead := _ahead(facts)) is not None and ahead.difference is not None:
            size = scale(facts).level(abs(ahead.difference.value or 0.0))
            yield f"{ahead.name} is ahead of every plain schedule by {size} of {metric}"
            yield f"A variant is ahead of every plain schedule by {size} of {metric}"
        elif advice.verdict == "not identifiable":
            yield f"Which retraining policy {name} needs is not identifiable"
        elif advice.name == "never" and advice.verdict == "the same":
            yield f"Keep the first model of {name}: no schedule has a better {metric}"
        elif advice.name == "never":
            yield f"No gain from retraining {name} is shown"
        elif advice.verdict == "the same":
            beaten = _next_cheaper(facts, advice)
            if beaten is not None and beaten.difference is not None:
                size = _loss(facts, beaten.difference).partition(" ")[0]
                yield f"Refit {advice.name}: {beaten.name} is worse by {size} of {metric}"
            yield f"Refit {advice.name}: the next cheaper schedule has a worse {metric}"
        else:
            share, beside = numbers.share(advice.cost_share), advice.beside
            yield f"Refit {advice.name}: {share} of the cost of {beside}, and no loss is shown"
    yield "Which retraining policy to run"


def subtitle(facts: Comparison) -> str:
    """What was measured, on how many requests, over which days."""
    days = numbers.period(facts.start, facts.end, facts.zone)
    requests = numbers.many(facts.requests, "request with an outcome", "requests with an outcome")
    if not facts.policies:
        return f"{requests}, {days}; {numbers.many(facts.looks, 'look')}."
    kinds = dict(facts.families)
    said = ", ".join(_KINDS[kind] for kind in kinds if _KINDS.get(kind))
    more = sum(kinds.get(kind, 0) for kind in YARDSTICKS)
    yardsticks = f"; {more:,} of them yardsticks that shifts trigger" if more else ""
    many = numbers.many(facts.policies, "retraining policy", "retraining policies")
    walked = f"{many} ({said}{yardsticks})" if said else many
    fits = numbers.many(facts.lattice.fits, "fit")
    replayed = all(each.how == "replay" for each in facts.named)
    over = f"each replayed, from {fits}" if replayed else f"walked over one lattice of {fits}"
    return f"{walked} {over}; {requests}, {days}."


def difference(facts: Comparison, figure: Figure) -> str:
    """A paired difference with its interval, or why it has none."""
    if figure.value is None:
        return figure.why
    print_as = scale(facts)
    value = print_as.difference(figure.value)
    if figure.low is None or figure.high is None:
        return f"{value} (no interval: {because(figure.why)})"
    return f"{value} {print_as.interval(figure.low, figure.high)}"


def _loss(facts: Comparison, figure: Figure) -> str:
    """What something costs: how much worse it is, with its interval, above zero where it is."""
    if figure.value is None or figure.low is None or figure.high is None:
        return difference(facts, figure)
    print_as = scale(facts)
    sign = 1 if facts.metric.lower_is_better else -1
    low, high = sorted((sign * figure.low, sign * figure.high))
    value = sign * figure.value
    size = print_as.level(value) if low > 0 else print_as.difference(value)
    return f"{size} {print_as.interval(low, high)}"


# --- the advice ----------------------------------------------------------------------------------


def lead(facts: Comparison) -> list[Said]:
    """What to run, with its uncertainty; what freshness is worth."""
    if facts.trouble or facts.advice is None:
        return [Said(f"There is nothing to compare: {because(facts.trouble)}.")]
    said = [_advice(facts, facts.advice), *_worth(facts), *_winner(facts)]
    ahead = _ahead(facts)
    if ahead is not None and ahead.difference is not None:
        size = difference(facts, ahead.difference)
        after = f" {size} of {facts.metric.words} against {facts.beside}, replayed."
        said.insert(0, Said("", f"Take {ahead.name}:", after))
    return said


def _ahead(facts: Comparison) -> PolicyFact | None:
    """The best of the variants that are shown to be ahead of the best plain schedule."""
    good = -1 if facts.metric.lower_is_better else 1
    among = [each for each in facts.variants if each.difference and each.difference.sign == good]
    return max(among, key=lambda each: good * (each.total.value or 0.0), default=None)


def order(advice: AdviceFact) -> str:
    """The advice as an order to act."""
    return "Do not refit on a schedule:" if advice.name == "never" else f"Refit {advice.name}:"


def _advice(facts: Comparison, advice: AdviceFact) -> Said:
    metric = facts.metric.words
    if advice.verdict == "not identifiable":
        why = next((each.difference.why for each in facts.named if each.difference), "")
        return Said("", "No policy is recommended:", f" {because(why)}.")
    if advice.difference is None:
        beaten = _next_cheaper(facts, advice)
        if beaten is None or beaten.difference is None:
            return Said("", order(advice), f" no other plain schedule has a better {metric}.")
        size = _loss(facts, beaten.difference)
        return Said("", order(advice), f" {beaten.name} is worse by {size} of {metric}.")
    size = difference(facts, advice.difference)
    share = numbers.share(advice.cost_share)
    what = "to keep the first model" if advice.name == "never" else f"to refit {advice.name}"
    return Said(
        "",
        order(advice),
        f" {what} is {size} of {metric} beside {advice.beside}, no difference shown, at {share} "
        "of the CPU of its fits.",
    )


def _next_cheaper(facts: Comparison, advice: AdviceFact) -> PolicyFact | None:
    """The dearest plain schedule that is cheaper than the advised one."""
    own = next(each.cost for each in facts.named if each.name == advice.name)
    cheaper = [each for each in facts.named if each.cost < own]
    return max(cheaper, key=lambda each: each.cost, default=None)


def _worth(facts: Comparison) -> Iterator[Said]:
    if not facts.freshness:
        return
    chosen = [facts.freshness[0]]
    chosen += [each for each in facts.freshness[1:] if each.age in {4, 8}][:1]
    said = " and ".join(_aged(facts, each) for each in chosen)
    yield Said(f"Beside a fresh model one that is {said}.")


def _aged(facts: Comparison, each: FreshnessFact) -> str:
    return f"{age(facts, each.age)} old is worse by {_loss(facts, each.difference)}"


def age(facts: Comparison, looks: int) -> str:
    """An age in words.

    The unit as it is counted: one week, 4 weeks.
    """
    number = looks * facts.unit.size
    return f"one {facts.unit.word}" if number == 1 else f"{number:,} {facts.unit.word}s"


def halves_words(facts: Comparison) -> tuple[str, str]:
    """The looks of the two halves."""
    first, last = facts.first_half, facts.first_half + facts.second_half
    word = facts.unit.word if facts.unit.size == 1 else "look"
    dash = "\u2013"
    return f"{word}s 1{dash}{first}", f"{word}s {first + 1}{dash}{last}"


def _winner(facts: Comparison) -> Iterator[Said]:
    winner = next((each for each in facts.halves if each.role == "winner"), None)
    advised = facts.advice
    if winner is None or advised is None or winner.name == advised.name:
        return
    early, late = halves_words(facts)
    size = scale(facts).level(winner.regret)
    other = next((each for each in facts.halves if each.name == advised.name), None)
    beside = f", {advised.name} by {scale(facts).level(other.regret)}" if other else ""
    yield Said(
        f"The winner of {early} ({winner.name}) missed the best of {late} by {size}{beside}."
    )


# --- what more there is to say -------------------------------------------------------------------


def story(facts: Comparison) -> list[Said]:
    """Hindsight, yardsticks, variants, what was reused, and what is not covered."""
    if facts.trouble:
        return [Said(note) for note in facts.notes]
    return [
        *_hindsight(facts), *_yardsticks(facts), *_variants(facts), *_slope(facts),
        *_reused(facts), *map(Said, facts.notes),
    ]  # fmt: skip


def regret(facts: Comparison) -> tuple[float, float] | None:
    """The best in hindsight with no more retrainings than advised, and what it is ahead by."""
    if facts.advice is None or not facts.hindsight:
        return None
    advised = next(each for each in facts.named if each.name == facts.advice.name)
    if advised.total.value is None:
        return None
    lower = facts.metric.lower_is_better
    among = [each.value for each in facts.hindsight if each.retrainings < advised.fits]
    best = min(among) if lower else max(among)
    return best, abs(advised.total.value - best)


def _hindsight(facts: Comparison) -> Iterator[Said]:
    if not facts.hindsight:
        return
    print_as = scale(facts)
    choose = min if facts.metric.lower_is_better else max
    best = choose(facts.hindsight, key=lambda each: each.value)
    many = numbers.many(best.retrainings, "retraining")
    said = f"The best in hindsight, with {many}, has {print_as.level(best.value)}"
    if best.judged is None:
        said += ", which is optimistic: it picks the luck of single fits too"
    else:
        again = print_as.level(best.judged)
        said += f"; with another seed of the estimator the same looks give {again}"
    yield Said(f"{said}.")
    found = regret(facts)
    if found is not None and facts.advice is not None:
        yield Said(
            f"Regret of {facts.advice.name} against the best in hindsight with no more fits: "
            f"{print_as.level(found[1])}."
        )


def _yardsticks(facts: Comparison) -> Iterator[Said]:
    choose = min if facts.metric.lower_is_better else max
    for family in YARDSTICKS:
        among = [each for each in facts.points if each.family == family]
        if not among:
            continue
        best = choose(among, key=lambda each: each.value)
        fits = [each.fits for each in among]
        yield Said(
            f"Triggered by a {family}, policies trained {min(fits):,} to {max(fits):,} times; the "
            f"best of them has {scale(facts).level(best.value)} with "
            f"{numbers.many(best.fits, 'fit')}. It reads no label, so it is a yardstick."
        )


def _variants(facts: Comparison) -> Iterator[Said]:
    for each in facts.variants:
        if each.difference is None:
            yield Said(f"{each.name} has no difference to show: {because(each.why)}.")
            continue
        shown = "" if each.difference.sign else ", no difference shown"
        size = difference(facts, each.difference)
        yield Said(f"{each.name} against {facts.beside}, replayed: {size}{shown}.")


def _slope(facts: Comparison) -> Iterator[Said]:
    if facts.slope is None:
        return
    size = scale(facts).difference(facts.slope)
    unit = age(facts, 1)
    yield Said(f"On a straight line through all ages, {unit} of age changes the loss by {size}.")


def _reused(facts: Comparison) -> Iterator[Said]:
    made = facts.lattice
    fits = made.fits * made.seeds
    yield Said(
        f"{numbers.count(made.reused)} of {numbers.many(fits, 'fit')} were kept from before; "
        f"{numbers.many(made.predicted, 'prediction was', 'predictions were')} made now. "
        f"The lattice takes {made.memory / 1e6:,.1f} MB."
    )


def method(facts: Comparison) -> list[str]:
    """The footer: method, interval, draws, what is not covered."""
    as_of = f"As of {numbers.moment(facts.end, facts.zone)}."
    if facts.trouble:
        return [as_of]
    cost = numbers.plain(facts.lattice.cpu_a_row * 1e6)
    hindsight = "Hindsight: dynamic programme over the same lattice. " if facts.hindsight else ""
    first = (
        f"Cost: {cost} µs of CPU a training row, measured, times the rows of each fit. {hindsight}"
        f"Intervals: 95%, paired, bootstrap over blocks of {facts.method.block}, "
        f"{numbers.count(facts.method.draws)} draws, seed {facts.method.seed}."
    )
    valid = "Valid for stateless retraining without feedback and promotion after a fixed delay."
    return [first, f"{valid} {as_of}"]
