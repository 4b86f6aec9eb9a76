"""Messages on their way to the journal, where the end of their process does not reach them.

A journal that is durable in groups (LAW 8b) has at any moment messages that no disk has yet. Each
is written, before it counts, to a file that the operating system holds: when the process is killed,
whoever opens the store next finds it there. Only a machine that loses its power loses what no
commit has reached. Two files take turns, one for the group that is being committed, one for what
comes.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import Any

import msgspec

from asof.errors import StoreError
from asof.stores.database import Database
from asof.stores.faults import in_words
from asof.stores.group import KNOWN_FOR, Item, JournalRow, write
from asof.stores.loads import NewLoad, SetAside
from asof.stores.server import alone, running

_FILES = ("ahead-0", "ahead-1")
_HEAD = Struct("<II")
"""Length of what was written in one piece, and its CRC-32."""


class _Record(msgspec.Struct, array_like=True):
    """A message as it stands in the files; `before` is the offset of the one before it.

    That is 0 where all before it is settled.
    """

    before: int
    row: JournalRow
    source: str
    aside: Sequence[SetAside]
    load: NewLoad | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Record]).decode


class _Unreadable(StoreError):
    """What a killed server left is not what this version writes."""


class Ahead:
    """The two files, written by the journal of a running server under its lock.

    While nothing can be written nothing is: what is kept then has been told to be unrecorded.
    """

    def __init__(self, directory: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC
        with in_words("open the journal", directory):
            self._files = [os.open(directory / name, flags, 0o600) for name in _FILES]
        self._now = 0
        self._before = 0
        self._works = True
        self._held: list[tuple[Any, ...]] = []

    def put(self, item: Item, *, more: bool = False) -> None:
        """Take a message before it counts; if `more` follows at once, together with that."""
        if self._works:
            record = (self._before, item.row, item.source, item.aside)
            self._held.append(record if item.load is None else (*record, item.load))
            if not more:
                self._write()
        self._before = item.offset

    def _write(self) -> None:
        told = _encode(self._held)
        piece = _HEAD.pack(len(told), zlib.crc32(told)) + told
        self._held = []
        try:
            whole = os.write(self._files[self._now], piece) == len(piece)
        except OSError:  # a full disk; the next commit meets it too, and tells it
            whole = False
        if not whole:
            self.drop()

    def turn(self, last: int) -> None:
        """What comes now goes to the other file; `last` is the offset of the last before it."""
        if self._held:
            self._write()
        if not self._works:
            self._works, self._before = True, last
        self._now = 1 - self._now

    def settled(self) -> None:
        """What came before the last turn is durable."""
        os.ftruncate(self._files[1 - self._now], 0)

    def drop(self) -> None:
        """Forget everything: it was refused, or is kept in memory until there is room."""
        self._works, self._held = False, []
        for file in self._files:
            os.ftruncate(file, 0)

    def close(self) -> None:
        """Everything is durable, or refused."""
        self.drop()
        for file in self._files:
            os.close(file)


def recover(database: Database, directory: Path) -> int:
    """Write into the journal what a killed server left; how many messages that was.

    For who is alone on the stores (`stores.server`).

    Raises:
        StoreError: it cannot be read, or not be written now; it stays where it is.
    """
    if not _left(directory):
        return 0
    with in_words("take up what a killed server left", directory):
        connection = database.connect(wait=5.0)
        try:
            items = list(_chain(connection, directory))
            if items:
                write(connection, items, known_for=KNOWN_FOR)
        finally:
            connection.close()
        for name in _FILES:
            (directory / name).unlink(missing_ok=True)
    return len(items)


def look(database: Database, directory: Path) -> None:
    """`recover` for who opens the stores to look, where no server runs whose files these are.

    Where it cannot be written now the next server does it, or says why it cannot. Where it cannot
    be read nobody goes on, for whoever writes next would take its place in the journal.

    Raises:
        StoreError: it cannot be read; it stays where it is.
    """
    if not _left(directory) or running(directory) is not None:
        return
    try:
        with alone(directory):
            recover(database, directory)
    except _Unreadable:
        raise
    except StoreError:
        return


def _left(directory: Path) -> bool:
    for name in _FILES:
        try:
            if (directory / name).stat().st_size:
                return True
        except FileNotFoundError:
            continue
    return False


def _chain(connection: sqlite3.Connection, directory: Path) -> Iterator[Item]:
    """The messages that go on where the journal ends, each after the one before it."""
    query = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'journal'), 0)"
    last = int(connection.execute(query).fetchone()[0])
    records = [one for name in _FILES for one in _records(directory / name)]
    for one in sorted(records, key=lambda one: one.row[0]):
        if one.row[0] <= last:
            continue  # its commit was the last thing that happened
        if one.before > last:
            return
        last = one.row[0]
        yield Item(one.row, one.source, 0, one.aside, load=one.load)


def _records(path: Path) -> Iterator[_Record]:
    """The records of a file that are whole: a kill may have cut the last piece off."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    at = 0
    while at + _HEAD.size <= len(content):
        length, check = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        told = content[at : at + length]
        if len(told) < length or zlib.crc32(told) != check:
            return
        at += length
        try:
            records = _decode(told)
        except msgspec.MsgspecError as error:
            raise _Unreadable(
                f"{path.name}, which a killed server left, cannot be read: another version of Asof "
                "wrote it, or it is damaged.",
                found=f"{path}: {error}",
                mend="Start the version that wrote it once, and it takes up what the file holds; "
                "or move the file away, and lose the messages that no commit had reached.",
            ) from error
        yield from records
