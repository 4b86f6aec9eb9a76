"""The report of a comparison: its drawing, its tables, its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asof.study.compare import words
from asof.study.compare.facts import Comparison, PolicyFact
from asof.study.report import frontier as drawing
from asof.study.report import numbers, told
from asof.study.report.frontier import Chart, Dot
from asof.study.report.sides import Ageing, HalfRow, Halves
from asof.study.report.tables import Table, tabulated
from asof.study.report.words import because

NOTHING = "\u2013"


def of(facts: Comparison) -> told.Told:
    """What the study says, for all faces."""
    nothing = no_picture(facts)
    drawn = None if nothing else chart(facts)
    advised = facts.advice.name if facts.advice else ""
    strong = [each.name == advised for each in (*facts.named, *facts.variants)]
    return told.Told(
        name="frontier",
        system=facts.system,
        title=words.title(facts),
        subtitle=words.subtitle(facts),
        question=facts.question,
        no_picture=nothing,
        draw=lambda width: drawing.draw(drawn, width) if drawn else "",
        style=drawing.STYLE,
        figures=_figures(facts),
        brief=_brief(facts),
        strong=strong.index(True) if any(strong) else None,
        lead=tuple(words.lead(facts)),
        story=tuple(words.story(facts)),
        method=tuple(words.method(facts)),
    )


def no_picture(facts: Comparison) -> str:
    """Why nothing is drawn, or ""."""
    if facts.trouble:
        return told.NOTHING_TO_DRAW
    if all(each.total.value is None for each in facts.named):
        return f"There is no {facts.metric.words} to draw: {because(facts.named[0].total.why)}."
    return ""


def chart(facts: Comparison) -> Chart:
    """What is drawn."""
    lower = facts.metric.lower_is_better
    advised = facts.advice.name if facts.advice else ""
    first = sorted(facts.named, key=lambda each: each.name not in {facts.beside, "never"})
    shown = [*facts.variants, *first]  # in the order in which room is found for their names
    dots = tuple(
        Dot(each.name, each.cost, each.total.value, each.name == advised, each.family == "variant")
        for each in shown
        if each.total.value is not None
    )
    found = words.regret(facts)
    print_as = words.scale(facts)
    size = print_as.level(found[1]) if found else ""
    days = numbers.period(facts.start, facts.end, facts.zone)
    return Chart(
        title=words.title(facts),
        description=" ".join(str(said) for said in words.lead(facts)),
        metric=facts.metric.words,
        better="lower is better" if lower else "higher is better",
        cost=f"CPU seconds of fitting, {days}, log scale",
        bounded=facts.metric.bounded,
        lower=lower,
        many=f"{facts.policies:,} in all",
        points=tuple((each.cost, each.value) for each in facts.points),
        frontier=tuple((each.cost, each.value) for each in facts.frontier),
        hull=tuple((each.cost, each.value) for each in facts.hull),
        dots=dots,
        regret=(found[0], f"regret {size}") if found and float(size.replace(",", "")) else None,
        halves=_halves(facts),
        ageing=_ageing(facts),
    )


def _halves(facts: Comparison) -> Halves | None:
    if not facts.halves:
        return None
    print_as = words.scale(facts)
    early, late = words.halves_words(facts)
    advised = facts.advice.name if facts.advice else ""
    rows: list[HalfRow] = []
    for each in facts.halves:
        name = each.name[:1].upper() + each.name[1:]
        line = f"{print_as.level(each.first)} then {print_as.level(each.second)}"
        if each.other_seed is not None:
            line += f", {print_as.level(each.other_seed)} with another seed"
        said = f"regret {print_as.level(each.regret)}" if each.regret else "no regret"
        name = f"Winner of {early}: {each.name}" if each.role == "winner" else name
        rows.append(HalfRow(name, line, each.regret, said, each.name == advised))
    return Halves(
        f"Chosen on {early}, judged on {late}",
        f"{facts.metric.words} in both, and regret against the best of all in {late}",
        tuple(rows),
    )


def _ageing(facts: Comparison) -> Ageing | None:
    rows = tuple(
        (
            each.age * facts.unit.size,
            each.difference.value,
            each.difference.low,
            each.difference.high,
        )
        for each in facts.freshness
        if each.difference.value is not None
    )
    if len(rows) < 2:
        return None
    least = min(each.pairs for each in facts.freshness)
    return Ageing(
        "What the age of a model costs",
        f"{facts.metric.words} against the fresh model, paired, 95% interval",
        f"Age in {facts.unit.word}s; each seen in {least:,} {facts.unit.word}s or more",
        rows,
    )


def _level(facts: Comparison, each: PolicyFact) -> str:
    return NOTHING if each.total.value is None else words.scale(facts).level(each.total.value)


def _difference(facts: Comparison, each: PolicyFact) -> str:
    if each.difference is None:
        return "" if each.name == facts.beside else because(each.why)
    return words.difference(facts, each.difference)


def _figures(facts: Comparison) -> Table:
    """The named policies and the variants, a row each."""
    print_as = words.scale(facts)
    rows: list[tuple[str, ...]] = []
    for each in (*facts.named, *facts.variants):
        low, high = each.total.low, each.total.high
        span = because(each.total.why) if low is None or high is None else print_as.span(low, high)
        rows.append(
            (
                each.name,
                numbers.count(each.fits),
                numbers.cpu(each.cost),
                _level(facts, each),
                span,
                _difference(facts, each),
                each.how,
            )
        )
    columns = (
        f"|>fits|>CPU of fitting|>{facts.metric.words}|>95% interval|>against {facts.beside}|from"
    )
    made = tabulated("The figures as a table", columns, rows, "policies") if rows else _none()
    return replace(made, opens="The figures as a table")


def _none() -> Table:
    return tabulated("", "", [], "policies")


def _brief(facts: Comparison) -> Table:
    """The table of the terminal."""
    rows: Sequence[tuple[str, ...]] = [
        (
            each.name,
            _level(facts, each),
            _difference(facts, each),
            numbers.count(each.fits),
            numbers.cpu(each.cost),
            each.how,
        )
        for each in (*facts.named, *facts.variants)
    ]
    if not rows:
        return _none()
    columns = f"policy|>{facts.metric.words}|>against {facts.beside}, 95%|>fits|>CPU|from"
    return tabulated("", columns, rows, "policies")
