"""What each mode is called, what it needs, and what is said of it in a line."""

from __future__ import annotations

from asof.study.report import numbers
from asof.study.serving.facts import ModeFact, ServingFacts

FEW = 0.05
"""A share of what freshness is worth below which it is called almost nothing."""


def scale(facts: ServingFacts) -> numbers.Scale:
    """The scale of the metric."""
    values = [mode.total.value for mode in facts.modes]
    return numbers.scale(values, bounded=facts.metric.bounded)


def often(mode: ModeFact) -> str:
    """How often a batch is made: "every hour", "every night", "each Monday at 03:00 Berlin"."""
    return "every night" if mode.schedule.startswith("daily at 00:00 ") else mode.schedule


def made_of(mode: ModeFact) -> str:
    """What a mode answers with, as it stands inside a sentence.

    The skewed one is told from the one that trains on what it serves.
    """
    if mode.kind == "online":
        return "online features"
    if mode.kind == "predictions":
        return f"predictions made {often(mode)}"
    if mode.kind == "hybrid":
        return f"predictions made {often(mode)}, online for the rest"
    if mode.kind == "features":
        return f"features refreshed {often(mode)}"
    what = "predictions made" if _beforehand(mode) else "features refreshed"
    return f"{what} {often(mode)} by a model trained on fresh features"


def label(mode: ModeFact) -> str:
    """What a mode is called in a row."""
    if mode.kind == "skewed":
        what = "predictions made" if _beforehand(mode) else "features refreshed"
        name = f"Trained fresh, {what} {often(mode)}"
    else:
        name = made_of(mode)
    name = name[:1].upper() + name[1:]
    return f"{name} (declared)" if mode.declared else name


def brief(mode: ModeFact) -> str:
    """What a mode is called where room is short."""
    return label(mode).replace(" refreshed", "").replace(" made", "")


def order(mode: ModeFact) -> str:
    """A mode as an order to act."""
    return {
        "online": "Answer with online features.",
        "features": f"Refresh features {often(mode)}.",
        "predictions": f"Predict {often(mode)}.",
        "hybrid": f"Predict {often(mode)}, and answer online what no run knew.",
        "skewed": "Train on what is served.",
    }[mode.kind]


def needs(mode: ModeFact) -> str:
    """What a mode needs to run."""
    if mode.kind == "online":
        return "server, fresh events"
    if mode.kind == "hybrid":
        return "job, lookup, server, fresh events"
    return "job, lookup" if _beforehand(mode) else "job, server"


def line(mode: ModeFact) -> str:
    """What a mode has and needs, as a line of words."""
    told: list[str] = []
    if mode.age_half is not None:
        told.append(f"features {age(mode.age_half)} old (median)")
    if mode.covered is not None and mode.covered < 1:
        told.append(f"{numbers.share(mode.covered)} of requests known")
    if mode.waste is not None:
        told.append(f"{numbers.share(mode.waste)} of predictions never used")
    needed = {
        "server, fresh events": "a server and fresh events",
        "job, lookup": "a job and a lookup",
        "job, server": "a job and a server",
        "job, lookup, server, fresh events": "a job, a lookup, a server and fresh events",
    }
    return f"{', '.join([*told, f'needs {needed[needs(mode)]}'])}".capitalize()


def _beforehand(mode: ModeFact) -> bool:
    """Whether answers are made before they are asked for."""
    return mode.kind == "predictions" or mode.made is not None


def second(facts: ServingFacts, mode: ModeFact) -> str:
    """What is said of a mode in a line below its name; what cannot be said comes first."""
    if mode.why:
        return mode.why.strip().rstrip(".")
    if mode.worse_than_nothing:
        return "worse than no model, and raises no error"
    if mode.kind == "online":
        return "computed when the request comes"
    if mode.verdict in ("no difference shown", "better"):
        return "no loss against online is shown"
    if mode.verdict == "not identifiable":
        return "what it loses is not identifiable"
    if mode.kind == "skewed":
        return "served older features than it learnt from"
    if mode.kept is not None and mode.kept < FEW:
        return "keeps almost nothing of what freshness is worth"
    if mode.kept is not None:
        return f"keeps {numbers.share(mode.kept)} of what freshness is worth"
    if mode.name == facts.stalest:
        return "its loss is what freshness is worth"
    return "loses more than the stalest features"


def difference(facts: ServingFacts, mode: ModeFact) -> str:
    """The difference to online as printed, with its interval or why there is none."""
    if mode.kind == "online":
        return "the yardstick"
    figure = mode.difference
    if figure is None or figure.value is None:
        why = figure.why if figure is not None and figure.why else mode.why
        return why.strip().rstrip(".") or "no figure"
    print_as = scale(facts)
    value = print_as.difference(figure.value)
    if figure.low is None or figure.high is None:
        return f"{value}, no interval"
    return f"{value} {print_as.interval(figure.low, figure.high)}"


def level(facts: ServingFacts, mode: ModeFact) -> str:
    """The metric of a mode as printed."""
    value = mode.total.value
    return "none" if value is None else scale(facts).level(value)


def age(span: int | None) -> str:
    """How old features were, as printed."""
    return "" if span is None else "0 min" if span == 0 else numbers.duration(span)


def waste(mode: ModeFact) -> str:
    """The share of predictions that nobody asked for, as printed."""
    return "not defined" if mode.waste is None else numbers.share(mode.waste)


def cost(mode: ModeFact) -> str:
    """CPU for a thousand useful predictions, as printed."""
    return "" if mode.cpu_per_thousand is None else numbers.cpu(mode.cpu_per_thousand)
