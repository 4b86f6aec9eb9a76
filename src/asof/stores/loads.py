"""What came in: every load with its offset, and the rows that were set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from asof.stores.database import JOURNAL, LAYOUTS, LOADS, QUARANTINE, SUPERSEDED, Database
from asof.stores.journal import append


@dataclass(frozen=True, slots=True)
class NewLoad:
    """A load about to be taken. `stamp`, `latest_available`, `moment` are us UTC.

    `layout` names the table's columns and types; `digest` identifies the content of a keyless
    file's rows and `first_row` that of its first; `moment` is a snapshot's; `part_of` is the load
    whose quarantined row is released; `leans_on` are the loads whose rows this one repeats.
    """

    load: str
    source: str
    fingerprint: str
    content: str
    path: str | None
    layout: str
    stamp: int
    read: int
    stored: int
    latest_available: int | None = None
    first_row: str | None = None
    digest: str | None = None
    moment: int | None = None
    part_of: int | None = None
    leans_on: tuple[int, ...] = ()
    supersedes: tuple[int, ...] = ()
    releases: tuple[int, ...] = ()
    report: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Load:
    """A load that was taken at `offset`; its other fields are those of `NewLoad`.

    What was told about it is asked for by itself, with `Loads.report`.
    """

    offset: int
    load: str
    source: str
    fingerprint: str
    content: str
    path: str | None
    layout: str
    stamp: int
    read: int
    stored: int
    latest_available: int | None
    first_row: str | None
    digest: str | None
    moment: int | None
    part_of: int | None
    leans_on: tuple[int, ...]


_LOAD = [LOADS.c[name] for name in Load.__slots__]


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row in quarantine: where it came from, the row as read (JSON), why, and its release."""

    offset: int
    position: int
    row: Mapping[str, Any]
    reasons: tuple[str, ...]
    released: int | None = None


