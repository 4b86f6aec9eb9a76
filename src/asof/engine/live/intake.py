"""Rows of a message at the door: taken, set apart with their reasons, or refused as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl
from msgspec import UNSET

from asof.compute.contract import REASONS, check, require_most, require_volume
from asof.compute.online.door import Door
from asof.compute.online.table import Values
from asof.declare.kept import AVAILABLE, POSITION, WITHDRAWN
from asof.declare.tables import Table
from asof.engine.ingest import set_aside
from asof.engine.live.answers import Row
from asof.errors import DataRefused
from asof.stores.loads import SetAside

_INT64 = range(-(2**63), 2**63)


class Good(msgspec.Struct, frozen=True):
    """A row that keeps its contract: its place in the message, values, declared availability."""

    position: int
    values: Values
    available: int
    withdrawn: bool


@dataclass(frozen=True)
class Came:
    """What a message brought: rows that are taken, and rows for quarantine."""

    good: Sequence[Good]
    aside: Sequence[SetAside]


class Intake:
    """The door of one table."""

    def __init__(self, table: Table[Any]) -> None:
        self.table = table
        self._door = Door(table)
        self._columns = [spec.name for spec in table.row.columns_]

    def take(self, rows: Sequence[Row]) -> Came:
        """Take the rows of a message.

        Raises:
            DataRefused: a column is not declared, a value is no value of a column, or too many
                rows break their contract.
        """
        door = self._door
        found = [door.take(row) for row in rows]
        if None not in found and len(rows) >= self.table.min_rows:
            standing = door.standing
            return Came([Good(i, one, *standing(one)) for i, one in enumerate(found) if one], ())
        return self._checked(rows)

    def look(self, row: Row) -> Came:
        """A single row by the whole contract; nothing that is judged on many is judged on it.

        Raises:
            DataRefused: a column is not declared, or a value is no value of a column.
        """
        return self._checked([row], single=True)

    def plain(self, row: Row, position: int) -> Good | None:
        """A row that plainly keeps its contract; None where it has to be looked at closely."""
        values = self._door.take(row)
        return None if values is None else Good(position, values, *self._door.standing(values))

    def key(self, row: Row) -> Values | None:
        """The key in a row, as stored; None where it has none."""
        return self._door.key(row)

    def _checked(self, rows: Sequence[Row], *, single: bool = False) -> Came:
        """The whole contract, which says what is wrong."""
        what = f"the message for {self.table.name}"
        for position, row in enumerate(rows):
            self._require_plain(position, row)
        columns = {
            name: pl.Series(name, [column_value(row[i]) for row in rows], strict=False)
            for i, name in enumerate(self._columns)
        }
        frame = pl.DataFrame(columns)
        if not single:
            require_volume(frame, self.table, what=what, sent=True)
        checked = check(frame, self.table, what=what, part=single, sent=True)
        if not single:
            require_most(self.table, checked.bad, what=what, read=checked.read, sent=True)
        good = checked.good
        values = good.select(self._columns).rows()
        kept = good.select(POSITION, AVAILABLE, WITHDRAWN).rows()
        aside = checked.bad.select(*self._columns, POSITION, REASONS)
        return Came(
            [
                Good(position, row, available, withdrawn)
                for row, (position, available, withdrawn) in zip(values, kept, strict=True)
            ],
            set_aside(aside),
        )

    def named(self, row: Row) -> dict[str, Any]:
        """What was sent of a row, by the names of its columns."""
        return {
            name: value
            for name, value in zip(self._columns, row, strict=True)
            if value is not UNSET
        }

    def _require_plain(self, position: int, row: Row) -> None:
        for name, value in zip(self._columns, row, strict=True):
            if isinstance(value, dict | list):
                raise DataRefused(
                    f"Row {position}: {name} is not one value.",
                    found="an object" if isinstance(value, dict) else "a list",
                    mend="Send true, false, a number, a text, a time as text, or null.",
                    where=self.table.row.declared_,
                )


def column_value(value: Any) -> Any:
    """A value that a column can hold beside others; an integer that is too large, as text."""
    if value is UNSET:
        return None
    if type(value) is int and value not in _INT64:
        return str(value)
    return value
