"""Worlds in which more becomes known from a moment on; the past must not notice.

Added rows are new ones, corrections and withdrawals of rows that are visible at the moment. Half of
them are made for requests asked just before it: they match their join values, and happen inside
their windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from asof.compute.evaluate import evaluate
from asof.compute.table import Versions
from asof.declare.features import walk
from asof.declare.kept import AVAILABLE, DECLARED, LOAD, POSITION, RECORDED, WITHDRAWN
from asof.declare.rows import time_of
from asof.declare.sources import Reference
from asof.declare.system import System
from asof.declare.windows import Age, Aggregate, Lookup
from asof.engine.history import History

DAY = 86_400_000_000
Row = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """What one feature of one request looks at: rows with these values, in this time."""

    values: tuple[tuple[str, Any], ...]
    start: int
    stop: int

    def holds(self, row: Row, time: str | None) -> bool:
        """Whether a row lies inside."""
        inside = time is None or self.start <= row[time] < self.stop
        return inside and all(row[column] == value for column, value in self.values)


def targets(history: History, at: int, requests: int = 20) -> dict[str, list[Target]]:
    """By table, what the features of the last requests before `at` look at."""
    last = int(np.searchsorted(history.requests.fired, at))
    chosen = np.flatnonzero(history.serving.covered[:last])[-requests:]
    asked, as_of = history.requests.frame[chosen], history.serving.as_of[chosen]
    found: dict[str, list[Target]] = {}
    for _, feature in history.system.features.columns:
        for fact in walk(feature):
            if not isinstance(fact, Aggregate | Age | Lookup):
                continue
            joined = fact.joined
            columns = [own for own, _ in joined.pairs]
            matched = [asked.select(evaluate(e)).to_series().to_list() for _, e in joined.pairs]
            start, stop = (0, 0) if isinstance(fact, Lookup) else (fact.span.start, fact.span.stop)
            for number, moment in enumerate(as_of):
                values = tuple(values[number] for values in matched)
                if None not in values:
                    pairs = tuple(zip(columns, values, strict=True))
                    here = Target(pairs, int(moment) + start, int(moment) + stop)
                    found.setdefault(joined.table.name, []).append(here)
    return found


@dataclass(frozen=True)
class Grown:
    """Stored rows by table with some added, and how many of those hit a target."""

    stored: dict[str, pl.DataFrame]
    added: int
    hits: int
    kinds: frozenset[str]


class Grower:
    """Adds rows to the tables of a system that become known from `at` on."""

    def __init__(self, history: History, stored: Mapping[str, pl.DataFrame], at: int, seed: int):
        self.history, self.stored, self.at = history, stored, at
        self.chance = np.random.default_rng(seed)
        self.targets = targets(history, at)
        self.kinds: set[str] = set()

    def grow(self, rows: int = 60) -> Grown:
        """Add so many rows to each table."""
        stored, added, hits = dict(self.stored), 0, 0
        for table in self.history.system.tables:
            versions = self.history.tables[table.name]
            time = time_of(table.row)
            new = [self._row(versions, time, number) for number in range(rows)]
            aims = self.targets.get(table.name, [])
            hits += sum(any(aim.holds(row, time) for aim in aims) for row in new)
            added += len(new)
            frame = pl.DataFrame(new, schema=self.stored[table.name].schema)
            stored[table.name] = pl.concat([self.stored[table.name], frame])
        return Grown(stored, added, hits, frozenset(self.kinds))

    def _row(self, versions: Versions, time: str | None, number: int) -> Row:
        visible = versions.frame.filter(versions.visible(self.at))
        row = self._one(visible)
        aims = self.targets.get(versions.table.name, [])
        aimed = bool(aims) and self.chance.random() < 0.5
        options = ["new", "corrected", "withdrawn"]
        if isinstance(versions.table, Reference):
            options = ["new", "corrected"]  # nothing takes a row of such a table back
        kind = str(self.chance.choice(options))
        aim = aims[int(self.chance.integers(len(aims)))] if aimed else None
        if kind == "new":
            row |= {key: f"new{number}" if isinstance(row[key], str) else 10**9 + number
                    for key in versions.table.keys if key != time}  # fmt: skip
            self._move(row, aim, time)
        elif kind == "corrected":
            row = self._inside(visible, aim, time) or row
            keys = {key: row[key] for key in versions.table.keys}
            row |= self._others(visible, keys)
            if self.chance.random() < 0.5:
                self._move(row, aim, time)
                row |= keys
        else:
            row = self._inside(visible, aim, time) or row
        self.kinds.add(kind)
        return row | kept(self._known(), number, withdrawn=kind == "withdrawn")

    def _known(self) -> int:
        """The moment itself, just after it, or some days later."""
        later = (0, 0, 1, int(self.chance.integers(1, 20 * DAY)))
        return self.at + later[int(self.chance.integers(len(later)))]

    def _one(self, rows: pl.DataFrame) -> Row:
        return rows.row(int(self.chance.integers(rows.height)), named=True)

    def _inside(self, visible: pl.DataFrame, aim: Target | None, time: str | None) -> Row | None:
        """A visible row inside a target, if there is one."""
        if aim is None:
            return None
        matching = [pl.col(column) == value for column, value in aim.values]
        if time is not None:
            matching.append(pl.col(time).is_between(aim.start, aim.stop, closed="left"))
        rows = visible.filter(*matching)
        return self._one(rows) if rows.height else None

    def _move(self, row: Row, aim: Target | None, time: str | None) -> None:
        """Move a row into a target, or anywhere."""
        if time is not None:
            first, last = (self.at - 200 * DAY, self.at) if aim is None else (aim.start, aim.stop)
            row[time] = int(self.chance.integers(first, last))
        if aim is not None:
            row |= dict(aim.values)

    def _others(self, visible: pl.DataFrame, keys: Row) -> Row:
        """The values of another row under the same key, numbers changed too."""
        other = self._one(visible) | keys
        return {
            column: value * 3 + 1 if isinstance(value, float) else value
            for column, value in other.items()
        }


def kept(known: int, number: int, *, withdrawn: bool = False) -> Row:
    """The house's own columns of a row that came in another load."""
    return {
        AVAILABLE: known, DECLARED: None, RECORDED: 10**6, POSITION: number, LOAD: "later",
        WITHDRAWN: withdrawn,
    }  # fmt: skip


