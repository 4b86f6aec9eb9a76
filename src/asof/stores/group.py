"""A group of messages as few SQL statements, each one step that leaves Python's lock once.

SQLite's module gives Python's lock back at every step of a statement. Where another thread is
busy, a row a step would wait for it a row at a time; a statement of many rows waits once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

import msgspec

from asof.stores.database import LOADS
from asof.stores.loads import NewLoad, SetAside

Outcome = Callable[[BaseException | None], None]
"""Called once with None when a message is durable, or with the reason why it is not."""

JournalRow = tuple[int, int, str, str, int | None, str | None, bytes | None]
"""Offset, stamp, kind, payload (JSON), layout, key, content."""

KNOWN_FOR = 7 * 86_400_000_000
"""Microseconds for which receipts are known, if nothing else is said."""

_MOST = 4096
"""Rows of one statement: 7 columns of them stay below the 32,766 values that SQLite takes."""

_encode = msgspec.json.Encoder().encode


class Item(msgspec.Struct, eq=False):
    """A message on its way: its row of the journal, and whom to tell.

    `source` is "" for what the system itself says; `size` is in bytes. `load` is given where the
    message stands as a load of its own, for it releases rows from quarantine.
    """

    row: JournalRow
    source: str
    size: int
    aside: Sequence[SetAside] = ()
    outcomes: list[Outcome] = msgspec.field(default_factory=list[Outcome])
    load: NewLoad | None = None

    @property
    def offset(self) -> int:
        """The offset that it was given."""
        return self.row[0]


def told(payload: Mapping[str, Any]) -> str:
    """A payload as JSON."""
    return _encode(payload).decode() if payload else "{}"


def write(connection: sqlite3.Connection, items: Sequence[Item], *, known_for: int) -> None:
    """Write messages, their receipts, what they set aside and release in one durable transaction.

    Receipts that are older than the last message by more than `known_for` (us) go, a few at a time.
    """
    rows = [item.row for item in items]
    receipts = [(i.source, i.row[5], i.offset, i.row[1]) for i in items if i.row[5] is not None]
    aside = [
        (item.offset, one.position, told(one.row), _encode(one.reasons).decode())
        for item in items
        for one in item.aside
    ]
    loads = [(item.offset, item.load) for item in items if item.load is not None]
    if len(rows) <= _MOST and not receipts and not aside and not loads:
        _insert(connection, _JOURNAL, rows)  # one statement is a transaction of its own
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _insert(connection, _JOURNAL, rows)
        _insert(connection, _RECEIPTS, receipts)
        if receipts:
            connection.execute(_FORGET, (receipts[-1][3] - known_for, 2 * len(receipts)))
        _insert(connection, _QUARANTINE, aside)
        for offset, load in loads:
            _take(connection, offset, load)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself has ended it where the disk is full
            connection.execute("ROLLBACK")
        raise


def _take(connection: sqlite3.Connection, offset: int, load: NewLoad) -> None:
    """Keep that a message is a load, and that the rows which it brings are not in quarantine."""
    told_of = asdict(load) | {"offset": offset, "done": True}
    told_of |= {name: _encode(told_of[name]).decode() for name in ("leans_on", "report")}
    connection.execute(_LOAD, told_of)
    connection.executemany(
        _RELEASED, [(offset, load.part_of, position) for position in load.releases]
    )


_LOAD_COLUMNS = [column.name for column in LOADS.columns]
_LOAD = (
    f"INSERT INTO loads ({', '.join(f'[{name}]' for name in _LOAD_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join(f':{name}' for name in _LOAD_COLUMNS)})"
)
_RELEASED = 'UPDATE quarantine SET released = ? WHERE "offset" = ? AND position = ?'
_JOURNAL = "journal (offset, stamp, kind, payload, layout, key, content)"
_RECEIPTS = "receipts (source, key, offset, stamp)"
_FORGET = (
    "DELETE FROM receipts WHERE (source, key) IN "
    "(SELECT source, key FROM receipts WHERE stamp < ? ORDER BY stamp LIMIT ?)"
)
_QUARANTINE = 'quarantine ("offset", position, "row", reasons)'


def probe(connection: sqlite3.Connection) -> None:
    """Write a few bytes durably, to see whether it can be done."""
    connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES ('journal', '0')")


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, at most `_MOST` a step; padded to a power of two, so that few are compiled."""
    width = table.count(",") + 1
    for begin in range(0, len(rows), _MOST):
        part = rows[begin : begin + _MOST]
        number = 1 << (len(part) - 1).bit_length()
        padding = [None] * (width * (number - len(part)))
        connection.execute(_statement(table, number), [*chain.from_iterable(part), *padding])


def _statement(table: str, number: int) -> str:
    found = _STATEMENTS.get((table, number))
    if found is None:
        row = f"({','.join('?' * (table.count(',') + 1))})"
        verb = "INSERT OR IGNORE INTO" if table == _RECEIPTS else "INSERT INTO"
        values = ",".join([row] * number)
        select = f"SELECT * FROM (VALUES {values}) WHERE column1 IS NOT NULL"  # noqa: S608
        query = f"{verb} {table} {select}"
        found = _STATEMENTS[table, number] = query
    return found


_STATEMENTS: dict[tuple[str, int], str] = {}