class Loads:
    """The loads of all sources, and their quarantine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, new: NewLoad, quarantined: Sequence[SetAside]) -> int:
        """Write down durably that a load is under way; its offset. Readers do not see it yet."""
        given = asdict(new)
        kept = {name: given[name] for name in given if name in LOADS.c}
        message = {
            "source": new.source, "load": new.load, "rows": new.stored, "layout": new.layout,
        }  # fmt: skip
        with self._database.write(f"take a load of {new.source}") as connection:
            offset = append(connection, "rows_arrived", message, stamp=new.stamp)
            kept["leans_on"] = list(new.leans_on)
            connection.execute(LOADS.insert().values(offset=offset, done=False, **kept))
            pairs = [{"old": old, "new": offset} for old in new.supersedes]
            if pairs:
                connection.execute(SUPERSEDED.insert(), pairs)
            if quarantined:
                connection.execute(
                    QUARANTINE.insert(), [_aside(offset, row) for row in quarantined]
                )
            if new.part_of is not None and new.releases:
                connection.execute(
                    QUARANTINE.update()
                    .where(QUARANTINE.c.offset == new.part_of)
                    .where(QUARANTINE.c.position.in_(new.releases))
                    .values(released=offset)
                )
        return offset

    def finish(self, offset: int) -> None:
        """The rows of the load are in its table: from here on readers see it."""
        with self._database.write("finish a load") as connection:
            connection.execute(LOADS.update().where(LOADS.c.offset == offset).values(done=True))

    def abandon(self, offset: int) -> None:
        """Take back what `begin` wrote down; the offset is never given again."""
        with self._database.write("take back a load") as connection:
            connection.execute(LOADS.delete().where(LOADS.c.offset == offset).where(~LOADS.c.done))
            connection.execute(SUPERSEDED.delete().where(SUPERSEDED.c.new == offset))
            connection.execute(QUARANTINE.delete().where(QUARANTINE.c.offset == offset))
            connection.execute(
                QUARANTINE.update().where(QUARANTINE.c.released == offset).values(released=None)
            )
            connection.execute(JOURNAL.delete().where(JOURNAL.c.offset == offset))

    def pending(self) -> list[Load]:
        """Loads that were begun and neither finished nor taken back: a writer was killed."""
        return self._select(sa.select(*_LOAD).where(~LOADS.c.done))

    def all(self, source: str | None = None) -> list[Load]:
        """Finished loads of one source, or of all, superseded ones included, by offset."""
        query = sa.select(*_LOAD).where(LOADS.c.done)
        if source is not None:
            query = query.where(LOADS.c.source == source)
        return self._select(query)

    def report(self, offset: int) -> Mapping[str, Any]:
        """What was told about a load when it was taken; empty if there is no such load."""
        query = sa.select(LOADS.c.report).where(LOADS.c.offset == offset)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none() or {}

    def in_force(
        self, source: str, *, offset: int | None = None, load: str | None = None
    ) -> list[Load]:
        """Finished loads of a source that nothing had superseded as of `offset`, by offset.

        `load` asks for the one of that identity only.
        """
        query = (
            sa.select(*_LOAD)
            .where(LOADS.c.source == source)
            .where(LOADS.c.done)
            .where(LOADS.c.offset.not_in(_superseded(offset)))
        )
        if offset is not None:
            query = query.where(LOADS.c.offset <= offset)
        if load is not None:
            query = query.where(LOADS.c.load == load)
        return self._select(query)

    def unseen(self, source: str, *, offset: int | None = None) -> list[int]:
        """Offsets whose rows are not to be seen as of `offset`: superseded or under way."""
        query = (
            sa.select(LOADS.c.offset)
            .where(LOADS.c.source == source)
            .where(sa.or_(~LOADS.c.done, LOADS.c.offset.in_(_superseded(offset))))
            .order_by(LOADS.c.offset)
        )
        with self._database.read() as connection:
            return [int(found) for found in connection.execute(query).scalars()]

    def quarantine(
        self, source: str | None = None, *, released: bool | None = False
    ) -> list[tuple[Load, SetAside]]:
        """Rows set aside by loads in force and by messages, in the order in which they came.

        `released` those that were, were not, or all. A message to a server stands as a load
        without a path.
        """
        filed = sa.select(QUARANTINE, *_LOAD).join(LOADS, LOADS.c.offset == QUARANTINE.c.offset)
        filed = filed.where(LOADS.c.done).where(LOADS.c.offset.not_in(_superseded(None)))
        sent = (
            sa.select(QUARANTINE, JOURNAL.c.stamp, LAYOUTS.c.source, LAYOUTS.c.name)
            .join(JOURNAL, JOURNAL.c.offset == QUARANTINE.c.offset)
            .join(LAYOUTS, LAYOUTS.c.id == JOURNAL.c.layout)
        )
        if source is not None:
            filed = filed.where(LOADS.c.source == source)
            sent = sent.where(LAYOUTS.c.source == source)
        if released is not None:
            column = QUARANTINE.c.released
            wanted = column.is_not(None) if released else column.is_(None)
            filed, sent = filed.where(wanted), sent.where(wanted)
        with self._database.read() as connection:
            rows = connection.execute(filed).mappings().all()
            found = [(_load(row), _set_aside(row)) for row in rows]
            rows = connection.execute(sent).mappings().all()
            found += [(_message(row), _set_aside(row)) for row in rows]
        return sorted(found, key=lambda pair: (pair[1].offset, pair[1].position))

    def _select(self, query: sa.Select[Any]) -> list[Load]:
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(LOADS.c.offset)).mappings().all()
        return [_load(row) for row in rows]


def _superseded(offset: int | None) -> sa.Select[tuple[int]]:
    newer = LOADS.alias("newer")
    query = (
        sa.select(SUPERSEDED.c.old)
        .join(newer, newer.c.offset == SUPERSEDED.c.new)
        .where(newer.c.done)
    )
    return query if offset is None else query.where(newer.c.offset <= offset)


def _aside(offset: int, row: SetAside) -> dict[str, Any]:
    return {
        "offset": offset, "position": row.position, "row": dict(row.row),
        "reasons": list(row.reasons), "released": None,
    }  # fmt: skip


def _load(row: sa.RowMapping) -> Load:
    values = {name: row[LOADS.c[name]] for name in Load.__slots__}
    values["leans_on"] = tuple(values["leans_on"])
    return Load(**values)


def _message(row: sa.RowMapping) -> Load:
    """A message to a server, as what it set aside is told by."""
    offset = row[QUARANTINE.c.offset]
    return Load(
        offset=offset, load=f"message {offset}", source=row[LAYOUTS.c.source], fingerprint="",
        content="", path=None, layout=row[LAYOUTS.c.name], stamp=row[JOURNAL.c.stamp], read=0,
        stored=0, latest_available=None, first_row=None, digest=None, moment=None, part_of=None,
        leans_on=(),
    )  # fmt: skip


def _set_aside(row: sa.RowMapping) -> SetAside:
    values = {name: row[QUARANTINE.c[name]] for name in SetAside.__slots__}
    values["reasons"] = tuple(values["reasons"])
    return SetAside(**values)