def changes(
    system: System[Any], history: History, stored: Mapping[str, pl.DataFrame], at: int
) -> Iterator[tuple[str, dict[str, pl.DataFrame]]]:
    """For each table that features look at: one row that they see, told otherwise."""
    aims = targets(history, at)
    for table in system.tables:
        time, versions = time_of(table.row), history.tables[table.name]
        seen = [
            row | {AVAILABLE: int(known)}
            for row, known, visible in zip(
                versions.frame.iter_rows(named=True),
                versions.known_from,
                versions.visible(at - DAY),
                strict=True,
            )
            if visible and any(aim.holds(row, time) for aim in aims.get(table.name, []))
        ]
        if not seen:
            continue
        row = seen[len(seen) // 2]
        # Words become another word, numbers another number; key and time stay.
        for spec in table.row.columns_:
            if spec.name in table.keys or spec.name == time:
                continue
            words = versions.frame[spec.name].drop_nulls().unique().sort().to_list()
            if spec.type is str:
                row[spec.name] = next(word for word in words if word != row[spec.name])
            elif spec.type is float:
                row[spec.name] = (row[spec.name] or 0.0) * 3 + 100
            elif spec.type is int:
                row[spec.name] += 1000
        told = {key: row[key] for key in versions.frame.columns} | kept(row[AVAILABLE], 0)
        frame = pl.DataFrame([told], schema=stored[table.name].schema)
        yield table.name, {**stored, table.name: pl.concat([stored[table.name], frame])}
