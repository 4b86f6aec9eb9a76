"""Sealing: rows go from the journal into their tables, in commits that say up to where (LAW 8a).

Nothing is marked in the journal: a table's own commit carries the last offset that it contains, and
readers take the table plus the journal after that offset. So a writer that is killed has sealed
wholly or not at all, and sealing again goes on after the last commit. It runs beside a server.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asof.stores.database import Database
from asof.stores.faults import in_words
from asof.stores.layouts import Known, Layouts
from asof.stores.predictions import TABLE
from asof.stores.tables import Tables
from asof.stores.unsealed import unsealed

if TYPE_CHECKING:
    import polars as pl

_ROWS = 1_000_000
"""Rows of one commit at most, or little more: they are in memory at once."""

_PRUNED = 2_000
"""Messages pruned in one transaction: the server waits for it."""

_BREATH = 0.005
"""Seconds between such transactions, in which the server can write."""


@dataclass(frozen=True)
class Sealed:
    """What was sealed: rows by source, predictions, and the offset up to which nothing is left."""

    upto: int
    rows: Mapping[str, int]
    predictions: int


class Sealing:
    """Moves what is journalled into the tables. Its callers hold the writer's lock."""

    def __init__(self, database: Database, layouts: Layouts, tables: Tables) -> None:
        self._database = database
        self._layouts = layouts
        self._tables = tables

    def seal(self, upto: int) -> Sealed:
        """Seal everything up to an offset, and merge small files of a table that has many.

        Raises:
            StoreError: a table cannot be written; what was committed before stays sealed.
        """
        rows: dict[str, int] = {}
        for known in self._layouts.all():
            for last, frame in self._commits(known, upto):
                self._tables.append(known.source, known.layout, frame, offset=last)
                rows[known.source] = rows.get(known.source, 0) + frame.height
            self._tables.compact(known.source, known.layout)
        predictions = rows.pop(TABLE, 0)
        return Sealed(upto, rows, predictions)

    def _commits(self, known: Known, upto: int) -> Iterator[tuple[int, pl.DataFrame]]:
        """What each commit of a table holds, with its last offset."""
        import polars as pl

        frames: list[pl.DataFrame] = []
        height = last = 0
        after = self._tables.look(known.source, known.layout.name)[1]
        for last, frame in unsealed(self._database, known, after=after, upto=upto):
            if not frames and not height:
                self._tables.clean(known.source, known.layout.name)
            frames.append(frame)
            height += frame.height
            if height >= _ROWS:
                yield last, pl.concat(frames)
                frames, height = [], 0
        if frames:
            yield last, pl.concat(frames)

    def prune(self, upto: int) -> int:
        """Take from the journal what is sealed, up to an offset; how many messages lost content.

        Messages about rows keep everything but the rows; those that carried predictions go.
        """
        done = 0
        with in_words("prune the journal", self._database.path):
            for known in self._layouts.all():
                last = min(upto, self._tables.look(known.source, known.layout.name)[1])
                verb = "DELETE FROM journal" if known.source == TABLE else _EMPTIED
                done += self._pruned(verb, known, last)
        return done

    def _pruned(self, verb: str, known: Known, last: int) -> int:
        """A few messages at a time, with a pause: the server that writes beside must not wait."""
        query = f"{verb} WHERE offset IN ({_SEALED})"
        done, pause = 0, threading.Event()
        with closing(self._database.connect()) as connection:
            while True:
                found = connection.execute(query, (known.number, last, _PRUNED)).rowcount
                done += found
                if found < _PRUNED:
                    return done
                pause.wait(_BREATH)


_EMPTIED = "UPDATE journal SET content = NULL"
_SEALED = (
    "SELECT offset FROM journal WHERE layout = ? AND offset <= ? AND content IS NOT NULL "
    "ORDER BY offset LIMIT ?"
)
