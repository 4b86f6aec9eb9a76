"""How numbers and moments are printed, in every face alike.

A metric that lies in [0, 1] has four places and no leading zero; minus is U+2212; counts have
thousands commas; a moment always names its zone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from asof.units import DAY, HOUR, MINUTE, SECOND

MINUS = "\u2212"
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
SMALL = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    "twenty",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scale:
    """How the values of one metric are printed: so many places, with or without a leading zero.

    >>> Scale(4, bounded=True).level(0.45942), Scale(4, bounded=True).difference(0.00241)
    ('.4594', '+.0024')
    >>> Scale(1, bounded=False).level(1234.56)
    '1,234.6'
    """

    places: int
    bounded: bool

    def level(self, value: float) -> str:
        """A value of the metric."""
        text = f"{abs(value):,.{self.places}f}"
        if self.bounded and text.startswith("0."):
            text = text[1:]
        return (MINUS if value < 0 and text.strip("0.,") else "") + text

    def difference(self, value: float) -> str:
        """A difference, always with its sign."""
        text = self.level(abs(value))
        return (MINUS if value < 0 else "+") + text

    def interval(self, low: float, high: float) -> str:
        """The interval of a difference."""
        return f"[{self.difference(low)}, {self.difference(high)}]"

    def span(self, low: float, high: float) -> str:
        """The interval of a level."""
        return f"[{self.level(low)}, {self.level(high)}]"


def scale(values: Iterable[float | None], *, bounded: bool) -> Scale:
    """The scale on which `values` have four significant figures; bounded ones four places.

    >>> scale([12.3456, 8.1], bounded=False)
    Scale(places=2, bounded=False)
    """
    if bounded:
        return Scale(4, bounded=True)
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if largest == 0:
        return Scale(4, bounded=False)
    return Scale(min(12, max(0, 3 - math.floor(math.log10(largest)))), bounded=False)


def count(number: int) -> str:
    """A count with thousands commas.

    >>> count(284821)
    '284,821'
    """
    return f"{number:,}".replace("-", MINUS)


def many(number: int, one: str, several: str = "") -> str:
    """A count with its noun.

    >>> many(1, "fit"), many(1200, "day"), many(2, "query", "queries")
    ('1 fit', '1,200 days', '2 queries')
    """
    return f"{count(number)} {one if number == 1 else several or one + 's'}"


def spelt(number: int) -> str:
    """A count that begins a sentence: in words up to twenty.

    >>> spelt(13), spelt(43)
    ('Thirteen', '43')
    """
    return SMALL[number].capitalize() if 0 <= number < len(SMALL) else count(number)


def share(part: float) -> str:
    """A share as per cent: whole, one place below 10, never 0% or 100% unless it is.

    >>> share(0.4312), share(0.0264), share(0.99999), share(0.0000001)
    ('43%', '2.6%', '>99%', '<0.1%')
    """
    percent = 100 * part
    if 0 < percent < 0.05:
        return "<0.1%"
    if 99.5 <= percent < 100:
        return ">99%"
    if percent in {0, 100} or percent >= 9.95:
        return f"{percent:.0f}%"
    return f"{percent:.1f}%"


def duration(span: int) -> str:
    """A span of microseconds.

    >>> duration(29 * MINUTE), duration(int(4.8 * HOUR)), duration(12 * DAY)
    ('29 min', '4.8 h', '12.0 days')
    """
    if span >= 3 * DAY:
        return f"{span / DAY:,.1f} days"
    if span >= HOUR:
        return f"{span / HOUR:.1f} h"
    if span >= MINUTE:
        return f"{span / MINUTE:.0f} min"
    return f"{span / SECOND:.0f} s"


def cpu(seconds: float) -> str:
    """CPU seconds in three significant figures.

    >>> cpu(228.4), cpu(3.416), cpu(0.0123), cpu(0)
    ('228 s', '3.42 s', '12.3 ms', '0 s')
    """
    if seconds == 0:
        return "0 s"
    if seconds < 0.9995:
        return f"{_three(1000 * seconds)} ms"
    return f"{_three(seconds)} s"


def clock(seconds: float) -> str:
    """A stretch of waiting, as on a clock.

    >>> clock(112), clock(4000)
    ('1:52', '1:06:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def plain(value: float) -> str:
    """A value of a feature: four significant figures, no exponent where it can be helped.

    >>> plain(1234567.0), plain(0.12345), plain(3.0)
    ('1,234,567', '0.1235', '3')
    """
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e12 or size < 1e-6:
        return f"{value:.3e}".replace("-", MINUS)
    places = max(0, 3 - math.floor(math.log10(size)))
    text = f"{value:,.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", MINUS)


def local(moment: int, zone: str) -> datetime:
    """The wall time of `moment` (microseconds UTC) in `zone`."""
    whole, rest = divmod(moment, SECOND)
    return datetime.fromtimestamp(whole, UTC).replace(microsecond=rest).astimezone(ZoneInfo(zone))


def place(zone: str) -> str:
    """The name of a zone as people say it.

    >>> place("America/New_York"), place("Etc/GMT+5"), place("UTC")
    ('New York', 'Etc/GMT+5', 'UTC')
    """
    return zone if zone.startswith("Etc/") else zone.rsplit("/", 1)[-1].replace("_", " ")


def moment(when: int, zone: str) -> str:
    """A moment with its zone.

    >>> moment(1388552400_000000, "America/New_York")
    '2014-01-01 00:00 New York'
    """
    return f"{local(when, zone):%Y-%m-%d %H:%M} {place(zone)}"


def stamp(when: int, zone: str) -> str:
    """A moment in a column whose header names the zone."""
    return f"{local(when, zone):%Y-%m-%d %H:%M}"


def day(when: int, zone: str, *, year: bool = False) -> str:
    """A day in words.

    >>> day(1366344000_000000, "America/New_York"), day(0, "UTC", year=True)
    ('19 April', '1 January 1970')
    """
    wall = local(when, zone)
    return f"{wall.day} {MONTHS[wall.month - 1]}" + (f" {wall.year}" if year else "")


def period(start: int, stop: int, zone: str) -> str:
    """The days of [start, stop).

    >>> period(1362114000_000000, 1388552400_000000, "America/New_York")
    '1 March to 31 December 2013'
    """
    last = max(start, stop - 1)
    first, end = local(start, zone), local(last, zone)
    if first.date() == end.date():
        return day(start, zone, year=True)
    if (first.year, first.month) == (end.year, end.month):
        return f"{first.day} to {day(last, zone, year=True)}"
    return f"{day(start, zone, year=first.year != end.year)} to {day(last, zone, year=True)}"


def slot(start: int, words: str, zone: str, *, year: bool) -> str:
    """The name of a slot: the first day of a week, an hour with its day."""
    name = day(start, zone, year=year)
    return f"{name} {local(start, zone):%H:%M}" if words in {"hour", "minute"} else name


def _three(value: float) -> str:
    rounded = float(f"{value:.3g}")
    places = max(0, 2 - math.floor(math.log10(rounded)))
    return f"{value:,.{places}f}"
