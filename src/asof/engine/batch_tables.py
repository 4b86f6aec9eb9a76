"""Tables as of one moment, for a batch run: only the columns and rows that its features can see.

The longest window before the moment is asked of the Parquet files themselves. Versions are chosen
over the whole source first (LAW 2b): of every key that has a row in a window all versions are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from asof.compute.needed import Needed, needed
from asof.compute.plan import Plan
from asof.compute.table import Versions, versions
from asof.compute.window.contract import NEVER
from asof.declare.kept import AVAILABLE, POSITION, RECORDED, WITHDRAWN
from asof.declare.rows import time_of
from asof.declare.sources import Reference
from asof.declare.tables import Table
from asof.stores.store import Store

_KEPT = (AVAILABLE, RECORDED, POSITION, WITHDRAWN)


def tables_at(planned: Plan, store: Store, at: int, offset: int) -> Mapping[str, Versions]:
    """The tables that a plan reads, as of (at, offset): what is visible and within its windows."""
    return {name: _at(store, need, at, offset) for name, need in needed(planned).items()}


def _at(store: Store, need: Needed, at: int, offset: int) -> Versions:
    table = need.table
    known = store.scan(table, offset=offset).filter(pl.col(AVAILABLE) < at)
    near = known
    if need.start is not None and need.stop is not None:
        event = pl.col(str(time_of(table.row)))
        near = known.filter(event >= at + need.start, event < at + need.stop)
    seen = versions_of(table, known, near, need.columns, whole=isinstance(table, Reference))
    return visible(seen, at, need)


def versions_of(
    table: Table[Any],
    known: pl.LazyFrame,
    near: pl.LazyFrame,
    columns: set[str],
    *,
    whole: bool = False,
) -> Versions:
    """The versions of the keys that have a row in `near`, among all `known` rows.

    `whole`: `near` holds all rows of its keys.
    """
    names = [spec.name for spec in table.row.columns_]
    time = time_of(table.row)
    read = [n for n in names if n in columns or n in table.keys or n == time]
    rows = near
    keys = list(table.keys)
    if keys and not whole:
        rows = known.join(near.select(keys).unique(), on=keys, how="semi", maintain_order="left")
    stored = rows.select(*read, *_KEPT).collect(engine="streaming")
    unread = [n for n in names if n not in read]
    if unread and keys:
        stored = _completed(stored, rows, keys, unread, names)
    elif unread:
        stored = stored.with_columns(_nothing(table, unread))
    found = versions(table, stored)
    return Versions(
        table, found.frame.select(read), found.event_time, found.known_from, found.known_until,
        found.places,
    )  # fmt: skip


def _completed(
    stored: pl.DataFrame, rows: pl.LazyFrame, keys: list[str], unread: list[str], names: list[str]
) -> pl.DataFrame:
    """Stored rows with the columns not read: null, but where versions of a key are compared."""
    schema = rows.collect_schema()
    nothing = [pl.lit(None, schema[name]).alias(name) for name in unread]
    several = stored.select(pl.struct(keys).is_duplicated()).to_series()
    single = stored.filter(~several).with_columns(nothing).select(*names, *_KEPT)
    if not several.any():
        return single
    wanted = stored.filter(several).select(keys).unique()
    full = rows.join(wanted.lazy(), on=keys, how="semi", maintain_order="left")
    both = pl.concat([single, full.select(*names, *_KEPT).collect(engine="streaming")])
    return both.sort(RECORDED, POSITION, maintain_order=True)


def _nothing(table: Table[Any], unread: list[str]) -> list[pl.Expr]:
    from asof.stores.tables import Layout

    schema = Layout.of(table.row).schema
    return [pl.lit(None, schema[name]).alias(name) for name in unread]


def visible(found: Versions, at: int, need: Needed | None = None) -> Versions:
    """The versions visible as of a moment, and within what is needed; they end no more."""
    keep = found.visible(at)
    if need is not None and need.start is not None and need.stop is not None:
        keep &= (found.event_time >= at + need.start) & (found.event_time < at + need.stop)
    seen = found.take(keep)
    ends = np.full(len(seen), NEVER, dtype=np.int64)
    return Versions(table=seen.table, frame=seen.frame, event_time=seen.event_time,
                    known_from=seen.known_from, known_until=ends, places=seen.places)  # fmt: skip
