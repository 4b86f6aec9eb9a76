"""The SQLite file behind journal and records: its tables, and how it is opened."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from asof.stores.faults import in_words

META = sa.MetaData()

JOURNAL = sa.Table(
    "journal",
    META,
    sa.Column("offset", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("stamp", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("layout", sa.Integer),  # of a message about a source: `layouts.id`
    sa.Column("key", sa.Text),  # the sender's idempotency key
    sa.Column("content", sa.LargeBinary),  # encoded rows; last, so that headers are read without it
    sqlite_autoincrement=True,  # an offset is never given twice, not even after a deletion
)
_CONTENTS = sa.Index(
    "contents", JOURNAL.c.layout, JOURNAL.c.offset, sqlite_where=JOURNAL.c.content.is_not(None)
)

LAYOUTS = sa.Table(
    "layouts",
    META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("types", sa.JSON, nullable=False),
    sa.UniqueConstraint("source", "name"),
)

RECEIPTS = sa.Table(
    "receipts",
    META,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("offset", sa.Integer, nullable=False),
    sa.Column("stamp", sa.BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)

LOADS = sa.Table(
    "loads",
    META,
    sa.Column("offset", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("load", sa.Text, nullable=False, index=True),
    sa.Column("source", sa.Text, nullable=False, index=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("path", sa.Text),
    sa.Column("layout", sa.Text, nullable=False),
    sa.Column("stamp", sa.BigInteger, nullable=False),
    sa.Column("read", sa.Integer, nullable=False),
    sa.Column("stored", sa.Integer, nullable=False),
    sa.Column("latest_available", sa.BigInteger),
    sa.Column("first_row", sa.Text),
    sa.Column("digest", sa.Text),
    sa.Column("moment", sa.BigInteger),
    sa.Column("part_of", sa.Integer),
    sa.Column("leans_on", sa.JSON, nullable=False),
    sa.Column("report", sa.JSON, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
)

SUPERSEDED = sa.Table(
    "superseded",
    META,
    sa.Column("old", sa.Integer, primary_key=True),
    sa.Column("new", sa.Integer, primary_key=True),
)

QUARANTINE = sa.Table(
    "quarantine",
    META,
    sa.Column("offset", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("row", sa.JSON, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("released", sa.Integer),
)

SETTINGS = sa.Table(
    "settings",
    META,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

RUNS = sa.Table(
    "runs",
    META,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("stamp", sa.BigInteger, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sqlite_autoincrement=True,
)

DECISIONS = sa.Table(
    "decisions",
    META,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run", sa.Integer, index=True),
    sa.Column("moment", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    sqlite_autoincrement=True,
)

MODELS = sa.Table(
    "models",
    META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("artifact", sa.Text, nullable=False),
    sa.Column("moment", sa.BigInteger, nullable=False),
    sa.Column("run", sa.Integer, index=True),
    sa.Column("metadata", sa.JSON, nullable=False),
)


class Database:
    """One SQLite file in WAL mode with full sync: what is committed survives a loss of power."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with in_words("open the store", path):
            self._engine = sa.create_engine(
                sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": 60.0}
            )
            pool = type(self._engine.pool)
            logging.getLogger(f"{pool.__module__}.{pool.__name__}").addFilter(_is_no_stop)
            event.listen(self._engine, "connect", _set_up)
            event.listen(self._engine, "begin", _begin)
            with self.write("set up the store") as connection:
                META.create_all(connection)
                _upgrade(connection)

    @contextmanager
    def write(self, doing: str) -> Generator[sa.Connection]:
        """A transaction that holds SQLite's write lock; nothing of it stays if it fails."""
        with in_words(doing, self.path), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Generator[sa.Connection]:
        """One consistent view of the file; never waits for a writer."""
        options = {"asof_read": True}
        with (
            in_words("read the store", self.path),
            self._engine.connect().execution_options(**options) as connection,
        ):
            yield connection

    def connect(self, *, wait: float = 60.0) -> sqlite3.Connection:
        """A connection without SQLAlchemy, for what is written or read by the thousand.

        It may be handed to another thread; each statement is its own transaction unless one is
        begun. `wait` is how many seconds it waits for another writer.
        """
        connection = sqlite3.connect(self.path, timeout=wait, check_same_thread=False)
        _set_up(connection, None)
        return connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _is_no_stop(record: logging.LogRecord) -> bool:
    """Whether what the pool logs is an error: it also logs that it was stopped, and goes on."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or issubclass(kind, Exception)


def _upgrade(connection: sa.Connection) -> None:
    """Add to the journal of an earlier release the columns that it lacks; nothing is rewritten."""
    there = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(journal)")}
    for column in JOURNAL.columns:
        if column.name not in there:
            kind = column.type.compile(connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE journal ADD COLUMN {column.name} {kind}")
    connection.execute(sa.schema.CreateIndex(_CONTENTS, if_not_exists=True))


def _set_up(connection: Any, record: object) -> None:
    del record  # SQLAlchemy hands it in
    connection.isolation_level = None  # SQLAlchemy's begin, not sqlite3's, opens transactions
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("asof_read", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
