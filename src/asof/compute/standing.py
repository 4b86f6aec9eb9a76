"""What a plan's facts are at one moment, once for each join value, however many requests follow.

As of a fixed moment a window's answer hangs on the join value alone: it is a function of the set of
rows that agree with it (LAW 3c). So the kernel answers each value once, and requests look their
answers up. Rows of the requested key are in no window of their own source (LAW 3a): the few
requests whose own row lies in a window are answered one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.codes import match
from asof.compute.evaluate import evaluate
from asof.compute.plan import Plan, Work, answer
from asof.compute.table import Versions
from asof.declare.expressions import Column
from asof.declare.windows import Lookup


@dataclass(frozen=True)
class Standing:
    """The facts of one piece of work: those of value `values[i]` in row i of `facts`.

    The last row of `facts` is that of a value that no row has. `busy` are the keys whose own rows
    lie in a window; empty where the work looks into another source.
    """

    work: Work
    values: pl.DataFrame
    facts: pl.DataFrame
    busy: pl.DataFrame

    def of(self, asked: pl.DataFrame) -> pl.DataFrame:
        """The facts of asked rows, busy ones as if their own rows were in the windows."""
        pairs = self.work.joined.pairs
        if not pairs:
            place = np.zeros(asked.height, dtype=np.int64)
            return self.facts[place]
        values = asked.select([evaluate(e).alias(str(n)) for n, (_, e) in enumerate(pairs)])
        place = match(self.values, values)
        row = pl.Series("row", np.where(place < 0, self.values.height, place))
        null = values.select(pl.any_horizontal(pl.all().is_null())).to_series()
        if null.any():
            row = row.set(null, None)
        return self.facts.select(pl.all().gather(row))


def stand(
    planned: Plan, work: Work, tables: Mapping[str, Versions], at: int, *, own: str | None = None
) -> Standing:
    """Answer a piece of work at the moment `at` for every join value of its table.

    `own` names the table that the requested rows come from.
    """
    name = work.joined.table.name
    table = tables[name]
    columns = [own for own, _ in work.joined.pairs]
    values = table.frame.select(columns).unique(maintain_order=True).drop_nulls()
    nobody = table.take(np.empty(0, dtype=np.int64))
    # The join values are asked as if they were the columns of a requested row.
    bare = _asked_by_value(work)
    asked = values.rename(dict(zip(columns, _columns(len(columns)), strict=True)))
    if not columns:
        asked = pl.DataFrame({"nothing": [0]})
    facts = [_facts(planned, bare, asked, {name: table}, at)]
    if columns:
        some = pl.DataFrame([_any_value(column) for column in asked.iter_columns()])
        facts.append(_facts(planned, bare, some, {name: nobody}, at))
    busy = nobody.frame
    if own == name and not isinstance(next(iter(work.facts.values())), Lookup):
        busy = table.frame.filter(_in_some_window(work, table, at))
    return Standing(
        work, values, pl.concat(facts), busy.select(table.table.keys).unique(maintain_order=True)
    )


def answer_at(
    planned: Plan,
    standing: Sequence[Standing],
    asked: pl.DataFrame,
    tables: Mapping[str, Versions],
    at: int,
    *,
    own: str | None = None,
) -> pl.DataFrame:
    """The planned columns of asked rows as of `at`: what `plan.answer` gives, to the bit."""
    found: list[pl.Series] = []
    for each in standing:
        facts = each.of(asked)
        if each.busy.height:
            keys = each.busy.columns
            busy = np.flatnonzero(match(each.busy, asked.select(keys)) >= 0)
            if len(busy):
                alone = _facts(planned, each.work, asked[busy], tables, at, own=own)
                facts = _put(facts, busy, alone)
        found.extend(facts.iter_columns())
    frame = asked.with_columns(found)
    return frame.select([evaluate(e, planned.name).alias(name) for name, e in planned.columns])


def _facts(
    planned: Plan,
    work: Work,
    asked: pl.DataFrame,
    tables: Mapping[str, Versions],
    at: int,
    *,
    own: str | None = None,
) -> pl.DataFrame:
    """A column for each fact of a piece of work."""
    only = Plan(tuple(work.facts.items()), planned.names, (work,))
    as_of = np.full(asked.height, at, dtype=np.int64)
    return answer(only, asked, as_of, tables, own=own)


def _asked_by_value(work: Work) -> Work:
    joined = work.joined
    names = _columns(len(joined.pairs))
    asked: list[Column[Any, Any]] = [Column(joined.table.row, name) for name in names]
    pairs = tuple((own, by) for (own, _), by in zip(joined.pairs, asked, strict=True))
    return Work(replace(joined, pairs=pairs), work.facts)


def _columns(count: int) -> list[str]:
    return [f"join{number}_" for number in range(count)]


def _any_value(column: pl.Series) -> pl.Series:
    """One value of a column's type that is not null."""
    plain: dict[Any, Any] = {pl.String: "", pl.Boolean: False}
    value = plain.get(column.dtype, 0)
    return pl.Series(column.name, [value]).cast(column.dtype)


def _in_some_window(work: Work, table: Versions, at: int) -> NDArray[np.bool_]:
    """Which rows lie in one of the windows of a piece of work."""
    inside = np.zeros(len(table), dtype=np.bool_)
    for fact in work.facts.values():
        if not isinstance(fact, Lookup):
            since, until = at + fact.span.start, at + fact.span.stop
            inside |= (table.event_time >= since) & (table.event_time < until)
    return inside


def _put(facts: pl.DataFrame, rows: NDArray[np.int64], alone: pl.DataFrame) -> pl.DataFrame:
    """The facts with those of some rows replaced."""
    columns = [
        column.scatter(rows, alone[column.name].cast(column.dtype))
        for column in facts.iter_columns()
    ]
    return pl.DataFrame(columns)
