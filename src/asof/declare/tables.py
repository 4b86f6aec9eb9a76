"""What sources and reference tables share: rows of one class, from one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from asof.declare.expressions import (
    Column,
    Expression,
)
from asof.declare.place import nearest, place
from asof.declare.rows import Row, keys_of
from asof.errors import DeclarationError

S = TypeVar("S", bound=Row)
"""The rows of the table that is looked into."""


class ArrowStream(Protocol):
    """Anything that exports an Arrow stream: Polars, pandas, pyarrow, DuckDB, Narwhals frames."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


Prepare = Callable[[Any], ArrowStream]
"""From the file as read (a Polars DataFrame) to rows with the declared columns."""


@dataclass(frozen=True, eq=False)
class Table(Generic[S]):
    """Rows of one class, from one place."""

    name: str
    row: type[S]
    path: str | None = None
    prepare: Prepare | None = field(default=None, repr=False)
    nulls: tuple[str, ...] = ()
    separator: str = ","
    refuse_above: float = 0.1
    min_rows: int = 1
    declared: str = field(default="", repr=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the columns that identify a row; empty where rows have no key."""
        return keys_of(self.row)

    def matching(
        self, columns: tuple[Column[Any, Any], ...]
    ) -> tuple[tuple[str, Expression[Any, Any]], ...]:
        """Pairs of equal names: the table's column, and the requested row's."""
        if not columns:
            raise DeclarationError(
                "same() needs a column of the requested row.", where=place(),
                mend=f"Write {self.name}.same(Requested.column), or {self.name}.all(Requested).",
            )  # fmt: skip
        names = [spec.name for spec in self.row.columns_]
        for column in columns:
            if not isinstance(column, Column):
                raise DeclarationError(
                    "same() takes columns of the requested row.", found=repr(column), where=place(),
                    mend=f"Write {self.name}.same(Requested.column).",
                )  # fmt: skip
            if column.name not in names:
                hint = nearest(column.name, names)
                raise DeclarationError(
                    f"{self.row.__name__} has no column '{column.name}' to match with {column!r}.",
                    found=f"same() matches by name; {self.row.__name__} has: {', '.join(names)}",
                    mend=f"{hint} Match columns of different names with "
                    f"on({self.row.__name__}.{names[0]}, {column!r}).".strip(),
                    where=place(),
                )
        return tuple((column.name, column) for column in columns)
