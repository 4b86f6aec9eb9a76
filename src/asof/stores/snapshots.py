"""Snapshots: what a server held in memory as of an offset, so that a start need not begin at 1.

A snapshot is a folder: a Parquet file for each frame, JSON, and a list of them with their hashes,
which is written last. It has its name only when all is on the disk. One that is not what was
written is passed over, with the reason, and the one before it is taken.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from asof.errors import StoreError
from asof.stores.faults import in_words

if TYPE_CHECKING:
    import polars as pl

_LIST, _FACTS = "files.json", "facts.json"
_KEPT = 2
_ALL = 2**31


@dataclass(frozen=True)
class Snapshot:
    """State as of `offset`: frames by name, and what JSON holds."""

    offset: int
    frames: Mapping[str, pl.DataFrame]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """The newest snapshot that is whole, if any, and why newer ones were passed over."""

    snapshot: Snapshot | None
    passed_over: tuple[str, ...]


class Snapshots:
    """Snapshots below one directory, the newest two."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(
        self, offset: int, frames: Mapping[str, pl.DataFrame], facts: Mapping[str, Any]
    ) -> None:
        """Keep a snapshot, whole or not at all, and remove those that are older than the last two.

        Everything up to `offset` must be durable in the journal. Names of frames are the caller's
        own: letters, digits, `_`, `-`, `.`.

        Raises:
            StoreError: the disk is full or cannot be written; the snapshots before stay.
        """
        place = self._directory / f"{offset:015d}"
        part = self._directory / f"{offset:015d}.{os.getpid()}.part"
        with in_words("keep a snapshot", self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
            for left in self._directory.glob("*.part"):  # of one that was killed
                shutil.rmtree(left)
            part.mkdir()
            try:
                for name, frame in frames.items():
                    # In one group of rows: a start reads all of them, and each column as one piece.
                    frame.write_parquet(
                        part / f"{name}.parquet", compression="lz4", row_group_size=_ALL
                    )
                (part / _FACTS).write_bytes(msgspec.json.encode(facts))
                hashes = {path.name: _hash(path) for path in sorted(part.iterdir())}
                (part / _LIST).write_bytes(msgspec.json.encode(hashes))
                _sync(part)
                if place.exists():
                    shutil.rmtree(place)
                part.rename(place)
                _sync(self._directory)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
            for old in self._all()[:-_KEPT]:
                shutil.rmtree(old)

    def newest(self, *, upto: int) -> Found:
        """The newest snapshot that is whole and not later than the offset `upto`.

        `upto` is the head of the journal: a later snapshot is of another journal.
        """
        passed: list[str] = []
        for place in reversed(self._all()):
            if int(place.name) > upto:
                passed.append(f"{place.name}: the journal ends before it, at {upto}")
                continue
            try:
                return Found(_read(place), tuple(passed))
            except StoreError as error:
                passed.append(f"{place.name}: {error.found or error.what}")
        return Found(None, tuple(passed))

    def offsets(self) -> list[int]:
        """The offsets of the snapshots that are there, whole or not, from the oldest on."""
        return [int(place.name) for place in self._all()]

    def _all(self) -> list[Path]:
        if not self._directory.is_dir():
            return []
        return sorted(path for path in self._directory.iterdir() if path.name.isdigit())


def _read(place: Path) -> Snapshot:
    import polars as pl

    with in_words("read a snapshot", place):
        try:
            hashes = msgspec.json.decode((place / _LIST).read_bytes(), type=dict[str, str])
            for name, wanted in hashes.items():
                if _hash(place / name) != wanted:
                    raise StoreError("A snapshot is damaged.", found=f"{name} is not as written")
            facts = msgspec.json.decode((place / _FACTS).read_bytes(), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise StoreError("A snapshot is damaged.", found=str(error)) from error
        frames = {
            name.removesuffix(".parquet"): pl.read_parquet(place / name)
            for name in hashes
            if name.endswith(".parquet")
        }
        return Snapshot(int(place.name), frames, facts)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(directory: Path) -> None:
    """Let a directory and the files in it be on the disk."""
    for path in (*directory.iterdir(), directory):
        if path.is_dir() and (path != directory or os.name != "posix"):
            continue  # a directory cannot be opened everywhere, and need not be
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
