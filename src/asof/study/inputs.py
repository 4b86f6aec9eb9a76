"""The facts of what a life was given: its sources, and the features made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from asof.compute.casting import cast
from asof.compute.slots import counts, slots
from asof.compute.table import Versions
from asof.compute.walltime import to_utc
from asof.declare.rows import time_of
from asof.declare.sources import Reference, Source
from asof.declare.tables import Table
from asof.engine.replay import Replayed
from asof.stores.store import Store
from asof.study.facts import FeatureFact, SourceFact
from asof.study.periods import Periods


def sources(life: Replayed, store: Store, over: Periods) -> tuple[SourceFact, ...]:
    """Every table of a life, by name: its rows, what was set aside, and over which moments."""
    return tuple(
        _source(life.history.tables[name], store, over) for name in sorted(life.history.tables)
    )


def _source(table: Versions, store: Store, over: Periods) -> SourceFact:
    name = table.table.name
    aside = [row for _, row in store.loads.quarantine(name)]
    reasons = Counter(reason for row in aside for reason in row.reasons)
    timed = len(table) and not isinstance(table.table, Reference)
    keys = list(table.table.keys)
    return SourceFact(
        name=name,
        rows=table.frame.select(keys).n_unique() if keys and len(table) else len(table),
        versions=len(table),
        quarantined=tuple(reasons.most_common()),
        quarantined_by_slot=_aside_by_slot(table.table, [dict(row.row) for row in aside], over),
        quarantined_rows=len(aside),
        files=len(store.loads.in_force(name)),
        earliest=int(table.event_time[0]) if timed else None,
        latest=int(table.event_time[-1]) if timed else None,
    )


def _aside_by_slot(
    table: Table[Any], rows: Sequence[Mapping[str, Any]], over: Periods
) -> tuple[int, ...]:
    """Quarantined rows by the slot of their event time, as far as they have a readable one."""
    name = time_of(table.row)
    if name is None or not rows:
        return ()
    found = cast(pl.Series([row.get(name) for row in rows], dtype=pl.String), datetime)
    at = found.values
    if found.walls is not None and isinstance(table, Source):
        zone: str | pl.Series | None = table.zone
        if table.zone_column is not None:
            zone = pl.Series([row.get(table.zone_column) for row in rows], dtype=pl.String)
        if zone is not None:
            at = at.fill_null(to_utc(found.walls, zone).utc)
    known = at.drop_nulls().to_numpy()
    if not len(known):
        return ()
    return tuple(int(n) for n in counts(slots(known, over.edges), len(over.edges) - 1))


def features(life: Replayed) -> tuple[FeatureFact, ...]:
    """Every feature of the life's requests as served: how often it is missing, and its range."""
    return tuple(
        _feature(column.slice(life.first, life.last - life.first))
        for column in life.history.serving.features.iter_columns()
    )


def _feature(column: pl.Series) -> FeatureFact:
    missing = column.null_count() / max(len(column), 1)
    if column.dtype == pl.String:
        return FeatureFact(column.name, "category", missing, distinct=column.n_unique())
    kind = "yes or no" if column.dtype == pl.Boolean else "number"
    numbers = column.cast(pl.Float64).drop_nulls().to_numpy()
    if not len(numbers):
        return FeatureFact(column.name, kind, missing)
    return FeatureFact(
        column.name,
        kind,
        missing,
        mean=float(numbers.mean()),
        low=float(numbers.min()),
        high=float(numbers.max()),
    )
