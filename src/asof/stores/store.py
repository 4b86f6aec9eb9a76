"""The store of one system: tables, journal, records and models below one directory.

A load is taken in three durable steps: it is written down as under way (with its offset, its
quarantine and what it supersedes), its rows are committed to the table, it is marked as done. A
writer killed in between leaves a load under way, which readers do not see; the next writer finds
out from the table whether the rows are in, and finishes the load or takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from asof.declare.kept import KEPT, LOAD, RECORDED
from asof.declare.tables import Table
from asof.errors import StoreError
from asof.stores.ahead import look, recover
from asof.stores.backup import copy_store, require_new
from asof.stores.database import Database
from asof.stores.faults import in_words
from asof.stores.journal import Journal
from asof.stores.layouts import Known, Layouts
from asof.stores.live import LiveJournal
from asof.stores.loads import Load, Loads, NewLoad, SetAside
from asof.stores.lock import writer
from asof.stores.models import Models
from asof.stores.pieces import in_one_piece
from asof.stores.predictions import LAYOUT, TABLE
from asof.stores.records import Records
from asof.stores.sealing import Sealed, Sealing
from asof.stores.server import refuse_beside, serve
from asof.stores.snapshots import Snapshots
from asof.stores.tables import Layout, Tables
from asof.stores.tokens import Tokens
from asof.stores.unsealed import unsealed

if TYPE_CHECKING:
    import polars as pl

_RECORDS = "records.db"
FOLDER = ".asof"
"""The folder beside a system's file that holds the stores; version control is told to ignore it."""


def directory_of(system: str, base: Path | str) -> Path:
    """Where the store of a system lies, by its name, below the folder in which its paths begin."""
    return Path(base) / FOLDER / system


def has_store(directory: Path) -> bool:
    """Whether a store was ever made in a directory."""
    return (directory / _RECORDS).is_file()


@contextmanager
def store_of(system: str, base: Path | str, given: Store | None) -> Generator[Store]:
    """The store that is given, which stays open; else the system's own, closed at the end."""
    if given is not None:
        yield given
        return
    with Store(directory_of(system, base)) as own:
        yield own


class Copied(NamedTuple):
    """A copy of a store: the last offset of its journal, and its bytes."""

    offset: int
    size: int


