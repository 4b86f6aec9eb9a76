"""Tables: the rows of each source, append-only Parquet under Delta Lake with atomic commits.

A source's rows lie in one Delta table for each layout (the declared columns and their types), so
that a changed declaration never mixes with what an older one brought. Each load is one Parquet
file and one commit, which carries the load's journal offset as the version of the application
transaction "asof" (LAW 8a): whether a load is in can be asked after a crash. Where such files are
small and many they are merged; no reader can tell.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from asof.declare.kept import AVAILABLE, DECLARED, LOAD, POSITION, RECORDED, WITHDRAWN
from asof.declare.rows import Row
from asof.stores.faults import in_words
from asof.stores.footers import Files, footer
from asof.stores.merging import merged_name, to_merge

if TYPE_CHECKING:
    import polars as pl
    from deltalake import CommitProperties, DeltaTable, Schema
    from deltalake.transaction import AddAction, RemoveAction

_APPLICATION = "asof"
_SPARED = 1
"""Hours for which merged files stay: nobody reads what they once looked at for longer."""
_SAMPLE = 1 << 16
"""So many rows tell how the rest of them shrink; fewer are packed without asking."""
_DELTA_TYPES = {
    bool: "boolean",
    int: "long",
    float: "double",
    str: "string",
    datetime: "long",  # us UTC
    list: "double",  # a list of doubles; no declared column is one
}
_KINDS: Mapping[str, type] = {kind.__name__: kind for kind in _DELTA_TYPES}
_KEPT_TYPES: Mapping[str, type] = {
    AVAILABLE: int,
    DECLARED: int,
    RECORDED: int,
    POSITION: int,
    LOAD: str,
    WITHDRAWN: bool,
}


@dataclass(frozen=True)
class Layout:
    """The columns of a table and their Python types, those that the house keeps included.

    >>> import asof
    >>> class Plane(asof.Row):
    ...     tailnum: asof.Key[str]
    >>> list(Layout.of(Plane).types)[:2]
    ['tailnum', 'available_at_']
    """

    types: Mapping[str, type]

    @classmethod
    def of(cls, row: type[Row]) -> Layout:
        """The layout for the rows of a class."""
        return cls({spec.name: spec.type for spec in row.columns_} | dict(_KEPT_TYPES))

    @property
    def name(self) -> str:
        """A short hash that names the table's directory."""
        told = ",".join(f"{name}:{kind}" for name, kind in self.told.items())
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    @property
    def told(self) -> dict[str, str]:
        """The types by their names, as JSON keeps them."""
        return {name: kind.__name__ for name, kind in self.types.items()}

    @classmethod
    def from_told(cls, told: Mapping[str, str]) -> Layout:
        """The layout that `told` describes."""
        return cls({name: _KINDS[kind] for name, kind in told.items()})

    @property
    def declared(self) -> dict[str, type]:
        """The columns without those that the house keeps."""
        return {name: kind for name, kind in self.types.items() if name not in _KEPT_TYPES}

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Polars types by column; times are Int64."""
        import polars as pl

        kinds: dict[type, pl.DataType] = {
            bool: pl.Boolean(), int: pl.Int64(), float: pl.Float64(), str: pl.String(),
            datetime: pl.Int64(), list: pl.List(pl.Float64()),
        }  # fmt: skip
        return {name: kinds[kind] for name, kind in self.types.items()}

    def delta(self) -> Schema:
        """The same as a Delta schema; every column may hold nulls (withdrawals do)."""
        from deltalake import Field, Schema
        from deltalake.schema import ArrayType, PrimitiveType

        kinds = {kind: PrimitiveType(name) for kind, name in _DELTA_TYPES.items()}
        return Schema(
            [
                Field(name, ArrayType(kinds[kind]) if kind is list else kinds[kind])
                for name, kind in self.types.items()
            ]
        )


class Tables:
    """Delta tables below one directory, `<source>/<layout>/`. Writers hold the store's lock."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._opened: dict[Path, DeltaTable] = {}
        self._files = Files()

    def append(self, source: str, layout: Layout, frame: pl.DataFrame, *, offset: int) -> None:
        """Add the rows of one load in one atomic, durable commit.

        Raises:
            StoreError: the disk is full or cannot be written; nothing of the load is in.
        """
        from deltalake import CommitProperties, Transaction

        place = self._directory / source / layout.name
        file = place / _file_name(offset)
        with in_words(f"store rows of {source}", place):
            table = self._open_or_create(place, layout)
            told = CommitProperties(
                custom_metadata={"asof.offset": str(offset)},
                app_transactions=[Transaction(_APPLICATION, offset, None)],
            )
            with _all_or_nothing(table, [file]):
                _commit(table, place, [_written(file, frame, layout)], layout, told)

    def compact(self, source: str, layout: Layout) -> int:
        """Merge small files once there are many, in one atomic commit; how many are fewer.

        Rows and their order stay. Who looked at the table before still reads the old files: they
        are removed by a later compaction, `_SPARED` hours on.

        Raises:
            StoreError: the disk is full or cannot be written; the table is as it was.
        """
        import polars as pl
        from deltalake.transaction import RemoveAction

        place = self._directory / source / layout.name
        table = self._open(place)
        runs = [] if table is None else to_merge(sorted(table.file_uris()))
        if table is None or not runs:
            return 0
        with in_words(f"merge files of {source}", place):
            table.vacuum(_SPARED, dry_run=False, enforce_retention_duration=False, full=True)
            merged = [place / merged_name(run[-1].name) for run in runs]
            with _all_or_nothing(table, merged):
                changes: list[AddAction | RemoveAction] = []
                for run, file in zip(runs, merged, strict=True):
                    rows = pl.concat([pl.read_parquet(part) for part in run])
                    added = _written(file, rows, layout, moves=True)
                    changes.append(added)
                    changes += [
                        RemoveAction(
                            path=part.name, data_change=False, size=part.stat().st_size,
                            deletion_timestamp=added.modification_time, partition_values={},
                        )
                        for part in run
                    ]  # fmt: skip
                _commit(table, place, changes, layout)
        return sum(map(len, runs)) - len(runs)

    def holds(self, source: str, layout: str, *, offset: int) -> bool:
        """Whether the last commit of a table is the load with this offset."""
        table = self._open(self._directory / source / layout)
        return table is not None and table.transaction_version(_APPLICATION) == offset

    def clean(self, source: str, layout: str) -> None:
        """Remove files that a killed writer left behind without a commit."""
        place = self._directory / source / layout
        table = self._open(place)
        last = 0 if table is None else table.transaction_version(_APPLICATION) or 0
        with in_words(f"clean the table of {source}", place):
            for file in place.glob("*.parquet"):
                if file.name > _file_name(last):
                    file.unlink()

    def discard(self, source: str, layout: str, *, offset: int) -> None:
        """Remove the file of a load whose commit never came."""
        place = self._directory / source / layout
        with in_words(f"clean the table of {source}", place):
            (place / _file_name(offset)).unlink(missing_ok=True)

    def look(self, source: str, layout: str) -> tuple[list[pl.LazyFrame], int]:
        """All rows of a table in the order of (recorded, position), lazily, in some parts.

        And the last journal offset that the table contains (0 without one).
        """
        table = self._open(self._directory / source / layout)
        if table is None:
            return [], 0
        # One file a commit, named by its offset and written by position: file order is the order.
        files = sorted(table.file_uris())
        last = table.transaction_version(_APPLICATION) or 0
        return self._files.scan(files), last

    def _open_or_create(self, place: Path, layout: Layout) -> DeltaTable:
        from deltalake import DeltaTable

        opened = self._open(place)
        if opened is not None:
            return opened
        place.mkdir(parents=True, exist_ok=True)
        return DeltaTable.create(place, schema=layout.delta(), mode="ignore")

    def _open(self, place: Path) -> DeltaTable | None:
        """The table as of now; one that was opened before reads only what was committed since."""
        from deltalake import DeltaTable

        with in_words("read a table", place):
            opened = self._opened.get(place)
            if opened is not None:
                opened.update_incremental()
            elif DeltaTable.is_deltatable(str(place)):
                opened = self._opened[place] = DeltaTable(place)
        return opened


