"""From clocks on walls to moments in UTC (LAW 1a).

A wall time that does not exist is the first instant after the gap; one that exists twice is the
first of the two. Both are marked, so that they can be counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import polars as pl

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Moments:
    """Wall times as moments: `utc` (Int64 us) and what was special about each (boolean masks)."""

    utc: pl.Series
    never: pl.Series
    twice: pl.Series
    unknown: pl.Series


def to_utc(walls: pl.Series, zones: str | pl.Series) -> Moments:
    """Moments of naive datetimes in one zone, or in the zone that each row names.

    `unknown` marks rows whose zone is null or does not exist; their moment is null.

    >>> from datetime import datetime
    >>> walls = pl.Series([datetime(2013, 3, 10, 2, 30)])  # skipped by New York's clocks
    >>> found = to_utc(walls, "America/New_York")
    >>> str(found.utc.cast(pl.Datetime("us", "UTC"))[0]), found.never[0], found.twice[0]
    ('2013-03-10 07:00:00+00:00', True, False)
    """
    naive = walls.cast(pl.Datetime("us")).alias("wall")
    if isinstance(zones, str):
        return _in_zone(naive, zones)
    parts: list[pl.DataFrame] = []
    rows = pl.DataFrame({"row": pl.arange(0, len(naive), eager=True), "wall": naive, "zone": zones})
    for (name,), part in rows.group_by("zone", maintain_order=True):
        found = _in_zone(part["wall"], str(name)) if is_zone(name) else _nowhere(part["wall"])
        parts.append(part.select("row").with_columns(
            utc=found.utc, never=found.never, twice=found.twice, unknown=found.unknown,
        ))  # fmt: skip
    if not parts:
        return _nowhere(naive)
    whole = pl.concat(parts).sort("row")
    return Moments(whole["utc"], whole["never"], whole["twice"], whole["unknown"])


def is_zone(name: object) -> bool:
    """Whether there is a time zone of that name.

    >>> is_zone("Europe/Berlin"), is_zone("Europe/Atlantis"), is_zone(None)
    (True, False, False)
    """
    if not isinstance(name, str) or not name:
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def after_gap(wall: datetime, zone: tzinfo) -> int:
    """The first instant (us UTC) after the gap in which a wall time falls.

    The zone's offset changes once between the two readings of the wall time, with the offset
    before and the offset after; that change is found by halving.
    """
    readings = sorted(
        (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) - _EPOCH) // _MICROSECOND
        for fold in (0, 1)
    )
    before, after = readings
    old = _offset(before, zone)
    if _offset(after, zone) == old:
        return after
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(moment: int, zone: tzinfo) -> timedelta | None:
    return (_EPOCH + moment * _MICROSECOND).astimezone(zone).utcoffset()


def _in_zone(naive: pl.Series, name: str) -> Moments:
    first = _utc(naive.dt.replace_time_zone(name, ambiguous="earliest", non_existent="null"))
    last = _utc(naive.dt.replace_time_zone(name, ambiguous="latest", non_existent="null"))
    never = (first.is_null() & naive.is_not_null()).alias("never")
    twice = (first != last).fill_null(value=False).alias("twice")
    if never.any():
        zone = ZoneInfo(name)
        gone = {wall: after_gap(wall, zone) for wall in naive.filter(never).unique().to_list()}
        filled = naive.replace_strict(gone, default=None, return_dtype=pl.Int64)
        first = first.fill_null(filled)
    return Moments(first.alias("utc"), never, twice, pl.repeat(False, len(naive), eager=True))


def _nowhere(naive: pl.Series) -> Moments:
    no, yes = (pl.repeat(known, len(naive), eager=True) for known in (False, True))
    return Moments(pl.repeat(None, len(naive), dtype=pl.Int64, eager=True), no, no, yes)


def _utc(aware: pl.Series) -> pl.Series:
    return aware.dt.convert_time_zone("UTC").to_physical()
