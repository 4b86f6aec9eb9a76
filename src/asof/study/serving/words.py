"""Titles and sentences made from the facts by rules; what cannot be said is said first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asof.study.report import numbers
from asof.study.report.told import part_words
from asof.study.report.words import Said, because
from asof.study.serving import names
from asof.study.serving.facts import ModeFact, ServingFacts

TITLE = 90
"""The longest title, in characters."""


def title(facts: ServingFacts) -> str:
    """The finding in one sentence of at most 90 characters."""
    return next(text for text in _titles(facts) if len(text) <= TITLE)


def _titles(facts: ServingFacts) -> Iterator[str]:
    metric = facts.metric.words
    for name in (facts.system, "this system"):
        if facts.trouble:
            yield f"{name} has no {metric} to compare: {because(facts.trouble)}"
            yield f"{name} has no {metric} to compare"
        elif any(mode.declared and mode.worse_than_nothing for mode in facts.modes):
            yield f"{name} as it is declared is worse than no model, and raises no error"
        else:
            yield from _batch_titles(facts, name)
    yield "Batch or real time: what each mode loses"


def _batch_titles(facts: ServingFacts, name: str) -> Iterator[str]:
    batch = aligned(facts)
    if not batch:
        yield f"No batch mode of {name} has a figure"
        return
    first, last = batch[0], batch[-1]
    size, metric = loss(facts, last), facts.metric.words
    what = _sentence(names.made_of(last))
    if last.verdict == "not identifiable":
        yield f"What batch serving costs {name} is not identifiable"
    elif last.verdict == "no difference shown":
        yield f"No loss is shown for {names.made_of(last)}"
        yield "No loss is shown for batch serving"
    elif last.verdict == "better":
        yield f"{what} are ahead of online ones by {size} of {metric}"
        yield f"Batch serving is ahead of online features by {size} of {metric}"
    elif first is last or first.kind != last.kind:
        yield f"{what} lose {size} of {metric}"
        yield f"Batch serving loses {size} of {metric}"
    else:
        fresh = _sentence(names.made_of(first))
        if first.verdict == "worse":
            yield (f"{fresh} lose {loss(facts, first)} of {metric}, {names.often(last)} {size}")
        else:
            yield f"{fresh} show no loss of {metric}; {names.often(last)} they lose {size}"
        yield f"{what} lose {size} of {metric}"
        yield f"The stalest {last.kind} lose {size} of {metric}"


def aligned(facts: ServingFacts) -> list[ModeFact]:
    """The batch modes with a figure that train on what they serve, the freshest first.

    Features where there are any, else predictions.
    """
    for kind in ("features", "predictions"):
        found = [mode for mode in facts.modes if mode.kind == kind and mode.loss is not None]
        if found:
            return sorted(found, key=lambda mode: mode.every)
    return []


def loss(facts: ServingFacts, mode: ModeFact) -> str:
    """The size of a mode's difference to online, without its sign."""
    return names.scale(facts).level(abs(mode.loss or 0.0))


def subtitle(facts: ServingFacts) -> str:
    """What was measured, on how many requests, over which days."""
    ways = numbers.spelt(len(facts.modes)).lower()
    asked = "request" if facts.scored == 1 else "requests"
    days = numbers.period(facts.start, facts.end, facts.zone)
    said = f"The same {numbers.count(facts.scored)} {asked} answered in {ways} ways, {days}."
    shares = {mode.covered for mode in facts.modes if mode.covered is not None}
    if shares == {1.0} and all(mode.covered is not None for mode in facts.modes):
        said += " Every mode knows every request."
    quick = part_words(facts.part, facts.days)
    return f"{said} {quick}".strip()


# --- the advice ----------------------------------------------------------------------------------


def lead(facts: ServingFacts) -> list[Said]:
    """What to do, and what would change it."""
    advice = facts.advice
    if facts.trouble:
        return [Said(f"There is no {facts.metric.words} to compare: {because(facts.trouble)}.")]
    if advice.mode is None:
        return list(_no_mode(facts))
    mode = facts.mode(advice.mode)
    told = [Said("", names.order(mode), f" {_reason(facts, mode)}"), *_changes(facts, mode)]
    return [*told, *_warnings(facts)]


