"""A table's rows, each with the moments between which it is the visible version."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.codes import dense
from asof.compute.window.contract import NEVER
from asof.compute.window.rank import rank_order
from asof.compute.window.versions import known_until
from asof.declare.kept import AVAILABLE, POSITION, RECORDED, WITHDRAWN
from asof.declare.rows import time_of
from asof.declare.sources import Source
from asof.declare.tables import Table

Times = NDArray[np.int64]


@dataclass(frozen=True)
class Versions:
    """The versions of a table's rows that are not withdrawals, by event time and availability.

    A version is visible as of T when `known_from < T <= known_until`. `frame` holds the declared
    columns that were read; moments are microseconds since 1970-01-01 UTC. Rows of a reference
    table have event time 0. `places` tells where each stood among the stored rows, which are in the
    order of their taking; None where they stand as they stood.
    """

    table: Table[Any]
    frame: pl.DataFrame
    event_time: Times
    known_from: Times
    known_until: Times
    places: NDArray[np.int32] | None

    @property
    def taken(self) -> NDArray[np.int32]:
        """The place of each among the stored rows, in the order of their taking."""
        return np.arange(len(self), dtype=np.int32) if self.places is None else self.places

    def __len__(self) -> int:
        return len(self.known_from)

    def visible(self, at: int) -> NDArray[np.bool_]:
        """Which versions are visible as of a moment."""
        return (self.known_from < at) & (at <= self.known_until)

    def where(self, holds: NDArray[np.bool_]) -> Versions:
        """The versions of which something holds: these themselves where it holds of all."""
        return self if holds.all() else self.take(holds)

    def take(self, rows: NDArray[Any]) -> Versions:
        """Some of the versions: positions, or a mask."""
        frame = self.frame.filter(rows) if rows.dtype == np.bool_ else self.frame[rows]
        event_time = self.event_time[rows]
        at_once = self.known_from is self.event_time
        return Versions(
            self.table,
            frame,
            event_time,
            event_time if at_once else self.known_from[rows],
            _for_ever(frame.height) if never_ends(self.known_until) else self.known_until[rows],
            self.taken[rows],
        )


def stored_columns(table: Table[Any], columns: Collection[str] | None = None) -> list[str]:
    """The columns of the stored rows that `versions` looks at; `columns`: of the declared ones."""
    names = [spec.name for spec in table.row.columns_]
    read = [name for name in names if columns is None or name in columns]
    return [*read, AVAILABLE, WITHDRAWN]


def versions(table: Table[Any], stored: pl.DataFrame) -> Versions:
    """The versions of a table from its rows as stored, with the columns that the house keeps.

    `stored` is in the order of taking, as the store gives it, unless it tells of each row when it
    was recorded and its position. Its `stored_columns` are enough, of rows without a key also
    without some of the declared ones.
    The version of a key is chosen over the whole table (LAW 2b), before any filter or window.
    """
    columns = [spec.name for spec in table.row.columns_ if spec.name in stored.columns]
    time = time_of(table.row)
    kept = {name: stored[name] for name in columns}  # `select` would copy what lies in pieces
    event_time = np.zeros(stored.height, dtype=np.int64)
    at_once = False
    if time is not None:
        told = kept[time].cast(pl.Int64)
        at_once = (told == stored[AVAILABLE]).all()
        kept[time] = kept[time].rechunk()  # one piece, which the kernel sees as well
        event_time = kept[time].cast(pl.Int64).to_numpy()
    # What is known as it happens has one array for both.
    known_from = event_time if at_once else stored[AVAILABLE].to_numpy()
    frame = pl.DataFrame(kept)
    until = _until(table, stored, columns)
    found = Versions(table, frame, event_time, known_from, until, None)
    if not never_ends(until) or stored[WITHDRAWN].any():
        found = found.take(~stored[WITHDRAWN].to_numpy() & (known_from <= until))
    order = rank_order(found.event_time, found.known_from)
    return found if order is None else found.take(order)


def _for_ever(rows: int) -> Times:
    """The ends of versions that have none: one number, however many rows."""
    return np.broadcast_to(np.array(NEVER, dtype=np.int64), rows)


def never_ends(known_until: Times) -> bool:
    """Whether no version ends, told at a glance where `versions` found that there are none."""
    once = known_until[:1] if known_until.strides == (0,) else known_until
    return bool((once == NEVER).all())


def _until(table: Table[Any], stored: pl.DataFrame, columns: Sequence[str]) -> Times:
    """The last moment as of which each stored row is its key's version."""
    keys = table.keys
    if not keys or _all_differ(stored.select(keys)):
        return _for_ever(stored.height)
    rest = [name for name in _said(table, columns) if name not in keys]
    taken = np.arange(stored.height, dtype=np.int64)
    told = RECORDED in stored.columns
    return known_until(
        dense(stored, keys),
        stored[AVAILABLE].to_numpy(),
        stored[RECORDED].to_numpy() if told else np.zeros_like(taken),
        stored[POSITION].to_numpy() if told else taken,
        content(stored, rest),
        stored[WITHDRAWN].to_numpy(),
    )


