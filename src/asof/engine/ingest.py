"""Ingest: from a file to the tables, or to a refusal; never something in between.

Read and prepare, check against the contract, compare with what is stored, take. The last two
happen under the store's writer lock, so that nobody comes between. What a load changes is decided
by LAW 2c (the same load, supersession, files that grow), 2d (versions, one row a key, snapshots)
and 2e (reference tables).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, time
from pathlib import Path
from typing import Any

import polars as pl

from asof.compute.contract import REASONS, check, count_reasons, require_most, require_volume
from asof.declare.fingerprint import fingerprint
from asof.declare.kept import AVAILABLE, POSITION
from asof.declare.rows import time_of
from asof.declare.sources import Source, rules_of
from asof.declare.tables import ArrowStream, Table
from asof.engine.admit import Admitted, Coming, admit
from asof.engine.files import Given, find, in_memory, prepared
from asof.engine.reports import IngestReport, LoadReport
from asof.errors import DataRefused
from asof.stores.loads import Load, NewLoad, SetAside
from asof.stores.store import Store
from asof.stores.tables import Layout


def ingest(
    table: Table[Any],
    store: Store,
    *,
    now: int,
    base: Path | None = None,
    data: ArrowStream | None = None,
    history: bool = False,
    replacing: bool = False,
    label: bool = False,
) -> IngestReport:
    """Load the table's file, each file of its directory, or `data`; loading again changes nothing.

    `now` is the stamp (us UTC); `base` is where relative paths begin. Once the system is live,
    rows are available from `now` at the earliest, unless they are `history` (LAW 1c).
    `replacing`: the file takes the place of what came from the same path. `label`: the table
    holds the labels, so that its first load fixes `until` (LAW 6b).

    Raises:
        DataRefused: a file was refused as a whole; nothing of it was written.
        StoreError: the store cannot be written; nothing of the file was written.
    """
    given = [in_memory(table, data)] if data is not None else find(table, base or Path())
    if replacing and len(given) == 1:
        _require_earlier(store, table, given[0])
    reports = tuple(
        _load(table, store, one, now=now, history=history, replacing=replacing) for one in given
    )
    if label:
        store.fix_until(table.name)
    return IngestReport(table.name, reports)


def load_fingerprint(table: Table[Any]) -> str:
    """Twelve digits for what of a declaration decides which rows a file means (LAW 2c).

    Contracts and rules are among it, for they decide who is let in: under others a file is another
    load, which takes the earlier one's place. A share that is refused as a whole lets nobody in.
    """
    terms: tuple[object, ...] = (table.row, table.prepare, table.nulls)
    if isinstance(table, Source):
        terms += (
            table.lag, table.available, table.zone, table.zone_column, table.withdrawn,
            table.grows, table.snapshots, table.snapshot_column,
        )  # fmt: skip
    rules = rules_of(table)
    return fingerprint((*terms, rules) if rules else terms)


def _load(
    table: Table[Any], store: Store, given: Given, *, now: int, history: bool, replacing: bool
) -> LoadReport:
    mark = load_fingerprint(table)
    load = hashlib.sha256(f"{given.content}{mark}".encode()).hexdigest()[:32]
    known = _known(store, table, load)
    if known is not None:
        return LoadReport.known(store.loads.report(known.offset))
    frame = prepared(given.read(), table)
    require_volume(frame, table, what=given.name)
    checked = check(frame, table, what=given.name)
    require_most(table, checked.bad, what=given.name, read=checked.read)
    with store.writing():
        known = _known(store, table, load)
        if known is not None:
            return LoadReport.known(store.loads.report(known.offset))
        loads = store.loads.in_force(table.name)
        old = _superseded(table, loads, given, mark, replacing=replacing)
        left = [one for one in loads if one not in old]
        coming = Coming(table, given.name, frame, checked, left, old, now, history)
        admitted = admit(store, coming)
        require_most(table, admitted.apart, what=given.name, read=checked.read)
        report = _report(given, load, coming, admitted)
        fresh = admitted.arrivals.fresh
        new = NewLoad(
            load=load, source=table.name, fingerprint=mark, content=given.content,
            path=given.path, layout=Layout.of(table.row).name, stamp=now, read=checked.read,
            stored=fresh.height, latest_available=_latest(table, fresh),
            first_row=admitted.first_row, digest=admitted.digest, moment=admitted.moment,
            leans_on=admitted.arrivals.leans_on, supersedes=tuple(one.offset for one in old),
            report=asdict(report),
        )  # fmt: skip
        store.take(new, table, fresh, set_aside(admitted.apart))
    return report


def set_aside(apart: pl.DataFrame) -> list[SetAside]:
    """Rows set apart as the store keeps them, values in a form that JSON has."""
    return [
        SetAside(
            offset=0,  # given when the load is taken
            position=row[POSITION],
            row={n: _plain(v) for n, v in row.items() if n not in (POSITION, REASONS)},
            reasons=tuple(row[REASONS]),
        )
        for row in apart.iter_rows(named=True)
    ]


def _known(store: Store, table: Table[Any], load: str) -> Load | None:
    """The same load in force, if all that it leans on is in force too."""
    same = store.loads.in_force(table.name, load=load)
    if not same or not same[0].leans_on:
        return same[0] if same else None
    there = {one.offset for one in store.loads.in_force(table.name)}
    return same[0] if there.issuperset(same[0].leans_on) else None


def _require_earlier(store: Store, table: Table[Any], given: Given) -> None:
    loads = [one for one in store.loads.in_force(table.name) if one.part_of is None]
    if not loads or any(given.path == one.path or given.content == one.content for one in loads):
        return
    raise DataRefused(
        f"{given.name} replaces nothing: no load of {table.name} came from there.",
        found=f"loaded: {', '.join(sorted({one.path or 'frames' for one in loads}))}",
        mend="Ingest it without --replace, or name the file as it was named then.",
    )


def _superseded(
    table: Table[Any], loads: Sequence[Load], given: Given, mark: str, *, replacing: bool
) -> list[Load]:
    """Loads whose place this one takes (same content; same path), and what hangs on them."""
    files = [one for one in loads if one.part_of is None]
    old = [one for one in files if one.content == given.content]
    if replacing:
        old += [one for one in files if one.path == given.path]
    if isinstance(table, Source) and table.grows:
        old += [one for one in files if one.path == given.path and one.fingerprint != mark]
    if isinstance(table, Source) and table.snapshots and old:
        since = min(one.moment for one in old if one.moment is not None)
        old += [one for one in files if one.moment is not None and one.moment >= since]
    gone = {one.offset for one in old}
    return [one for one in loads if one.offset in gone or one.part_of in gone]


def _latest(table: Table[Any], fresh: pl.DataFrame) -> int | None:
    found = _range(fresh, AVAILABLE) if isinstance(table, Source) else None
    return None if found is None else found[1]


def _range(rows: pl.DataFrame, column: str) -> tuple[int, int] | None:
    low, high = rows.select(low=pl.col(column).min(), high=pl.col(column).max()).row(0)
    return None if low is None else (int(low), int(high))


def _report(given: Given, load: str, coming: Coming, admitted: Admitted) -> LoadReport:
    arrivals, checked, notes = admitted.arrivals, coming.checked, admitted.notes
    event = time_of(coming.table.row)
    here = [one for one in coming.left if one.path is not None and one.path == given.path]
    if here and not arrivals.leans_on:
        both = f"{given.name} was loaded before with other content, and both count"
        notes += (f"{both}; --replace puts it in the place of the earlier.",)
    timed = isinstance(coming.table, Source)
    return LoadReport(
        name=given.name,
        load=load,
        read=checked.read,
        stored=arrivals.fresh.height - admitted.withdrawn,
        unchanged=arrivals.repeated,
        set_apart=admitted.apart.height,
        quarantined=count_reasons(admitted.apart),
        never=checked.never,
        twice=checked.twice,
        withdrawn=admitted.withdrawn,
        superseded=len(coming.old),
        dropped=checked.dropped,
        events=_range(checked.good, event) if event is not None else None,
        available=_range(arrivals.fresh, AVAILABLE) if timed else None,
        live=admitted.live,
        notes=notes,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
