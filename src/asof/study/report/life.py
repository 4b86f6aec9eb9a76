"""The drawing of a life: the metric slot by slot, models, labels and quarantine on one time axis.

`draw` is pure: the same facts and width give the same text. It is drawn anew for every width and
never scaled. Colours and type come from the page through the classes of `tokens.DRAWING`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from asof.study.facts import Figure, Life, Series
from asof.study.findings import Extreme, Findings, strongest
from asof.study.report import strips, text, titles, words
from asof.study.report.axis import Line, nice, value_labels
from asof.study.report.frame import Frame, Step, curve, frame, runs
from asof.study.report.svg import Sheet, area, px, spread, steps

REACH = 0.9
"""How far, in heights of what was served, other lines may stretch the axis."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A series in the picture, its style and its steps."""

    series: Series
    style: str
    steps: list[Step | None]


def draw(life: Life, found: Findings, width: float) -> str:
    """The life as SVG, `width` px wide, or "" where `words.no_picture` says why there is none."""
    if words.no_picture(life, found):
        return ""
    span = _value_range(life)
    values = nice(*span, 7)
    labels = value_labels(values, bounded=life.metric.bounded)
    counts = strips.count_labels(life)
    ticks = max(text.width(label) for label in [*labels, *counts])
    here = frame(life, found, width, ticks)
    sheet = Sheet(width)
    y = _metric_panel(sheet, here, span, dict(zip(values, labels, strict=True)))
    y = strips.models(sheet, here, y)
    y = strips.labels(sheet, here, y)
    y = strips.quarantine(sheet, here, y)
    y = strips.time_axis(sheet, here, y)
    told = " ".join(str(said) for said in words.story(life, found)[:3])
    return sheet.svg(y, here.name, titles.title(life, found), told)


def drawn(life: Life) -> list[tuple[Series, str]]:
    """The series in the picture: served, the yardstick "never", the strongest baseline.

    Without that yardstick a second baseline takes its place; the others stand in the table.
    """
    chosen: list[tuple[Series, str]] = [(life.served, "served")]
    never, best = words.yardstick(life), strongest(life)
    if best is not None:
        chosen.insert(0, (best, "line"))
    if never is not None and never.total.shown:
        chosen.insert(0, (never, "yard"))
    elif best is not None:
        others = (each for each in life.series if each.kind == "baseline" and each is not best)
        second = next((each for each in others if each.total.shown), None)
        if second is not None:
            chosen.insert(0, (second, "dots"))
    return chosen


def _value_range(life: Life) -> tuple[float, float]:
    """The values that the axis of the metric spans, with a margin.

    Single slots of other lines may lie outside; a line whose overall level does is there whole.
    """
    served = [figure.value for figure in life.served.slots if figure.value is not None]
    low, high = min(served), max(served)
    reach = REACH * max(high - low, 0.02 * abs(high), 1e-12)
    for series, _ in drawn(life):
        level = series.total.value
        if level is not None and not low - reach <= level <= high + reach:
            shown = [figure.value for figure in series.slots if figure.value is not None]
            low, high = min([low, level, *shown]), max([high, level, *shown])
    others = [
        value
        for series, _ in drawn(life)
        for figure in series.slots
        for value in _extent(figure, band=series.kind == "served")
    ]
    low, high = max(low - reach, min([low, *others])), min(high + reach, max([high, *others]))
    margin = 0.03 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _extent(figure: Figure, *, band: bool) -> Iterator[float]:
    reached = (figure.value, figure.low, figure.high) if band else (figure.value,)
    yield from (value for value in reached if value is not None)


def _metric_panel(
    sheet: Sheet, here: Frame, span: tuple[float, float], named: dict[float, str]
) -> float:
    life = here.life
    y = _metric_heading(sheet, here)
    top = y + 24
    tall = 244.0 if here.wide else 216.0
    axis = Line(*span, top + tall, top)
    strips.grid(sheet, here, top, top + tall)
    for value, label in named.items():
        at = axis(value)
        sheet.path(f"M{px(here.place.start)} {px(at)}H{px(here.place.stop)}", "grid")
        sheet.text(here.place.start - 8, at + 4, label, "e tick")
    inside = sheet.clip(
        f"{here.name}-plot", here.place.start, top - 1, here.place.stop - here.place.start, tall + 2
    )
    lines = [Drawn(series, style, curve(series, here.bins)) for series, style in drawn(life)]
    _band(sheet, axis, lines[-1].steps, inside)
    for line in lines:
        _line(sheet, axis, line, inside)
    _end_labels(sheet, here, lines, axis)
    _notes(sheet, here, lines, axis)
    return top + tall + 46


def _metric_heading(sheet: Sheet, here: Frame) -> float:
    life = here.life
    better = "lower is better" if life.metric.lower_is_better else "higher is better"
    parts = [f"per {life.slot_words} of requests", better, "band: 95% interval"]
    if any(not slot.final for slot in life.slots):
        parts.append("hollow: not final yet")
    if here.merged:
        parts.append(f"neighbouring {life.slot_words}s merged")
    metric = life.metric.words
    return strips.heading(sheet, here, 0, metric[:1].upper() + metric[1:], parts)