def _no_mode(facts: ServingFacts) -> Iterator[Said]:
    advice = facts.advice
    if advice.max_loss is None and advice.max_cost is None:
        yield Said("", "No mode is recommended:", f" {because(advice.why)}.")
    else:
        budget = " and ".join(_budget(facts))
        yield Said("", "No mode is within the budget", f" of {budget}.")
        cheap = [mode for mode in facts.modes if mode.on_front and mode.cpu_per_thousand]
        if cheap:
            least = min(cheap, key=lambda mode: mode.cpu_per_thousand or 0.0)
            what = names.made_of(least)
            yield Said(f"The least CPU is that of {what}, {names.cost(least)}.")
    yield from _warnings(facts)


def _budget(facts: ServingFacts) -> Iterator[str]:
    advice = facts.advice
    if advice.max_loss is not None:
        yield f"{names.scale(facts).level(advice.max_loss)} of {facts.metric.words}"
    if advice.max_cost is not None:
        yield f"{numbers.cpu(advice.max_cost)} of CPU for a thousand useful predictions"


def _reason(facts: ServingFacts, mode: ModeFact) -> str:
    """Why this mode."""
    advice, print_as = facts.advice, names.scale(facts)
    if advice.rule == "max_cost":
        return f"It loses least of the modes within {' and '.join(_budget(facts))}."
    if advice.rule in ("max_loss", "both"):
        at_most = print_as.level(max(0.0, mode.at_most or 0.0))
        return (
            f"It is the easiest to run of the modes whose loss is shown to be within "
            f"{' and '.join(_budget(facts))}: at most {at_most}, 95% interval."
        )
    if advice.rule == "shown":
        return _shown(facts, mode)
    worth = f"{print_as.level(facts.worth or 0.0)} of {facts.metric.words}"
    if mode.kind == "online":
        keep = numbers.share(advice.keep)
        return f"No other mode keeps {keep} of what freshness is worth, {worth}."
    kept = f"keeps {numbers.share(mode.kept)}" if mode.kept is not None else "keeps all"
    return f"It {kept} of what freshness is worth, {worth}, and no easier mode does."


def _shown(facts: ServingFacts, mode: ModeFact) -> str:
    """Why this mode, where no loss of freshness was shown."""
    print_as, keep = names.scale(facts), numbers.share(facts.advice.keep)
    worth = f"{print_as.level(facts.model_worth or 0.0)} of {facts.metric.words}"
    if mode.kind == "online":
        return (
            "No loss of the others is shown, nor that any easier mode keeps "
            f"{keep} of what the model is worth, {worth}."
        )
    if mode.at_most is not None and mode.at_most <= 0:
        return "It loses nothing against online features, and no easier mode is shown to."
    return (
        f"No loss is shown, and it is shown to keep {keep} of what the model is worth, {worth}: "
        f"it loses at most {print_as.level(mode.at_most or 0.0)}, 95% interval."
    )


def _changes(facts: ServingFacts, mode: ModeFact) -> Iterator[Said]:
    """What would change the advice: a loss that is worth more, or less."""
    print_as, metric = names.scale(facts), facts.metric.words
    if mode.kind != "online" and mode.verdict == "worse":
        size = print_as.level(mode.loss or 0.0)
        yield Said(
            f"Take online features only if {size} of {metric} is worth a server that sees events "
            "within seconds."
        )
    least = max(0.0, mode.at_most or 0.0)
    turns = [turn for turn in facts.advice.turns if turn[0] > least and turn[1] != mode.name]
    # To lose most of what a model is worth is not acceptable to anybody who has one.
    if turns and (facts.model_worth is None or 2 * turns[0][0] < facts.model_worth):
        limit, name = turns[0]
        yield Said(
            f"Where a loss of {print_as.level(limit)} is acceptable, "
            f"{names.made_of(facts.mode(name))} are easier to run."
        )


def _warnings(facts: ServingFacts) -> Iterator[Said]:
    for mode in facts.modes:
        if mode.kind == "skewed" and mode.worse_than_nothing:
            yield Said(
                f"{_sentence(names.made_of(mode))} are worse than no model "
                f"({names.level(facts, mode)} against {_nothing(facts)}), and raise no error."
            )


