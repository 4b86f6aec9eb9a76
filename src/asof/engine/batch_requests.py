"""The requests of a batch run: rows handed in by file or frame, or those that the store knows of.

Rows come in batches, in their order. Those handed in are checked against their contract where they
are answered, so that several batches are checked side by side.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import NoDataError, PolarsError

from asof.compute.contract import REASONS, check
from asof.compute.evaluate import TICK, evaluate
from asof.compute.schedule import moments
from asof.compute.table import Versions
from asof.declare.features import asked_columns
from asof.declare.kept import AVAILABLE, POSITION, WITHDRAWN
from asof.declare.sources import Ticks
from asof.declare.system import System
from asof.declare.tables import ArrowStream, Table
from asof.engine.batch_tables import versions_of, visible
from asof.engine.files import SUFFIXES, TEXT, find, in_memory, null_words, prepared
from asof.errors import DataRefused, UsageError
from asof.stores.store import Store


@dataclass(frozen=True)
class Read:
    """A batch as read: requests to be answered, and those that cannot be, with the reason.

    `place` and `apart_place` are positions in the batch; `apart` holds the key columns, null where
    they cannot be read, and `reason`.
    """

    asked: pl.DataFrame
    place: NDArray[np.int64]
    apart: pl.DataFrame | None = None
    apart_place: NDArray[np.int64] | None = None


class Asked(Protocol):
    """Where the requests of a run come from. `total` counts the rows, where it is known."""

    total: int | None

    def batches(self, rows: int) -> Generator[pl.DataFrame]:
        """The rows, so many at a time."""
        ...

    def read(self, batch: pl.DataFrame) -> Read:
        """A batch, checked."""
        ...


def keys_of(system: System[Any]) -> tuple[str, ...]:
    """The columns that tell requests apart: the key, and the moment of a tick."""
    keys = system.asked.keys
    return (*keys, TICK) if isinstance(system.requests, Ticks) else keys


def moments_of(system: System[Any]) -> tuple[str, ...]:
    """Those of them that hold moments."""
    table = system.asked
    specs = [spec for spec in table.row.columns_ if spec.name in table.keys]
    found = tuple(spec.name for spec in specs if spec.type is datetime)
    return (*found, TICK) if isinstance(system.requests, Ticks) else found


class Known:
    """The requests that the store knows of as of a moment, asked within `ahead` (us) from it on.

    What was asked before is not asked again (LAW 4a). They are held in memory, with the columns
    that features read.
    """

    def __init__(self, system: System[Any], store: Store, at: int, offset: int, ahead: int) -> None:
        self._frame = _candidates(system, store, at, offset, ahead)
        self.total: int | None = self._frame.height

    def batches(self, rows: int) -> Generator[pl.DataFrame]:
        """The requests, so many at a time."""
        yield from self._frame.iter_slices(rows)

    def read(self, batch: pl.DataFrame) -> Read:
        """The requests themselves: their rows were checked when they came in."""
        return Read(batch, np.arange(batch.height))


def _candidates(
    system: System[Any], store: Store, at: int, offset: int, ahead: int
) -> pl.DataFrame:
    """What a batch run at a moment answers: the requests known before it, by moment and key."""
    table = system.asked
    known = store.scan(table, offset=offset).filter(pl.col(AVAILABLE) < at)
    parts = [*(feature for _, feature in system.features.columns), system.asked_at]
    columns = {column.name for part in parts for column in asked_columns(part)}
    if isinstance(system.requests, Ticks):
        seen = visible(versions_of(table, known, known, columns, whole=True), at)
        return _at_ticks(system, seen.frame, at, ahead)
    planned = evaluate(system.asked_at)
    near = known.filter(planned >= at, planned < at + ahead)
    every = versions_of(table, known, near, columns)
    seen = visible(every, at)
    frame = seen.frame.with_columns(planned.alias("at_"))
    frame = frame.filter(pl.col("at_") >= at, pl.col("at_") < at + ahead)
    keys = list(table.keys)
    return (
        frame.join(_asked_before(every, planned, at), on=keys, how="anti")
        .sort("at_", *keys)
        .drop("at_")
    )


def _asked_before(every: Versions, planned: pl.Expr, at: int) -> pl.DataFrame:
    """The keys of requests that fired before a moment, with an earlier version of their row."""
    moment = every.frame.select(planned.alias("at_")).to_series().to_numpy()
    fired = np.maximum(moment, every.known_from)
    return every.frame.filter((fired <= every.known_until) & (fired < at)).select(every.table.keys)


def _at_ticks(system: System[Any], frame: pl.DataFrame, at: int, ahead: int) -> pl.DataFrame:
    """Each row at each tick from a moment on, by tick and key."""
    if not isinstance(system.requests, Ticks):
        return frame
    ticks = pl.DataFrame({TICK: moments(system.requests.schedule, at, at + ahead)})
    both = frame.join(ticks, how="cross", maintain_order="left_right")
    return both.sort(TICK, *system.requests.table.keys, maintain_order=True)


class Given:
    """Rows handed in: a Parquet or CSV file, read as it is answered, or a frame.

    With `prepare` the source's own prepare= is applied to the whole, which is held in memory.

    Raises:
        UsageError: there is no such file, or it is neither Parquet nor CSV.
        DataRefused: it cannot be read, or a column is missing.
    """

    def __init__(
        self,
        system: System[Any],
        rows: Path | ArrowStream,
        at: int,
        ahead: int,
        *,
        prepare: bool,
    ) -> None:
        self._system, self._at, self._ahead = system, at, ahead
        self._prepare = prepare
        table = system.asked
        self._table = table if prepare else replace(table, prepare=None)
        self._name = rows.name if isinstance(rows, Path) else "the rows handed in"
        self._head: pl.DataFrame | None = None  # with the columns that are not declared
        self._rows = self._opened(rows)
        self.total = self._count(rows)
        self._require_columns(table)

    def _opened(self, rows: Path | ArrowStream) -> pl.LazyFrame:
        if not isinstance(rows, Path):
            return prepared(in_memory(self._table, rows).read(), self._table).lazy()
        _require_readable(rows)
        if self._prepare:
            table = replace(self._table, path=str(rows.resolve()))
            return prepared(find(table, Path())[0].read(), self._table).lazy()
        with _in_words(rows.name, self._table):
            if rows.name.endswith(TEXT):
                found = pl.scan_csv(
                    rows,
                    separator=self._table.separator,
                    infer_schema=False,
                    null_values=list(self._table.nulls) or None,
                )
            else:
                found = pl.scan_parquet(rows, glob=False)
            there = set(found.collect_schema())
            self._head = found.head(0).collect()
        return found.select(n.name for n in self._table.row.columns_ if n.name in there)

    def _count(self, rows: Path | ArrowStream) -> int | None:
        if isinstance(rows, Path) and rows.name.endswith(TEXT) and not self._prepare:
            return None  # only reading it to the end would tell
        with _in_words(self._name, self._table):
            return int(self._rows.select(pl.len()).collect().item())

    def _require_columns(self, table: Table[Any]) -> None:
        try:
            told = self._rows.head(0).collect() if self._head is None else self._head
            check(told, self._table, what=self._name, part=True)
        except DataRefused as error:
            if table.prepare is not None and not self._prepare:
                error.mend += " --prepare puts the file through the source's prepare= first."
            raise

    def batches(self, rows: int) -> Generator[pl.DataFrame]:
        """The rows as they are read, so many at a time."""
        with _in_words(self._name, self._table):
            yield from self._rows.collect_batches(chunk_size=rows, lazy=True, engine="streaming")

    def read(self, batch: pl.DataFrame) -> Read:
        """Rows that keep their contract, and those that do not with the reason."""
        checked = check(null_words(batch, self._table), self._table, what=self._name, part=True)
        good, keys = checked.good, list(self._table.keys)
        reasons = [
            checked.bad_keys.with_columns(
                checked.bad[REASONS].list.join("; ").alias("reason"),
                checked.bad[POSITION],
            )
        ]
        if good[WITHDRAWN].any():
            gone = good.filter(pl.col(WITHDRAWN)).select(*keys, POSITION)
            words = pl.lit("the row takes its key back").alias("reason")
            reasons.append(gone.select(*keys, words, POSITION))
            good = good.filter(~pl.col(WITHDRAWN))
        apart = pl.concat(reasons)
        if isinstance(self._system.requests, Ticks):
            good = _at_ticks(self._system, good, self._at, self._ahead)
            apart = apart.with_columns(pl.lit(None, pl.Int64).alias(TICK))
        asked = good.drop(AVAILABLE, POSITION, WITHDRAWN)
        place = good[POSITION].to_numpy()
        if not apart.height:
            return Read(asked, place)
        return Read(asked, place, apart.drop(POSITION), apart[POSITION].to_numpy())


def _require_readable(path: Path) -> None:
    if not path.is_file():
        raise UsageError(
            f"There is no file {path}.", mend="Give the file that holds the requests, or 'source'."
        )
    if not path.name.endswith(SUFFIXES):
        raise UsageError(
            f"{path.name} is neither Parquet nor CSV.",
            found=f"known endings: {', '.join(SUFFIXES)}",
            mend="Convert it, or hand in a frame with asof.score(requests=...).",
        )


@contextmanager
def _in_words(name: str, table: Table[Any]) -> Generator[None]:
    """What reading raises, said as at ingest."""
    try:
        yield
    except NoDataError as error:
        raise DataRefused(
            f"{name} is empty.", found="no rows", mend="Hand in the whole file."
        ) from error
    except (PolarsError, OSError, UnicodeError) as error:
        raise DataRefused(
            f"{name} cannot be read; it may be cut short or damaged.",
            found=str(error).splitlines()[0],
            mend="Fetch it again, and check that it opens elsewhere.",
            where=table.declared,
        ) from error
