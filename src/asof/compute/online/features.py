"""Features online: the declared columns of asked rows, from rows that come one by one.

The twin of `compute.plan.answer`: the same plan over tables that move on with time. What it
answers equals what the batch face answers, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import polars as pl

from asof.compute.evaluate import TICK
from asof.compute.online.lookup import OnlineLookup
from asof.compute.online.table import OnlineTable, Taken, Values, picked
from asof.compute.online.windows import OnlineWork
from asof.compute.plan import Named, Work, plan
from asof.compute.scalar import compiled
from asof.compute.table import Versions, versions
from asof.declare.kept import AVAILABLE, POSITION, RECORDED, WITHDRAWN
from asof.declare.tables import Table
from asof.declare.windows import Lookup

ROW = "row"


class OnlineFeatures:
    """Some named facts about the rows of the table `asked`, as of moments that never go back.

    An asked row is the tuple of its columns, with the tick's moment last where ticks ask.
    """

    def __init__(
        self, columns: Named, tables: Mapping[str, Table[Any]], asked: str, *, ticks: bool
    ) -> None:
        planned = plan(columns)
        self.names = tuple(name for name, _ in columns)
        names = [spec.name for spec in tables[asked].row.columns_] + ([TICK] if ticks else [])
        self._key = picked([names.index(name) for name in tables[asked].keys])
        self._works: list[OnlineLookup | OnlineWork] = []
        looking: dict[str, list[OnlineLookup | OnlineWork]] = {}
        places = {name: i for i, name in enumerate(names)}
        self._joins = [
            compiled([(str(i), e) for i, (_, e) in enumerate(work.joined.pairs)], places)
            for work in planned.work
        ]
        for work in planned.work:
            table = work.joined.table
            found = _online(work, table, own=table.name == asked)
            self._works.append(found)
            looking.setdefault(table.name, []).append(found)
        facts = [name for work in self._works for name in work.names]
        for fact in facts:
            places[fact] = len(places)
        self._read = compiled(columns, places, planned.name)
        self.tables = {name: OnlineTable(tables[name], by) for name, by in looking.items()}

    def load(self, stored: Mapping[str, pl.DataFrame], moment: int) -> None:
        """Begin with the rows of the tables as the store keeps them; later ones wait."""
        for name, table in self.tables.items():
            load(table, stored[name], moment)

    def put(self, table: str, rows: Iterable[Taken]) -> None:
        """Take rows of a table, if anything here looks at that table."""
        if table in self.tables:
            self.tables[table].put(rows)

    def newest(self) -> Mapping[str, int | None]:
        """By table the availability of the newest row that was seen."""
        return {name: table.newest for name, table in self.tables.items()}

    def ask(self, rows: Sequence[Values], at: Sequence[int]) -> list[list[Any]]:
        """The values of all columns for each asked row, as of its moment; these never decrease."""
        found: list[list[Any]] = []
        for moments in self._stretches(at):
            first = len(found)
            found += self._answered(rows[first : first + len(moments)], moments)
        return found

    def _stretches(self, at: Sequence[int]) -> list[list[int]]:
        """Moments between which no row becomes known."""
        if len(at) == 1 or at[0] == at[-1]:
            return [list(at)]
        changes = [table.next_change for table in self.tables.values()]
        if all(change is None or change >= at[-1] for change in changes):
            return [list(at)]
        return [list(moments) for _, moments in groupby(at)]

    def _answered(self, rows: Sequence[Values], at: Sequence[int]) -> list[list[Any]]:
        for table in self.tables.values():
            table.advance(at[-1])
        if not self._works:
            return [self._read(row) for row in rows]
        facts: list[list[Any]] = [list(row) for row in rows]
        keys = [self._key(row) for row in rows]
        for work, joins in zip(self._works, self._joins, strict=True):
            asked = [tuple(joins(row)) for row in rows]
            told = work.ask(asked) if isinstance(work, OnlineLookup) else work.ask(asked, at, keys)
            for whole, part in zip(facts, told, strict=True):
                whole.extend(part)
        return [self._read(whole) for whole in facts]


def _online(work: Work, table: Table[Any], *, own: bool) -> OnlineLookup | OnlineWork:
    places = {spec.name: i for i, spec in enumerate(table.row.columns_)}
    if any(isinstance(fact, Lookup) for fact in work.facts.values()):
        return OnlineLookup(work, places)
    return OnlineWork(work, places, table.keys, own=own)


def load(table: OnlineTable, stored: pl.DataFrame, moment: int) -> None:
    """Begin with a table's rows as the store keeps them; those available later wait."""
    found: Versions = versions(table.table, stored)
    table.load(found.where(found.visible(moment)), moment)
    table.put(taken_rows(table.table, stored.filter(pl.col(AVAILABLE) >= moment)))


def taken_rows(table: Table[Any], stored: pl.DataFrame) -> list[Taken]:
    """Rows as they were taken, from rows as the store keeps them."""
    columns = [spec.name for spec in table.row.columns_]
    kept = stored.select(AVAILABLE, RECORDED, POSITION, WITHDRAWN).rows()
    return [
        Taken(available, recorded, position, values, withdrawn)
        for (available, recorded, position, withdrawn), values in zip(
            kept, stored.select(columns).rows(), strict=True
        )
    ]
