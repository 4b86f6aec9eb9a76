"""A whole copy of a store, made beside a server that goes on."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from asof.errors import UsageError
from asof.stores.database import Database
from asof.stores.faults import in_words

_FOLDERS = ("tables", "models")


def require_new(target: Path) -> None:
    """Raise a `UsageError` if there is something already where a copy is to be."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            "A copy of a store needs a folder of its own.",
            found=f"{target} is there already, and not empty",
            mend="Name a folder that is not there yet; remove older copies by hand.",
        )


def copy_store(database: Database, directory: Path, target: Path) -> int:
    """Copy a store into a folder, which has its name only when all is on the disk; its bytes.

    The caller holds the writer's lock, so that nothing moves from the journal into the tables
    meanwhile. Journal and records are copied first, as of one moment: what they name is in the
    files by then. Snapshots are left out, for they can be made again.

    Raises:
        StoreError: the disk is full or cannot be written; nothing is left behind.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with in_words("copy the store", part):
        part.mkdir(parents=True)
        try:
            _copy_database(database, part / "records.db")
            for name in _FOLDERS:
                if (directory / name).is_dir():
                    shutil.copytree(directory / name, part / name)
            size = _sync(part)
            if target.exists():
                target.rmdir()
            part.rename(target)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    return size


def _copy_database(database: Database, target: Path) -> None:
    with closing(database.connect()) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)  # in one step, and so as of one moment; writers do not wait for it
        copy.execute("PRAGMA journal_mode=DELETE")  # one file; the store makes it WAL again


def _sync(folder: Path) -> int:
    """Let all files below a folder be on the disk; their bytes."""
    size = 0
    for path in (*folder.rglob("*"), folder):
        if path.is_dir() and os.name != "posix":
            continue  # a directory cannot be opened everywhere
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            size += 0 if path.is_dir() else os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
    return size
