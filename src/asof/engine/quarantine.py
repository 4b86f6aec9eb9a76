"""Quarantine: rows that broke their contract are listed, shown, mended and released (LAW 2f)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from asof.compute.arrivals import Arrivals, always_known
from asof.compute.contract import DUPLICATE, check
from asof.declare.kept import AVAILABLE, POSITION
from asof.declare.place import nearest
from asof.declare.sources import Source
from asof.declare.tables import Table
from asof.engine.admit import Coming, compared, stamped
from asof.engine.reports import LoadReport
from asof.errors import DataRefused, UsageError
from asof.stores.loads import Load, NewLoad, SetAside
from asof.stores.records import LIVE_FROM
from asof.stores.store import Store
from asof.stores.tables import Layout


@dataclass(frozen=True)
class Quarantined:
    """A row in quarantine: its name (`load:position`), the file, the row as read, the reasons."""

    name: str
    source: str
    file: str
    row: Mapping[str, Any]
    reasons: tuple[str, ...]
    released: bool


def in_quarantine(store: Store, source: str | None = None) -> list[Quarantined]:
    """Rows set apart by the loads in force that were not released, of one source or of all."""
    return [_told(load, row) for load, row in store.loads.quarantine(source)]


def show(store: Store, name: str) -> Quarantined:
    """The quarantined row of that name, such as `12:407`.

    Raises:
        UsageError: there is none.
    """
    return _told(*_find(store, name))


@dataclass(frozen=True)
class Released:
    """A row on its way out of quarantine: the load as which it is taken, its rows, the report.

    `fresh` has no row where the stored ones say the same already. Where it is `live` its stamp is
    that of its release, else it counts from when it would have.
    """

    new: NewLoad
    fresh: pl.DataFrame
    report: LoadReport

    @property
    def live(self) -> bool:
        """Whether it counts from its release on."""
        return self.report.live


def release(
    table: Table[Any],
    store: Store,
    name: str,
    *,
    now: int,
    mended: Mapping[str, Any] | None = None,
) -> LoadReport:
    """Take a quarantined row in, with the values of `mended` in the place of its own.

    It is available when it would have been, if that was before the system went live, else from
    `now` (us UTC) on.

    Raises:
        UsageError: there is no such row, or it was released before.
        DataRefused: the row still breaks its contract, or its key has another row.
    """
    with store.writing():
        found = mended_row(table, store, name, now=now, mended=mended or {})
        store.take(found.new, table, found.fresh, [])
        return found.report


def mended_row(
    table: Table[Any], store: Store, name: str, *, now: int, mended: Mapping[str, Any]
) -> Released:
    """A quarantined row as `release` takes it; nothing is changed by it.

    Raises:
        UsageError: there is no such row, or it was released before.
        DataRefused: the row still breaks its contract, or its key has another row.
    """
    load, aside = _find(store, name)
    if load.source != table.name or aside.released is not None:
        raise UsageError(
            f"Row {name} cannot be released to {table.name}.",
            found=f"it is a row of {load.source}, "
            f"{'in quarantine' if aside.released is None else 'released before'}",
            mend="List what can be: asof quarantine list SYSTEM",
        )
    row = _mended(aside, mended)
    frame = pl.DataFrame([row], infer_schema_length=None)
    checked = check(frame, table, what=f"row {name}", part=True)
    if checked.bad.height:
        raise _still(name, checked.reasons, table)
    left = store.loads.in_force(table.name)
    coming = Coming(table, f"row {name}", frame, checked, left, (), now, history=True)
    good, live = _available(store, coming, load)
    good = good.with_columns(pl.lit(aside.position, pl.Int64).alias(POSITION))
    arrivals = compared(store, coming, good, live=live)
    if len(arrivals.twins):
        raise _still(name, [f"{', '.join(table.keys)}: {DUPLICATE}"], table)
    return _released(coming, arrivals, load, aside, row, live=live)


def _available(store: Store, coming: Coming, load: Load) -> tuple[pl.DataFrame, bool]:
    """The row with the moment from which it counts; whether that is its release.

    What came live would have counted from when it came at the earliest, whatever it declares.
    """
    good = coming.checked.good
    if not isinstance(coming.table, Source):
        loads = store.loads.all(load.source)
        first = bool(loads) and load.offset == loads[0].offset
        good = always_known(good, None if first else load.stamp)
    live_from = store.records.setting(LIVE_FROM)
    came_live = bool(store.loads.report(load.offset).get("live", _is_message(load)))
    live = live_from is not None and (came_live or int(good[AVAILABLE][0]) >= int(live_from))
    return stamped(good, coming.stamp if live else None), live


def _released(
    coming: Coming,
    arrivals: Arrivals,
    load: Load,
    aside: SetAside,
    row: Mapping[str, Any],
    *,
    live: bool,
) -> Released:
    told = f"release {load.offset}:{aside.position} {json.dumps(dict(row), sort_keys=True)}"
    identity = hashlib.sha256(told.encode()).hexdigest()[:32]
    fresh = arrivals.fresh
    report = LoadReport(
        coming.what, identity, read=1, stored=fresh.height, unchanged=1 - fresh.height, live=live
    )
    new = NewLoad(
        load=identity, source=load.source, fingerprint=load.fingerprint, content=identity,
        path=load.path, layout=Layout.of(coming.table.row).name, stamp=coming.stamp, read=1,
        stored=fresh.height, part_of=load.offset, releases=(aside.position,),
        leans_on=arrivals.leans_on, report=asdict(report),
    )  # fmt: skip
    return Released(new, fresh, report)


def _find(store: Store, name: str) -> tuple[Load, SetAside]:
    rows = store.loads.quarantine(released=None)
    for load, row in rows:
        if _name(row) == name:
            return load, row
    names = ", ".join(_name(row) for _, row in rows[:5])
    raise UsageError(
        f"No row '{name}' is in quarantine.",
        found=f"rows: {names}{', ...' if len(rows) > 5 else ''}" if rows else "it is empty",
        mend="Name a row as load:position; list them with: asof quarantine list SYSTEM",
    )


def _name(row: SetAside) -> str:
    return f"{row.offset}:{row.position}"


def _told(load: Load, row: SetAside) -> Quarantined:
    file = load.path or ("a message" if _is_message(load) else "a frame")
    return Quarantined(
        _name(row), load.source, file, row.row, row.reasons, row.released is not None
    )  # fmt: skip


def _is_message(load: Load) -> bool:
    """Whether it came to a server, and not as a file or a frame."""
    return not load.content


def _mended(aside: SetAside, mended: Mapping[str, Any]) -> dict[str, Any]:
    unknown = [name for name in mended if name not in aside.row]
    if unknown:
        raise UsageError(
            f"The row has no column '{unknown[0]}'.",
            found=f"columns: {', '.join(aside.row)}",
            mend=nearest(unknown[0], list(aside.row)) or "Name a column of the row.",
        )
    return {**aside.row, **mended}


def _still(name: str, reasons: Iterable[str], table: Table[Any]) -> DataRefused:
    return DataRefused(
        f"Row {name} of {table.name} still breaks its contract.",
        found="; ".join(reasons),
        mend=f"Mend it: asof quarantine release SYSTEM {name} --set COLUMN=VALUE",
        where=table.row.declared_ or table.declared,
    )
