"""Civil parts of moments in a zone, for whole columns and for one moment.

See `asof.declare.times.LocalTime` for what the parts are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.units import DAY, HOUR, MINUTE

_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = ((date(year, 1, 1).toordinal() - _EPOCH) * DAY for year in (1800, 2200))
"""Between these the changes of a zone's clocks are looked for beforehand."""
_CALENDAR = 2**62
"""So many microseconds (146,000 years) before and after 1970 the calendar ends; Polars' panics a
little later."""


def civil(moment: pl.Expr, zone: str, part: str) -> pl.Expr:
    """A civil part of int64 moments in a zone, as int64; null beyond the calendar."""
    inside = pl.when(moment.is_between(-_CALENDAR, _CALENDAR)).then(moment)
    local = _shown(inside, zone).dt
    parts: dict[str, Callable[[], pl.Expr]] = {
        "hour": local.hour,
        "minute_of_day": lambda: local.hour().cast(pl.Int64) * 60 + local.minute(),
        "weekday": local.weekday,
        "day_of_month": local.day,
        "day_of_year": local.ordinal_day,
        "month": local.month,
    }
    return parts[part]().cast(pl.Int64)


def _shown(moment: pl.Expr, zone: str) -> pl.Expr:
    return moment.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)


@cache
def civil_of_one(zone: str, part: str) -> Callable[[int], int | None]:
    """The function from a moment to a civil part in a zone: what `civil` gives for it.

    The changes of the clocks are asked of the library that evaluates columns, once, so that both
    know the same rules.

    >>> civil_of_one("America/New_York", "hour")(0)
    19
    """
    edges, offsets = _changes(zone)
    of_local = PARTS[part]

    def told(moment: int) -> int | None:
        offset = offsets[bisect_right(edges, moment)]
        return _far(moment, zone, part) if offset is None else of_local(moment + offset)

    return told


def _far(moment: int, zone: str, part: str) -> int | None:
    """A part of a moment that lies outside what was looked for: slowly."""
    found: int | None = (
        pl.DataFrame({"at": [moment]}).select(civil(pl.col("at"), zone, part)).item()
    )
    return found


@cache
def _changes(zone: str) -> tuple[list[int], list[int | None]]:
    """When the offset of a zone changes, and the offsets before, between and after.

    Looked for day by day (no zone has changed its clocks twice in a day), then by halving. None
    stands for the time before and after those that were looked at.
    """
    days = np.arange(_FIRST, _LAST + 1, DAY, dtype=np.int64)
    found = _offset(days, zone)
    changed = np.flatnonzero(np.diff(found))
    before, after, old = days[changed], days[changed + 1], found[changed]
    while len(changed) and (after - before).max() > 1:
        middle = (before + after) // 2
        same = _offset(middle, zone) == old
        before, after = np.where(same, middle, before), np.where(same, after, middle)
    offsets = [int(found[0]), *found[changed + 1].tolist()]
    return [_FIRST, *after.tolist(), _LAST], [None, *offsets, None]


def _offset(moments: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """How much a zone's clocks are ahead of UTC."""
    local = _shown(pl.col("at"), zone).dt.replace_time_zone(None).cast(pl.Int64)
    return pl.DataFrame({"at": moments}).select(local - pl.col("at")).to_series().to_numpy()


def _date(local: int) -> date:
    return date.fromordinal(local // DAY + _EPOCH)


def _day_of_year(local: int) -> int:
    ordinal = local // DAY + _EPOCH
    return ordinal - date(date.fromordinal(ordinal).year, 1, 1).toordinal() + 1


PARTS: Mapping[str, Callable[[int], int]] = {
    "hour": lambda local: local // HOUR % 24,
    "minute_of_day": lambda local: local // MINUTE % 1440,
    "weekday": lambda local: (local // DAY + 3) % 7 + 1,
    "day_of_month": lambda local: _date(local).day,
    "day_of_year": _day_of_year,
    "month": lambda local: _date(local).month,
}
"""By name, a civil part of what a clock shows, in microseconds since it showed 1970."""
