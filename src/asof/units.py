"""Durations: absolute spans of time in whole microseconds (a day is 24 hours)."""

from __future__ import annotations

from dataclasses import dataclass

from asof.errors import DeclarationError

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_NAMES = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """An absolute span of time, in microseconds.

    >>> hours(36)
    hours(36)
    >>> str(hours(36)), str(-days(1)), (days(1) + hours(1)).microseconds
    ('36h', '-1d', 90000000000)
    """

    microseconds: int

    def __neg__(self) -> Duration:
        return Duration(-self.microseconds)

    def __add__(self, other: Duration) -> Duration:
        return Duration(self.microseconds + other.microseconds)

    def __sub__(self, other: Duration) -> Duration:
        return Duration(self.microseconds - other.microseconds)

    def __mul__(self, times: int) -> Duration:
        return Duration(self.microseconds * times)

    __rmul__ = __mul__

    def __str__(self) -> str:
        for size, name in _NAMES:
            if self.microseconds % size == 0:
                return f"{self.microseconds // size}{name}"
        return f"{self.microseconds}us"

    def __repr__(self) -> str:
        for size, name in zip(
            (DAY, HOUR, MINUTE, SECOND), ("days", "hours", "minutes", "seconds"), strict=True
        ):
            if self.microseconds % size == 0:
                return f"{name}({self.microseconds // size})"
        return f"Duration({self.microseconds})"


def _whole(amount: float, unit: int, name: str) -> Duration:
    exact = amount * unit
    if exact != int(exact):
        raise DeclarationError(
            f"{name}({amount!r}) is not a whole number of microseconds.",
            mend="Use a smaller unit.",
        )
    return Duration(int(exact))


def seconds(amount: float) -> Duration:
    """`amount` seconds.

    >>> seconds(0.5).microseconds
    500000
    """
    return _whole(amount, SECOND, "seconds")


def minutes(amount: float) -> Duration:
    """`amount` minutes.

    >>> str(minutes(90))
    '90min'
    """
    return _whole(amount, MINUTE, "minutes")


def hours(amount: float) -> Duration:
    """`amount` hours.

    >>> hours(24) == days(1)
    True
    """
    return _whole(amount, HOUR, "hours")


def days(amount: float) -> Duration:
    """`amount` days of 24 hours each.

    >>> str(days(7))
    '7d'
    """
    return _whole(amount, DAY, "days")
