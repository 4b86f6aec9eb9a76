"""What a load changes, compared with what is stored: the cases of LAW 2c, 2d and 2e."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from asof.compute.arrivals import (
    Arrivals,
    always_known,
    current,
    digest,
    one_a_key,
    unsaid,
)
from asof.compute.contract import DUPLICATE, REASONS, Checked
from asof.declare.kept import AVAILABLE, DECLARED, POSITION, RECORDED, WITHDRAWN
from asof.declare.sources import Source
from asof.declare.tables import Table
from asof.engine.snapshots import take_snapshots
from asof.errors import DataRefused
from asof.stores.loads import Load
from asof.stores.records import LIVE_FROM
from asof.stores.store import Store


@dataclass(frozen=True)
class Coming:
    """A load at the door: rows as prepared and as checked, and the loads that it meets.

    `left` stay in force, `old` are about to be superseded; `what` names the file; `stamp` is now
    (us UTC); `history`: declared availability is kept although the system is live.
    """

    table: Table[Any]
    what: str
    frame: pl.DataFrame
    checked: Checked
    left: Sequence[Load]
    old: Sequence[Load]
    stamp: int
    history: bool

    @property
    def columns(self) -> list[str]:
        """The declared columns."""
        return [spec.name for spec in self.table.row.columns_]


@dataclass(frozen=True)
class Admitted:
    """What a load changes, ready to be taken; `apart` are the rows for quarantine."""

    arrivals: Arrivals
    apart: pl.DataFrame
    moment: int | None = None
    withdrawn: int = 0
    first_row: str | None = None
    digest: str | None = None
    live: bool = False
    notes: tuple[str, ...] = ()


def admit(store: Store, coming: Coming) -> Admitted:
    """Compare checked rows with what is stored; call it where nobody else writes.

    Raises:
        DataRefused: a keyless file repeats a loaded one; a snapshot is older than the last.
    """
    table = coming.table
    if not isinstance(table, Source):
        return _reference(store, coming)
    moved = not coming.history and not coming.old
    live = moved and store.records.setting(LIVE_FROM) is not None
    good = stamped(coming.checked.good, coming.stamp if live else None)
    if not table.keys:
        return replace(_keyless(table, good, coming), live=live)
    if table.snapshots:
        stored = _stored(store, coming, None)
        found = take_snapshots(table, good, coming.checked, stored, coming.left, what=coming.what)
        apart = _with_twins(coming, found.arrivals.twins)
        return Admitted(
            found.arrivals, apart, found.moment, found.withdrawn, live=live, notes=found.notes
        )
    arrivals = compared(store, coming, good, live=live)
    return Admitted(arrivals, _with_twins(coming, arrivals.twins), live=live)


def compared(store: Store, coming: Coming, good: pl.DataFrame, *, live: bool) -> Arrivals:
    """Rows as they will be available, compared with the stored ones of their keys.

    Live rows of a source with a lag may correct each other: their stamps say when they were known.
    """
    table = coming.table
    if not table.keys:
        return Arrivals(good, good[POSITION].clear(), 0)
    stored = _stored(store, coming, good)
    lagged = isinstance(table, Source) and table.available is None and not table.snapshots
    if lagged and not live:
        return one_a_key(good, stored, coming.columns, table.keys)
    return unsaid(good, stored, [*coming.columns, AVAILABLE])


def stamped(good: pl.DataFrame, stamp: int | None) -> pl.DataFrame:
    """Rows available from a stamp at the earliest, the declared moment kept beside it (LAW 1c)."""
    if stamp is None:
        return good.with_columns(pl.lit(None, pl.Int64).alias(DECLARED))
    declared = pl.col(AVAILABLE)
    return good.with_columns(
        pl.when(declared < stamp).then(declared).alias(DECLARED),
        pl.max_horizontal(declared, pl.lit(stamp, pl.Int64)).alias(AVAILABLE),
    )


def _stored(store: Store, coming: Coming, like: pl.DataFrame | None) -> pl.DataFrame:
    """Stored rows that stay in force, of the keys of `like` only if it is given."""
    superseded = [one.offset for one in coming.old]
    rows = store.scan(coming.table, without=superseded).select(
        *coming.columns, AVAILABLE, RECORDED, POSITION, WITHDRAWN
    )
    if like is not None:
        keys = list(coming.table.keys)
        wanted = like.lazy().select(keys).unique()
        rows = rows.join(wanted, on=keys, how="semi", maintain_order="left")
    return rows.collect()


def _reference(store: Store, coming: Coming) -> Admitted:
    """The first load was always known; what a later one says anew is known from its commit on."""
    table, left, old = coming.table, coming.left, coming.old
    stored = _stored(store, coming, coming.checked.good)
    first = not left or (bool(old) and old[0].offset < left[0].offset)
    single = one_a_key(coming.checked.good, stored.clear(), coming.columns, table.keys)
    known = None if first else min([coming.stamp, *(one.stamp for one in old)])
    rows = stamped(always_known(single.fresh, known), None)
    notes: tuple[str, ...] = ()
    if first:
        found = unsaid(rows, stored, [*coming.columns, AVAILABLE])
        notes = (f"{table.name} has no time: its rows are taken as always known.",)
    else:
        found = unsaid(rows, current(stored, table.keys), coming.columns)
    arrivals = replace(found, twins=single.twins, repeated=single.repeated + found.repeated)
    return Admitted(arrivals, _with_twins(coming, single.twins), notes=notes)


def _keyless(table: Source[Any], good: pl.DataFrame, coming: Coming) -> Admitted:
    """Rows without a key: all of them, or what a grown file has beyond the loaded one."""
    told = good.select(*coming.columns, POSITION)
    first, whole = digest(told.head(1)), digest(told)
    nothing = good[POSITION].clear()
    bad = coming.checked.bad
    start = _beginning(told, first, coming.left)
    if start is None:
        return Admitted(Arrivals(good, nothing, 0), bad, first_row=first, digest=whole)
    if not table.grows:
        raise DataRefused(
            f"{coming.what} begins with the {start.read:,} rows of a loaded file.",
            found=f"{start.path or 'a frame'}, loaded before; {table.name} has no key to tell "
            "repeated rows from new ones",
            mend="Write grows=True in its asof.source() if the file grows at its end, or ingest "
            "it with --replace.",
            where=table.declared,
        )
    rest = good.filter(pl.col(POSITION) >= start.read)
    leans = (start.offset, *start.leans_on)
    return Admitted(
        Arrivals(rest, nothing, good.height - rest.height, leans),
        bad.filter(pl.col(POSITION) >= start.read),
        first_row=first,
        digest=whole,
    )


def _beginning(told: pl.DataFrame, first: str, loads: Sequence[Load]) -> Load | None:
    """The longest loaded file with whose rows these begin."""
    near = [one for one in loads if one.first_row == first and one.digest is not None]
    for one in sorted(near, key=lambda load: load.read, reverse=True):
        if told.height and digest(told.filter(pl.col(POSITION) < one.read)) == one.digest:
            return one
    return None


def _with_twins(coming: Coming, twins: pl.Series) -> pl.DataFrame:
    """The rows set apart by the contract, and those whose key is another row's."""
    bad = coming.checked.bad
    if not len(twins):
        return bad
    reason = f"{', '.join(coming.table.keys)}: {DUPLICATE}"
    marked = coming.frame.select(coming.columns)[twins.to_list()].with_columns(
        twins.alias(POSITION), pl.lit([reason]).alias(REASONS)
    )
    return pl.concat([bad, marked.select(bad.columns)]).sort(POSITION)
