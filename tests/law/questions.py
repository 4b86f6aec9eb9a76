"""The questions of a case, answered by the kernel and by the oracle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import numpy as np
import oracle
import polars as pl
from cases import Record, Table, moment
from online import ask_online
from world import World, one_row_messages, parsed, row_class

from asof.compute.evaluate import evaluate
from asof.compute.plan import answer, plan
from asof.compute.schedule import moment as to_datetime
from asof.compute.table import Versions, versions
from asof.declare.expressions import (
    Column,
    Constant,
    Expression,
    Operation,
)
from asof.declare.kept import AVAILABLE, POSITION, RECORDED, WITHDRAWN
from asof.declare.rows import column_spec, time_of
from asof.declare.times import (
    CivilPart,
    Spanned,
    TimeColumn,
)
from asof.declare.windows import Age, Aggregate, Lookup

Stored = Mapping[str, pl.DataFrame]
WORDS = ("question", "as of", "expected", "asks", "after step")


@dataclass(frozen=True)
class Question:
    """One row of a table of questions."""

    text: str
    fact: Expression[Any, Any]
    as_of: int
    expected: str
    asked: dict[str, Any]
    schema: dict[str, Any]
    own: bool
    after: str | None

    def frame(self) -> pl.DataFrame:
        return pl.DataFrame({n: [v] for n, v in self.asked.items()}, schema_overrides=self.schema)


def questions(world: World, table: Table, stored: Stored) -> list[Question]:
    assert world.rows is not None
    joins = [name for name in table.head if name not in WORDS]
    asking = table.has("asks")
    if asking:
        asked = world.rows.table.row
    else:
        records: tuple[Record, ...] = tuple(
            {"request": "q", "at": "00:00"} | {name: row[name] for name in joins}
            for row in table.rows
        )
        asked = row_class("Asked", Table(("request", *joins, "at"), records), [], timed="at")
        for name in joins:  # of the type that the rows' column has
            kinds = {spec.name: spec.type for spec in world.rows.table.row.columns_}
            assert name in kinds, f"no column {name}"
    words = world.joined(asked, joins)
    return [_question(world, stored, row, asked, words, joins, asking) for row in table.rows]


def _question(
    world: World,
    stored: Stored,
    row: Record,
    asked: Any,
    words: Any,
    joins: list[str],
    asking: bool,
) -> Question:
    as_of = moment(row["as of"])
    schema = {spec.name: _POLARS.get(spec.type, pl.Int64()) for spec in asked.columns_}
    if asking:
        values = _version(stored["rows"], "key", row["asks"], as_of + 1)
    else:
        kinds = {spec.name: spec.type for spec in asked.columns_}
        values = {"request": "q", "at": as_of}
        values |= {name: parsed(row[name], kinds[name]) for name in joins}
    fact = eval(row["question"].strip("`"), words)
    return Question(
        row["question"], fact, as_of, row["expected"], values, schema, asking, row.get("after step")
    )


_POLARS: Mapping[type, pl.DataType] = {
    bool: pl.Boolean(), int: pl.Int64(), float: pl.Float64(), str: pl.String(),
}  # fmt: skip


def _version(stored: pl.DataFrame, key: str, value: str, as_of: int) -> dict[str, Any]:
    seen = stored.filter((pl.col(key) == value) & (pl.col(AVAILABLE) < as_of))
    last = seen.sort(AVAILABLE, RECORDED, POSITION).row(-1, named=True)
    return {name: v for name, v in last.items() if not name.endswith("_")}


def matches(found: Any, expected: str) -> bool:
    """Whether an answer is what the page says, to the last bit; `about` allows 1e-9."""
    if found is None or (isinstance(found, float) and math.isnan(found)):
        return expected == "missing"
    if expected.startswith("about "):
        return math.isclose(float(found), float(expected.removeprefix("about ")), rel_tol=1e-9)
    if isinstance(found, bool):
        return expected == ("yes" if found else "no")
    if isinstance(found, str):
        return found == expected
    return expected not in ("missing", "yes", "no") and float(found) == float(expected)


# --- the ways to answer -------------------------------------------------------------------------


def by_batch(world: World, stored: Stored, asked: list[Question]) -> list[Any]:
    """All questions at once, each fact asked of each."""
    tables = _versions(world, stored)
    names = [f"f{number}" for number in range(len(asked))]
    planned = plan([(name, q.fact) for name, q in zip(names, asked, strict=True)])
    frame = pl.concat([q.frame() for q in asked])
    as_of = np.array([q.as_of for q in asked], dtype=np.int64)
    found = answer(planned, frame, as_of, tables, own="rows" if asked[0].own else None)
    return [found[name][number] for number, name in enumerate(names)]


def by_online(world: World, stored: Stored, asked: list[Question]) -> list[Any]:
    """The same plan, answered by the kernel's online face."""
    with patch("asof.compute.window.ask.ask", ask_online):
        return by_batch(world, stored, asked)


