"""Rows collected in one piece: each column in one stretch of memory.

What Polars collects lies in as many pieces as were read, and putting them together takes a second
copy of them all. So numbers are written to their place as they come, and the pieces are let go.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

LONG = 1 << 18
"""Rows from which on it is worth while."""


def in_one_piece(lazy: pl.LazyFrame) -> pl.DataFrame:
    """What a query gives, in its order.

    A column that is another one under a second name lies in the same memory.
    """
    import polars as pl

    height = int(lazy.select(pl.len()).collect().item())
    if height < LONG:
        return lazy.collect().rechunk()
    columns = {name: _Column(name, kind, height) for name, kind in lazy.collect_schema().items()}
    twins: dict[str, str] | None = None
    for batch in lazy.collect_batches(maintain_order=True):
        now = _twins(batch)
        for name, twin in ({} if twins is None else twins).items():
            if now.get(name) != twin:
                columns[name] = columns[twin].copied(name)
        twins = now if twins is None else dict(twins.items() & now.items())
        for name, column in columns.items():
            if name not in twins:
                column.add(batch[name])
    found = {name: c.whole() for name, c in columns.items() if name not in (twins or {})}
    again = {name: found[twin].alias(name) for name, twin in (twins or {}).items()}
    return pl.DataFrame([(found | again)[name] for name in columns])


def _twins(batch: pl.DataFrame) -> dict[str, str]:
    """Which columns of numbers lie in the memory of one before them."""
    first: dict[int, str] = {}
    found: dict[str, str] = {}
    for column in batch:
        if column.dtype.to_python() in _NUMBERS and not column.null_count() and len(column):
            place = int(column.to_numpy().__array_interface__["data"][0])
            if place in first and column.dtype == batch.schema[first[place]]:
                found[column.name] = first[place]
            first.setdefault(place, column.name)
    return found


_NUMBERS = (int, float)


class _Column:
    """A column on its way: numbers where they belong, all else in the pieces that came."""

    def __init__(self, name: str, kind: pl.DataType, height: int) -> None:
        import polars as pl

        self.name = name
        self.numbers: NDArray[Any] | None = None
        if kind in (pl.Int64, pl.Float64):
            self.numbers = np.empty(height, np.int64 if kind == pl.Int64 else np.float64)
        self.length = 0
        self.pieces: list[pl.Series] = []

    def add(self, piece: pl.Series) -> None:
        """What comes next."""
        if self.numbers is not None and piece.null_count():
            self.pieces = [self._begun(self.numbers)]
            self.numbers = None
        if self.numbers is None:
            self.pieces.append(piece)
        else:
            self.numbers[self.length : self.length + len(piece)] = piece.to_numpy()
        self.length += len(piece)

    def copied(self, name: str) -> _Column:
        """Another column to which the same has come so far."""
        found = copy(self)
        found.name = name
        found.numbers = None if self.numbers is None else self.numbers.copy()
        found.pieces = list(self.pieces)
        return found

    def whole(self) -> pl.Series:
        """All that came."""
        import polars as pl

        if self.numbers is not None:
            return self._begun(self.numbers)
        pieces, self.pieces = self.pieces, []
        return pl.concat(pieces, rechunk=True).alias(self.name)

    def _begun(self, numbers: NDArray[Any]) -> pl.Series:
        import polars as pl

        return pl.Series(self.name, numbers[: self.length])