def _said(table: Table[Any], columns: Sequence[str]) -> list[str]:
    """The columns that make a version: what is said again at another moment is not another one."""
    when = table.available if isinstance(table, Source) else None
    return [name for name in columns if name != when or name == time_of(table.row)]


def repeats(found: Versions) -> NDArray[np.bool_]:
    """Which rows say what their key's version says as they come, and so are none (LAW 2d).

    All rows of a key have to be there. One that is superseded at its own moment is a version,
    though nobody ever sees it.
    """
    again = found.known_until <= found.known_from
    if not found.table.keys or not again.any():
        return np.zeros(len(found), dtype=np.bool_)
    rows = pl.DataFrame(
        {
            "says": content(found.frame, _said(found.table, found.frame.columns)),
            "since": found.known_from,
            "until": found.known_until,
            "taken": found.taken,
        }
    ).with_row_index("row")
    standing = pl.col("until").cum_max().shift(1).over("says") >= pl.col("since")
    said = rows.sort("since", "taken").with_columns(standing.fill_null(value=False).alias("said"))
    found_again: NDArray[np.bool_] = again & said.sort("row")["said"].to_numpy()
    return found_again


def _all_differ(keys: pl.DataFrame) -> bool:
    """Whether no two rows are equal; numbers that rise are not looked at twice."""
    first = keys.to_series()
    if keys.width == 1 and first.dtype.is_integer() and not first.null_count():
        numbers = first.to_numpy()
        if (numbers[1:] > numbers[:-1]).all():
            return True
    return keys.n_unique() == keys.height


def content(frame: pl.DataFrame, columns: Sequence[str]) -> Times:
    """A code for each different combination of values, nulls being values too."""
    if not columns:
        return np.zeros(frame.height, dtype=np.int64)
    known = frame.select(columns).unique(maintain_order=True).with_row_index("code_")
    found = frame.select(columns).join(
        known, on=list(columns), how="left", maintain_order="left", nulls_equal=True
    )
    return found["code_"].cast(pl.Int64).to_numpy()


def rank(found: Versions, group: NDArray[np.int32]) -> NDArray[np.int64] | None:
    """The order by event time, availability, key and content; None where rows have it already.

    Only rows of one group are told apart (LAW 3b). Two versions of one key are never visible
    together, so content decides only between rows without a key.
    """
    columns = list(found.table.keys) or found.frame.columns

    def ties(rows: NDArray[np.int64]) -> list[NDArray[Any]]:
        return [_sortable(found.frame[name].gather(rows)) for name in columns]

    return rank_order(found.event_time, found.known_from, ties, group)


def _sortable(column: pl.Series) -> NDArray[Any]:
    """Numbers that sort as the values of a column do, null first."""
    if column.dtype.is_integer() and not column.null_count():
        return column.to_numpy()
    return column.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
