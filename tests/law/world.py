"""From a case's tables to a declaration, to stored rows, and to a history."""

from __future__ import annotations

import types
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from cases import CLOCK, Case, Record, Table, moment, wall
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

import asof
from asof.compute.schedule import moment as to_datetime
from asof.compute.table import versions
from asof.declare.kept import ALWAYS, AVAILABLE, DECLARED, LOAD, POSITION, RECORDED, WITHDRAWN
from asof.declare.rows import keys_of, time_of
from asof.declare.sources import Reference, Source
from asof.engine.history import History
from asof.units import seconds

WORDS: dict[str, Any] = {name: getattr(asof, name) for name in asof.__all__} | {
    "seconds": seconds,
    "at": lambda text: to_datetime(moment(text)),
}
NOT_COLUMNS = ("file",)
KEYS = ("key", "request")
UNTOLD = "outcome(rows.all(Asked).next(days(1)).count(), wait=days(0))"
"""The label where a case is not about labels."""
YES = {"yes": True, "no": False}


class Average(RegressorMixin, BaseEstimator):
    """Answers with the mean of the labels that it was trained on."""

    def fit(self, X: Any, y: Any) -> Average:
        self.mean_ = float(y.mean())
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.mean_)


class Share(ClassifierMixin, BaseEstimator):
    """Answers with the share of yes among the labels that it was trained on."""

    def fit(self, X: Any, y: Any) -> Share:
        self.classes_ = np.array([0, 1])
        self.mean_ = float(y.mean())
        return self

    def predict_proba(self, X: Any) -> Any:
        return np.full((len(X), 2), (1 - self.mean_, self.mean_))


def is_time(cells: list[str]) -> bool:
    return all((found := CLOCK.fullmatch(cell)) and found["hour"] for cell in cells)


def kind_of(cells: list[str]) -> Any:
    """The annotation of a column, from what stands in it."""
    told = [cell for cell in cells if cell != "null"]
    if told and is_time(told):
        return asof.Moment
    if told and all(cell in YES for cell in told):
        return asof.Col[bool | None]
    try:
        [float(cell) for cell in told]
    except ValueError:
        return asof.Col[str | None]
    return asof.Col[float | None]


def parsed(cell: str, kind: type) -> Any:
    if cell == "null":
        return None
    if kind is bool:
        return YES[cell]
    if kind is float:
        return float(cell)
    return int(cell) if kind is int else cell


def row_class(name: str, table: Table, declared: list[str], *, timed: str | None) -> type[asof.Row]:
    """A row class with the columns of a table; `declared` are lines such as `value: Col[float]`."""
    hints: dict[str, Any] = {}
    for column in table.head:
        if column in NOT_COLUMNS:
            continue
        cells = [row[column] for row in table.rows]
        hints[column] = (
            asof.Time
            if column == timed
            else asof.Key[str]
            if column in KEYS
            else asof.Col[bool]
            if column == "gone"
            else kind_of(cells)
        )
    given: dict[str, Any] = {}
    for line in declared:
        column, _, rest = line.partition(": ")
        hint, _, contract = rest.partition(" = ")
        hints[column] = eval(hint, WORDS)
        if contract:
            given[column] = eval(contract, WORDS)
    return types.new_class(
        name, (asof.Row,), exec_body=lambda names: names.update(given, __annotations__=hints)
    )


@dataclass
class Rows:
    """Rows of the page as a declared table, and the file that each stands in."""

    table: Source[Any] | Reference[Any]
    records: tuple[Record, ...]

    @property
    def files(self) -> list[int]:
        return [int(record.get("file", "1")) for record in self.records]

    def raw(self, file: int | None = None, *, naive: bool = False) -> pl.DataFrame:
        """The rows of a file as it would hold them."""
        records = [r for r, f in zip(self.records, self.files, strict=True) if file in (None, f)]
        columns: dict[str, pl.Series] = {}
        for spec in self.table.row.columns_:
            cells = [record[spec.name] for record in records]
            if spec.kind in ("time", "key_time", "moment"):
                walls = [None if cell == "null" else wall(cell) for cell in cells]
                told = [w if naive or w is None else w.replace(tzinfo=UTC) for w in walls]
                kind = pl.Datetime("us", None if naive else "UTC")
                columns[spec.name] = pl.Series(told, dtype=kind)
            else:
                columns[spec.name] = pl.Series(
                    [parsed(cell, spec.type) for cell in cells], dtype=_POLARS[spec.type]
                )
        return pl.DataFrame(columns)

    @cached_property
    def stored(self) -> pl.DataFrame:
        """The rows as the store would keep them, put together by hand."""
        frame = self.raw()
        frame = frame.with_columns(pl.col(pl.Datetime).cast(pl.Int64))
        seen: dict[int, int] = {}
        position = [seen.update({f: seen.get(f, -1) + 1}) or seen[f] for f in self.files]
        flag = getattr(self.table, "withdrawn", None)
        gone = pl.lit(False) if flag is None else pl.col(flag).fill_null(value=False)
        return frame.with_columns(
            self._available().alias(AVAILABLE),
            pl.lit(None, pl.Int64).alias(DECLARED),
            pl.Series(RECORDED, self.files, dtype=pl.Int64),
            pl.Series(POSITION, position, dtype=pl.Int64),
            pl.lit("load").alias(LOAD),
            gone.alias(WITHDRAWN),
        ).sort(RECORDED, POSITION)

    def _available(self) -> pl.Expr:
        table = self.table
        if not isinstance(table, Source):
            return pl.lit(ALWAYS, pl.Int64)
        if table.available is not None:
            return pl.col(table.available)
        time = pl.col(str(time_of(table.row)))
        return time if table.lag is None else time + table.lag.microseconds


