"""The moments of a schedule: periods counted from an anchor, wall times by a zone's clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from asof.declare.schedules import AnyOf, Periodic, Schedule, Wall
from asof.units import SECOND

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of a moment that knows its zone.

    >>> microseconds(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    return (moment.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """The UTC datetime of microseconds since 1970-01-01."""
    return EPOCH + timedelta(microseconds=at)


def first_instant(day: date, at: time, zone: ZoneInfo) -> int:
    """The first instant at which the zone's clocks show, or have passed, a wall time.

    A time that does not exist is the first instant after the gap; one that exists twice is the
    first of the two.

    >>> from datetime import date, time
    >>> str(moment(first_instant(date(2024, 3, 31), time(2, 30), ZoneInfo("Europe/Berlin"))))
    '2024-03-31 01:00:00+00:00'
    """
    wall = datetime.combine(day, at)
    first = wall.replace(tzinfo=zone, fold=0)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall:
        return microseconds(first)
    # In a gap fold=0 reads the clock with the offset before it: the gap ends where both meet.
    second = wall.replace(tzinfo=zone, fold=1)
    return _jump(zone, *sorted((microseconds(first), microseconds(second))))


def _jump(zone: ZoneInfo, low: int, high: int) -> int:
    """The second between `low` and `high` from which the zone's offset is another one."""
    offset = moment(low).astimezone(zone).utcoffset()
    while high - low > SECOND:
        middle = low + (high - low) // (2 * SECOND) * SECOND
        if moment(middle).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


def moments(schedule: Schedule, start: int, stop: int, *, anchor: int = 0) -> NDArray[np.int64]:
    """The moments of `schedule` with `start <= moment < stop`, ascending, each once.

    Periods are counted from `anchor`; triggers that no clock tells (`after(labels=...)`) have none.

    >>> from asof import hours
    >>> from asof.declare.schedules import every
    >>> moments(every(hours(1)), 1, 3 * 3_600_000_000).tolist()
    [3600000000, 7200000000]
    """
    match schedule:
        case Periodic(period=period):
            step = period.microseconds
            first = anchor + -((anchor - start) // step) * step
            return np.arange(first, stop, step, dtype=np.int64)
        case Wall():
            return _wall_moments(schedule, start, stop)
        case AnyOf(parts=parts):
            found = [moments(part, start, stop, anchor=anchor) for part in parts]
            return np.unique(np.concatenate(found))
        case _:
            return np.empty(0, dtype=np.int64)


def _wall_moments(wall: Wall, start: int, stop: int) -> NDArray[np.int64]:
    zone = ZoneInfo(wall.zone)
    at = time(wall.hour, wall.minute, wall.second)
    day = moment(start).astimezone(zone).date() - timedelta(days=1)
    last = moment(stop).astimezone(zone).date()
    found: list[int] = []
    while day <= last:
        if _falls_on(wall, day):
            found.append(first_instant(day, at, zone))
        day += timedelta(days=1)
    return np.array([at for at in found if start <= at < stop], dtype=np.int64)


def _falls_on(wall: Wall, day: date) -> bool:
    if wall.kind == "weekly":
        return day.weekday() == wall.day
    return wall.kind == "daily" or day.day == wall.day