def by_messages(world: World, stored: Stored, asked: list[Question]) -> list[Any]:
    """Rows in messages of one row, each question alone."""
    cut = {name: one_row_messages(frame) for name, frame in stored.items()}
    tables = _versions(world, cut)
    return [_alone(q, tables) for q in asked]


def by_partitions(world: World, stored: Stored, asked: list[Question]) -> list[Any]:
    """Each question sees only the rows of its own join values, versions chosen beforehand."""
    tables = _versions(world, stored)
    return [_alone(q, _part(q, tables)) for q in asked]


def _alone(question: Question, tables: Mapping[str, Versions]) -> Any:
    as_of = np.array([question.as_of], dtype=np.int64)
    own = "rows" if question.own else None
    return answer(plan([("f", question.fact)]), question.frame(), as_of, tables, own=own)["f"][0]


def _part(question: Question, tables: Mapping[str, Versions]) -> Mapping[str, Versions]:
    found = dict(tables)
    for fact in _facts(question.fact):
        table = tables[fact.joined.table.name]
        mask = np.ones(len(table), dtype=np.bool_)
        for own, asked in fact.joined.pairs:
            value = question.frame().select(evaluate(asked)).to_series()[0]
            same = [v is not None and v == value for v in table.frame[own].to_list()]
            mask &= np.array(same, dtype=np.bool_)
        found[fact.joined.table.name] = table.take(mask)
    return found


def _facts(fact: Any) -> Iterator[Any]:
    match fact:
        case Aggregate() | Age() | Lookup():
            yield fact
        case Spanned(span=span):
            yield from _facts(span)
        case Operation(arguments=arguments):
            for argument in arguments:
                yield from _facts(argument)
        case _:
            return


def _versions(world: World, stored: Stored) -> dict[str, Versions]:
    return {name: versions(world.tables[name].table, frame) for name, frame in stored.items()}


# --- brute force --------------------------------------------------------------------------------


def by_oracle(world: World, stored: Stored, asked: list[Question]) -> list[Any]:
    """Row by row, from the words of the law."""
    assert world.rows is not None
    return [
        Brute(world.rows.table, stored["rows"], q.asked, q.as_of, own=q.own).value(q.fact)
        for q in asked
    ]


