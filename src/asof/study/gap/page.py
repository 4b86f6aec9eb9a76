"""The report of a gap as one HTML file, and its head for a notebook."""

from __future__ import annotations

from asof.study.facts import Figure
from asof.study.gap import words
from asof.study.gap.facts import GapFacts
from asof.study.gap.picture import STYLE, draw
from asof.study.report import numbers, tokens
from asof.study.report.page import BODY, WIDTHS, colours, markup, style, template
from asof.study.report.tables import Table


def page(facts: GapFacts) -> str:
    """The report, a whole HTML document."""
    drawings = [(kind, markup(drawn)) for kind, width in WIDTHS if (drawn := draw(facts, width))]
    css = markup(style() + colours(BODY) + tokens.DRAWING + STYLE)
    return _filled(facts, whole=True, css=css, drawings=drawings)


def fragment(facts: GapFacts) -> str:
    """The report as a `<div class="asof">` for a notebook."""
    drawn = draw(facts, WIDTHS[1][1])
    drawings = [("scroll", markup(drawn))] if drawn else []
    css = markup(style() + tokens.DRAWING + STYLE)
    return _filled(facts, whole=False, css=css, drawings=drawings)


def _filled(facts: GapFacts, **more: object) -> str:
    return template("gap.html.j2").render(
        system=facts.system,
        title=words.title(facts),
        subtitle=words.subtitle(facts),
        question=facts.question,
        advice=words.advice(facts),
        story=words.story(facts),
        method=words.method(facts),
        table=_table(facts),
        **more,
    )


def _table(facts: GapFacts) -> Table:
    """The figures of the drawing as a table."""
    print_as = words.scale(facts)
    level = (facts.metric.words, "95% interval")
    heads = ("stage", "", *level, "step", "its interval", "", "training rows")
    rows = tuple(
        (
            words.label(stage),
            words.second(facts, stage),
            "none" if stage.level.value is None else print_as.level(stage.level.value),
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
