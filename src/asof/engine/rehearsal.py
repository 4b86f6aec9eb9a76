"""A rehearsal's script: history as a stream of rows and requests, tick by tick (LAW 8c)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from asof.compute.requests import requests
from asof.compute.table import Versions, versions
from asof.declare.kept import ALWAYS, AVAILABLE, LOAD, POSITION, RECORDED
from asof.declare.rows import keys_of, time_of
from asof.declare.sources import Source
from asof.declare.system import System
from asof.declare.tables import Table
from asof.errors import DataRefused
from asof.stores.loads import NewLoad
from asof.stores.store import Store
from asof.stores.tables import Layout

_LATE = 6 * 3_600_000_000
_CORRECTED = 24 * 3_600_000_000
"""At most so many microseconds later a late row, or a correction, is known."""


@dataclass(frozen=True)
class Disturbed:
    """Shares of the streamed rows that come late, and that are corrected later; and the seed."""

    late: float = 0.0
    corrected: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Turn:
    """What comes between two ticks: rows by table, and the keys of the requests that fire."""

    at: int
    rows: Mapping[str, pl.DataFrame]
    keys: pl.DataFrame


@dataclass(frozen=True)
class Script:
    """What is streamed from `start` to `stop`: rows by table with their availability."""

    system: System[Any]
    start: int
    stop: int
    rows: Mapping[str, pl.DataFrame]
    keys: pl.DataFrame

    def turns(self, every: int) -> Iterator[Turn]:
        """The stream in stretches of at most so many microseconds; each ends with a tick.

        A row that is asked about more often, by ticks of the system's own, gets a stretch for each:
        a server tells the requests of one stretch apart by their keys.
        """
        for begin in range(self.start, self.stop, every):
            for first, last in pairwise(self._edges(begin, min(begin + every, self.stop))):
                yield Turn(
                    last,
                    {name: _between(rows, AVAILABLE, first, last)
                     for name, rows in self.rows.items()},
                    _between(self.keys, "fired_", first, last),
                )  # fmt: skip

    def _edges(self, first: int, last: int) -> list[int]:
        keys = _between(self.keys, "fired_", first, last)
        again = keys.select(self.system.asked.keys).is_duplicated().any()
        moments = keys["fired_"].unique(maintain_order=True).to_list() if again else []
        return [first, *moments[1:], last]


def _between(frame: pl.DataFrame, column: str, first: int, last: int) -> pl.DataFrame:
    low, high = (int(frame[column].search_sorted(moment, "left")) for moment in (first, last))
    return frame[low:high]


def script(
    system: System[Any], stored: Mapping[str, pl.DataFrame], start: int, stop: int, by: Disturbed
) -> Script:
    """What is to be streamed, from the rows of all tables as the store keeps them.

    Raises:
        DataRefused: nothing is asked in that time.
    """
    rows: dict[str, pl.DataFrame] = {}
    whole: dict[str, Versions] = {}
    for table in system.tables:
        held = stored[table.name]
        coming = held.filter(pl.col(AVAILABLE) >= start, pl.col(AVAILABLE) < stop)
        coming = _disturbed(table, coming, by).sort(AVAILABLE, RECORDED, POSITION)
        rows[table.name] = coming.filter(pl.col(AVAILABLE) < stop)
        before = held.filter(pl.col(AVAILABLE) < start)
        whole[table.name] = versions(table, pl.concat([before, rows[table.name]]))
    asked = system.asked
    found = requests(system, whole[asked.name], start, stop)
    if not len(found):
        raise DataRefused(
            f"Nothing is asked of {system.name} in that time.",
            mend="Rehearse a stretch of its history in which there are requests.",
            where=system.declared,
        )
    keys = found.frame.select(keys_of(asked.row)).with_columns(pl.Series("fired_", found.fired))
    return Script(system, start, stop, rows, keys)


def _disturbed(table: Table[Any], rows: pl.DataFrame, by: Disturbed) -> pl.DataFrame:
    """Some rows later than they were, and corrections of some of them after that."""
    chance = np.random.default_rng(_number(by.seed, table.name))
    late = chance.random(rows.height) < by.late
    by_how_much = chance.integers(1, _LATE, rows.height)
    moved = rows.with_columns(pl.col(AVAILABLE) + pl.Series(np.where(late, by_how_much, 0)))
    if not isinstance(table, Source) or not table.keys:
        return moved
    picked = np.flatnonzero(chance.random(rows.height) < by.corrected)
    return pl.concat([moved, _corrections(table, moved, picked, chance)])


def _corrections(
    table: Source[Any],
    rows: pl.DataFrame,
    picked: np.ndarray[Any, np.dtype[np.int64]],
    chance: np.random.Generator,
) -> pl.DataFrame:
    """Later versions of some rows: one value of each is another row's."""
    fixed = {*table.keys, time_of(table.row), table.available, table.withdrawn}
    free = [spec.name for spec in table.row.columns_ if spec.name not in fixed]
    found = rows[picked]
    if not free or not found.height:
        return found.clear()
    which = chance.integers(0, len(free), len(picked))
    others = rows[chance.permutation(rows.height)[: len(picked)]]
    changed = [
        pl.when(pl.Series(which == i)).then(others[name]).otherwise(found[name]).alias(name)
        for i, name in enumerate(free)
    ]
    later = pl.Series(chance.integers(1, _CORRECTED, len(picked)))
    return found.with_columns(*changed, pl.col(AVAILABLE) + later)


def _number(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "big")


def keep_history(
    system: System[Any], held: Store, scratch: Store, before: int, *, stamp: int
) -> None:
    """Copy what was known before a moment into another, empty store, as history."""
    with scratch.writing():
        for table in system.tables:
            if scratch.loads.in_force(table.name):
                continue
            rows = held.rows(table).filter(pl.col(AVAILABLE) < before)
            _keep(scratch, table, rows, stamp)


def _keep(scratch: Store, table: Table[Any], rows: pl.DataFrame, stamp: int) -> None:
    marked = rows.drop(RECORDED, LOAD).with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias(POSITION)
    )
    name = hashlib.sha256(f"history {table.name} {stamp}".encode()).hexdigest()[:32]
    latest = marked.filter(pl.col(AVAILABLE) > ALWAYS)[AVAILABLE].max()
    new = NewLoad(
        load=name, source=table.name, fingerprint="history", content=name, path=None,
        layout=Layout.of(table.row).name, stamp=stamp, read=rows.height, stored=rows.height,
        latest_available=int(latest) if isinstance(latest, int) else None,
    )  # fmt: skip
    scratch.take(new, table, marked, [])
