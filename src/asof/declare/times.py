"""Moments and spans as expressions, and the civil parts of a moment in a zone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, NoReturn, overload
from zoneinfo import ZoneInfo

from asof.declare.expressions import Expression, Operation, R
from asof.declare.place import nearest, place
from asof.errors import DeclarationError
from asof.units import DAY, HOUR, MINUTE, SECOND, Duration


def zone(name: str) -> str:
    """The name, if there is such a time zone; a `DeclarationError` with a near name if not."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        from zoneinfo import available_timezones

        hint = nearest(name, sorted(available_timezones()))
        raise DeclarationError(
            f"There is no time zone {name!r}.",
            mend=hint or "Write an IANA name such as 'Europe/Berlin' or 'UTC'.",
            where=place(),
        ) from error
    return name


class TimeExpression(Expression[R, datetime]):
    """A moment that a row tells: `Flight.departs_at - hours(2)`."""

    __slots__ = ()

    @property
    def value_type(self) -> type:
        """A moment."""
        return datetime

    @overload  # type: ignore[override]  # a time takes a duration, never a number
    def __sub__(self, other: Duration) -> TimeExpression[R]: ...
    @overload
    def __sub__(self, other: TimeExpression[R]) -> DurationExpression[R]: ...
    def __sub__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, other: Duration | TimeExpression[R]
    ) -> TimeExpression[R] | DurationExpression[R]:
        if isinstance(other, Duration):
            return Shifted(self, -other)
        if isinstance(other, TimeExpression):
            return Difference(self, other)
        raise _unitless(other, "a time")

    def __add__(self, other: Duration) -> TimeExpression[R]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        if isinstance(other, Duration):
            return Shifted(self, other)
        raise _unitless(other, "a time")

    def __gt__(self, other: TimeExpression[R]) -> Expression[R, bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return _ordered("greater", self, other)

    def __ge__(self, other: TimeExpression[R]) -> Expression[R, bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return _ordered("greater_equal", self, other)

    def __lt__(self, other: TimeExpression[R]) -> Expression[R, bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return _ordered("less", self, other)

    def __le__(self, other: TimeExpression[R]) -> Expression[R, bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return _ordered("less_equal", self, other)

    def local(self, zone_name: str) -> LocalTime[R]:
        """The civil time in a zone, the only one that has an hour or a weekday."""
        return LocalTime(self, zone(zone_name))

    if not TYPE_CHECKING:  # an editor says it by itself; this says it in words

        def __getattr__(self, name: str) -> NoReturn:
            if name in ("hour", "weekday", "minute_of_day", "month", "day_of_month", "day_of_year"):
                raise DeclarationError(
                    f"{self!r} has no {name}() without a time zone.",
                    mend=f"Write {self!r}.local('Europe/Berlin').{name}(), with your zone.",
                    where=place(),
                )
            raise AttributeError(name)


def _ordered(name: str, one: TimeExpression[R], other: TimeExpression[R]) -> Expression[R, bool]:
    if isinstance(other, TimeExpression):
        return Operation(name, (one, other))
    raise DeclarationError(
        f"{one!r} cannot be compared with {other!r}.",
        found=type(other).__name__,
        mend="Compare a moment with another moment of the row; a calendar's part of it is "
        f"{one!r}.local('Europe/Berlin').hour() and the like.",
        where=place(),
    )


def _unitless(other: object, of: str) -> DeclarationError:
    return DeclarationError(
        f"{other!r} cannot be added to or taken from {of}.",
        found=type(other).__name__,
        mend="Durations have a unit: minutes(30), hours(2), days(7).",
        where=place(),
    )


@dataclass(frozen=True, eq=False, slots=True)
class TimeColumn(TimeExpression[R]):
    """A `Time`, `KeyTime` or `Moment` column of the row itself."""

    row: type[R]
    name: str

    def __repr__(self) -> str:
        return f"{self.row.__name__}.{self.name}"


@dataclass(frozen=True, eq=False, slots=True)
class TickMoment(TimeExpression[R]):
    """The moment at which a tick asks."""

    def __repr__(self) -> str:
        return "ticks.moment"


@dataclass(frozen=True, eq=False, slots=True)
class Shifted(TimeExpression[R]):
    """A moment, so much later."""

    base: TimeExpression[R]
    by: Duration

    def __repr__(self) -> str:
        sign = "+" if self.by.microseconds >= 0 else "-"
        size = self.by if self.by.microseconds >= 0 else -self.by
        return f"({self.base!r} {sign} {size!r})"


class DurationExpression(Expression[R, timedelta]):
    """A span between two moments; a number only once its unit is said."""

    __slots__ = ()

    @property
    def value_type(self) -> type:
        """A span of time."""
        return timedelta

    def in_seconds(self) -> Expression[R, float]:
        """As seconds."""
        return Spanned(self, SECOND)

    def in_minutes(self) -> Expression[R, float]:
        """As minutes."""
        return Spanned(self, MINUTE)

    def in_hours(self) -> Expression[R, float]:
        """As hours."""
        return Spanned(self, HOUR)

    def in_days(self) -> Expression[R, float]:
        """As days of 24 hours."""
        return Spanned(self, DAY)


@dataclass(frozen=True, eq=False, slots=True)
class Difference(DurationExpression[R]):
    """From one moment to another."""

    end: TimeExpression[R]
    start: TimeExpression[R]

    def __repr__(self) -> str:
        return f"({self.end!r} - {self.start!r})"


@dataclass(frozen=True, eq=False, slots=True)
class Spanned(Expression[R, float]):
    """A span as a number of units of `unit` microseconds."""

    span: DurationExpression[R]
    unit: int

    @property
    def value_type(self) -> type:
        """A number of units."""
        return float

    def __repr__(self) -> str:
        names = {SECOND: "seconds", MINUTE: "minutes", HOUR: "hours", DAY: "days"}
        return f"{self.span!r}.in_{names[self.unit]}()"


@dataclass(frozen=True, slots=True)
class LocalTime(Generic[R]):
    """A moment as clocks in a zone show it."""

    moment: TimeExpression[R]
    zone: str = field()

    def hour(self) -> Expression[R, int]:
        """0 to 23."""
        return CivilPart(self.moment, self.zone, "hour")

    def minute_of_day(self) -> Expression[R, int]:
        """Minutes since local midnight by the clock, 0 to 1439."""
        return CivilPart(self.moment, self.zone, "minute_of_day")

    def weekday(self) -> Expression[R, int]:
        """Monday is 1, Sunday 7."""
        return CivilPart(self.moment, self.zone, "weekday")

    def day_of_month(self) -> Expression[R, int]:
        """1 to 31."""
        return CivilPart(self.moment, self.zone, "day_of_month")

    def day_of_year(self) -> Expression[R, int]:
        """1 to 366."""
        return CivilPart(self.moment, self.zone, "day_of_year")

    def month(self) -> Expression[R, int]:
        """1 to 12."""
        return CivilPart(self.moment, self.zone, "month")


@dataclass(frozen=True, eq=False, slots=True)
class CivilPart(Expression[R, int]):
    """A civil part of a moment in a zone."""

    moment: TimeExpression[R]
    zone: str
    part: str

    @property
    def value_type(self) -> type:
        """A whole number."""
        return int

    def __repr__(self) -> str:
        return f"{self.moment!r}.local({self.zone!r}).{self.part}()"