def _band(sheet: Sheet, axis: Line, curve: list[Step | None], inside: str) -> None:
    for wanted, style in ((_final_band, "band"), (_young_band, "bandopen")):
        for run in runs(curve, wanted):
            top = [(step.bin.left, step.bin.right, axis(step.high or 0.0)) for step in run]
            low = [(step.bin.left, step.bin.right, axis(step.low or 0.0)) for step in run]
            sheet.path(area(top, low), style, inside)


def _final_band(step: Step) -> bool:
    return step.low is not None and step.high is not None and step.bin.final


def _young_band(step: Step) -> bool:
    return step.low is not None and step.high is not None and not step.bin.final


def _line(sheet: Sheet, axis: Line, line: Drawn, inside: str) -> None:
    def route(wanted: Callable[[Step], bool]) -> str:
        stretches = runs(line.steps, wanted)
        return "".join(
            steps([(step.bin.left, step.bin.right, axis(step.value)) for step in run])
            for run in stretches
        )

    if line.style != "served":
        sheet.path(route(lambda _: True), line.style, inside)
        return
    sheet.path(route(lambda step: step.bin.final), "served", inside)
    young = route(lambda step: not step.bin.final)
    sheet.path(young, "open", inside)
    sheet.path(young, "hollow", inside)


def _end_labels(sheet: Sheet, here: Frame, lines: list[Drawn], axis: Line) -> None:
    """The name and total of each line at its end, led there where they had to give way."""
    ends = [next((step for step in reversed(line.steps) if step), None) for line in lines]
    named = [(line, end) for line, end in zip(lines, ends, strict=True) if end]
    at = [axis(min(max(end.value, axis.low), axis.high)) for _, end in named]
    words_at = [_end_words(here, line) for line, _ in named]
    gaps = [16.0 * len(each) + 8 for each in words_at]
    places = spread(at, gaps, axis.stop - 8, axis.start + 26)
    for (line, end), start, place, said in zip(named, at, places, words_at, strict=True):
        x = here.label
        route = f"M{px(end.bin.right + 2)} {px(start)}L{px(x - 9)} {px(place + 8)}H{px(x - 4)}"
        sheet.path(route, "lead")
        name = "b vs" if line.style == "served" else "l" if here.width >= 600 else "vi"
        for index, each in enumerate(said):
            style = "" if each is said[-1] and line.series.total.shown else name
            sheet.text(x, place + 12 + 16 * index, each, style)


def _end_words(here: Frame, line: Drawn) -> list[str]:
    """The name of a line, over two lines where it is long, and its total."""
    served = line.style == "served"
    label = "served" if served and not here.wide else line.series.label
    size = 13 if here.width >= 600 else 12
    room = here.room / 1.13 if served else here.room
    said = text.wrap(label, room, size, lines=1 if here.wide else 2)
    total = line.series.total.value
    if total is not None:
        level = words.scale(here.life).level(total)
        said.append(f"overall {level}" if here.room > 90 else level)
    return said


def _notes(sheet: Sheet, here: Frame, lines: list[Drawn], axis: Line) -> None:
    """The highest and the lowest slot served, named outside the band, with a leader."""
    lower = here.life.metric.lower_is_better
    top, bottom = axis.stop, axis.start
    if here.found.slots < 6:
        return
    for extreme, kind, above in (
        (here.found.worst, "worst", lower),
        (here.found.best, "best", not lower),
    ):
        if extreme is None:
            continue
        index = next(i for i, each in enumerate(here.bins) if extreme.slot in each.slots)
        reached = [y for line in lines for y in _reach(line, index, axis)]
        edge = min(reached) if above else max(reached)
        edge = min(max(edge, top), bottom)
        x = here.bins[index].middle
        y = top - 10 if above else bottom + 18
        said = _note(here, extreme, kind)
        half = text.width(said) / 2
        middle = min(max(x, here.place.start + half), here.place.stop - half)
        start = y + 4 if above else y - 11
        stop = edge - 3 if above else edge + 3
        if abs(stop - start) > 3 and (stop > start) == above:
            sheet.path(f"M{px(x)} {px(start)}V{px(stop)}", "lead")
        sheet.text(middle, y, said, "m")


def _reach(line: Drawn, index: int, axis: Line) -> Iterator[float]:
    step = line.steps[index]
    if step is None:
        return
    yield axis(step.value)
    if line.style == "served" and step.low is not None and step.high is not None:
        yield axis(step.low)
        yield axis(step.high)


def _note(here: Frame, extreme: Extreme, kind: str) -> str:
    life = here.life
    unit = life.slot_words
    level = words.scale(life).level(extreme.value)
    every = " of every line" if extreme.every else ""
    long = f"{kind} {unit}{every}, {words.slot_name(life, extreme.start)}: {level}"
    if extreme.outcome is not None:
        longer = f"{long} at {words.outcome_words(life, extreme.outcome)}"
        if here.wide:
            return longer
    return long if here.width >= 600 else f"{kind} {unit}: {level}"
