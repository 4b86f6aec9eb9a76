"""The drawing of serving modes: one row a mode, what it loses on one axis, what it needs beside it.

`draw` is pure: the same chart and width give the same text. Where a row has no room for the axis
between its words and its columns, each mode becomes a block with its strip below its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from asof.study.report import text
from asof.study.report.axis import Line, nice, value_labels
from asof.study.report.labels import Box, down
from asof.study.report.svg import Sheet, px

Look = Literal["yardstick", "shown", "worse", "open", "none"]

STYLE = """
.asof svg .vw{fill:var(--worse)}
.asof svg .ink{fill:var(--ink)}
.asof svg .good{stroke:var(--served);stroke-width:2;fill:none}
.asof svg .bad{stroke:var(--worse);stroke-width:2;fill:none}
.asof svg .maybe{stroke:var(--soft);stroke-width:1.6;fill:none}
"""
"""What the drawing needs beside the classes of all drawings."""

ROW = 66
PLOT = 220
"""The least room for the axis beside the words of a row, in px."""
WIDE = 900
"""From this width on columns are left out rather than rows broken into blocks."""
FAR = 4
"""An answer without a model that is so many times as far off as all modes is named, not drawn."""
_GAP = 40
_STRIP = 30
_COLOURS = {"worse": "vw", "shown": "vs"}


@dataclass(frozen=True, slots=True)
class Row:
    """A mode: its words, its level, its difference with the interval, and its columns.

    `said` is the difference as it is printed, or why there is none; `line` tells the columns in
    words. `strong` marks the mode that is
    recommended, `warned` one that is worse than no model.
    """

    label: str
    second: str
    level: str
    look: Look
    value: float | None
    low: float | None
    high: float | None
    said: str
    cells: tuple[str, ...]
    line: str
    strong: bool = False
    warned: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """All modes on one axis of differences.

    `metric` is the metric's words, `axis` the two lines above the axis; `heads` are two lines each.
    `nothing` is where no model at all lies, and `nothing_said` how that is printed.
    """

    title: str
    description: str
    metric: str
    axis: tuple[str, str]
    bounded: bool
    nothing: float | None
    nothing_said: str
    heads: tuple[tuple[str, str], ...]
    right: tuple[bool, ...]
    rows: tuple[Row, ...]


def draw(chart: Chart, width: float) -> str:
    """The modes as SVG, `width` px wide; "" where no mode has a difference to draw."""
    if not any(row.value is not None for row in chart.rows if row.look != "yardstick"):
        return ""
    columns, chart = _fitting(chart, width)
    sheet = Sheet(width)
    height = _blocks(sheet, chart) if columns is None else _table(sheet, chart, columns)
    return sheet.svg(height, f"serving{width:.0f}", chart.title, chart.description)


# --- in rows -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the columns lie: the level ends at `level`, cells begin or end at `cells`."""

    level: float
    plot: tuple[float, float]
    room: float
    cells: tuple[float, ...]


def _fitting(chart: Chart, width: float) -> tuple[_Columns | None, Chart]:
    """The chart with as many of its columns as leave room for the axis; None if none do."""
    columns = _columns(chart, width)
    while columns is None and len(chart.heads) > 1 and width >= WIDE:
        rows = tuple(replace(row, cells=row.cells[:-1]) for row in chart.rows)
        chart = replace(chart, heads=chart.heads[:-1], right=chart.right[:-1], rows=rows)
        columns = _columns(chart, width)
    return columns, chart


def _columns(chart: Chart, width: float) -> _Columns | None:
    words = max(
        max(
            text.width(row.label, 13, bold=row.strong or row.warned),
            text.width(row.second, 12),
        )
        for row in chart.rows
    )
    level = max(text.width(word, 13) for word in ["loss", *(row.level for row in chart.rows)])
    sizes = [
        max(text.width(word, 13) for word in [*head, *(row.cells[i] for row in chart.rows)])
        for i, head in enumerate(chart.heads)
    ]
    ends = words + 24 + level
    start = ends + _GAP
    stop = width - sum(sizes) - 28 * len(sizes) - 16
    if stop - start < PLOT:
        return None
    cells: list[float] = []
    at = width - sum(sizes) - 28 * (len(sizes) - 1)
    for size, right in zip(sizes, chart.right, strict=True):
        cells.append(at + size if right else at)
        at += size + 28
    return _Columns(ends, (start, stop), width - sum(sizes) - 28 * len(sizes), tuple(cells))


