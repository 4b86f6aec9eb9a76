"""Spans, moments and expressions in words: how a declaration is told to people."""

from __future__ import annotations

from datetime import datetime

from asof.units import DAY, HOUR, MINUTE, SECOND, Duration

_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"), (1, "us"))


def told_duration(duration: Duration) -> str:
    """A duration in days where it is whole ones, else in hours and what is left.

    >>> [told_duration(Duration(n * MINUTE)) for n in (2880, 1560, 70, -1050, 0)]
    ['2 d', '26 h', '1 h 10 min', '-17 h 30 min', '0']
    """
    size = duration.microseconds
    sign, left = ("-" if size < 0 else ""), abs(size)
    parts: list[str] = []
    for unit, name in _UNITS[1:] if left % DAY else _UNITS:
        count, left = divmod(left, unit)
        parts += [f"{count} {name}"] if count else []
    return sign + " ".join(parts) if parts else "0"


def told_span(start: int, stop: int) -> str:
    """A stretch of time between two distances (us), both in days only if both are whole ones.

    >>> told_span(-7 * DAY, 0), told_span(-DAY, -23 * HOUR), told_span(-18 * HOUR, -1050 * MINUTE)
    ('-7 d to 0', '-24 h to -23 h', '-18 h to -17 h 30 min')
    """
    if bool(start % DAY) != bool(stop % DAY):
        return f"{_in_hours(start)} to {_in_hours(stop)}"
    return f"{told_duration(Duration(start))} to {told_duration(Duration(stop))}"


def _in_hours(size: int) -> str:
    return f"{size // HOUR} h" if size and size % DAY == 0 else told_duration(Duration(size))


def told_moment(moment: datetime) -> str:
    """A moment by the clock of its zone, which is named.

    >>> from datetime import UTC
    >>> told_moment(datetime(2014, 1, 4, tzinfo=UTC))
    '2014-01-04 00:00 UTC'
    """
    bare = moment.replace(tzinfo=None)
    whole = not bare.second and not bare.microsecond
    return f"{bare.isoformat(' ', 'minutes' if whole else 'auto')} {moment.tzinfo}"


def told_alone(expression: object) -> str:
    """An expression as it is written, without the brackets that it needs only within another.

    >>> import asof
    >>> class Flight(asof.Row):
    ...     delay: asof.Col[float]
    >>> told_alone(Flight.delay > 15), told_alone((Flight.delay - 1).abs())
    ('Flight.delay > 15', '(Flight.delay - 1).abs()')
    """
    text = repr(expression)
    if not text.startswith("("):
        return text
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if not depth:
            return text[1:-1] if place == len(text) - 1 else text
    return text