class Brute:
    """One question put to rows as they are stored."""

    def __init__(
        self, table: Any, stored: pl.DataFrame, asked: Mapping[str, Any], as_of: int, *, own: bool
    ) -> None:
        self.table, self.asked, self.as_of, self.own = table, asked, as_of, own
        self.records = stored.to_dicts()
        when = getattr(table, "available", None)
        columns = [spec.name for spec in table.row.columns_ if spec.name != when]
        self.ranks = {
            name: {v: i for i, v in enumerate(sorted({r[name] for r in self.records} - {None}))}
            for name in columns
        }
        keyed = [tuple(r[k] for k in table.keys) for r in self.records]
        self.keys = {key: number for number, key in enumerate(sorted(set(keyed)))}

    def value(self, fact: Any) -> Any:
        """The value of a fact about the asked row."""
        match fact:
            case Spanned(span=span, unit=unit):
                found = self.value(span)
                return None if found is None else found / unit
            case Aggregate() | Age():
                return self._window(fact)
            case Lookup(of=of):
                key = [self.asked_value(e) for _, e in fact.joined.pairs]
                seen = [
                    r
                    for r in self._rows(fact)
                    if [r[1][own] for own, _ in fact.joined.pairs] == key
                ]
                seen = [r for r in seen if r[0] in self._seen(seen)]
                return on_row(of, seen[0][1]) if seen else None
            case _:
                return on_row(fact, self.asked)

    def asked_value(self, expression: Any) -> Any:
        return on_row(expression, self.asked)

    def _seen(self, pairs: list[tuple[oracle.Row, Any]]) -> list[oracle.Row]:
        return oracle.visible([row for row, _ in pairs], self.as_of)

    def _rows(self, fact: Any) -> list[tuple[oracle.Row, dict[str, Any]]]:
        """The stored rows as the oracle takes them, each with its columns."""
        joined = fact.joined
        asked = tuple(self.asked_value(e) for _, e in joined.pairs)
        found: list[tuple[oracle.Row, dict[str, Any]]] = []
        for record in self.records:
            own = tuple(record[own] for own, _ in joined.pairs)
            kept = joined.condition is None or on_row(joined.condition, record) is True
            content = tuple(
                None if record[n] is None else float(ranks[record[n]])
                for n, ranks in self.ranks.items()
            )
            time = time_of(self.table.row)
            row = oracle.Row(
                key=self.keys[tuple(record[k] for k in self.table.keys)]
                if self.table.keys
                else None,
                event_time=0 if time is None else record[time],
                available_at=record[AVAILABLE],
                recorded=record[RECORDED],
                position=record[POSITION],
                withdrawn=record[WITHDRAWN],
                join=0 if own == asked and None not in asked else 1,
                kept=kept,
                values=content,
            )
            found.append((row, record))
        return found

    def _window(self, fact: Any) -> Any:
        if any(self.asked_value(e) is None for _, e in fact.joined.pairs):
            return None
        pairs = self._rows(fact)
        own = None
        if self.own:
            own = self.keys[tuple(self.asked[k] for k in self.table.keys)]
        span = fact.span
        inside = oracle.window([r for r, _ in pairs], self.as_of, span.start, span.stop, 0, own)
        if isinstance(fact, Age):
            if not inside:
                return None
            last = inside[-1]
            return self.as_of - (last.event_time if fact.kind == "since" else last.available_at)
        statistic = fact.statistic
        if statistic.kind == "count":
            return float(len(inside))
        records = {(row.recorded, row.position): record for row, record in pairs}
        values = [on_row(statistic.of, records[row.recorded, row.position]) for row in inside]
        quantum = 2.0**-64
        if isinstance(statistic.of, Column):
            quantum = column_spec(self.table.row, statistic.of.name).contract.quantum
        return _statistic(statistic.kind, inside, values, quantum)


def _grained(value: float, quantum: float) -> float:
    """A value as a multiple of its column's quantum."""
    return float(round(Fraction(value) / Fraction(quantum)) * Fraction(quantum))


def _statistic(kind: str, rows: list[oracle.Row], values: list[Any], quantum: float) -> Any:
    known = [v for v in values if v is not None]
    match kind:
        case "known":
            return float(len(known))
        case "distinct":
            return float(len(set(known)))
        case "latest":
            return values[-1] if values else None
        case "first":
            return values[0] if values else None
        case "latest_known":
            return known[-1] if known else None
    if kind in ("sum", "mean"):
        values = [None if v is None else _grained(float(v), quantum) for v in values]
    numbers = [
        replace(row, values=(None if v is None else float(v),))
        for row, v in zip(rows, values, strict=True)
    ]
    judge = {
        "sum": oracle.total, "mean": oracle.mean, "share": oracle.mean, "std": oracle.deviation,
        "min": oracle.least, "max": oracle.most,
    }  # fmt: skip
    return judge[kind](numbers, 0)


def on_row(expression: Any, record: Mapping[str, Any]) -> Any:
    """An expression about one row, in plain Python."""
    match expression:
        case Constant(value=value):
            return value
        case Column(name=name) | TimeColumn(name=name):
            return record[name]
        case CivilPart(moment=time, zone=zone, part=part):
            local = to_datetime(on_row(time, record)).astimezone(ZoneInfo(zone))
            return {"hour": local.hour, "weekday": local.isoweekday()}[part]
        case Operation(name=name, arguments=arguments):
            values = [on_row(argument, record) for argument in arguments]
            if name == "is_null":
                return values[0] is None
            if name == "and" and False in values:
                return False
            if name == "or" and True in values:
                return True
            return None if None in values else _OPERATIONS[name](*values)
        case _:
            raise AssertionError(f"the oracle does not know {expression!r}")


_OPERATIONS: Mapping[str, Any] = {
    "equals": lambda a, b: a == b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": lambda a: not a,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "one_of": lambda a, *rest: a in rest,
}
