"""A table's rows, each with the moments between which it is the visible version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.codes import dense
from asof.compute.evaluate import evaluate
from asof.compute.window import NEVER
from asof.compute.window.rank import rank_order
from asof.compute.window.versions import known
from asof.declare.rows import time_of
from asof.declare.sources import Source
from asof.declare.tables import Table

Times = NDArray[np.int64]

ALWAYS = np.iinfo(np.int64).min
"""Availability of the rows of a reference table's first load."""


@dataclass(frozen=True)
class Versions:
    """The versions of a table's rows that are not withdrawals, in rank order.

    A version is visible as of T when `known_from < T <= known_until`. `frame` holds the declared
    columns; moments are microseconds since 1970-01-01 UTC. Rows of a reference table have no
    event time.
    """

    table: Table[Any]
    frame: pl.DataFrame
    event_time: Times
    known_from: Times
    known_until: Times

    def visible(self, at: int) -> NDArray[np.bool_]:
        """Which versions are visible as of a moment."""
        return (self.known_from < at) & (at <= self.known_until)

    def take(self, rows: NDArray[Any]) -> Versions:
        """Some of the versions: positions in rank order, or a mask."""
        frame = self.frame.filter(rows) if rows.dtype == np.bool_ else self.frame[rows]
        return Versions(
            self.table, frame, self.event_time[rows], self.known_from[rows], self.known_until[rows]
        )


def versions(table: Table[Any], stored: pl.DataFrame) -> Versions:
    """Versions from rows as stored: the declared columns, `available_at`, `recorded`, `position`.

    The version of a key is chosen over the whole table (LAW 2b), before any filter or window.
    """
    available = stored["available_at"].to_numpy()
    keys = list(table.keys)
    columns = [spec.name for spec in table.row.columns_]
    key_codes = dense(stored, keys) if keys else np.arange(stored.height, dtype=np.int64)
    withdrawn = _withdrawn(table, stored)
    content = dense(stored.select(pl.all().is_null().name.suffix("_null"), pl.all().fill_null(
        strategy="zero")).select(pl.all()), stored.columns[:0]) if not keys else _content(stored, columns, key_codes)  # fmt: skip
    known_from, known_until = known(
        key_codes if keys else None,
        available,
        stored["recorded"].to_numpy(),
        stored["position"].to_numpy(),
        withdrawn,
        content,
    )
    name = time_of(table.row)
    event_time = (
        stored.select(evaluate_time(name)).to_series().to_numpy()
        if name is not None
        else np.zeros(stored.height, dtype=np.int64)
    )
    keep = ~withdrawn & (known_from < known_until)
    found = Versions(
        table,
        stored.filter(keep).select(columns),
        event_time[keep],
        known_from[keep],
        known_until[keep],
    )
    return found.take(
        rank_order(
            found.event_time,
            found.known_from,
            found.frame.select([*keys, *(c for c in columns if c not in keys)]),
        )
    )