# --- more ----------------------------------------------------------------------------------------


def story(facts: ServingFacts) -> list[Said]:
    """What more there is to say."""
    if facts.trouble:
        return []
    return [
        *_nothing_words(facts),
        *_coverage(facts),
        *_waste(facts),
        *_front(facts),
        *_cost(facts),
    ]


def _nothing(facts: ServingFacts) -> str:
    value = facts.nothing.value
    return "none" if value is None else names.scale(facts).level(value)


def _nothing_words(facts: ServingFacts) -> Iterator[Said]:
    if facts.nothing.value is None:
        yield Said(f"No model at all has no figure: {because(facts.nothing.why)}.")
    else:
        yield Said(
            f"No model at all, the {facts.nothing_label} of the first training set, has "
            f"{_nothing(facts)}."
        )


def _coverage(facts: ServingFacts) -> Iterator[Said]:
    for mode in facts.modes:
        missed = mode.coverage.fallback
        if missed and mode.covered is not None:
            was = "was" if missed == 1 else "were"
            yield Said(
                f"{_sentence(names.made_of(mode))}: {numbers.many(missed, 'request')} "
                f"({numbers.share(1 - mode.covered)}) that no run could know {was} answered by "
                "the fallback, and are scored."
            )


def _waste(facts: ServingFacts) -> Iterator[Said]:
    for mode in facts.modes:
        if mode.kind != "hybrid" and mode.made and mode.used is not None and mode.waste is not None:
            yield Said(
                f"{_sentence(names.made_of(mode))}: {numbers.count(mode.used)} of "
                f"{numbers.count(mode.made)} predictions answered a request, "
                f"{numbers.share(mode.waste)} were never used."
            )
    if any(mode.waste is None for mode in facts.modes):
        yield Said(
            "Where answers are computed when they are asked for, unused predictions are not "
            "defined."
        )


def _front(facts: ServingFacts) -> Iterator[Said]:
    on = [names.made_of(mode) for mode in facts.modes if mode.on_front]
    judged = [mode for mode in facts.modes if mode.loss is not None and mode.kind != "skewed"]
    if 1 < len(on) < len(judged):
        yield Said(
            f"In loss, CPU and ease of running no other mode beats {_listed(on)}; each of the "
            "others is beaten."
        )
    elif len(on) > 1:
        yield Said("In loss, CPU and ease of running no mode beats another.")


def _cost(facts: ServingFacts) -> Iterator[Said]:
    costs = [mode for mode in facts.modes if mode.cpu_per_thousand is not None]
    if costs:
        least = min(costs, key=lambda mode: mode.cpu_per_thousand or 0.0)
        most = max(costs, key=lambda mode: mode.cpu_per_thousand or 0.0)
        yield Said(
            f"CPU for a thousand useful predictions, features and model, lies between "
            f"{names.cost(least)} ({names.made_of(least)}) and {names.cost(most)} "
            f"({names.made_of(most)})."
        )
    if facts.fits:
        yield Said(f"{numbers.many(facts.fits, 'fit')}, {numbers.count(facts.reused)} of them kept "
                   "from before.")  # fmt: skip


def method(facts: ServingFacts) -> list[str]:
    """How the figures were made and what they do not cover, for the footer."""
    as_of, until = (numbers.moment(when, facts.zone) for when in (facts.as_of, facts.until))
    made = facts.method
    return [
        (
            f"Intervals: 95%, bootstrap over blocks of days ({made.block} for the levels), "
            f"{numbers.many(made.draws, 'draw')}, seed {made.seed}; differences are paired on the "
            "same requests and taken before rounding."
        ),
        (
            "Features old: request minus the moment that its features are as of. CPU was measured "
            "in this run, on this machine, for the requests that were asked; refreshing features "
            "that nobody asks for is not in it. Latency was not measured."
        ),
        (
            f"Retraining: {facts.retraining}. As of {as_of}; outcomes complete up to {until}. "
            f"Declaration {facts.fingerprint}."
        ),
        *facts.notes,
    ]


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