def _table(sheet: Sheet, chart: Chart, at: _Columns) -> float:
    place = _axis(chart, *at.plot)
    head, top = 30.0, 58.0
    metric = chart.metric.split(" ", 1)
    for number, word in enumerate(["", *metric] if len(metric) == 1 else metric):
        sheet.text(at.level, head - 17 + 17 * number, word, "e")
    for x, words, right in zip(at.cells, chart.heads, chart.right, strict=True):
        for number, word in enumerate(words):
            sheet.text(x, head - 17 + 17 * number, word, "e" if right else "")
    _axis_heads(sheet, chart, place, at, head)
    bottom = top + ROW * len(chart.rows)
    boxes: list[Box] = []
    for number, row in enumerate(chart.rows):
        y = top + ROW * number
        sheet.path(f"M0 {px(y)}H{px(sheet.width)}", "grid")
        middle = y + 25
        _words(sheet, row, middle)
        sheet.text(at.level, middle + 4, row.level, "e b" if row.strong else "e l vi")
        for x, word, right in zip(at.cells, row.cells, chart.right, strict=True):
            sheet.text(x, middle + 4, word, "e l vi" if right else "l vi")
        boxes.append(_said(sheet, row, place, middle, at.plot[0] - 20, at.room))
    _lines(sheet, chart, place, (top, bottom - 6), boxes)
    for number, row in enumerate(chart.rows):
        _mark(sheet, row, place, top + ROW * number + 25)
    return _ticks(sheet, chart, place, bottom - 6)


def _axis_heads(sheet: Sheet, chart: Chart, place: Line, at: _Columns, head: float) -> None:
    """What the axis shows, above it, and what the dashed line is."""
    start, stop = at.plot
    size = max(text.width(word) for word in chart.axis)
    zero = place(0.0)
    said = None if _far(chart) else _nothing_words(chart)
    wide = 0.0 if said is None else max(text.width(said[0], 13, bold=True), text.width(said[1]))
    after = said is not None and (chart.nothing or 0.0) > 0  # the dashed line is right of zero
    left = zero + size + (16 + wide if after else 0.0) > at.room
    for number, word in enumerate(chart.axis):
        sheet.text(zero, head - 17 + 17 * number, word, "e" if left else "")
    if said is None:
        return
    axis = (zero - size, zero) if left else (zero, zero + size)
    middle = min(max(_inside(place, chart.nothing), start + wide / 2), stop - wide / 2)
    if middle - wide / 2 < axis[1] + 16 and middle + wide / 2 > axis[0] - 16:
        middle = axis[1] + 16 + wide / 2 if after else axis[0] - 16 - wide / 2
    sheet.text(middle, head - 17, said[0], "m b")
    sheet.text(middle, head, said[1], "m")


def _nothing_words(chart: Chart) -> tuple[str, str] | None:
    if chart.nothing is None:
        return None
    return ("no model at all", chart.nothing_said + (", not drawn" if _far(chart) else ""))


def _inside(place: Line, value: float | None) -> float:
    return place(min(max(value or 0.0, place.low), place.high))


def _words(sheet: Sheet, row: Row, y: float) -> None:
    style = "b vw" if row.warned else "b" if row.strong else "l vi"
    sheet.text(0, y + 4, row.label, style)
    sheet.text(0, y + 22, row.second)


# --- in blocks -----------------------------------------------------------------------------------


def _blocks(sheet: Sheet, chart: Chart) -> float:
    width = sheet.width
    place = _axis(chart, 10, width - 10)
    y = sheet.lines(0, 13, text.wrap(_block_head(chart), width)) - 2
    strips: list[tuple[Row, float]] = []
    boxes: list[Box] = []
    for row in chart.rows:
        sheet.path(f"M0 {px(y)}H{px(width)}", "grid")
        bold = row.strong or row.warned
        room = width - text.width(row.level, 13) - 12
        label = text.wrap(row.label, room / (1.13 if bold else 1), 13)
        style = "b vw" if row.warned else "b" if row.strong else "l vi"
        sheet.text(width, y + 20, row.level, "e b" if row.strong else "e l vi")
        y = sheet.lines(0, y + 20, label, style)
        y = sheet.lines(0, y, text.wrap(row.second, width) if row.second else [])
        if row.value is not None or row.look == "yardstick":
            strips.append((row, y + 2))
            y += _STRIP
        if row.look == "yardstick":
            boxes.append(_said(sheet, row, place, y - _STRIP + 2, 0, width))
        elif row.said:
            style = f"l {_COLOURS.get(row.look, '')}".strip()
            y = sheet.lines(0, y, text.wrap(row.said, width, 13), style)
        y = sheet.lines(0, y, text.wrap(row.line, width)) - 3
    for row, at in strips:
        _lines(sheet, chart, place, (at - 13, at + 13), boxes)
        _mark(sheet, row, place, at)
    return _ticks(sheet, chart, place, y + 4)


