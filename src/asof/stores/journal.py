"""The journal: append-only messages whose offsets are the house's clock for "recorded"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from asof.stores.database import JOURNAL, LOADS, Database
from asof.stores.faults import in_words
from asof.stores.predictions import TABLE


class Message(msgspec.Struct, frozen=True):
    """One journalled fact: its offset, the stamp it was given (us UTC), its kind and content.

    A message about a source names it; `key` is its sender's idempotency key, and `content` the
    rows that it brought (`stores/encoded.py`), None once they were sealed and pruned.
    """

    offset: int
    stamp: int
    kind: str
    payload: Mapping[str, Any]
    source: str = ""
    key: str | None = None
    content: bytes | None = None


class Journal:
    """Messages in the order in which they were taken.

    While a server runs, its `LiveJournal` is the only one that appends.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, kind: str, payload: Mapping[str, Any], *, stamp: int) -> int:
        """Write one message durably; its offset."""
        with self._database.write("write to the journal") as connection:
            return append(connection, kind, payload, stamp=stamp)

    def read(
        self, *, after: int = 0, upto: int | None = None, kinds: Sequence[str] = ()
    ) -> list[Message]:
        """Messages with `after < offset <= upto` (default: `head()`), in order."""
        chunks = self.messages(after=after, upto=upto, kinds=kinds)
        return [message for chunk in chunks for message in chunk]

    def messages(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        kinds: Sequence[str] = (),
        content: bool = True,
        chunk: int = 10_000,
    ) -> Iterator[list[Message]]:
        """The same in chunks, for journals larger than memory; headers alone without `content`."""
        last = self.head() if upto is None else upto
        column = "content" if content else "NULL"
        of_kinds = f" AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
        query = (
            f"SELECT offset, stamp, kind, payload, layout, key, {column} FROM journal "  # noqa: S608
            f"WHERE offset > ? AND offset <= ?{of_kinds} ORDER BY offset LIMIT ?"
        )
        with in_words("read the journal", self._database.path):
            connection = self._database.connect()
            try:
                named = connection.execute(
                    "SELECT id, source FROM layouts WHERE source <> ?", (TABLE,)
                )
                sources: dict[int | None, str] = dict(named.fetchall())
                # Each chunk is a view of its own: a long one would keep the log from shrinking.
                while rows := connection.execute(query, (after, last, *kinds, chunk)).fetchall():
                    yield [
                        Message(at, stamp, kind, _json(told), sources.get(layout, ""), key, rest)
                        for at, stamp, kind, told, layout, key, rest in rows
                    ]
                    after = rows[-1][0]
            finally:
                connection.close()

    def last_stamp(self, *, upto: int | None = None) -> int:
        """The stamp of the last message (us UTC), up to an offset; 0 if there is none."""
        last = sa.select(JOURNAL.c.stamp).order_by(JOURNAL.c.offset.desc()).limit(1)
        if upto is not None:
            last = last.where(JOURNAL.c.offset <= upto)
        with self._database.read() as connection:
            return int(connection.execute(last).scalar_one_or_none() or 0)

    def head(self) -> int:
        """The greatest offset up to which everything is settled; 0 for an empty journal.

        A load under way holds it back: an answer as of the head never changes afterwards.
        """
        pending = sa.select(sa.func.min(LOADS.c.offset)).where(~LOADS.c.done).scalar_subquery()
        last = sa.select(sa.func.max(JOURNAL.c.offset)).scalar_subquery()
        with self._database.read() as connection:
            first_open, latest = connection.execute(sa.select(pending, last)).one()
        if first_open is not None:
            return int(first_open) - 1
        return int(latest or 0)


_json = msgspec.json.Decoder(dict[str, Any]).decode


def append(connection: sa.Connection, kind: str, payload: Mapping[str, Any], *, stamp: int) -> int:
    """Append within a transaction that is already open."""
    query = JOURNAL.insert().values(stamp=stamp, kind=kind, payload=dict(payload))
    key = connection.execute(query).inserted_primary_key
    assert key is not None  # noqa: S101  an insert of one row always has a key
    return int(key[0])
