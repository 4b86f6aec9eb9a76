"""Batch: every request of one moment answered at once, in batches side by side.

Replay and live move the moment through time; a batch run stands at one. What it answers is what
declared `batch_predictions` would have answered for a run at that moment: the same requests, the
same features, the same model.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from asof.compute.plan import plan
from asof.compute.schedule import microseconds, moment
from asof.compute.standing import stand
from asof.declare.policies import BatchPredictions
from asof.declare.system import System
from asof.declare.tables import ArrowStream
from asof.engine.batch_model import Chosen, choose
from asof.engine.batch_output import Output, require_writable
from asof.engine.batch_requests import Asked, Given, Known
from asof.engine.batch_rows import Answering, Part
from asof.engine.batch_tables import tables_at
from asof.engine.clock import CpuMeter, elapsed, now
from asof.errors import DataRefused, EstimatorError, UsageError
from asof.stores.records import LIVE_FROM
from asof.stores.store import Store, store_of
from asof.units import DAY, Duration

Progress = Callable[[int, int | None], None]
"""Called with the rows done, and all rows where their number is known."""

SCORE = "score"
"""The kind of run that a batch run is kept as."""

_BLOCK = 1024
_MOST, _CELLS = 128, 1 << 22
"""Blocks and values in a batch: many enough that a library's call is cheap, and a small part of
the memory."""
_WAITING = 2
"""Batches that may be under way for each worker."""


@dataclass(frozen=True)
class Scored:
    """What a batch run answered, as of which moment (us UTC), and by which model.

    `frame()` holds a row a request: its name and key, `as_of`, `model`, `prediction`, and the
    `reason` where it was not predicted. `rows` are all rows, `early` those whose own moment lay
    before `as_of`. `live_from` is set if this run made the store live.
    """

    system: str
    fingerprint: str
    model: str
    name: str
    why: str
    as_of: int
    offset: int
    asked: str
    ahead: int
    rows: int
    predicted: int
    early: int
    reasons: Mapping[str, int]
    seconds: float
    cpu_seconds: float
    live_from: int | None
    out: Path | None
    _rows: pl.DataFrame | None = field(default=None, repr=False)

    def frame(self) -> pl.DataFrame:
        """The predictions, read from the file if they were written to one."""
        if self._rows is not None:
            return self._rows
        if self.out is None:
            raise TypeError("a batch run keeps its rows or writes them")
        if self.out.name.endswith(".csv"):
            return pl.read_csv(self.out, infer_schema_length=None)
        return pl.read_parquet(self.out)

    def to_dict(self) -> dict[str, Any]:
        """The same without the rows, as plain data."""
        return {
            "system": self.system,
            "fingerprint": self.fingerprint,
            "model": self.model,
            "name": self.name,
            "why": self.why,
            "as_of": _told(self.as_of),
            "offset": self.offset,
            "requests": self.asked,
            "ahead_seconds": self.ahead / 1e6,
            "rows": self.rows,
            "predicted": self.predicted,
            "not_predicted": dict(self.reasons),
            "early": self.early,
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "rows_per_second": round(self.rows / self.seconds) if self.seconds else None,
            "live_from": None if self.live_from is None else _told(self.live_from),
            "out": None if self.out is None else str(self.out),
        }


def score(
    system: System[Any],
    *,
    requests: Path | str | ArrowStream = "source",
    as_of: datetime | None = None,
    ahead: Duration | None = None,
    model: str | None = None,
    fit: bool = False,
    prepare: bool = False,
    out: Path | str | None = None,
    base: Path | str = ".",
    store: Store | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Scored:
    """Answer every request of one moment: features as of `as_of`, by the model in service then.

    `requests` are those of the declared source that are known and whose moment comes within
    `ahead` (default: that of the declared batch predictions, else a day), or a Parquet or CSV file
    or a frame of its rows, which are checked against their contract; `prepare` puts them through
    the source's own prepare= first. Without `as_of` the moment is now, and the store is live from
    then on (LAW 1c). `model` names another model of the registry, `fit` fits one on what is mature.

    Raises:
        UsageError: there is no model, no file, or the moment has no zone or has not come.
        DataRefused: the requests cannot be read, or none of them keeps its contract.
        EstimatorError: the model failed.
        StoreError: the output cannot be written; nothing of it is left.
    """
    place = None if out is None else Path(out)
    if place is not None:
        require_writable(place)
    begun, stamp = elapsed(), now()
    at = stamp if as_of is None else _moment(as_of, stamp)
    many, meter = workers or os.cpu_count() or 1, CpuMeter()
    with store_of(system.name, base, store) as kept:
        try:
            with meter.measured(), _threads(many) as pool:
                offset = kept.journal.head()
                reach = ahead or _ahead(system)
                asked = _asked(system, kept, requests, at, offset, reach, prepare=prepare)
                chosen = choose(system, kept, at, offset, model=model, fit=fit)
                went_live = _go_live(kept, at) if as_of is None else None
                answering = _answering(system, kept, asked, chosen, at, offset, pool)
                run = _Run(answering, pool, many, progress)
                noted = {"asof.as_of": _told(at), "asof.offset": str(offset),
                         "asof.model": chosen.id, "asof.system": system.fingerprint}  # fmt: skip
                rows = run.to(place, noted)
        except EstimatorError as error:
            error.where = error.where or system.declared
            raise
        told = requests if isinstance(requests, str | Path) else "a frame"
        found = Scored(
            system.name, system.fingerprint, chosen.id, chosen.name, chosen.why, at, offset,
            str(told), reach.microseconds, run.rows, run.predicted, run.early,
            dict(run.reasons.most_common()), elapsed() - begun, meter.seconds,
            went_live, place, rows,
        )  # fmt: skip
        kept.records.begin_run(SCORE, system.fingerprint, stamp=stamp, facts=found.to_dict())
        return found


def _moment(as_of: datetime, stamp: int) -> int:
    if as_of.tzinfo is None:
        raise UsageError(
            "as_of= has no time zone.",
            found=repr(as_of),
            mend="Write as_of=datetime(2014, 1, 4, tzinfo=UTC), or ZoneInfo('Europe/Berlin').",
        )
    at = microseconds(as_of)
    if at > stamp:
        raise UsageError(
            "What will be known then is not known yet.",
            found=f"as of {_told(at)}, and it is {_told(stamp)}",
            mend="Leave the moment out to score as of now.",
        )
    return at


def _told(at: int) -> str:
    return moment(at).isoformat().replace("+00:00", "Z")


def _ahead(system: System[Any]) -> Duration:
    serving = system.serving
    return serving.ahead if isinstance(serving, BatchPredictions) else Duration(DAY)


def _asked(
    system: System[Any],
    store: Store,
    requests: Path | str | ArrowStream,
    at: int,
    offset: int,
    ahead: Duration,
    *,
    prepare: bool,
) -> Asked:
    reach = ahead.microseconds
    if isinstance(requests, str) and requests == "source":
        if prepare:
            raise UsageError(
                "The requests of the source were prepared when they were ingested.",
                mend="Leave --prepare out, or hand in a file with --requests.",
            )
        return Known(system, store, at, offset, reach)
    rows = Path(requests) if isinstance(requests, str) else requests
    return Given(system, rows, at, reach, prepare=prepare)


def _go_live(store: Store, at: int) -> int | None:
    """Let the store be live from a moment on; the moment, if it was not live before (LAW 1c)."""
    if store.records.setting(LIVE_FROM) is not None:
        return None
    return at if store.records.fix(LIVE_FROM, at) == at else None


def _answering(
    system: System[Any],
    store: Store,
    asked: Asked,
    chosen: Chosen,
    at: int,
    offset: int,
    pool: ThreadPoolExecutor,
) -> Answering:
    """Read the tables, and answer each piece of work once for every join value, side by side."""
    planned = plan(system.features.columns)
    tables = tables_at(planned, store, at, offset)
    own = system.asked.name
    under_way = [pool.submit(stand, planned, work, tables, at, own=own) for work in planned.work]
    standing = [each.result() for each in under_way]
    return Answering(system, asked, planned, standing, tables, chosen, at)


@dataclass
class _Run:
    """Batches on their way from the requests to the output, and what was counted."""

    answering: Answering
    pool: ThreadPoolExecutor
    workers: int
    progress: Progress | None
    rows: int = 0
    predicted: int = 0
    early: int = 0
    reasons: Counter[str] = field(default_factory=Counter[str])

    def to(self, place: Path | None, noted: Mapping[str, str]) -> pl.DataFrame | None:
        """Write all rows to a file, or hand them back."""
        schema = self.answering.schema
        if place is None:
            parts = [part.rows for part in self._parts()]
            self._require_some()
            return pl.concat([pl.DataFrame(schema=schema), *parts])
        with Output(place, schema, noted) as output:
            for part in self._parts():
                output.write(part.rows)
            self._require_some()
        return None

    def _parts(self) -> Generator[Part]:
        """The rows of one batch after another, in their order, several being under way."""
        asked, done = self.answering.asked, 0
        with closing(asked.batches(self._batch())) as batches:
            for read, part in _side_by_side(
                self.pool, self.answering, batches, self.workers * _WAITING
            ):
                done += read
                self.rows += part.rows.height
                self.predicted += part.predicted
                self.early += part.early
                self.reasons += part.reasons
                yield part
                if self.progress is not None:
                    self.progress(done, asked.total)

    def _batch(self) -> int:
        answering = self.answering
        wide = len(answering.planned.columns) + len(answering.system.asked.row.columns_)
        return min(_MOST, max(8, _CELLS // wide // _BLOCK)) * _BLOCK

    def _require_some(self) -> None:
        if self.predicted or not self.reasons:
            return
        table = self.answering.system.asked
        told = [f"{reason}: {count:,}" for reason, count in self.reasons.most_common(3)]
        raise DataRefused(
            f"None of {self.rows:,} rows keeps the contract of {table.row.__name__}.",
            found="; ".join(told),
            mend="Mend the rows or the contract.",
            where=table.row.declared_ or table.declared,
        )


def _side_by_side(
    pool: ThreadPoolExecutor,
    answering: Answering,
    batches: Iterable[pl.DataFrame],
    most: int,
) -> Generator[tuple[int, Part]]:
    waiting: deque[tuple[int, Future[Part]]] = deque()
    try:
        for batch in batches:
            waiting.append((batch.height, pool.submit(answering, batch)))
            if len(waiting) >= most:
                read, first = waiting.popleft()
                yield read, first.result()
        while waiting:
            read, first = waiting.popleft()
            yield read, first.result()
    finally:
        for _, left in waiting:
            left.cancel()


@contextmanager
def _threads(workers: int) -> Generator[ThreadPoolExecutor]:
    """So many threads, and one thread for every library within each."""
    from threadpoolctl import threadpool_limits

    pool = ThreadPoolExecutor(workers)
    with threadpool_limits(1):
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
