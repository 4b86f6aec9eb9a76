"""History: a system's tables, requests and outcomes, looked at as of a moment.

Everything here is a function of what was available as of the moment that it is asked for: features
of a request as of the moment that serving would use, training sets as of their trigger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.evaluate import evaluate
from asof.compute.matrix import Matrix, matrix
from asof.compute.needed import Read, needed_columns
from asof.compute.outcomes import Outcomes, outcomes
from asof.compute.plan import answer, plan, visible_row
from asof.compute.refresh import Refreshes
from asof.compute.requests import Requests, Served, names, requests
from asof.compute.schedule import microseconds, moment
from asof.compute.table import Versions, stored_columns, versions
from asof.declare.kept import ALWAYS
from asof.declare.policies import BatchFeatures, BatchPredictions, Online, Serving
from asof.declare.sources import Ticks
from asof.declare.system import System
from asof.declare.tables import Table
from asof.engine.clock import CpuMeter
from asof.errors import DataRefused
from asof.stores.records import LIVE_FROM
from asof.stores.store import Store

Times = NDArray[np.int64]
Mask = NDArray[np.bool_]
Tables = Mapping[str, Versions]


def read_tables(
    system: System[Any], store: Store, *, offset: int | None = None, whole: bool = False
) -> Tables:
    """The versions of every table of a system as of a journal offset (default: now).

    Their frames hold the columns that the system reads, or all of them (`whole`). Whole numbers
    that are only compared may be Int32.
    """
    read: Mapping[str, Read] = {} if whole else needed_columns(system)
    return {t.name: _versions(t, store, offset, read.get(t.name)) for t in system.tables}


def _versions(table: Table[Any], store: Store, offset: int | None, read: Read | None) -> Versions:
    names = stored_columns(table, None if read is None else read.columns)
    narrow = () if read is None else read.compared
    return versions(table, store.rows(table, offset=offset, columns=names, narrow=narrow))


@dataclass(frozen=True)
class Seen:
    """Features as serving, or training, sees them; requests that nobody could know are not covered.

    `as_of` is the moment of each request's features.
    """

    features: pl.DataFrame
    as_of: Times
    covered: Mask

    @cached_property
    def matrix(self) -> Matrix:
        """The features as doubles."""
        return matrix(self.features)


class History:
    """A system over its tables. `until` is the moment up to which the tables are complete.

    `served` are the requests that a server answered, which were asked when it was asked (LAW 4b).
    A history in which nothing is asked is an error unless it may be `empty`.
    """

    def __init__(
        self,
        system: System[Any],
        tables: Tables,
        until: int,
        *,
        served: Served | None = None,
        empty: bool = False,
    ) -> None:
        self.system = system
        self.tables = tables
        self.until = until
        self.meter = CpuMeter()
        self.asked = system.asked.name
        self._plan = plan(system.features.columns)
        self.requests = requests(system, tables[self.asked], self._from(), until, served=served)
        if not len(self.requests) and not empty:
            raise DataRefused(
                f"Nothing is asked of {system.name} before its history ends, "
                f"{moment(until):%Y-%m-%d %H:%M} UTC.",
                found=_when_asked(system, tables[self.asked]),
                mend="Look whether at= is the moment that you mean, and until= late enough.",
                where=system.declared,
            )
        self.outcomes: Outcomes = outcomes(
            system.label, self.requests, tables, until, own=self.asked
        )

    def _from(self) -> int:
        """The first event of any table: from there on ticks ask."""
        first = [
            int(t.event_time[0]) for t in self.tables.values() if len(t) and t.event_time.any()
        ]
        return min(first, default=0) if isinstance(self.system.requests, Ticks) else ALWAYS

    @cached_property
    def names(self) -> list[str]:
        """What each request is called."""
        return names(self.requests).to_list()

    @cached_property
    def places(self) -> Mapping[str, int]:
        """By name the position of each request."""
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def serving(self) -> Seen:
        """Features as of the moments that serving uses."""
        with self.meter.measured():
            return self._seen(self.system.serving, self.requests)

    @cached_property
    def training(self) -> Seen:
        """Features that training sees: those of serving, unless trained fresh is asked for."""
        serving = self.system.serving
        if isinstance(serving, Online) or serving.trained == "aligned":
            return self.serving
        with self.meter.measured():
            return self._seen(Online(), self.requests)

    def seen(self, asked: Requests) -> Seen:
        """Features of some requests alone, as serving sees them; they ask only for their own."""
        return self._seen(self.system.serving, asked)

    def _seen(self, serving: Serving, requests: Requests) -> Seen:
        everyone = np.ones(len(requests), dtype=np.bool_)
        if isinstance(serving, Online):
            return self._answered(requests.frame, requests.fired, everyone)
        as_of = Refreshes(serving).each(requests.fired)
        if isinstance(serving, BatchFeatures):
            return self._answered(requests.frame, as_of, everyone)
        return self._candidates(serving, requests, as_of)

    def _candidates(self, serving: BatchPredictions, requests: Requests, as_of: Times) -> Seen:
        """Features of the requests that the last run knew of, with their rows as known then."""
        table = self.tables[self.asked]
        keys = list(table.table.keys)
        rows = visible_row(table, keys, requests.frame.select(keys), as_of)
        known = table.frame[np.maximum(rows, 0)]
        ticks = [name for name in requests.frame.columns if name not in known.columns]
        frame = known.with_columns(requests.frame.select(ticks))
        planned = frame.select(evaluate(self.system.asked_at)).to_series().to_numpy()
        covered = (rows >= 0) & (planned >= as_of) & (planned < as_of + serving.ahead.microseconds)
        seen = self._answered(frame, as_of, covered)
        # What no run knew has no features: those of the row that stood in for it are nobody's.
        nothing = pl.when(pl.lit(pl.Series(covered))).then(pl.all())
        return Seen(seen.features.select(nothing), as_of, covered)

    def _answered(self, asked: pl.DataFrame, as_of: Times, covered: Mask) -> Seen:
        features = answer(self._plan, asked, as_of, self.tables, own=self.asked)
        return Seen(features, as_of, covered)

    def features(self, first: int, last: int) -> Matrix:
        """Features of the requests `first` to `last` as serving sees them."""
        return self.serving.matrix.take(slice(first, last))

    def covered(self, first: int, last: int) -> Mask:
        """Which of the requests `first` to `last` serving can know."""
        return self.serving.covered[first:last]

    def predicted_at(self, first: int, last: int) -> Times | None:
        """The runs that predicted the requests `first` to `last`; None where none did."""
        if not isinstance(self.system.serving, BatchPredictions):
            return None
        return self.serving.as_of[first:last]

    def __len__(self) -> int:
        return len(self.requests)

    def training_rows(self, trigger: int) -> NDArray[np.int64]:
        """Positions of the requests to train on as of a trigger, in their stated order."""
        length = self.system.train.length
        since = None if length is None else trigger - length.microseconds
        rows = self.outcomes.labelled(trigger, since)
        return rows[self.training.covered[rows]]

    def matured(self, at: int) -> int:
        """How many requests have a label that is mature as of a moment."""
        return int(np.searchsorted(self.ripe, at, side="left"))

    @cached_property
    def ripe(self) -> Times:
        """When each labelled request was mature: just after it was asked and due."""
        labelled = ~np.isnan(self.outcomes.value) & (self.outcomes.due <= self.until)
        ripe = np.maximum(self.outcomes.fired, self.outcomes.due)[labelled]
        return np.sort(ripe)


def _when_asked(system: System[Any], table: Versions) -> str:
    """How many rows may ask, and when the first of them would."""
    rows = f"{len(table):,} rows of {table.table.name}"
    if isinstance(system.requests, Ticks) or not len(table):
        return rows
    at = table.frame.select(evaluate(system.asked_at).alias("at")).to_series().to_numpy()
    first = int(np.maximum(at, table.known_from).min())
    return f"{rows}, the first of them asked {moment(first):%Y-%m-%d %H:%M} UTC"


def history_of(
    system: System[Any],
    store: Store,
    *,
    offset: int | None = None,
    whole: bool = False,
    newest: bool = False,
) -> History:
    """The history that a store holds, as of a journal offset (default: now).

    `whole`: with columns that the system does not read, for those who look at rows themselves.
    A history ends before the stamp of the last message; `newest`: after it, so that a request that
    was asked just now is one of it.
    """
    at = store.journal.head() if offset is None else offset
    tables = read_tables(system, store, offset=at, whole=whole)
    until = until_of(system, store) + newest
    return History(system, tables, until, served=first_asked(store, at))


def first_asked(store: Store, offset: int) -> Served:
    """The requests that a server answered up to a journal offset (LAW 4b)."""
    told = store.predictions(offset=offset)
    return dict(told.group_by("request").agg(pl.col("fired").min()).iter_rows())


def until_of(system: System[Any], store: Store) -> int:
    """The moment up to which the history of a system is complete (LAW 6b).

    Once the system is live that is the last moment at which something was taken.
    """
    live = store.records.setting(LIVE_FROM)
    last = 0 if live is None else max(int(live), store.journal.last_stamp())
    if system.until is not None:
        return max(microseconds(system.until), last)
    fixed = store.fix_until(system.label.joined.table.name)
    if fixed is None and not last:
        raise DataRefused(
            f"Nothing is known of {system.label.joined.table.name}, where the labels come from.",
            mend="Ingest its file, or declare until=.",
        )
    return max(fixed or last, last)
