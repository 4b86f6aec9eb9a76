"""What the stages of a gap are made of: one life, its periods, the requests scored, their folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.matrix import Matrix, matrix
from asof.compute.plan import answer, plan, visible_row
from asof.compute.requests import names
from asof.compute.schedule import first_instant, moment
from asof.compute.slots import slots
from asof.compute.split import Hashes, by_block, by_row, hashed
from asof.compute.table import Versions
from asof.compute.window.contract import NEVER
from asof.compute.window.rank import rank_order
from asof.declare.kept import ALWAYS, AVAILABLE
from asof.declare.policies import Online
from asof.declare.rows import time_of
from asof.declare.sources import Reference, Ticks
from asof.engine.history import History, Seen
from asof.engine.replay import Replayed
from asof.study.counted import counted
from asof.study.periods import Periods, civil_days, zone_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

FOLDS, QUICK_FOLDS = 5, 3
QUICK_PERIODS = 2
MOST_PERIODS = 13
"""A life is cut into at most so many periods: each costs a fit a fold."""

_STEPS = (("day", 1, 0), ("week", 7, 0), ("month", 0, 1), ("quarter", 0, 3), ("year", 0, 12))


@dataclass(frozen=True)
class Setting:
    """How the gap is measured: folds, the salt of everything drawn, whether only a part is."""

    folds: int = FOLDS
    quick: bool = False
    seed: int = 0

    @property
    def salt(self) -> str:
        """What tells the draws of one seed from those of another."""
        return f"gap {self.seed}"


@dataclass(frozen=True)
class World:
    """One life, looked at for its gap.

    `scored` are positions of the requests that every stage is scored on, `period` the period of
    each and `chosen` the periods looked at. `labelled` are all requests with a label, whenever.
    """

    life: Replayed
    setting: Setting
    periods: Periods
    chosen: Ints
    scored: Ints
    period: Ints
    labelled: Ints

    @property
    def history(self) -> History:
        """The history of the life."""
        return self.life.history

    @property
    def value(self) -> Floats:
        """The label of each request."""
        return self.history.outcomes.value

    @cached_property
    def day(self) -> Ints:
        """The civil day of each request."""
        return civil_days(self.history.requests.fired, zone_of(self.history.system))

    @cached_property
    def _names(self) -> list[str]:
        return names(self.history.requests).to_list()

    @cached_property
    def row_fold(self) -> Ints:
        """The fold of each request, drawn for each by itself."""
        return by_row(self._names, self.setting.folds, f"{self.setting.salt} rows")

    @cached_property
    def day_fold(self) -> Ints:
        """The fold of each request, the same for all of a day."""
        return by_block(self.day, self.setting.folds, f"{self.setting.salt} days")

    @cached_property
    def lot(self) -> Hashes:
        """The lot of each request, by which samples are drawn."""
        return hashed(self._names, f"{self.setting.salt} sample")

    @cached_property
    def fresh(self) -> Seen:
        """Features as of each request, whatever the declared serving is."""
        serving = self.history.system.serving
        if isinstance(serving, Online) or serving.trained == "fresh":
            return self.history.training
        system = self.history.system.but(serving=Online())
        return History(system, self.history.tables, self.history.until).serving

    def trained(self, at: int) -> Ints:
        """What the life has to train on as of a moment, had it features of every request."""
        length = self.history.system.train.length
        since = None if length is None else at - length.microseconds
        return self.history.outcomes.labelled(at, since)

    def trained_served(self, at: int) -> Ints:
        """Those of them that serving could know."""
        rows = self.trained(at)
        return rows[self.history.serving.covered[rows]]

    @cached_property
    def notebook(self) -> Matrix:
        """Features as a notebook makes them: last versions, by event time, as of the event."""
        return _notebook(self.history)


def world(life: Replayed, setting: Setting) -> World:
    """What the stages are made of; only some of the periods where it has to be quick."""
    history = life.history
    fired, outcomes = history.requests.fired, history.outcomes
    over = lived(life.start, int(fired[-1]), zone_of(history.system))
    inside = np.arange(life.first, life.last)
    last = max(int(fired[-1]) + 1, min(history.until, int(outcomes.due.max()) + 1))
    labelled = outcomes.labelled(NEVER)
    kept = counted(history, life.start, last)[inside]
    scored = inside[kept & ~np.isnan(life.predictions[inside])]
    period = slots(fired[scored], over.edges)
    looked = chosen(len(over.edges) - 1, quick=setting.quick)
    part = np.isin(period, looked)
    return World(life, setting, over, looked, scored[part], period[part], labelled)


def chosen(periods: int, *, quick: bool) -> Ints:
    """The periods that are looked at: all of them, or two where it has to be quick.

    >>> chosen(10, quick=True).tolist()
    [2, 7]
    """
    if not quick or periods <= QUICK_PERIODS:
        return np.arange(periods)
    middle = (np.arange(QUICK_PERIODS) + 0.5) / QUICK_PERIODS
    return (middle * periods).astype(np.int64)


def lived(start: int, last: int, zone: str) -> Periods:
    """The periods of a life: the shortest of day, week, month ... of which it has at most 13.

    The first begins with the life, months, quarters and years with the calendar.

    >>> lived(0, 100 * 86_400_000_000, "UTC").words
    'month'
    """
    for words, days, months in _STEPS:
        edges = _edges(start, last, zone, days, months)
        if len(edges) - 1 <= MOST_PERIODS or words == "year":
            return Periods(words, np.array(edges, dtype=np.int64))
    raise AssertionError


def _edges(start: int, last: int, zone: str, days: int, months: int) -> list[int]:
    place = ZoneInfo(zone)
    day, edges = moment(start).astimezone(place).date(), [start]
    while edges[-1] <= last:
        day = day + timedelta(days=days) if days else _later(day, months)
        edges.append(first_instant(day, time(0), place))
    edges[-1] = last + 1
    return edges


def _later(day: date, months: int) -> date:
    """The first day of the next month, quarter or year."""
    number = (day.year * 12 + day.month - 1) // months * months + months
    return date(number // 12, number % 12 + 1, 1)


def _notebook(history: History) -> Matrix:
    """Features of every request with availability replaced by event time.

    The moment is the request's own event time, or that of the question where it comes later: an
    idealisation never knows less.
    """
    tables = {name: at_event_time(table) for name, table in history.tables.items()}
    asked, as_of = history.requests.frame, history.requests.fired
    table = history.tables[history.asked]
    name = time_of(table.table.row)
    if not isinstance(history.system.requests, Ticks) and name is not None:
        keys = list(table.table.keys)
        rows = visible_row(table, keys, asked.select(keys), np.full(asked.height, NEVER))
        if (rows >= 0).all():  # as corrected later; a key that was taken back has no last version
            asked = table.frame[rows]
        as_of = np.maximum(as_of, asked[name].cast(int).to_numpy())
    found = answer(plan(history.system.features.columns), asked, as_of, tables, own=history.asked)
    return matrix(found)


def at_event_time(table: Versions) -> Versions:
    """The last version of each row, as if it had been known when it happened.

    What is known ahead, as a forecast or a timetable, is known as soon as its first version was: an
    idealisation never knows less.
    """
    ends = table.known_until == NEVER
    last = table.take(ends)
    if isinstance(table.table, Reference):
        return replace(last, known_from=np.full(len(last), ALWAYS))
    known = np.minimum(last.event_time, _first_known(table)[ends])
    order = rank_order(last.event_time, known)
    found = replace(last, known_from=known)
    return found if order is None else found.take(order)


def _first_known(table: Versions) -> NDArray[np.int64]:
    """Since when any version of the same key is known."""
    keys = table.table.keys
    if not keys:
        return table.known_from
    told = table.frame.select(keys).with_columns(pl.Series(AVAILABLE, table.known_from))
    return told.select(pl.col(AVAILABLE).min().over(keys)).to_series().to_numpy()


def sized(world: World, period: int) -> int:
    """How many rows the life had to train on when a period began."""
    return len(world.trained(trigger(world, period)))


def trigger(world: World, period: int) -> int:
    """The moment at which a period begins."""
    return int(world.periods.edges[period])


def reseeded(model: Any) -> Any:
    """A copy of the estimator with another seed, wherever it or a step of it has one."""
    from sklearn.base import clone  # pyright: ignore[reportUnknownVariableType]

    return _seeded(clone(model))  # pyright: ignore[reportUnknownArgumentType]


def _seeded(model: Any) -> Any:
    parameters: Mapping[str, object] = model.get_params(deep=True)
    seeds = {
        name: (value if isinstance(value, int) else 0) + 1
        for name, value in parameters.items()
        if name.rpartition("__")[2] in ("random_state", "seed", "random_seed")
    }
    return model.set_params(**seeds) if seeds else model
