"""The journal: append-only messages whose offsets are the house's clock for "recorded"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from asof.stores.database import JOURNAL, LOADS, Database


@dataclass(frozen=True, slots=True)
class Message:
    """One journalled fact: its offset, the stamp it was given (us UTC), its kind and content."""

    offset: int
    stamp: int
    kind: str
    payload: Mapping[str, Any]


class Journal:
    """Messages in the order in which they were taken."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, kind: str, payload: Mapping[str, Any], *, stamp: int) -> int:
        """Write one message durably; its offset."""
        with self._database.write("write to the journal") as connection:
            return append(connection, kind, payload, stamp=stamp)

    def append_all(self, messages: Sequence[tuple[str, Mapping[str, Any], int]]) -> list[int]:
        """Write several (kind, payload, stamp) in one durable step, all or none."""
        with self._database.write("write to the journal") as connection:
            return [append(connection, kind, payload, stamp=at) for kind, payload, at in messages]

    def read(
        self, *, after: int = 0, upto: int | None = None, kinds: Sequence[str] = ()
    ) -> list[Message]:
        """Messages with `after < offset <= upto` (default: `head()`), in order."""
        query = (
            sa.select(JOURNAL)
            .where(JOURNAL.c.offset > after)
            .where(JOURNAL.c.offset <= (self.head() if upto is None else upto))
            .order_by(JOURNAL.c.offset)
        )
        if kinds:
            query = query.where(JOURNAL.c.kind.in_(kinds))
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Message(row.offset, row.stamp, row.kind, row.payload) for row in rows]

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


def append(connection: sa.Connection, kind: str, payload: Mapping[str, Any], *, stamp: int) -> int:
    """Append within a transaction that is already open."""
    query = JOURNAL.insert().values(stamp=stamp, kind=kind, payload=dict(payload))
    key = connection.execute(query).inserted_primary_key
    assert key is not None  # noqa: S101  an insert of one row always has a key
    return int(key[0])
