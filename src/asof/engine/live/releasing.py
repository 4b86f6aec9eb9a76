"""Rows released from quarantine into a running system, as messages like any others (LAW 2f)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import polars as pl

from asof.compute.online.features import taken_rows
from asof.declare.kept import AVAILABLE, DECLARED, RECORDED
from asof.declare.tables import Table
from asof.engine.admit import stamped
from asof.engine.clock import Stamps
from asof.engine.live.answers import Release
from asof.engine.live.front import ROWS, Front
from asof.engine.live.intake import column_value
from asof.engine.live.taking import settled
from asof.engine.quarantine import Released, mended_row, show
from asof.errors import DataRefused, Overloaded
from asof.stores.encoded import encode
from asof.stores.live import LiveJournal
from asof.stores.store import Store

_TRIES = 5
"""How often a row of history is compared anew, where others of its source came meanwhile."""


class Releasing:
    """Releases rows one after another. `refused` is called where one was not made durable."""

    def __init__(
        self,
        store: Store,
        front: Front,
        journal: LiveJournal,
        stamps: Stamps,
        refused: Callable[[], None],
    ) -> None:
        self._store = store
        self._front = front
        self._journal = journal
        self._stamps = stamps
        self._refused = refused
        self._one = asyncio.Lock()

    async def release(self, name: str, mended: Mapping[str, Any]) -> Release:
        """Take a quarantined row in; see `Live.release`."""
        async with self._one:
            self._front.require_room()
            given = {column: column_value(value) for column, value in mended.items()}
            return await self._taken(name, await self._compared(name, given))

    async def _compared(self, name: str, mended: Mapping[str, Any]) -> Released:
        """The row as it can be taken now.

        What is compared with it is durable, and so is whatever release came before. A row that
        counts from now on may meet others that come meanwhile; one of history may not, for nobody
        would know which of a key is the later one.
        """
        for _ in range(_TRIES):
            came = self._front.rows.copy()
            await asyncio.to_thread(self._journal.flush)
            found = await asyncio.to_thread(self._look, name, mended)
            source = found.new.source
            if found.live or came[source] == self._front.rows[source]:
                return found
        raise Overloaded(
            f"Rows came too fast for row {name} to be compared with them.",
            found=f"others came during each of {_TRIES} comparisons",
            mend="Come again when less comes.",
        )

    def _look(self, name: str, mended: Mapping[str, Any]) -> Released:
        table = self._front.door(show(self._store, name).source).table
        found = mended_row(table, self._store, name, now=self._stamps.last, mended=mended)
        if not found.live and self._has_others(table, found):
            raise DataRefused(
                f"Row {name} is of before the system went live, and its key has other rows.",
                found="a running server goes on from what it knows, and takes no earlier version",
                mend="Release it while no server runs, or send the row as it is to be now.",
                where=table.declared,
            )
        return found

    def _has_others(self, table: Table[Any], found: Released) -> bool:
        """Whether the key of a row has stored versions: only the last of them is known here."""
        if not table.keys or not found.fresh.height:
            return False
        keys = list(table.keys)
        wanted = found.fresh.lazy().select(keys)
        rows = self._store.scan(table).select(keys).join(wanted, on=keys, how="semi")
        return rows.collect().height > 0

    async def _taken(self, name: str, found: Released) -> Release:
        """Journal the row and let it count, as `Front.apply` does with rows that come."""
        stamp, source, stored = self._stamps.next(), found.new.source, found.report.stored
        fresh = found.fresh.with_columns(pl.lit(0, pl.Int64).alias(RECORDED))
        if found.live:  # by the stamp itself, in place of the moment at which it was compared
            said = pl.coalesce(DECLARED, AVAILABLE).alias(AVAILABLE)
            fresh = stamped(fresh.with_columns(said), self._stamps.accepted)
        rows = taken_rows(self._front.door(source).table, fresh)
        declared = fresh[DECLARED].to_list()
        content = encode(
            [
                (*row.values, row.available_at, said, row.withdrawn)
                for row, said in zip(rows, declared, strict=True)
            ],
            [row.position for row in rows],
        )
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        offset = self._journal.append(
            ROWS, stamp, {"rows": stored, "quarantined": [], "released": name}, content,
            source=source, load=replace(found.new, stamp=stamp),
            on_durable=settled(durable, self._refused),
        )  # fmt: skip
        self._front.core.put(
            source, [msgspec.structs.replace(row, recorded=offset) for row in rows]
        )
        await durable
        return Release(name, source, offset, stored)