class Store:
    """Everything that a system keeps, on local disk.

    Usable as a context manager; open it as often as is convenient, in several processes.

    Raises:
        StoreError: the directory cannot be made, read or written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with in_words("make the store", directory):
            directory.mkdir(parents=True, exist_ok=True)
            top = directory.parent if directory.parent.name == FOLDER else directory
            ignore = top / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        self._database = Database(directory / _RECORDS)
        look(self._database, directory)
        self.journal = Journal(self._database)
        self.records = Records(self._database)
        self.loads = Loads(self._database)
        self.tokens = Tokens(self._database)
        self.models = Models(self._database, directory / "models")
        self.snapshots = Snapshots(directory / "snapshots")
        self._layouts = Layouts(self._database)
        self._tables = Tables(directory / "tables")
        self._sealing = Sealing(self._database, self._layouts, self._tables)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; nothing is lost without it."""
        self._database.close()

    @contextmanager
    def writing(self, *, wait: float = 300.0) -> Generator[None]:
        """Be the only writer of loads; first settle what a killed writer left. `wait` in seconds.

        Look at what is stored and `take` inside the same block, so that nobody comes between.

        Raises:
            StoreError: a server runs on the store; another writer held the lock for too long.
        """
        refuse_beside(self.directory)
        with self._alone(wait=wait):
            refuse_beside(self.directory)
            self._sealing.seal(self.journal.head())  # what comes now is recorded after it
            yield

    @contextmanager
    def live(
        self,
        tables: Iterable[Table[Any]],
        *,
        address: str,
        started: int,
        elapsed: Callable[[], float],
        within: float = 0.05,
        call: Callable[[Callable[[], None]], object] | None = None,
    ) -> Generator[LiveJournal]:
        """Be the only server on the store, and the only writer of its journal.

        `tables` are those whose rows may come; `started` is us UTC; the other arguments are those
        of `LiveJournal`.

        Raises:
            StoreError: another server runs on the store.
        """
        with serve(self.directory, address=address, started=started):
            with self._alone():
                layouts = {table.name: Layout.of(table.row) for table in tables}
                numbers = self._layouts.register(layouts | {TABLE: LAYOUT})
            recover(self._database, self.directory)
            with LiveJournal(
                self._database, layouts=numbers, elapsed=elapsed, within=within, call=call
            ) as journal:
                yield journal

    def seal(self, *, upto: int | None = None) -> Sealed:
        """Move what is journalled, up to an offset (default: all), into the tables.

        It may run in any process, beside a server too; a kill at any moment loses and doubles
        nothing.

        Raises:
            StoreError: a table cannot be written; another writer held the lock for too long.
        """
        with self._alone():
            head = self.journal.head()
            return self._sealing.seal(head if upto is None else min(upto, head))

    def prune(self, *, snapshot: int) -> int:
        """Take from the journal what is sealed and lies behind a snapshot; how many messages.

        Decisions stay, and of messages about rows all but the rows (LAW 8a).
        """
        with self._alone():
            # The last message stays, for the head is told by it.
            return self._sealing.prune(min(snapshot, self.journal.head() - 1))

    def copy_to(self, target: Path) -> Copied:
        """Copy all that the store keeps into a new folder, beside a server too.

        A folder that stands in the store's place is the store as of that offset. Sealing waits
        meanwhile; what is asked, answered and handed in does not.

        Raises:
            UsageError: the folder is not empty.
            StoreError: it cannot be written; nothing is left behind.
        """
        require_new(target)
        with self._alone():
            size = copy_store(self._database, self.directory, target)
        with Store(target) as copy:
            return Copied(copy.journal.head(), size)

    @contextmanager
    def _alone(self, *, wait: float = 300.0) -> Generator[None]:
        """Be the only writer of tables."""
        with writer(self.directory / "lock.db", wait=wait):
            for load in self.loads.pending():
                self._settle(load.source, load.layout, load.offset)
            yield

    def take(
        self, new: NewLoad, table: Table[Any], frame: pl.DataFrame, quarantined: Sequence[SetAside]
    ) -> int:
        """Take a load whole or not at all; its offset. Call it inside `writing()`.

        `frame` holds the declared columns and the kept ones but `recorded_` and `load_`, which
        are filled in here; rows are stored in the order of their positions.

        Raises:
            StoreError: the disk is full or cannot be written; nothing changed.
        """
        import polars as pl

        layout = Layout.of(table.row)
        offset = self.loads.begin(new, quarantined)
        try:
            if frame.height:
                marks = {RECORDED: pl.lit(offset, pl.Int64), LOAD: pl.lit(new.load)}
                self._tables.append(new.source, layout, frame.with_columns(**marks), offset=offset)
            self.loads.finish(offset)
        except BaseException as error:  # Ctrl-C as well
            try:
                self._settle(new.source, layout.name, offset)
            except StoreError as fault:
                error.add_note(f"What was begun is taken back by the next writer: {fault.found}")
            raise
        return offset

    def rows(
        self,
        table: Table[Any],
        *,
        offset: int | None = None,
        after: int = 0,
        columns: Sequence[str] | None = None,
        narrow: Collection[str] = (),
    ) -> pl.DataFrame:
        """The rows of a source as of a journal offset (default: now), by (recorded, position).

        Declared columns, then the kept ones (`declare/kept.py`); times are Int64 us UTC; all
        versions, withdrawals among them; those that are journalled and not in the table yet too.
        `columns` names those wanted, each then in one piece, and those of them in `narrow` as Int32
        where all their numbers fit. What was superseded or came after
        `offset` is not in it (LAW 2c); with `after`, only what was recorded after that offset is.
        """
        with in_words(f"read the rows of {table.name}", self.directory):
            if columns is None:
                return self.scan(table, offset=offset, after=after).collect()
            found = self._scanned(table, offset=offset, after=after, without=())
            if found.straight:
                return in_one_piece([part.select(*columns) for part in found.parts], narrow)
            return in_one_piece([found.lazy().select(*columns).collect().lazy()], narrow)

    def scan(
        self,
        table: Table[Any],
        *,
        offset: int | None = None,
        after: int = 0,
        without: Collection[int] = (),
    ) -> pl.LazyFrame:
        """The same lazily, for filters and joins that need not read everything.

        `without` are offsets of loads to leave out, as if they had been superseded.
        """
        return self._scanned(table, offset=offset, after=after, without=without).lazy()

    def _scanned(
        self, table: Table[Any], *, offset: int | None, after: int, without: Collection[int]
    ) -> _Scan:
        import polars as pl

        asked = self.journal.head() if offset is None else offset
        layout = Layout.of(table.row)
        loads = [
            load
            for load in self.loads.in_force(table.name, offset=asked)
            if load.offset not in without
        ]
        unseen = [*self.loads.unseen(table.name, offset=asked), *without]
        parts: list[pl.LazyFrame] = []
        names = set[str]()
        latest = 0
        for name, part, last in self._parts(table, loads, after=after, upto=asked):
            names.add(name)
            latest = max(latest, last)
            if name != layout.name:
                of_it = [load for load in loads if load.layout == name]
                parts.append(_as_laid_out(part, table, layout, of_it))
            else:
                parts.append(part)
        if not parts:
            parts.append(pl.LazyFrame(schema=layout.schema))
        kept: list[pl.Expr] = []
        if latest > asked:
            kept.append(pl.col(RECORDED) <= asked)
        if after:
            kept.append(pl.col(RECORDED) > after)
        if unseen:
            kept.append(~pl.col(RECORDED).is_in(unseen))
        # Of one layout, the table and the journal after it are in order already.
        return _Scan(parts, kept, in_order=len(names) <= 1)

    def _parts(
        self, table: Table[Any], loads: Sequence[Load], *, after: int, upto: int
    ) -> Iterator[tuple[str, pl.LazyFrame, int]]:
        """Rows by layout, of the tables and of the journal after them (LAW 8a); the last offset."""
        needed = dict.fromkeys(load.layout for load in loads if load.stored)
        live = {known.layout.name: known for known in self._layouts.all(table.name)}
        for name in dict.fromkeys([*needed, *live]):
            if name in live:
                parts, last = self._live_parts(live[name], after=after, upto=upto)
            else:
                parts, last = self._tables.look(table.name, name)
            if not parts and name in needed:
                raise StoreError(
                    f"The table of {table.name} is gone.",
                    found=f"no Delta table in {self.directory / 'tables' / table.name / name}",
                    mend="Restore it from a backup, or ingest into a new store.",
                )
            yield from ((name, part, last) for part in parts)

    def _live_parts(self, known: Known, *, after: int, upto: int) -> tuple[list[pl.LazyFrame], int]:
        """What a table holds of one layout, what the journal holds after it, and the last offset.

        The journal is read first: what is sealed meanwhile is then in both, and taken once.
        """
        import polars as pl

        source, name = known.source, known.layout.name
        begin = max(self._tables.look(source, name)[1], after)
        read = unsealed(self._database, known, after=begin, upto=upto)
        fresh = [frame.lazy() for _, frame in read]
        parts, last = self._tables.look(source, name)
        if fresh:
            parts.append(pl.concat(fresh).filter(pl.col(RECORDED) > last))
        return parts, max(last, upto) if fresh else last

    def predictions(
        self, *, offset: int | None = None, after: int = 0, at: int | None = None
    ) -> pl.DataFrame:
        """What was predicted, as of a journal offset (default: now), in the order of recording.

        Columns are those of `stores/predictions.py`; moments are us UTC. With `after`, only what
        was recorded after that offset; with `at`, only of requests about that moment or later.
        """
        import polars as pl

        since = pl.lit(value=True) if at is None else pl.col("at") >= at
        upto = self.journal.head() if offset is None else offset
        with in_words("read the predictions", self.directory):
            frames = [
                part.filter(pl.col(RECORDED) <= upto, pl.col(RECORDED) > after, since).collect()
                for known in self._layouts.all(TABLE)
                for part in self._live_parts(known, after=after, upto=upto)[0]
            ]
        return pl.concat(frames) if frames else pl.DataFrame(schema=LAYOUT.schema)

    def until(self, source: str) -> int | None:
        """The moment (us UTC) up to which the label's history is known (LAW 6b), if fixed."""
        found = self.records.setting(f"until:{source}")
        return None if found is None else int(found)

    def fix_until(self, source: str) -> int | None:
        """Fix `until` at the greatest availability of what is loaded, unless it is fixed."""
        latest = [
            load.latest_available
            for load in self.loads.in_force(source)
            if load.latest_available is not None
        ]
        if not latest:
            return self.until(source)
        return int(self.records.fix(f"until:{source}", max(latest)))

    def _settle(self, source: str, layout: str, offset: int) -> None:
        """Finish a load under way if its rows are in its table, else take it back."""
        if self._tables.holds(source, layout, offset=offset):
            self.loads.finish(offset)
        else:
            self._tables.discard(source, layout, offset=offset)
            self.loads.abandon(offset)


