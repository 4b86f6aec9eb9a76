"""A study of one picture, told: as a page, in a notebook, as a file, in a terminal.

What the studies share beside the report of a life. A study makes a `Told` of its facts; nothing
here knows what it is about.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from asof.study.report import numbers, page, tokens
from asof.study.report.picture import framed
from asof.study.report.tables import Table
from asof.study.report.terminal import Span, coloured, plain, room, ways_on, wrapped
from asof.study.report.words import Said

if TYPE_CHECKING:
    from rich.console import Console

NOTHING_TO_DRAW = "There is nothing to draw."
"""In the place of a picture, where the advice below says why there is none."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a study says.

    `name` is that of its picture, `draw` gives it for a width, "" where `no_picture` says why there
    is none; `style` is what the drawing needs beside `tokens.DRAWING`. `figures` are the picture's
    numbers, `brief` the table of the terminal, whose row `strong` stands out. `lead` is the advice,
    `story` what more there is to say, `method` the footer; `aside` is what the terminal says of
    the story.
    """

    name: str
    system: str
    title: str
    subtitle: str
    question: str
    no_picture: str
    draw: Callable[[float], str]
    style: str
    figures: Table
    brief: Table
    strong: int | None
    lead: tuple[Said, ...]
    story: tuple[Said, ...]
    method: tuple[str, ...]
    aside: tuple[Said, ...] = ()


def html(told: Told) -> str:
    """The study as one self-contained page."""
    drawings = [(kind, page.markup(told.draw(width))) for kind, width in page.WIDTHS]
    css = page.style() + page.colours(page.BODY) + tokens.DRAWING + told.style
    return page.template("told.html.j2").render(
        told=told, css=page.markup(css), drawings=[] if told.no_picture else drawings
    )


def fragment(told: Told) -> str:
    """The head of the study as a `<div class="asof">` for a notebook."""
    css = page.style() + tokens.DRAWING + told.style
    drawing = "" if told.no_picture else told.draw(page.WIDTHS[1][1])
    return page.template("told_fragment.html.j2").render(
        told=told, css=page.markup(css), drawing=page.markup(drawing)
    )


def picture(told: Told, theme: Literal["light", "dark"]) -> str:
    """The picture by itself, for slides and documents; "" where there is nothing to draw."""
    if told.no_picture:
        return ""
    width = page.WIDTHS[0][1]
    return framed(
        told.draw(width), told.title, told.method[0], theme, width, told.style, told.subtitle
    )


def mimebundle(told: Told) -> dict[str, str]:
    """What `_repr_mimebundle_` gives: the terminal's text, and the head of the page."""
    return {"text/plain": "\n".join(lines(told)), "text/html": fragment(told)}


def lines(
    told: Told, *, report: str = "", then: Sequence[tuple[str, str]] = (), width: int = 100
) -> list[str]:
    """The study as plain text; `report` is where the page was written, `then` what to type next."""
    return plain(_spans(told, report, then, width))


def render(
    told: Told, console: Console, *, report: str = "", then: Sequence[tuple[str, str]] = ()
) -> None:
    """The same, on a console, in colour where it has colour."""
    coloured(_spans(told, report, then, room(console)), console)


def _spans(
    told: Told, report: str, then: Sequence[tuple[str, str]], width: int
) -> Iterator[list[Span]]:
    for text, role in ((told.title, "strong"), (told.subtitle, "soft")):
        for line in textwrap.wrap(text, width):
            yield [(line, role)]
    yield []
    if told.brief.rows:
        yield from _grid(told.brief, told.strong, width)
        yield []
    for sentence in (*told.lead, *told.aside):
        yield from wrapped(sentence, width)
    yield from ways_on(report, then)


def _grid(table: Table, strong: int | None, width: int) -> Iterator[list[Span]]:
    """The table in columns, as many as the width has room for; what it says throughout below."""
    rows = [table.heads, *table.rows]
    sizes = [max(len(row[i]) for row in rows) for i in range(len(table.heads))]
    shown = len(sizes)
    while shown > 2 and sum(sizes[:shown]) + 2 * (shown - 1) > width:
        shown -= 1
    sizes[0] = min(sizes[0], width - sum(sizes[1:shown]) - 2 * (shown - 1))
    for number, row in enumerate(rows):
        cells = [
            f"{_cut(text, size):>{size}}" if right else f"{_cut(text, size):<{size}}"
            for text, size, right in zip(row[:shown], sizes, table.right, strict=False)
        ]
        role = "soft" if number == 0 else "strong" if number - 1 == strong else ""
        yield [("  ".join(cells), role)]
    for note in table.notes:
        for line in textwrap.wrap(note, width):
            yield [(line, "soft")]


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(0, room - 1)]}…"


def part_words(part: float, days: int) -> str:
    """That only a part of a life was replayed, "" if it was the whole."""
    if part >= 1:
        return ""
    return f"Quick: the first {numbers.share(part)} of the life, {numbers.many(days, 'day')}."
