"""The frame of a drawing of a life: where its columns lie, and which slots share a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asof.study.facts import Life, Series
from asof.study.findings import Findings
from asof.study.report.axis import Line, Mark, time_marks

STEPS = 200
"""The most steps of a curve."""
CLOSE = 2.5
"""Steps narrower than so many px are merged."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Neighbouring slots that are drawn as one step from px `left` to px `right`."""

    left: float
    right: float
    slots: range
    final: bool

    @property
    def middle(self) -> float:
        """The px in its middle."""
        return (self.left + self.right) / 2


@dataclass(frozen=True, slots=True)
class Frame:
    """What all panels of one drawing share.

    `wide` drawings have their headings on the left, the others above each panel. `place` maps
    moments to px; to the right of it is `room` px for labels.
    """

    life: Life
    found: Findings
    name: str
    width: float
    wide: bool
    place: Line
    room: float
    marks: tuple[Mark, ...]
    bins: tuple[Bin, ...]

    @property
    def merged(self) -> bool:
        """Whether a step may stand for several slots."""
        return len(self.bins) < len(self.life.slots)

    @property
    def label(self) -> float:
        """Where labels on the right begin."""
        return self.place.stop + 16


def frame(life: Life, found: Findings, width: float, ticks: float) -> Frame:
    """The frame of a drawing `width` px wide whose widest value on an axis takes `ticks` px."""
    wide = width >= 1000
    room = 150.0 if wide else 134.0 if width >= 600 else 96.0
    left = (156.0 if wide else 0.0) + max(30.0, ticks + 10)
    place = Line(life.start, life.end, left, width - room)
    most = max(3, int((place.stop - place.start) / (40 if width >= 600 else 18)))
    marks = tuple(time_marks(life.start, life.end, life.zone, place, most))
    bins = tuple(_bins(life, place))
    return Frame(life, found, f"life{width:.0f}", width, wide, place, room - 16, marks, bins)


def _bins(life: Life, place: Line) -> list[Bin]:
    most = max(2, min(STEPS, int((place.stop - place.start) / CLOSE)))
    size = -(-len(life.slots) // most)
    found: list[Bin] = []
    for first in range(0, len(life.slots), size):
        slots = range(first, min(first + size, len(life.slots)))
        left = place(max(life.start, life.slots[slots[0]].start))
        right = place(min(life.end, life.slots[slots[-1]].stop))
        final = all(life.slots[index].final for index in slots)
        found.append(Bin(left, right, slots, final))
    return found


@dataclass(frozen=True, slots=True)
class Step:
    """A series in one bin; the interval is None where a slot of the bin has none."""

    bin: Bin
    value: float
    low: float | None
    high: float | None


def curve(series: Series, bins: Sequence[Bin]) -> list[Step | None]:
    """A series bin by bin: mean over the slots that have a figure, weighted by their rows.

    The interval of a merged step is the mean of the intervals, wider than that of the mean.
    """
    found: list[Step | None] = []
    for each in bins:
        figures = [series.slots[index] for index in each.slots if series.slots[index].shown]
        if not figures:
            found.append(None)
            continue
        weights = [max(1, figure.n) for figure in figures]
        bounded = all(figure.low is not None and figure.high is not None for figure in figures)
        found.append(
            Step(
                each,
                _mean([figure.value or 0.0 for figure in figures], weights),
                _mean([figure.low or 0.0 for figure in figures], weights) if bounded else None,
                _mean([figure.high or 0.0 for figure in figures], weights) if bounded else None,
            )
        )
    return found


def runs(curve: Sequence[Step | None], wanted: Callable[[Step], bool]) -> list[list[Step]]:
    """The stretches of a curve without a gap whose steps are all wanted."""
    found: list[list[Step]] = [[]]
    for step in curve:
        if step is not None and wanted(step):
            found[-1].append(step)
        elif found[-1]:
            found.append([])
    return [run for run in found if run]


def _mean(values: Sequence[float], weights: Sequence[int]) -> float:
    pairs = zip(values, weights, strict=True)
    return sum(value * weight for value, weight in pairs) / sum(weights)
