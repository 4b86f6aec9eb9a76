"""From declared facts to work for the window kernel, and back to columns.

All aggregates that look at the same rows (same source, same condition, same join) are one piece of
work: their windows and values are answered in one pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.codes import dense, match, numbered, positions, themselves
from asof.compute.evaluate import POLARS, evaluate
from asof.compute.table import Versions, never_ends, rank
from asof.compute.window.contract import (
    QUANTUM,
    Answers,
    Questions,
    Rows,
    Span,
    SpanAnswers,
    Wanted,
)
from asof.compute.window.contract import Aggregate as Kernel
from asof.declare.expressions import (
    Column,
    Expression,
)
from asof.declare.features import walk
from asof.declare.fingerprint import canonical
from asof.declare.rows import column_spec
from asof.declare.sources import Reference
from asof.declare.windows import Age, Aggregate, Joined, Lookup

Times = NDArray[np.int64]
Codes = NDArray[np.int32]
Fact = Aggregate[Any, Any] | Age[Any] | Lookup[Any, Any]
Named = Sequence[tuple[str, Expression[Any, Any]]]

_PIECE = 1 << 16
"""So many counts are made doubles at a time, so that what lies between stays in the cache."""


@dataclass
class Work:
    """All that is asked of one join: the facts, by the column that each becomes."""

    joined: Joined[Any, Any]
    facts: dict[str, Fact] = field(default_factory=dict[str, "Fact"])


@dataclass(frozen=True)
class Plan:
    """Declared facts with the work that they take, each distinct fact once."""

    columns: Named
    names: Mapping[str, str]
    """From the text of a fact that looks beyond its row to its column."""
    work: tuple[Work, ...]

    def name(self, fact: Expression[Any, Any]) -> str:
        """The column of a fact that looks beyond its row."""
        return self.names[canonical(fact)]


def plan(columns: Named) -> Plan:
    """The work for some named facts about a requested row."""
    names: dict[str, str] = {}
    works: dict[str, Work] = {}
    for _, expression in columns:
        for fact in walk(expression):
            if not isinstance(fact, Aggregate | Age | Lookup):
                continue
            text = canonical(fact)
            if text in names:
                continue
            names[text] = f"fact{len(names)}_"
            joined = fact.joined
            key = canonical((joined.table.name, joined.pairs, joined.condition))
            works.setdefault(key, Work(joined)).facts[names[text]] = fact
    return Plan(tuple(columns), names, tuple(works.values()))


def answer(
    planned: Plan,
    asked: pl.DataFrame,
    as_of: Times,
    tables: Mapping[str, Versions],
    *,
    own: str | None = None,
) -> pl.DataFrame:
    """The planned columns for each asked row, looking into `tables` as of its moment.

    `asked` holds the columns of the requested rows. `own` names the table that they come from: a
    row is never in a window of its own source (LAW 3a). Numbers and booleans keep null for
    missing.
    """
    found: dict[str, pl.Series] = {}
    for work in planned.work:
        table = tables[work.joined.table.name]
        if isinstance(work.joined.table, Reference):
            found |= _lookups(work, asked, as_of, table)
        else:
            found |= _windows(work, asked, as_of, table, own=own == table.table.name)
    frame = asked.with_columns([column.alias(name) for name, column in found.items()])
    columns = [evaluate(e, planned.name).alias(name) for name, e in planned.columns]
    return frame.select(columns)


def _asked_values(work: Work, asked: pl.DataFrame) -> pl.DataFrame:
    """The join values of the asked rows, a column a pair."""
    return asked.select(
        [evaluate(e).alias(str(number)) for number, (_, e) in enumerate(work.joined.pairs)]
    )


def _lookups(
    work: Work, asked: pl.DataFrame, as_of: Times, table: Versions
) -> dict[str, pl.Series]:
    """Values of the reference row that is visible as of each moment."""
    rows = visible_row(
        table, [own for own, _ in work.joined.pairs], _asked_values(work, asked), as_of
    )
    return {
        name: table.frame.select(evaluate(fact.of)).to_series().gather(_nullable(rows))
        for name, fact in work.facts.items()
        if isinstance(fact, Lookup)
    }


def visible_row(
    table: Versions, columns: Sequence[str], values: pl.DataFrame, as_of: Times
) -> NDArray[np.int64]:
    """For each row of `values` the position of the version of that key as of its moment, or -1.

    `columns` are the key columns of the table, in the order of the columns of `values`.
    """
    if not len(table):
        return np.full(values.height, -1, dtype=np.int64)
    keys = table.frame.select(columns)
    known = keys.unique(maintain_order=True)
    if known.height == keys.height:  # one version a key
        rows = match(keys, values)
        visible = (table.known_from[rows] < as_of) & (as_of <= table.known_until[rows])
        return np.where((rows >= 0) & visible, rows, -1)
    pairs = pl.DataFrame({"key": match(known, values), "as_of": as_of}).with_row_index("asked")
    versions = pl.DataFrame(
        {"key": match(known, keys), "from": table.known_from, "until": table.known_until}
    ).with_row_index("row")
    hits = (
        pairs.filter(pl.col("key") >= 0)
        .join(versions, on="key")
        .filter((pl.col("from") < pl.col("as_of")) & (pl.col("as_of") <= pl.col("until")))
    )
    found = np.full(values.height, -1, dtype=np.int64)
    found[hits["asked"].to_numpy()] = hits["row"].to_numpy()
    return found


@dataclass(frozen=True)
class Inputs:
    """The value and code columns that a piece of work needs, by the text of their expression."""

    values: dict[str, tuple[Kernel, Expression[Any, Any]]]
    codes: dict[str, Expression[Any, Any]]


KERNEL: Mapping[str, Kernel] = {
    "known": Kernel.KNOWN, "sum": Kernel.SUM, "mean": Kernel.MEAN, "share": Kernel.MEAN,
    "std": Kernel.STD, "min": Kernel.MIN, "max": Kernel.MAX, "latest_known": Kernel.LATEST,
}  # fmt: skip


def inputs_of(work: Work) -> Inputs:
    """What a piece of work needs of each row."""
    found = Inputs({}, {})
    for fact in work.facts.values():
        if not isinstance(fact, Aggregate) or fact.statistic.of is None:
            continue
        kind, of = fact.statistic.kind, fact.statistic.of
        text = canonical(of)
        if kind == "distinct":
            found.codes[text] = of
        elif kind in KERNEL:
            wanted, _ = found.values.get(text, (Kernel(0), of))
            found.values[text] = (wanted | KERNEL[kind], of)
    return found


def _windows(
    work: Work, asked: pl.DataFrame, as_of: Times, table: Versions, *, own: bool
) -> dict[str, pl.Series]:
    """Answers of the kernel for one join, as columns."""
    from asof.compute.window.ask import ask  # a server that starts has no use for batch kernels

    facts = {name: f for name, f in work.facts.items() if not isinstance(f, Lookup)}
    rows = _chosen(work, table)
    inputs = inputs_of(work)
    spans = sorted({(fact.span.start, fact.span.stop) for fact in facts.values()})
    row_groups, asked_groups = _groups(work, rows, asked)
    order = rank(rows, row_groups)
    if order is not None:
        rows, row_groups = rows.take(order), row_groups[order]
    row_keys, asked_keys = _own_keys(rows, asked) if own else (None, None)
    answers = ask(
        Rows(
            group=row_groups,
            event_time=rows.event_time,
            known_from=rows.known_from,
            known_until=None if never_ends(rows.known_until) else rows.known_until,
            values=values_of(rows.frame, inputs),
            codes=_codes(rows.frame, inputs),
            key=row_keys,
        ),
        Questions(asked_groups, as_of, asked_keys),
        tuple(Span(start, stop) for start, stop in spans),
        Wanted(
            tuple(wanted for wanted, _ in inputs.values.values()),
            edges=edges_needed(facts.values()),
            quanta=tuple(quantum_of(of) for _, of in inputs.values.values()),
        ),
    )
    reader = _Reader(answers, tuple(spans), inputs, rows, as_of)
    return {name: reader.read(fact) for name, fact in facts.items()}


def _chosen(work: Work, table: Versions) -> Versions:
    """The rows for which the condition of a join holds."""
    if work.joined.condition is None:
        return table
    kept = table.frame.select(evaluate(work.joined.condition).fill_null(value=False))
    return table.take(kept.to_series().to_numpy())


def _groups(work: Work, rows: Versions, asked: pl.DataFrame) -> tuple[Codes, Codes]:
    """Codes of the join values of rows and asked rows; rows that nobody asks about get -1."""
    if not work.joined.pairs:
        return np.zeros(len(rows), dtype=np.int32), np.zeros(asked.height, dtype=np.int32)
    values = _asked_values(work, asked)
    if len(work.joined.pairs) == 1:
        quick = themselves(rows.frame[work.joined.pairs[0][0]], values.to_series())
        if quick is not None:
            return quick
    groups = values.unique(maintain_order=True).drop_nulls()
    own = pl.DataFrame(
        [rows.frame[own].alias(str(i)) for i, (own, _) in enumerate(work.joined.pairs)]
    )
    return positions(groups, own), positions(groups, values)


def _own_keys(rows: Versions, asked: pl.DataFrame) -> tuple[Times, Times]:
    """Codes of the keys of rows and of asked rows."""
    keys = list(rows.table.keys)
    known = asked.select(keys).unique(maintain_order=True)
    return match(known, rows.frame.select(keys)), match(known, asked.select(keys))


def edges_needed(facts: Iterable[Expression[Any, Any]]) -> bool:
    """Whether the latest or first row itself is needed."""
    return any(
        isinstance(fact, Age)
        or (isinstance(fact, Aggregate) and fact.statistic.kind in ("latest", "first"))
        for fact in facts
    )


def quantum_of(of: Expression[Any, Any]) -> int:
    """The grain to which sums round a value, as a power of two: what its column declares."""
    if not isinstance(of, Column):
        return QUANTUM
    return math.frexp(column_spec(of.row, of.name).contract.quantum)[1] - 1


def values_of(frame: pl.DataFrame, inputs: Inputs) -> NDArray[np.float64]:
    """The value columns; words are numbered, so that the latest known one can be told."""
    columns = [_doubles(frame, expression) for _, expression in inputs.values.values()]
    if len(columns) == 1:
        return columns[0].to_numpy()[np.newaxis]  # as it lies there, if it is in one piece
    found = np.empty((len(columns), frame.height), dtype=np.float64)
    for position, column in enumerate(columns):
        found[position] = column.to_numpy()
    return found


def _column(frame: pl.DataFrame, expression: Expression[Any, Any]) -> pl.Series:
    """An expression about each row; a column as it lies there (`select` copies pieces)."""
    if isinstance(expression, Column):
        return frame[expression.name]
    return frame.select(evaluate(expression)).to_series()


def _doubles(frame: pl.DataFrame, expression: Expression[Any, Any]) -> pl.Series:
    """A value column as doubles, NaN for null."""
    column = _column(frame, expression)
    if column.dtype == pl.String:
        column = pl.Series(_nullable(dense(column.to_frame("v"), ["v"])))
    return column.cast(pl.Float64).fill_null(float("nan"))


def codes_of(frame: pl.DataFrame, inputs: Inputs) -> Codes:
    """The columns whose distinct values are counted, numbered as the values first occur."""
    found = np.empty((len(inputs.codes), frame.height), dtype=np.int32)
    for position, expression in enumerate(inputs.codes.values()):
        found[position] = dense(frame.select(evaluate(expression).alias("v")), ["v"])
    return found


def _codes(frame: pl.DataFrame, inputs: Inputs) -> Codes:
    """The same, in whatever order of numbers is quickest."""
    columns = [numbered(_column(frame, expression)) for expression in inputs.codes.values()]
    if len(columns) == 1:
        return columns[0][np.newaxis]
    return np.stack(columns) if columns else np.empty((0, frame.height), dtype=np.int32)


def _nullable(rows: NDArray[np.int64]) -> pl.Series:
    """Positions as a column, with null for -1."""
    return pl.Series(rows).replace(-1, None)


@dataclass(frozen=True)
class _Reader:
    """Turns the kernel's answers into the column of each fact."""

    answers: Answers
    spans: tuple[tuple[int, int], ...]
    inputs: Inputs
    rows: Versions
    as_of: Times

    def read(self, fact: Aggregate[Any, Any] | Age[Any]) -> pl.Series:
        """The column of one fact: null where the request's join value is null (LAW 3d)."""
        span = self.answers.spans[self.spans.index((fact.span.start, fact.span.stop))]
        column = self._age(span, fact) if isinstance(fact, Age) else self._aggregate(span, fact)
        if self.answers.matched.all():
            return column
        return pl.select(
            pl.when(pl.lit(pl.Series(self.answers.matched))).then(pl.lit(column))
        ).to_series()

    def _age(self, span: SpanAnswers, age: Age[Any]) -> pl.Series:
        latest = _edge(span.latest)
        moments = self.rows.event_time if age.kind == "since" else self.rows.known_from
        if not len(moments):
            return pl.repeat(None, len(latest), dtype=pl.Int64, eager=True)
        ages = pl.Series(self.as_of - moments[np.maximum(latest, 0)])
        return pl.select(pl.when(pl.lit(pl.Series(latest >= 0))).then(pl.lit(ages))).to_series()

    def _aggregate(self, span: SpanAnswers, fact: Aggregate[Any, Any]) -> pl.Series:
        kind, of = fact.statistic.kind, fact.statistic.of
        if of is None:
            return _as_doubles(span.count)
        if kind in ("latest", "first"):
            row = _edge(span.latest if kind == "latest" else span.first)
            return self._column(of).gather(_nullable(row))
        text = canonical(of)
        if kind == "distinct":
            number = list(self.inputs.codes).index(text)
            return _as_doubles(span.distinct[number])
        number = list(self.inputs.values).index(text)
        answered = span.columns[number][KERNEL[kind]]
        # Where none is missing the column is the answers as they lie there; nulls take a copy.
        found = pl.Series(answered, nan_to_null=bool(np.isnan(answered).any()))
        return self._words(of, found) if kind == "latest_known" else found

    def _column(self, of: Expression[Any, Any]) -> pl.Series:
        return self.rows.frame.select(evaluate(of)).to_series()

    def _words(self, of: Expression[Any, Any], found: pl.Series) -> pl.Series:
        """The latest known value in its own type."""
        if of.value_type is not str:
            return found.cast(POLARS[of.value_type])
        words = self._column(of).unique(maintain_order=True).drop_nulls()
        return words.gather(found.cast(pl.Int64))


def _as_doubles(counts: Times) -> pl.Series:
    """Counts as doubles, written over them: memory that was never touched costs more than this."""
    found = counts.view(np.float64)
    for start in range(0, len(counts), _PIECE):
        some = slice(start, start + _PIECE)
        found[some] = counts[some]
    return pl.Series(found)


def _edge(found: Times | None) -> Times:
    if found is None:
        raise TypeError("the kernel was not asked for the latest and first row")
    return found