@dataclass(frozen=True)
class _Scan:
    """Rows of a source in some parts, one after another; those that are `kept`, put in order."""

    parts: list[pl.LazyFrame]
    kept: list[pl.Expr]
    in_order: bool

    @property
    def straight(self) -> bool:
        """Whether it is all that is in the parts, as it stands there."""
        return not self.kept and self.in_order

    def lazy(self) -> pl.LazyFrame:
        """All of it."""
        import polars as pl

        whole = self.parts[0] if len(self.parts) == 1 else pl.concat(self.parts)
        for condition in self.kept:
            whole = whole.filter(condition)
        return whole if self.in_order else whole.sort(RECORDED, maintain_order=True)


def _as_laid_out(
    part: pl.LazyFrame, table: Table[Any], layout: Layout, loads: Sequence[Load]
) -> pl.LazyFrame:
    """Rows of an older layout in the present one, where the two agree."""
    import polars as pl

    found = part.collect_schema()
    wrong = [name for name, kind in layout.schema.items() if name in found and found[name] != kind]
    needed = {spec.name for spec in table.row.columns_ if not spec.nullable}
    absent = [name for name in layout.types if name not in found]
    faults = [*wrong, *(name for name in absent if name in needed)]
    if faults:
        named = ", ".join(sorted({load.path or load.load[:12] for load in loads}))
        words = "Declare it as before, and what is new as another column"
        if not wrong:
            words = "Let it be missing (| None), for rows of before have none"
        raise StoreError(
            f"Rows of {table.name} were stored before its columns changed: {', '.join(faults)}.",
            found=f"stored under the earlier declaration: {named or 'what a server took'}",
            mend=f"{words}; where all came in files, ingest these again: "
            f"asof ingest SYSTEM {table.name}",
            where=table.declared,
        )
    filled = [pl.lit(None, layout.schema[name]).alias(name) for name in absent]
    return part.with_columns(filled).select(*layout.types)


__all__ = ["KEPT", "Load", "NewLoad", "SetAside", "Store"]
