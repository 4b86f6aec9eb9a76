"""The file of a batch run: written as rows come, and there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

import polars as pl
from polars.io.plugins import register_io_source

from asof.errors import UsageError
from asof.stores.faults import in_words

KINDS = (".parquet", ".csv")
_WAITING = 2
"""Batches that may wait for the disk."""


class Sink(Protocol):
    """Where rows go while a run is under way."""

    def write(self, rows: pl.DataFrame) -> None:
        """Take more rows."""
        ...

    def close(self, *, whole: bool) -> None:
        """No more rows come; not `whole`: what was written is of no use."""
        ...


class Output:
    """A Parquet or CSV file, by its name's end, that takes its place when all is written.

    Use it as a context manager: what is left with an error leaves nothing behind. `noted` is kept
    in the metadata of a Parquet file.

    Raises:
        UsageError: the name ends in neither .parquet nor .csv, or its folder is not there.
        StoreError: the disk is full, or cannot be written.
    """

    def __init__(
        self, path: Path, schema: Mapping[str, pl.DataType], noted: Mapping[str, str]
    ) -> None:
        require_writable(path)
        self._path = path
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._schema, self._noted = dict(schema), dict(noted)
        self._sink: Sink | None = None

    def __enter__(self) -> Self:
        try:
            with self._words():
                if self._path.name.endswith(".csv"):
                    self._sink = _Csv(self._part, self._schema)
                else:
                    self._sink = _Parquet(self._part, self._schema, self._noted)
        except BaseException:
            self._part.unlink(missing_ok=True)
            raise
        return self

    def write(self, rows: pl.DataFrame) -> None:
        """Write rows of the schema."""
        if self._sink is None:
            raise TypeError("an output takes rows within its with block")
        with self._words():
            self._sink.write(rows)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del error, trace
        if self._sink is None:
            return
        try:
            with self._words():
                self._sink.close(whole=kind is None)
                if kind is None:
                    _sync(self._part)
                    self._part.replace(self._path)
        finally:
            self._part.unlink(missing_ok=True)

    def _words(self) -> Any:
        return in_words("write the predictions", self._path)


def require_writable(path: Path) -> None:
    """Raise a `UsageError` where no output can be called so."""
    if not path.name.endswith(KINDS):
        raise UsageError(
            f"{path.name} says no format to write in.",
            found=f"known endings: {', '.join(KINDS)}",
            mend=f"Write {path.with_suffix('.parquet').name}.",
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"There is no folder {path.parent} to write into.", mend="Make it, or name another."
        )


class _Csv:
    """Rows as text; moments in UTC, RFC 3339."""

    def __init__(self, path: Path, schema: Mapping[str, pl.DataType]) -> None:
        self._file: BinaryIO = path.open("wb")
        self._write(pl.DataFrame(schema=dict(schema)), header=True)

    def write(self, rows: pl.DataFrame) -> None:
        self._write(rows, header=False)

    def _write(self, rows: pl.DataFrame, *, header: bool) -> None:
        rows.write_csv(self._file, include_header=header, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")

    def close(self, *, whole: bool) -> None:
        del whole
        self._file.close()


class _Parquet:
    """Rows as Parquet, written by a thread beside the one that hands them in.

    Polars writes what a query gives; the query asks a queue, and so a file may grow by batches.
    """

    def __init__(
        self, path: Path, schema: Mapping[str, pl.DataType], noted: Mapping[str, str]
    ) -> None:
        self._rows: Queue[pl.DataFrame | None] = Queue(_WAITING)
        self._left = False
        self._error: Exception | None = None
        path.touch()  # so that what cannot be written is said at once
        self._query = register_io_source(self._batches, schema=dict(schema))
        self._thread = Thread(target=self._run, args=(path, dict(noted)), daemon=True)
        self._thread.start()

    def _batches(
        self,
        columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        del columns, predicate, n_rows, batch_size  # all is written
        while (rows := self._rows.get()) is not None:
            yield rows

    def _run(self, path: Path, noted: dict[str, str]) -> None:
        try:
            self._query.sink_parquet(path, compression_level=1, metadata=noted, engine="streaming")
        except Exception as error:  # noqa: BLE001  it is raised where rows are handed in
            self._error = error
            while not self._left and self._rows.get() is not None:
                pass  # nobody may wait for a writer that has gone

    def write(self, rows: pl.DataFrame) -> None:
        self._rows.put(rows)
        if self._error is not None:
            raise self._error

    def close(self, *, whole: bool) -> None:
        self._left = True
        self._rows.put(None)
        self._thread.join()
        if whole and self._error is not None:
            raise self._error


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