def _written(file: Path, frame: pl.DataFrame, layout: Layout, *, moves: bool = False) -> AddAction:
    """Write rows to a file that is then on the disk; what a commit says of it.

    Rows that only move, from other files of the table, are no change of the data.
    """
    from deltalake.transaction import AddAction

    rows = frame.select(*layout.types)
    rows.write_parquet(
        file, compression=_packing(rows), row_group_size=262_144,
        metadata=footer(frame, layout.declared),
    )  # fmt: skip
    _sync(file)
    stat = file.stat()
    return AddAction(
        path=file.name, size=stat.st_size, partition_values={},
        modification_time=stat.st_mtime_ns // 1_000_000, data_change=not moves,
        stats=f'{{"numRecords": {frame.height}}}',
    )  # fmt: skip


def _commit(
    table: DeltaTable,
    place: Path,
    changes: list[AddAction | RemoveAction],
    layout: Layout,
    told: CommitProperties | None = None,
) -> None:
    """One atomic commit, which is on the disk then."""
    table.create_write_transaction(
        changes, mode="append", schema=layout.delta(), commit_properties=told
    )
    log, version = place / "_delta_log", f"{table.version() + 1:020d}"
    _sync(log / f"{version}.json")
    if (checkpoint := log / f"{version}.checkpoint.parquet").exists():
        _sync(checkpoint)
        _sync(log / "_last_checkpoint")
    _sync_directory(place)


@contextmanager
def _all_or_nothing(table: DeltaTable, files: Sequence[Path]) -> Generator[None]:
    """Remove files where what is done within fails, but for those that a commit has named."""
    try:
        yield
    except Exception:
        table.update_incremental()
        named = {Path(uri).name for uri in table.file_uris()}
        for file in files:
            if file.name not in named:
                file.unlink(missing_ok=True)
        raise


def _packing(rows: pl.DataFrame) -> Literal["lz4", "uncompressed"]:
    """How rows are packed: many only where that halves them, as a sample of them shows.

    Tables are read more often than written. LZ4 is read in half the time of Zstandard, and what is
    not packed in a third of that; moments and amounts, of which numbers are full, hardly shrink.
    """
    if rows.height < _SAMPLE:
        return "lz4"
    packed, plain = (_bytes(rows.head(_SAMPLE), kind) for kind in ("lz4", "uncompressed"))
    return "lz4" if 2 * packed <= plain else "uncompressed"


def _bytes(rows: pl.DataFrame, packing: Literal["lz4", "uncompressed"]) -> int:
    told = BytesIO()
    rows.write_parquet(told, compression=packing)
    return told.tell()


def _file_name(offset: int) -> str:
    return f"{offset:015d}.parquet"


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return  # elsewhere a directory cannot be opened, and need not be
    for directory in (path, path / "_delta_log"):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
