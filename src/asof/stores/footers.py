"""What the footer of a Parquet file tells of its rows, so that less of it has to be read.

Where rows are known a fixed time after a moment that they tell (at once, mostly), availability says
nothing that the moment does not. A file in which that is so of every row says it in its footer, and
its column of availability is made from the other one instead of being read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asof.declare.kept import AVAILABLE

if TYPE_CHECKING:
    import polars as pl

_NAME = "asof.available"

LARGE = 1 << 23
"""Bytes of a file, or of some together, that are worth a scan of their own."""


class Lag(NamedTuple):
    """Every row of a file is available so many microseconds after its `moment`."""

    moment: str
    micros: int


def footer(frame: pl.DataFrame, declared: Mapping[str, type]) -> dict[str, str]:
    """What a file of these rows says of them; `declared` are the types of its declared columns.

    >>> import polars as pl
    >>> rows = pl.DataFrame({"at": [10, 20], "available_at_": [15, 25]})
    >>> footer(rows, {"at": datetime})
    {'asof.available': '["at", 5]'}
    """
    found = _lag(frame, [name for name, kind in declared.items() if kind is datetime])
    return {} if found is None else {_NAME: json.dumps(found)}


def _lag(frame: pl.DataFrame, moments: Sequence[str]) -> Lag | None:
    if AVAILABLE not in frame.columns or not frame.height or frame[AVAILABLE].null_count():
        return None
    for name in moments:
        moment = frame[name]
        if not moment.null_count():
            lag = int(frame[AVAILABLE][0]) - int(moment[0])
            if (frame[AVAILABLE] - moment == lag).all():
                return Lag(name, lag)
    return None


class Files:
    """Parquet files that never change, and what their footers said when they were first looked at.

    `scan` gives their rows in the order of the files.
    """

    def __init__(self) -> None:
        self._lags: dict[str, Lag | None] = {}

    def scan(self, files: Sequence[str]) -> list[pl.LazyFrame]:
        """All rows lazily: of a large file alone, of small ones that say the same together."""
        return [
            _made(run, lag)
            for lag, some in groupby(files, self._lag_of)
            for run in runs(list(some))
        ]

    def _lag_of(self, file: str) -> Lag | None:
        import polars as pl

        if file not in self._lags:
            told = pl.read_parquet_metadata(file).get(_NAME)
            self._lags[file] = None if told is None else Lag(*json.loads(told))
        return self._lags[file]


def runs(files: Sequence[str]) -> Iterator[list[str]]:
    """The files in their order, as many together as are large enough."""
    run: list[str] = []
    size = 0
    for file in files:
        run.append(file)
        size += Path(file).stat().st_size
        if size >= LARGE:
            yield run
            run, size = [], 0
    if run:
        yield run


def _made(files: list[str], lag: Lag | None) -> pl.LazyFrame:
    """The rows of files that say the same."""
    import polars as pl

    rows = pl.scan_parquet(files)
    if lag is None:
        return rows
    moment = pl.col(lag.moment) + lag.micros if lag.micros else pl.col(lag.moment)
    return rows.with_columns(moment.alias(AVAILABLE))
