"""One server at a time on a store: a lock that dies with its process, and a note of its holder."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from asof.errors import StoreError
from asof.stores.faults import in_words

_LOCK, _NOTE = "server.db", "server.json"


class Server(msgspec.Struct, frozen=True):
    """A running server: its process and host, its address, when it started (us UTC)."""

    pid: int
    host: str
    address: str
    started: int


@contextmanager
def serve(directory: Path, *, address: str, started: int) -> Generator[Server]:
    """Be the only server on the stores in a directory.

    Raises:
        StoreError: another server runs on them; its pid and host are named.
    """
    with alone(directory):
        server = Server(os.getpid(), platform.node(), address, started)
        announce(directory, server)
        try:
            yield server
        finally:
            (directory / _NOTE).unlink(missing_ok=True)


@contextmanager
def alone(directory: Path) -> Generator[None]:
    """Hold the server's lock on the stores in a directory.

    Raises:
        StoreError: a server runs on them; its pid and host are named.
    """
    path = directory / _LOCK
    with in_words("take the server's lock", path):
        # Those who only look hold it for an instant: wait for them, not for a server.
        lock = sqlite3.connect(path, timeout=2.0, isolation_level=None, check_same_thread=False)
    with closing(lock):
        with in_words("take the server's lock", path):
            try:
                lock.execute("PRAGMA journal_mode=MEMORY")  # a lock needs no space on a full disk
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                raise _taken(directory) from error
        yield


def announce(directory: Path, server: Server) -> None:
    """Note where a server is, for those who look for it; the server itself calls it."""
    with in_words("say where the server is", directory):
        part = directory / f"{_NOTE}.part"
        part.write_bytes(msgspec.json.encode(server))
        part.replace(directory / _NOTE)


def running(directory: Path) -> Server | None:
    """The server that runs on the stores in a directory; None without one."""
    path = directory / _LOCK
    if not path.exists():
        return None
    with in_words("look for a server", path), closing(sqlite3.connect(path, timeout=0.0)) as lock:
        try:
            lock.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return _noted(directory)
    return None


def refuse_beside(directory: Path) -> None:
    """Refuse to write to stores on which a server runs.

    Raises:
        StoreError: one does.
    """
    server = running(directory)
    if server is not None:
        raise StoreError(
            "A server runs on this store, and takes the rows itself.",
            found=f"process {server.pid} on {server.host}, {server.address or 'starting'}",
            mend=f"Send the rows to it: POST {server.address or 'http://...'}/v1/events/SOURCE, "
            "JSON lines; or stop it first.",
        )


def _noted(directory: Path) -> Server:
    try:
        return msgspec.json.decode((directory / _NOTE).read_bytes(), type=Server)
    except (OSError, msgspec.DecodeError):
        return Server(0, "?", "", 0)  # it has the lock, and has not said yet who it is


def _taken(directory: Path) -> StoreError:
    server = _noted(directory)
    return StoreError(
        "Another server runs on this store.",
        found=f"process {server.pid or '?'} on {server.host}, {server.address or 'starting'}",
        mend="Stop it first, or give this system a store of its own.",
    )
