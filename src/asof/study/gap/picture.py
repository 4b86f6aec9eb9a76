"""The drawing of a gap: a waterfall from the notebook's level to production's.

`draw` is pure: the same facts and width give the same text. Levels are diamonds, steps are bars
between two levels, an interval is a whisker; what is not shown to differ is hollow. A wide drawing
has names, bars and figures side by side, a narrow one has the words of a stage above its bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asof.study.facts import Figure
from asof.study.gap import words
from asof.study.gap.facts import GapFacts, StageFact
from asof.study.report import text
from asof.study.report.axis import Line, nice, value_labels
from asof.study.report.labels import Box, down
from asof.study.report.svg import Sheet, px

SIDE_BY_SIDE = 640
"""From this width on words, bars and figures stand side by side."""

STYLE = """
.asof svg .vw{fill:var(--worse)}
.asof svg .worsebar{fill:var(--worse)}
.asof svg .betterbar{fill:var(--served)}
.asof svg .openbar{fill:var(--paper);stroke:var(--axis)}
.asof svg .whisker{stroke:var(--ink);stroke-width:1.4;fill:none}
.asof svg .diamond{fill:var(--ink)}
.asof svg .b.e{text-anchor:end}
.asof svg .b.vw{fill:var(--worse)}
.asof svg .b.vs{fill:var(--served)}
"""
"""The classes of this drawing beside those that all drawings share."""


@dataclass(frozen=True)
class Row:
    """A row of the drawing: a level, or a step from `start` to `stop`."""

    name: str
    second: str
    start: float | None
    stop: float
    step: Figure | None
    sign: int


@dataclass(frozen=True)
class Place:
    """Where things stand: plot from `left` to `right`, words up to `room` px wide."""

    wide: bool
    left: float
    right: float
    room: float
    tall: float


def draw(facts: GapFacts, width: float) -> str:
    """The gap as SVG, `width` px wide, or "" where there are not two levels to draw."""
    rows = list(_rows(facts))
    if facts.why or len(facts.shown) < 2:
        return ""
    place = _place(width)
    low, high = _span(facts, rows)
    axis = Line(low, high, place.left, place.right)
    values = nice(low, high, 6 if width > 900 else 4)
    labels = value_labels(values, bounded=facts.metric.bounded)
    sheet = Sheet(width)
    top = _heading(sheet, facts, axis, place, width)
    bottom = top + place.tall * len(rows) + 6
    boxes: list[Box] = []
    for index, row in enumerate(rows):
        y = top + place.tall * index
        if index:
            sheet.path(f"M0 {px(y)}H{px(width if place.wide else place.right)}", "grid")
        boxes += _row(sheet, facts, axis, row, place, y, width)
        if index + 1 < len(rows):
            _connect(sheet, axis(row.stop), place, y)
    _grid(sheet, facts, axis, values, place, (top, bottom), boxes)
    for index, row in enumerate(rows):
        _mark(sheet, axis, row, top + place.tall * index + (26 if place.wide else 59))
    sheet.path(f"M{px(place.left)} {px(bottom)}H{px(place.right)}", "base")
    for value, label in zip(values, labels, strict=True):
        half = text.width(label) / 2
        middle = min(max(axis(value), half), width - half)
        sheet.text(middle, bottom + 17, label, "m tick")
    told = " ".join(map(str, words.advice(facts)))
    return sheet.svg(bottom + 26, f"gap-{round(width)}", words.title(facts), told)


def _place(width: float) -> Place:
    if width < SIDE_BY_SIDE:
        return Place(wide=False, left=4, right=width - 4, room=width, tall=74)
    room = 330.0 if width > 900 else 224.0
    right = width - (172 if width > 900 else 150)
    return Place(wide=True, left=room + 14, right=right - 48, room=room, tall=52)


def _rows(facts: GapFacts) -> Iterator[Row]:
    """The first level, each step that has one, and the last level."""
    shown = facts.shown
    if not shown:
        return
    first, last = shown[0], shown[-1]
    level = first.level.value or 0.0
    yield Row(words.label(first), words.second(facts, first), None, level, None, 0)
    levels = {each.key: each.level.value or 0.0 for each in shown}
    for stage in shown[1:]:
        yield Row(
            words.label(stage), _second(facts, stage), levels[stage.since],
            levels[stage.key], stage.step, facts.worsens(stage.step),
        )  # fmt: skip
    level = last.level.value or 0.0
    yield Row(words.LABELS["end"], "what was served", None, level, None, 0)


def _second(facts: GapFacts, stage: StageFact) -> str:
    said = words.mark(facts, stage)
    made = words.second(facts, stage)
    if stage.same or not said:
        return made
    return f"{made}; {said}" if said.startswith("less") else said


def _span(facts: GapFacts, rows: Sequence[Row]) -> tuple[float, float]:
    """The values of the axis: all levels, whiskers and the line of no model, with a margin."""
    reached = [value for row in rows for value in _reach(row)]
    if facts.constant.value is not None:
        reached.append(facts.constant.value)
    low, high = min(reached), max(reached)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _reach(row: Row) -> Iterator[float]:
    yield row.stop
    if row.start is not None:
        yield row.start
        if row.step is not None and row.step.low is not None and row.step.high is not None:
            yield row.start + row.step.low
            yield row.start + row.step.high


def _heading(sheet: Sheet, facts: GapFacts, axis: Line, place: Place, width: float) -> float:
    """What the axis is, what the figures are, and the name of the line of no model."""
    better = "lower is better" if facts.metric.lower_is_better else "higher is better"
    name = facts.metric.words
    said = f"{name[:1].upper()}{name[1:]}, {better}"
    sheet.text(place.left if place.wide else 0, 14, said, "l")
    if place.wide:
        sheet.text(width, 14, "step, 95% interval", "l e")
    top = 28.0
    if facts.constant.value is not None:
        level = words.scale(facts).level(facts.constant.value)
        constant = "constant rate" if facts.metric.task == "binary" else "constant mean"
        line = f"no model at all: {constant} {level}"
        half = text.width(line) / 2
        middle = min(max(axis(facts.constant.value), place.left + half), width - half)
        sheet.text(middle, 36, line, "m vi")
        top = 46.0
    return top


def _grid(
    sheet: Sheet,
    facts: GapFacts,
    axis: Line,
    values: Sequence[float],
    place: Place,
    over: tuple[float, float],
    boxes: Sequence[Box],
) -> None:
    """Lines from top to bottom, broken where words stand."""
    top, bottom = over
    rows = round((bottom - top - 6) / place.tall)
    stretches = [(top, bottom)]
    if not place.wide:  # the words of a row stand above its bar: no line runs through them
        stretches = [(top + place.tall * i + 46, top + place.tall * (i + 1)) for i in range(rows)]
    for start, stop in stretches:
        for value in values:
            sheet.path(down(axis(value), (start, stop), boxes), "grid")
        if facts.constant.value is not None:
            sheet.path(down(axis(facts.constant.value), (start, stop), boxes), "yard")


def _row(
    sheet: Sheet, facts: GapFacts, axis: Line, row: Row, place: Place, y: float, width: float
) -> list[Box]:
    """The words and figures of one row, and where they stand among the lines."""
    figure = words.scale(facts)
    first, second = (place.room,) * 2 if place.wide else (width - 64, width - 124)
    sheet.text(0, y + 20, text.shorten(row.name, first, 13, bold=True), "b")
    sheet.text(0, y + 37, text.shorten(row.second, second), "")
    middle = y + (26 if place.wide else 59)
    if row.step is None:
        sheet.text(width, y + 20, figure.level(row.stop), "b e")
        return []
    after = max([axis(value) for value in _reach(row)]) + 8
    level = figure.level(row.stop)
    if after + text.width(level) > width - (150 if place.wide else 0):
        after = min([axis(value) for value in _reach(row)]) - 8 - text.width(level)
    sheet.text(after, middle + 4, level, "")
    colour = {1: " vw", -1: " vs", 0: ""}[row.sign]
    value = row.step.value
    if value is not None:
        sheet.text(width, y + 20, figure.difference(value), f"b e{colour}")
    if row.step.low is not None and row.step.high is not None:
        sheet.text(width, y + 37, figure.interval(row.step.low, row.step.high), "e")
    else:
        sheet.text(width, y + 37, "no interval", "e")
    return [Box(after, middle - 9, after + text.width(level), middle + 9)]


def _mark(sheet: Sheet, axis: Line, row: Row, y: float) -> None:
    """A diamond for a level, a bar with its whisker for a step."""
    if row.step is None:
        sheet.path(f"M{px(axis(row.stop) - 7)} {px(y)}l7 -7l7 7l-7 7Z", "diamond")
        return
    _bar(sheet, axis, row, y)


def _bar(sheet: Sheet, axis: Line, row: Row, y: float) -> None:
    start = axis(row.start if row.start is not None else row.stop)
    stop = axis(row.stop)
    style = {1: "worsebar", -1: "betterbar", 0: "openbar"}[row.sign]
    left, right = min(start, stop), max(start, stop)
    sheet.rect(left, y - 8, max(right - left, 1.5), 16, style)
    step = row.step
    if (
        step is not None
        and step.low is not None
        and step.high is not None
        and row.start is not None
    ):
        ends = [axis(row.start + step.low), axis(row.start + step.high)]
        route = f"M{px(ends[0])} {px(y)}H{px(ends[1])}"
        route += "".join(f"M{px(x)} {px(y - 5)}V{px(y + 5)}" for x in ends)
        sheet.path(route, "whisker")


def _connect(sheet: Sheet, x: float, place: Place, y: float) -> None:
    """The line from a level down to the next row's bar; not through the words of a narrow row."""
    if place.wide:
        sheet.path(f"M{px(x)} {px(y + 34)}V{px(y + place.tall + 18)}", "lead")