_POLARS: dict[type, Any] = {
    str: pl.String, float: pl.Float64, bool: pl.Boolean, int: pl.Int64,
}  # fmt: skip


class World:
    """What a case declares: its rows, its requests, the words in which it asks."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.rows = self._rows()
        self.asked = self._asked()

    def _rows(self) -> Rows | None:
        case = self.case
        found = [t for t in case.tables if t.has("event") and not t.has("at")]
        if not found:
            lookups = [t for t in case.tables if t.has("key", "value") and not t.has("question")]
            if not lookups:
                return None
            row = row_class("Row", lookups[0], case.settings.get("rows", []), timed=None)
            return Rows(asof.reference(row, name="rows"), lookups[0].rows)
        row = row_class("Row", found[0], case.settings.get("rows", []), timed="event")
        return Rows(asof.source(row, name="rows", **self._options(row)), found[0].rows)

    def _options(self, row: type[asof.Row]) -> dict[str, Any]:
        names = {spec.name: getattr(row, spec.name) for spec in row.columns_}
        given = eval(f"dict({self.case.setting('source')})", WORDS | names)
        if "available" in names and "lag" not in given:
            given.setdefault("available", names["available"])
        if "gone" in names:
            given.setdefault("withdrawn", names["gone"])
        return {"refuse_above": 0.9} | given

    def _asked(self) -> Rows | None:
        table = self.case.find("request", "at")
        if table is None:
            return None
        timed = "event" if table.has("event") else "at"
        row = row_class("Asked", table, self.case.settings.get("asked", []), timed=timed)
        options: dict[str, Any] = {"available": getattr(row, "available", None)}
        if hasattr(row, "gone"):
            options["withdrawn"] = row.gone
        if table.has("lag"):
            raise AssertionError("requests have no lag")
        return Rows(asof.source(row, name="asked", refuse_above=0.9, **options), table.rows)

    def joined(self, asked: type[asof.Row], columns: list[str]) -> dict[str, Any]:
        """The words of a question about rows that agree with the asked row on some columns."""
        assert self.rows is not None
        table, row = self.rows.table, self.rows.table.row

        def same(*own: Any) -> Any:
            return table.same(*(getattr(asked, column.name) for column in own))

        names = {spec.name: getattr(row, spec.name) for spec in row.columns_}
        default: Any = (
            table.same(*(getattr(asked, name) for name in columns))
            if columns
            else table.all(asked)
            if isinstance(table, Source)
            else None
        )
        verbs = {
            verb: getattr(default, verb)
            for verb in ("last", "next", "where", "get")
            if hasattr(default, verb)
        }
        return WORDS | names | verbs | {"same": same, "on": table.on, "Asked": asked, "rows": table}

    @property
    def tables(self) -> dict[str, Rows]:
        return {r.table.name: r for r in (self.rows, self.asked) if r is not None}

    def in_memory(self) -> dict[str, pl.DataFrame]:
        return {name: rows.stored for name, rows in self.tables.items()}

    @cached_property
    def system(self) -> asof.System[Any]:
        """A whole system about the case's requests."""
        assert self.asked is not None
        case, asked = self.case, self.asked.table.row
        if self.rows is None:
            self.rows = self.asked
        row = self.rows.table.row
        shared = [
            spec.name for spec in asked.columns_
            if spec.kind in ("key", "column") and spec.name in {s.name for s in row.columns_}
        ]  # fmt: skip
        words = self.joined(asked, shared) | {"Asked_source": self.asked.table}
        feature = case.setting("feature") or "last(days(1)).count()"
        label = case.setting("label") or UNTOLD
        options = eval(f"dict({case.setting('system')})", words | _columns(asked))
        requests: Any = self.asked.table
        if "ticks" in options:
            requests = asof.ticks(requests, options.pop("ticks"))
        else:
            options["at"] = asked.at
        return asof.System(
            "case",
            requests=requests,
            features=asof.features(asked, x=eval(feature, words)),
            label=eval(label, words),
            model=Share() if "happens" in label else Average(),
            **options,
        )

    def history(self, stored: dict[str, pl.DataFrame]) -> History:
        told = self.case.setting("until")
        until = moment(told) if told else moment("2024-02-01 00:00")
        tables = {name: versions(self.tables[name].table, frame) for name, frame in stored.items()}
        return History(self.system, tables, until)


def _columns(row: type[asof.Row]) -> dict[str, Any]:
    return {"Asked": row}


def one_row_messages(stored: pl.DataFrame) -> pl.DataFrame:
    """The same rows, each brought by a message of its own."""
    return stored.sort(RECORDED, POSITION).with_columns(
        pl.arange(1, pl.len() + 1, dtype=pl.Int64).alias(RECORDED),
        pl.lit(0, pl.Int64).alias(POSITION),
    )


def renamed(source: Source[Any], path: str) -> Source[Any]:
    return replace(source, path=path)


def key_columns(rows: Rows) -> tuple[str, ...]:
    return keys_of(rows.table.row)
