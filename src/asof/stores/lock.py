"""One writer at a time: an exclusive lock that the system releases when its process dies."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from asof.errors import StoreError
from asof.stores.faults import in_words


@contextmanager
def writer(path: Path, *, wait: float = 300.0) -> Generator[None]:
    """Hold the writer's lock of the store whose lock file is `path`.

    Threads and processes take turns. SQLite's own file lock is used, since it works alike on all
    systems and a killed process leaves nothing behind. `wait` is in seconds.

    Raises:
        StoreError: another writer held the lock for longer than `wait`.
    """
    with in_words("take the writer's lock", path):
        connection = sqlite3.connect(path, timeout=wait, isolation_level=None)
    try:
        with in_words("take the writer's lock", path):
            _take(connection, path, wait)
        yield
    finally:
        connection.close()


def _take(connection: sqlite3.Connection, path: Path, wait: float) -> None:
    try:
        connection.execute("PRAGMA journal_mode=MEMORY")  # a lock needs no space on a full disk
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        raise StoreError(
            f"Another process has been writing to this store for more than {wait:g} s.",
            found=f"{path}: {error}",
            mend="Wait until it is done, or end it; a killed writer leaves nothing half done.",
        ) from error
