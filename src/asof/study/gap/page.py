"""The report of a gap: its drawing, its tables, what is said of them."""

from __future__ import annotations

from collections.abc import Iterator

from asof.study.facts import Figure
from asof.study.gap import words
from asof.study.gap.facts import GapFacts, StageFact
from asof.study.gap.picture import STYLE, draw
from asof.study.report import numbers, told
from asof.study.report.tables import Table

HEAD = 27
"""The longest head of the first column in a terminal: as long as the names of the stages."""


def of(facts: GapFacts) -> told.Told:
    """What the gap says, for all faces."""
    named = [stage.key for stage in facts.stages]
    return told.Told(
        name="gap",
        system=facts.system,
        title=words.title(facts),
        subtitle=words.subtitle(facts),
        question=facts.question,
        no_picture=no_picture(facts),
        draw=lambda width: draw(facts, width),
        style=STYLE,
        figures=_table(facts),
        brief=_brief(facts),
        strong=named.index("policy") if "policy" in named else None,
        lead=tuple(words.advice(facts)),
        story=tuple(words.story(facts)),
        method=tuple(words.method(facts)),
        aside=tuple(words.story(facts)),
    )


def no_picture(facts: GapFacts) -> str:
    """Why nothing is drawn, or ""."""
    if facts.why:
        return told.NOTHING_TO_DRAW
    return "" if len(facts.shown) > 1 else "There is nothing to draw: fewer than two stages ran."


def _brief(facts: GapFacts) -> Table:
    """The table of the terminal: the stages, and no model at all."""
    print_as = words.scale(facts)
    better = "lower" if facts.metric.lower_is_better else "higher"
    rows = () if facts.why else tuple(_rows_in_brief(facts, print_as))
    head = f"{facts.metric.words}, {better} is better"
    # In 80 columns a longer head would push out what each step is said to show.
    head = head if len(head) <= HEAD else facts.metric.words
    heads = (head, "level", "step", "95% interval", "")
    return Table("", heads, (False, True, True, True, False), rows, "")


def _rows_in_brief(facts: GapFacts, print_as: numbers.Scale) -> Iterator[tuple[str, ...]]:
    for stage in facts.stages:
        note = words.mark(facts, stage) if stage.level.shown else words.second(facts, stage)
        yield (
            words.label(stage),
            _level(stage, print_as),
            _step(stage.step, print_as),
            _step_span(stage.step, print_as),
            note,
        )
    if facts.constant.value is not None:
        yield ("no model at all", print_as.level(facts.constant.value), "", "", "")


def _level(stage: StageFact, print_as: numbers.Scale) -> str:
    return "none" if stage.level.value is None else print_as.level(stage.level.value)


def _table(facts: GapFacts) -> Table:
    """The figures of the drawing as a table."""
    print_as = words.scale(facts)
    level = (facts.metric.words, "95% interval")
    heads = ("stage", "", *level, "step", "its interval", "", "training rows")
    rows = tuple(
        (
            words.label(stage),
            words.second(facts, stage),
            _level(stage, print_as),
            _span(stage.level, print_as),
            _step(stage.step, print_as),
            _step_span(stage.step, print_as),
            words.mark(facts, stage),
            _rows(stage.rows),
        )
        for stage in facts.stages
    )
    right = (False, False, True, True, True, True, False, True)
    return Table("The figures as a table", heads, right, rows, "The figures as a table")


def _span(figure: Figure, print_as: numbers.Scale) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return print_as.span(figure.low, figure.high)


def _step(step: Figure | None, print_as: numbers.Scale) -> str:
    return "" if step is None or step.value is None else print_as.difference(step.value)


def _step_span(step: Figure | None, print_as: numbers.Scale) -> str:
    if step is None or step.low is None or step.high is None:
        return ""
    return print_as.interval(step.low, step.high)


def _rows(rows: tuple[int, int] | None) -> str:
    if rows is None:
        return ""
    least, most = map(numbers.count, rows)
    return least if least == most else f"{least} to {most}"