def _block_head(chart: Chart) -> str:
    """What the axis shows, in a sentence."""
    said = f"{' '.join(chart.axis)}. {chart.metric[:1].upper()}{chart.metric[1:]} at the right."
    nothing = _nothing_words(chart)
    said = said[:1].upper() + said[1:]
    if nothing is None:
        return said
    line = "" if _far(chart) else "Dashed: "
    return f"{said} {line}{nothing[0]}, {nothing[1]}."


# --- the axis ------------------------------------------------------------------------------------


def _far(chart: Chart) -> bool:
    reach = max((abs(value) for value in _values(chart.rows)), default=0.0)
    return chart.nothing is not None and abs(chart.nothing) > FAR * reach > 0


def _values(rows: Sequence[Row]) -> Iterator[float]:
    for row in rows:
        yield from (each for each in (row.value, row.low, row.high) if each is not None)


def _axis(chart: Chart, start: float, stop: float) -> Line:
    values = [0.0, *_values(chart.rows)]
    if chart.nothing is not None and not _far(chart):
        values.append(chart.nothing)
    low, high = min(values), max(values)
    margin = 0.04 * (high - low) or 1e-3
    return Line(low - margin, high + margin, start, stop)


def _ticks(sheet: Sheet, chart: Chart, place: Line, y: float) -> float:
    """The axis and its names; the height of the drawing."""
    sheet.path(f"M{px(place.start)} {px(y)}H{px(place.stop)}", "base")
    values = _grid(place)
    labels = value_labels(values, bounded=chart.bounded)
    for value, label in zip(values, labels, strict=True):
        sign = "+" if value > 0 else ""
        half = text.width(sign + label) / 2
        x = min(max(place(value), half), sheet.width - half)
        sheet.text(x, y + 18, sign + label, "m tick")
    return y + 26


def _grid(place: Line) -> list[float]:
    most = 5 if place.stop - place.start > 400 else 4
    return nice(place.low, place.high, most)


def _lines(
    sheet: Sheet, chart: Chart, place: Line, over: tuple[float, float], boxes: Sequence[Box]
) -> None:
    """Grid, zero and the dashed line from top to bottom, broken where words stand."""
    for value in _grid(place):
        if value:
            sheet.path(down(place(value), over, boxes), "grid")
    sheet.path(down(place(0.0), over, boxes), "base")
    if chart.nothing is not None and not _far(chart):
        sheet.path(down(place(chart.nothing), over, boxes), "yard")


def _said(sheet: Sheet, row: Row, place: Line, y: float, left: float, right: float) -> Box:
    """The difference in words beside its mark, where there is room; the box that they fill."""
    style = _COLOURS.get(row.look, "")
    reach = [each for each in (row.value, row.low, row.high) if each is not None] or [0.0]
    low, high = place(min(reach)) - 10, place(max(reach)) + 10
    if row.value is None and row.look != "yardstick":
        low = high = place(0.0) + 10
    size = text.width(row.said, 13)
    if high + size <= right:
        sheet.text(high, y + 4, row.said, f"l {style}".strip())
        return Box(high, y - 10, high + size, y + 10)
    if low - size >= left:
        sheet.text(low, y + 4, row.said, f"e l {style}".strip())
        return Box(low - size, y - 10, low, y + 10)
    room = right - left
    word = text.shorten(row.said, room, 13)
    size = text.width(word, 13)
    x = min(max(place(reach[0]) - size / 2, left), right - size)
    sheet.text(x, y + 22, word, f"l {style}".strip())
    return Box(x, y + 9, x + size, y + 26)


def _mark(sheet: Sheet, row: Row, place: Line, y: float) -> None:
    if row.look == "yardstick":
        x = place(0.0)
        sheet.path(f"M{px(x - 6)} {px(y)}L{px(x)} {px(y - 6)}L{px(x + 6)} {px(y)}L{px(x)} "
                   f"{px(y + 6)}Z", "ink")  # fmt: skip
        return
    if row.value is None:
        return
    line, dot = {"worse": ("bad", "never"), "shown": ("good", "up")}.get(
        row.look, ("maybe", "ring")
    )
    if row.low is not None and row.high is not None:
        low, high = place(row.low), place(row.high)
        sheet.path(
            f"M{px(low)} {px(y)}H{px(high)}M{px(low)} {px(y - 5)}V{px(y + 5)}"
            f"M{px(high)} {px(y - 5)}V{px(y + 5)}",
            line,
        )
    sheet.circle(place(row.value), y, 5.5, dot)
