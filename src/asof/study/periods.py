"""Civil days and slots of a life, in the zone that its declaration names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from asof.compute.schedule import first_instant, moment
from asof.declare.features import walk
from asof.declare.policies import Online
from asof.declare.schedules import Schedule, Wall, parts_of
from asof.declare.sources import Source, Ticks
from asof.declare.system import System
from asof.declare.times import (
    CivilPart,
)

Times = NDArray[np.int64]

_FEW_DAYS, _FEW_WEEKS = 21, 120


@dataclass(frozen=True)
class Periods:
    """Slots of a life: their words ("week"), and their edges, one more than slots."""

    words: str
    edges: Times


def zone_of(system: System[Any]) -> str:
    """The first zone that a declaration names, for printing; UTC where it names none."""
    return next(_zones(system), "UTC")


def _zones(system: System[Any]) -> Iterator[str]:
    if isinstance(system.start, datetime) and isinstance(system.start.tzinfo, ZoneInfo):
        yield str(system.start.tzinfo)
    schedules: list[Schedule] = list(parts_of(system.retraining))
    if not isinstance(system.serving, Online):
        schedules.append(system.serving.schedule)
    if isinstance(system.requests, Ticks):
        schedules.append(system.requests.schedule)
    yield from (schedule.zone for schedule in schedules if isinstance(schedule, Wall))
    for _, feature in system.features.columns:
        yield from (part.zone for part in walk(feature) if isinstance(part, CivilPart))
    yield from (table.zone for table in system.tables if isinstance(table, Source) and table.zone)


def civil_days(at: Times, zone: str) -> NDArray[np.int64]:
    """Days since 1970-01-01 by the zone's calendar."""
    import polars as pl  # who only asks for the zone, as `asof status` does, needs none of it

    local = pl.Series(at).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    return local.dt.date().cast(pl.Int64).to_numpy()


def periods(start: int, last: int, zone: str) -> Periods:
    """Slots from the start of a life to its last request: days, weeks or four weeks.

    The first begins at `start`, the others at the zone's midnights; the last ends
    with the last request.
    """
    days = (last - start) / 86_400_000_000
    words, step = (
        ("day", 1)
        if days <= _FEW_DAYS
        else ("week", 7)
        if days <= 7 * _FEW_WEEKS
        else ("four weeks", 28)
    )
    place = ZoneInfo(zone)
    day = moment(start).astimezone(place).date()
    edges = [start]
    while edges[-1] <= last:
        day += timedelta(days=step)
        edges.append(first_instant(day, time(0), place))
    edges[-1] = last + 1  # the life is over: its last slot ends with it, and can be final
    return Periods(words, np.array(edges, dtype=np.int64))
