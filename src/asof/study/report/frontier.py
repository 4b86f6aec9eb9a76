"""The picture of policies: quality against cost, the two halves of the life, what age costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asof.study.report import text
from asof.study.report.axis import Line, nice, value_labels
from asof.study.report.labels import Box, place
from asof.study.report.sides import Ageing, Halves, ageing, halves
from asof.study.report.svg import Sheet, px

STYLE = """
.asof svg .ghosts{stroke:var(--ghost);stroke-width:3.4;stroke-linecap:round;fill:none}
.asof svg .dot{fill:var(--served)}
.asof svg .hole{fill:var(--paper);stroke:var(--ink);stroke-width:1.8}
.asof svg .loss{fill:var(--worse)}
.asof svg .lost{stroke:var(--worse);stroke-width:2;fill:none}
.asof svg .vw{fill:var(--worse)}
.asof svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.asof svg .strong{font-weight:600}
.asof svg .open1{stroke:var(--soft);stroke-width:1.6;fill:none}
"""
"""What the drawing needs beside the classes of all drawings."""

Place = tuple[float, float]
"""A policy as cost and value."""

_FIRST = 3
"""So many names find room before what is said of the regret: the advised policy and the best."""

CLOSE = 2.5
"""Policies nearer than so many px are drawn as one."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A policy with a name; `strong` is the advised one, `hollow` one that was given by hand."""

    label: str
    cost: float
    value: float
    strong: bool = False
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn: the many, their frontier, the best in hindsight, and the named ones.

    `regret` is the value of the best in hindsight beside the advised policy, and what is said of
    the difference.
    """

    title: str
    description: str
    metric: str
    better: str
    cost: str
    bounded: bool
    lower: bool
    many: str
    points: tuple[Place, ...]
    frontier: tuple[Place, ...]
    hull: tuple[Place, ...]
    dots: tuple[Dot, ...]
    regret: tuple[float, str] | None
    halves: Halves | None
    ageing: Ageing | None


@dataclass(frozen=True, slots=True)
class Plot:
    """The axes of the picture, and how many policies lie beyond them."""

    x: Line
    y: Line
    beyond: int

    def at(self, where: Place) -> Place:
        """Where a policy lies, in px."""
        return self.x(math.log10(max(where[0], 1e-9))), self.y(where[1])


def draw(chart: Chart, width: float) -> str:
    """The picture as SVG, `width` px wide."""
    wide = width >= 1000
    sheet = Sheet(width)
    right = width * 0.665 if wide else width
    down = _frontier(sheet, chart, right)
    left = width * 0.725 if wide else 0.0
    side = 12.0 if wide else down + 40
    if chart.halves is not None:
        side = halves(sheet, chart.halves, left, width, side) + 38
    if chart.ageing is not None:
        side = ageing(sheet, chart.ageing, left, width, side, bounded=chart.bounded)
    name = f"frontier{width:.0f}"
    return sheet.svg(max(down, side) + 6, name, chart.title, chart.description)


def _frontier(sheet: Sheet, chart: Chart, right: float) -> float:
    metric = chart.metric[:1].upper() + chart.metric[1:]
    sheet.text(0, 12, f"{metric}, {chart.better}", "b")
    top = _key(sheet, chart, right, 32) + 22
    bottom = top + (390 if right >= 600 else 300)
    plot, values, labels = _axes(chart, right, top, bottom)
    names = list(_names(chart, plot))
    for value, label in zip(values, labels, strict=True):
        y = plot.y(value)
        sheet.path(_cut(plot, y, [box for _, box, *_ in names]), "grid")
        sheet.text(plot.x.start - 8, y + 4, label, "e tick")
    end = _costs(sheet, chart, plot, bottom)
    inside = sheet.clip(
        f"frontier{sheet.width:.0f}-plot",
        plot.x.start,
        top - 4,
        right - plot.x.start,
        bottom - top + 8,
    )
    sheet.path(_ghosts(map(plot.at, chart.points), plot), "ghosts", inside)
    sheet.path(_line(list(map(plot.at, chart.hull)), plot.x.stop), "yard", inside)
    sheet.path(_steps(list(map(plot.at, chart.frontier)), plot.x.stop), "served", inside)
    _regret(sheet, chart, plot)
    for dot in sorted(chart.dots, key=lambda dot: dot.strong):
        kind = "hole" if dot.hollow else "dot"
        sheet.circle(*plot.at((dot.cost, dot.value)), 6.5 if dot.strong else 4.5, kind)
    for words, box, at, style in names:
        sheet.text(at, box.bottom - 4, words, style)
    return end


def _key(sheet: Sheet, chart: Chart, right: float, y: float) -> float:
    """The marks in words, as few lines as they need; the last baseline."""
    entries = [("ghosts", f"one policy each, {chart.many}")] if chart.points else []
    entries += [("served", "the frontier")] if chart.frontier else []
    entries += [("yard", "best possible in hindsight")] if chart.hull else []
    if any(dot.hollow for dot in chart.dots):
        entries.append(("hole", "given by hand, replayed"))
    x = 0.0
    for style, words in entries:
        size = 36 + text.width(words) + 22
        if x and x + size > right:
            x, y = 0.0, y + 18
        if style == "hole":
            sheet.circle(x + 14, y - 4, 4, style)
        elif style == "ghosts":
            sheet.path("".join(f"M{px(x + d)} {px(y - 4)}h0" for d in (4, 14, 24)), style)
        else:
            sheet.path(f"M{px(x)} {px(y - 4)}h28", style)
        sheet.text(x + 36, y, words)
        x += size
    return y


def _axes(
    chart: Chart, right: float, top: float, bottom: float
) -> tuple[Plot, list[float], list[str]]:
    named = [(dot.cost, dot.value) for dot in chart.dots]
    shown = [value for _, value in (*chart.frontier, *chart.hull, *named)]
    low, high = min(shown), max(shown)
    margin = 0.07 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = low - 2 * margin, high + margin  # room for words below the best in hindsight
    values = nice(low, high, 7)
    labels = value_labels(values, bounded=chart.bounded)
    left = max(text.width(label) for label in labels) + 10
    costs = [max(cost, 1e-9) for cost, _ in (*chart.frontier, *chart.hull, *named, *chart.points)]
    first, last = math.log10(min(costs)), math.log10(max(costs))
    air = 0.03 * (last - first) or 0.2
    y = Line(low, high, bottom, top)
    beyond = sum(not low <= value <= high for _, value in chart.points)
    return Plot(Line(first - air, last + air, left, right), y, beyond), values, labels


def _costs(sheet: Sheet, chart: Chart, plot: Plot, bottom: float) -> float:
    """The axis of cost; the baseline after its words."""
    sheet.path(f"M{px(plot.x.start)} {px(bottom)}H{px(plot.x.stop)}", "base")
    last = -8.0
    for value in _decades(plot.x.low, plot.x.high, 8):
        x, label = plot.x(math.log10(value)), f"{value:,.10g}"
        half = text.width(label) / 2
        if x - half < last + 8 or x + half > min(plot.x.stop + 4, sheet.width):
            continue
        sheet.path(f"M{px(x)} {px(bottom)}v5", "base")
        sheet.text(x, bottom + 19, label, "m tick")
        last = x + half
    y = bottom + 38
    said = [chart.cost]
    if plot.beyond:
        said.append(
            f"{plot.beyond:,} policies lie beyond the {'top' if chart.lower else 'bottom'}."
        )
    for words in said:
        for line in text.wrap(words, plot.x.stop):
            sheet.text(plot.x.stop, y, line, "e")
            y += 16
    return y


def _decades(low: float, high: float, most: int) -> list[float]:
    """Round costs between 10^low and 10^high: 1, 2 and 5 times powers of ten, or powers alone."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    for times in ((1, 2, 5), (1, 3), (1,)):
        found = [
            round(step * 10.0**power, 12)
            for power in powers
            for step in times
            if low <= math.log10(step) + power <= high
        ]
        if len(found) <= most:
            return found
    return found[:: -(-len(found) // most)]


def _ghosts(places: Iterable[Place], plot: Plot) -> str:
    """A point for each policy within the axes, those that lie on one another as one."""
    kept: dict[tuple[int, int], Place] = {}
    for x, y in places:
        if plot.y.stop <= y <= plot.y.start:
            kept.setdefault((round(x / CLOSE), round(y / CLOSE)), (x, y))
    return "".join(f"M{px(x)} {px(y)}h0" for x, y in kept.values())


def _line(places: Sequence[Place], stop: float) -> str:
    if not places:
        return ""
    route = "L".join(f"{px(x)} {px(y)}" for x, y in places)
    return f"M{route}H{px(stop)}"


def _steps(places: Sequence[Place], stop: float) -> str:
    if not places:
        return ""
    (x, y), *rest = places
    return f"M{px(x)} {px(y)}" + "".join(f"H{px(a)}V{px(b)}" for a, b in rest) + f"H{px(stop)}"


def _regret(sheet: Sheet, chart: Chart, plot: Plot) -> None:
    strong = next((dot for dot in chart.dots if dot.strong), None)
    if strong is None or chart.regret is None:
        return
    x, y = plot.at((strong.cost, strong.value))
    end = plot.y(chart.regret[0])
    if abs(end - y) < 12:
        return
    sheet.path(f"M{px(x)} {px(y)}V{px(end)}M{px(x - 4)} {px(end)}h8", "lost")


Name = tuple[str, Box, float, str]
"""Words in the plot: their box, where they begin, and their style."""


def _names(chart: Chart, plot: Plot) -> Iterator[Name]:
    """The names of the policies and the regret, as far as there is room; the others are tabled."""
    dots = sorted(chart.dots, key=lambda dot: not dot.strong)
    spots = [(dot, *plot.at((dot.cost, dot.value))) for dot in dots]
    taken = [Box(x - 6, y - 6, x + 6, y + 6) for _, x, y in spots]
    lines = list(_way(list(map(plot.at, chart.frontier)), plot.x.stop))
    hull = list(map(plot.at, chart.hull))
    hull += [(plot.x.stop, y) for _, y in hull[-1:]]
    lines += [Box(x - 1, y - 1, x + 1, y + 1) for x, y in _along(hull)]
    within = Box(plot.x.start + 2, plot.y.stop - 18, plot.x.stop, plot.y.start - 3)
    wanted = [
        (dot.label, (x, y), f"l halo {'vs strong' if dot.strong else 'vi'}", dot.strong)
        for dot, x, y in spots
    ]
    if chart.regret is not None and dots[0].strong:
        at = spots[0][1], plot.y(chart.regret[0]) + 8
        wanted.insert(_FIRST, (chart.regret[1], at, "halo vw", True))
    for words, (x, y), style, bold in wanted:
        found = place(words, x, y, taken, lines, within, bold=bold)
        if found is not None:
            box, begins, anchor = found
            taken.append(box)
            yield words, box, begins, f"{style}{anchor}"


def _cut(plot: Plot, y: float, boxes: Sequence[Box]) -> str:
    """A line of the grid that gives way to the words on it."""
    route, at = "", plot.x.start
    for box in sorted(boxes, key=lambda box: box.left):
        if box.top < y < box.bottom:
            if box.left - 3 > at:
                route += f"M{px(at)} {px(y)}H{px(box.left - 3)}"
            at = max(at, box.right + 3)
    return route + (f"M{px(at)} {px(y)}H{px(plot.x.stop)}" if at < plot.x.stop else "")


def _way(places: Sequence[Place], stop: float) -> Iterator[Box]:
    """Boxes along a step line."""
    for number, (x, y) in enumerate(places):
        after = places[number + 1] if number + 1 < len(places) else (stop, y)
        yield Box(x, y - 1.5, after[0], y + 1.5)
        yield Box(after[0] - 1.5, min(y, after[1]), after[0] + 1.5, max(y, after[1]))


def _along(places: Sequence[Place]) -> Iterator[Place]:
    """Points every few px along a line."""
    for (x, y), (a, b) in pairwise(places):
        number = max(1, int(math.hypot(a - x, b - y) / 6))
        for step in range(number):
            yield x + (a - x) * step / number, y + (b - y) * step / number
