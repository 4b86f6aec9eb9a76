"""Axes: where a moment or a value lies, and which of them are named."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from asof.study.report import numbers, text
from asof.units import DAY, HOUR, SECOND


@dataclass(frozen=True, slots=True)
class Line:
    """A linear axis from values [low, high] to px [start, stop].

    >>> Line(0, 10, 100, 200)(5)
    150.0
    """

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Where `value` lies."""
        part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.stop - self.start)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on an axis of time: a line at `at`, the label centred at `middle` ("" for none)."""

    at: float
    middle: float
    label: str


def nice(low: float, high: float, most: int) -> list[float]:
    """Round values in [low, high], at least two and at most `most` of them.

    >>> nice(0.17, 0.78, 7)
    [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    """
    size = 10.0 ** math.floor(math.log10((high - low) / most))
    found: list[float] = []
    for times in (1, 2, 2.5, 3, 5, 10, 20, 25, 50):
        step = times * size
        places = max(0, 2 - math.floor(math.log10(step)))
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        within = [round(index * step, places) for index in range(first, last + 1)]
        if found and len(within) < 2:
            break
        found = within
        if len(within) <= most:
            break
    return found


def value_labels(values: Sequence[float], *, bounded: bool) -> list[str]:
    """The values of an axis with as many places as the finest needs.

    >>> value_labels([0.2, 0.25], bounded=True)
    ['.20', '.25']
    """
    places = next(
        (
            places
            for places in range(13)
            if all(math.isclose(round(value, places), value, abs_tol=1e-13) for value in values)
        ),
        12,
    )
    return [numbers.Scale(places, bounded).level(value) if value else "0" for value in values]


_LENGTHS = {
    "hour": HOUR, "hour3": 3 * HOUR, "hour6": 6 * HOUR, "day": DAY, "day2": 2 * DAY,
    "week": 7 * DAY, "week2": 14 * DAY, "month": 30 * DAY, "month3": 91 * DAY, "year": 365 * DAY,
}  # fmt: skip
_UNITS = tuple(_LENGTHS)


def time_marks(start: int, stop: int, zone: str, place: Line, most: int) -> list[Mark]:
    """Civil moments in [start, stop], at most `most` of them, their labels not overlapping.

    >>> axis = Line(0, 31e12, 0, 1000)
    >>> [mark.label for mark in time_marks(0, 31_000_000_000_000, "UTC", axis, 12)][:3]
    ['Jan 1970', 'Feb', 'Mar']
    """
    unit, moments = _grain(start, stop, zone, most)
    spans = unit in {"month", "year"}
    marks: list[Mark] = []
    for when in moments:
        at = place(max(start, min(stop, _micro(when))))
        later = place(min(stop, _micro(_next(when, unit))))
        middle = (at + later) / 2 if spans else at
        first = not any(mark.label for mark in marks)
        mark = Mark(at, middle, _label(when, unit, first=first))
        marks.append(mark if _inside(mark, place) else Mark(at, middle, ""))
    return _thin(marks)


def _grain(start: int, stop: int, zone: str, most: int) -> tuple[str, list[datetime]]:
    """The finest unit with at most `most` moments, and the moments."""
    for unit in _UNITS:
        if (stop - start) / _LENGTHS[unit] <= 3 * most:
            moments = list(_moments(start, stop, zone, unit))
            if len(moments) <= most:
                return unit, moments
    return "year", list(_moments(start, stop, zone, "year"))


def _thin(marks: list[Mark]) -> list[Mark]:
    """The same marks, every so many of them named, so that no name lies over another."""
    first = next((index for index, mark in enumerate(marks) if mark.label), len(marks))
    for stride in range(1, len(marks) + 1):
        named = [mark for mark in marks[first::stride] if mark.label]
        if all(b.middle - a.middle > _half(a) + _half(b) + 6 for a, b in pairwise(named)):
            kept = {id(mark) for mark in named}
            return [mark if id(mark) in kept else Mark(mark.at, mark.middle, "") for mark in marks]
    return marks


def _half(mark: Mark) -> float:
    return text.width(mark.label) / 2


def _inside(mark: Mark, place: Line) -> bool:
    half = _half(mark)
    return mark.middle - half >= place.start - 12 and mark.middle + half <= place.stop + 12


def _moments(start: int, stop: int, zone: str, unit: str) -> Iterator[datetime]:
    when = _floor(numbers.local(start, zone), unit)
    while _micro(when) < stop:
        if _micro(when) >= start or unit in {"month", "year"}:
            yield when
        when = _next(when, unit)


def _floor(when: datetime, unit: str) -> datetime:
    midnight = when.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit.startswith("week"):
        return midnight - timedelta(days=midnight.weekday())
    if unit.startswith("month"):
        return midnight.replace(day=1, month=when.month if unit == "month" else 1)
    return midnight.replace(day=1, month=1) if unit == "year" else midnight


def _next(when: datetime, unit: str) -> datetime:
    if unit.startswith("hour"):
        later = when.timestamp() + 3600 * int(unit[4:] or 1)
        return datetime.fromtimestamp(later, when.tzinfo)
    if unit.startswith("day"):
        return when + timedelta(days=int(unit[3:] or 1))
    if unit.startswith("week"):
        return when + timedelta(days=7 * int(unit[4:] or 1))
    if unit == "year":
        return when.replace(year=when.year + 1)
    month = when.month + int(unit[5:] or 1)
    return when.replace(year=when.year + (month - 1) // 12, month=(month - 1) % 12 + 1)


def _label(when: datetime, unit: str, *, first: bool) -> str:
    month = numbers.MONTHS[when.month - 1][:3]
    if unit == "year":
        return str(when.year)
    if unit.startswith("month"):
        return f"{month} {when.year}" if first or when.month == 1 else month
    if unit.startswith("hour") and when.hour:
        if first:
            return f"{when.day} {month} {when:%H:%M}"
        return f"{when:%H:%M}"
    return f"{when.day} {month} {when.year}" if first else f"{when.day} {month}"


def _micro(when: datetime) -> int:
    return round(when.timestamp()) * SECOND
