"""Requests: when each is asked, and with which version of its row (LAW 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.evaluate import TICK, evaluate
from asof.compute.plan import visible_row
from asof.compute.schedule import moments
from asof.compute.table import Versions, never_ends
from asof.declare.labels import Label
from asof.declare.sources import Ticks
from asof.declare.system import System

Times = NDArray[np.int64]


@dataclass(frozen=True)
class Requests:
    """Requests in the order (moment, key): the asked rows, when each was to be and was asked.

    `frame` holds the columns of the asked row as it was when it was asked (and the tick's moment);
    `keys` names those that identify a request, `moments` those of them that are moments. `at` is
    the declared moment, `fired` the moment of the question: the first at which the row was known
    and its time had come.
    """

    frame: pl.DataFrame
    keys: tuple[str, ...]
    at: Times
    fired: Times
    moments: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.fired)

    def take(self, rows: NDArray[Any]) -> Requests:
        """Some of the requests: positions in their order, or a mask."""
        frame = self.frame.filter(rows) if rows.dtype == np.bool_ else self.frame[rows]
        return Requests(frame, self.keys, self.at[rows], self.fired[rows], self.moments)


Served = Mapping[str, int]
"""By the name of a request that a server answered the moment at which it was first asked."""


def requests(
    system: System[Any], table: Versions, start: int, stop: int, *, served: Served | None = None
) -> Requests:
    """All requests of a system with `start <= fired < stop`, from the versions of its table.

    What was `served` fired when the server was asked, and with the row that was known then, unless
    it was over: the label was known, and its rows were there to be seen by the features.
    """
    if isinstance(system.requests, Ticks):
        found = _ticks(system.requests, table, start, stop)
        if not served:
            return found
        return _as_served(found, _while_open(system, found, served), start, stop)
    found = _fired(system, table, start, stop)
    if not served:
        return found
    told = _while_open(system, found, served)
    return _as_served(_with_rows(system, table, found, told), told, start, stop)


def due_times(label: Label[Any], asked: Requests) -> Times:
    """When the label of each request is due."""
    wait = label.constant_wait
    if wait is not None:
        return asked.at + wait.microseconds
    if label.due is None:
        raise TypeError("a label without a wait has a due time")
    return asked.frame.select(evaluate(label.due).alias("due")).to_series().to_numpy()


def _while_open(system: System[Any], found: Requests, served: Served) -> Served:
    """What was served while it was open: an answer after the due time is not a first one (LAW 4a).

    What was due before it fired at all was never open, and is asked when it is asked.
    """
    called = names(found)
    answered = called.replace_strict(served, default=None, return_dtype=pl.Int64)
    due = pl.Series(due_times(system.label, found))
    over = called.filter(answered.gt(due) & pl.Series(found.fired).le(due))
    return {name: served[name] for name in served.keys() - set(over)} if len(over) else served


def _fired(system: System[Any], table: Versions, start: int, stop: int) -> Requests:
    at = table.frame.select(evaluate(system.asked_at).alias("at")).to_series().to_numpy()
    fired = np.maximum(at, table.known_from)
    if never_ends(table.known_until):  # one version a key
        return _in_order(table, (fired >= start) & (fired < stop), at, fired)
    # A version fires as it is taken or when its time comes, unless another has replaced it before.
    asked = np.flatnonzero((fired <= table.known_until) & (fired < stop))
    frame = table.frame[asked].with_columns(
        pl.Series("at_", at[asked]),
        pl.Series("fired_", fired[asked]),
        pl.Series("known_", table.known_from[asked]),
        pl.Series("taken_", table.taken[asked]),
    )
    keys = table.table.keys
    # Versions that came at one moment are taken one after another, and the first of them fires.
    frame = (
        frame.sort("fired_", "known_", "taken_", *keys)
        .unique(subset=keys, keep="first", maintain_order=True)
        .filter(pl.col("fired_") >= start)
        .sort("fired_", *keys)
    )
    return Requests(
        frame.drop("at_", "fired_", "known_", "taken_"),
        keys,
        frame["at_"].to_numpy(),
        frame["fired_"].to_numpy(),
        _moments(table),
    )


def _in_order(table: Versions, rows: NDArray[np.bool_], at: Times, fired: Times) -> Requests:
    """Requests of some rows, each of a key of its own."""
    keys = table.table.keys
    frame = table.frame
    if not rows.all():
        frame, at, fired = frame.filter(rows), at[rows], fired[rows]
    if (fired[1:] <= fired[:-1]).any():
        told = frame.select(*keys, fired_=pl.lit(pl.Series(fired)))
        order = told.select(pl.arg_sort_by("fired_", *keys)).to_series().to_numpy()
        frame, at, fired = frame[order], at[order], fired[order]
    return Requests(frame, keys, at, fired, _moments(table))


def _as_served(found: Requests, served: Served, start: int, stop: int) -> Requests:
    """The same with the moments at which a server was asked."""
    called = names(found)
    moments_ = called.replace_strict(served, default=None, return_dtype=pl.Int64)
    fired = moments_.fill_null(pl.Series(found.fired)).to_numpy()
    moved = Requests(found.frame, found.keys, found.at, fired, found.moments)
    kept = np.flatnonzero((fired >= start) & (fired < stop))
    order = found.frame[kept].select(pl.arg_sort_by(pl.lit(pl.Series(fired[kept])), *found.keys))
    return moved.take(kept[order.to_series().to_numpy()])


def _with_rows(system: System[Any], table: Versions, found: Requests, served: Served) -> Requests:
    """Requests that fire as declared, and those served at other moments with the row known then.

    A server may be asked before or after the declared moment, of a row that was corrected since.
    """
    keys = table.table.keys
    known = table.frame.select(keys).unique(maintain_order=True)
    asked = Requests(known, keys, found.at[:0], found.fired[:0], found.moments)
    at = names(asked).replace_strict(served, default=None, return_dtype=pl.Int64)
    known = known.with_columns(at.alias("served_")).drop_nulls("served_")
    natural = found.frame.select(*keys, pl.Series("served_", found.fired))
    known = known.join(natural, on=[*keys, "served_"], how="anti", maintain_order="left")
    rows = visible_row(table, list(keys), known.select(keys), known["served_"].to_numpy() + 1)
    rows = rows[rows >= 0]
    frame = table.frame[rows]
    numbered = found.frame.select(keys).with_row_index("row_")
    rest = numbered.join(frame.select(keys), on=list(keys), how="anti", maintain_order="left")
    others = rest["row_"].to_numpy()
    planned = frame.select(evaluate(system.asked_at).alias("at")).to_series().to_numpy()
    return Requests(
        pl.concat([found.frame[others], frame]),
        keys,
        np.concatenate([found.at[others], planned]),
        np.concatenate([found.fired[others], planned]),
        found.moments,
    )


def _moments(table: Versions) -> tuple[str, ...]:
    """The key columns that hold moments."""
    specs = table.table.row.columns_
    return tuple(s.name for s in specs if s.name in table.table.keys and s.type is datetime)


def _ticks(ticks: Ticks[Any], table: Versions, start: int, stop: int) -> Requests:
    """One request for each visible row of the table at each moment."""
    asked = moments(ticks.schedule, start, stop)
    parts = [
        table.frame.filter(table.visible(int(at))).with_columns(pl.lit(at, pl.Int64).alias(TICK))
        for at in asked
    ]
    empty = table.frame.head(0).with_columns(pl.lit(0, pl.Int64).alias(TICK))
    frame = pl.concat([empty, *parts]).sort(TICK, *table.table.keys)
    fired = frame[TICK].to_numpy()
    return Requests(frame, (*table.table.keys, TICK), fired, fired, (*_moments(table), TICK))


def names(found: Requests) -> pl.Series:
    """What each request is called: its key, parts joined by `/`, moments in UTC (RFC 3339)."""
    parts = [
        pl.col(key).cast(pl.Datetime("us", "UTC")).dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ")
        if key in found.moments
        else pl.col(key).cast(pl.String)
        for key in found.keys
    ]
    return found.frame.select(pl.concat_str(parts, separator="/").alias("request")).to_series()
