"""When something happens again: periods, wall-clock times in a zone, numbers of new labels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Literal

from asof.declare.place import place
from asof.declare.times import (
    zone as checked_zone,
)
from asof.errors import DeclarationError
from asof.units import Duration

WallKind = Literal["daily", "weekly", "monthly"]


@dataclass(frozen=True)
class Schedule:
    """Moments or triggers; `|` combines them."""

    def __or__(self, other: Schedule) -> Schedule:
        if not isinstance(other, Schedule):
            return NotImplemented
        return AnyOf((*parts_of(self), *parts_of(other)))


def parts_of(schedule: Schedule) -> tuple[Schedule, ...]:
    """The schedules that one is made of."""
    return schedule.parts if isinstance(schedule, AnyOf) else (schedule,)


@dataclass(frozen=True)
class Never(Schedule):
    """Not again."""


@dataclass(frozen=True)
class Periodic(Schedule):
    """Every so often."""

    period: Duration


@dataclass(frozen=True)
class Wall(Schedule):
    """A time of the day by the clocks of a zone: every day, one day a week, one day a month.

    `day` is 0 (Monday) to 6 (Sunday) for weekly and 1 to 28 for monthly.
    """

    kind: WallKind
    day: int | None
    hour: int
    minute: int
    second: int
    zone: str


@dataclass(frozen=True)
class AfterLabels(Schedule):
    """When so many labels have matured since the last training."""

    labels: int


@dataclass(frozen=True)
class AnyOf(Schedule):
    """Whichever comes first."""

    parts: tuple[Schedule, ...]


def every(what: Duration | Schedule) -> Schedule:
    """Every so often: a duration, or a wall-clock schedule such as `daily(time(3), zone=...)`.

    >>> from asof import days, every
    >>> every(days(7))
    Periodic(period=days(7))
    """
    if isinstance(what, Schedule):
        return what
    if not isinstance(what, Duration):
        raise DeclarationError(
            f"every({what!r}) has no unit.", mend=f"Write every(days({what!r})).", where=place()
        )
    if what.microseconds <= 0:
        raise DeclarationError(
            f"every({what!r}) would never move on.", mend="Write every(days(7)).", where=place()
        )
    return Periodic(what)


def never() -> Schedule:
    """Not again: the first model serves for the whole life.

    >>> from asof import days, every, never
    >>> every(days(7)) == never()
    False
    """
    return Never()


def after(labels: int) -> Schedule:
    """After so many new labels have matured since the last training.

    >>> from asof import after, days, every
    >>> len((after(labels=5000) | every(days(30))).parts)
    2
    """
    if labels < 1:
        raise DeclarationError(
            f"after(labels={labels!r}) is no number of labels.",
            mend="Write after(labels=5000).",
            where=place(),
        )
    return AfterLabels(labels)


def daily(at: time, *, zone: str) -> Wall:
    """Every day at a wall time of a zone.

    Where the clocks skip that time it is the first instant after the gap; where they show it twice,
    the first. Raises `DeclarationError` for an unknown zone or a time with parts of a second.

    >>> from datetime import time
    >>> from asof import daily
    >>> daily(time(3), zone="America/New_York").zone
    'America/New_York'
    """
    return _wall("daily", None, at, zone)


def weekly(day: int, at: time, *, zone: str) -> Wall:
    """One day a week at a wall time of a zone (see `daily`); Monday is 0, Sunday 6.

    >>> from datetime import time
    >>> from asof import weekly
    >>> weekly(0, time(6), zone="Europe/Berlin").day
    0
    """
    if day not in range(7):
        raise DeclarationError(
            f"weekly({day!r}, ...) is no weekday.",
            mend="Write 0 for Monday to 6 for Sunday.",
            where=place(),
        )
    return _wall("weekly", day, at, zone)


def monthly(day: int, at: time, *, zone: str) -> Wall:
    """One day a month, 1 to 28, at a wall time of a zone (see `daily`).

    >>> from datetime import time
    >>> from asof import monthly
    >>> monthly(1, time(0), zone="UTC").kind
    'monthly'
    """
    if day not in range(1, 29):
        raise DeclarationError(
            f"monthly({day!r}, ...) is not a day that every month has.",
            mend="Write 1 to 28.",
            where=place(),
        )
    return _wall("monthly", day, at, zone)


def _wall(kind: WallKind, day: int | None, at: time, zone: str) -> Wall:
    if not isinstance(at, time) or at.tzinfo is not None or at.microsecond:
        raise DeclarationError(
            f"{kind}() takes a plain wall time in whole seconds.", found=repr(at), where=place(),
            mend="Write time(3, 0), and the zone beside it.",
        )  # fmt: skip
    return Wall(kind, day, at.hour, at.minute, at.second, checked_zone(zone))
