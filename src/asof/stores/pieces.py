"""Rows collected in one piece: each column in one stretch of memory.

What Polars collects lies in as many pieces as were read, and putting them together takes a second
copy of them all. So numbers are written to their place as they come, and the pieces are let go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

STEP = 1 << 18
"""Rows that are read at a time."""


def in_one_piece(parts: Sequence[pl.LazyFrame], narrow: Collection[str] = ()) -> pl.DataFrame:
    """The rows of some queries, one after another; there is at least one.

    Each is asked for some rows at a time, so it should not have to look at all of them for that. A
    column that is another one under a second name lies in the same memory. Int64 columns in
    `narrow` come as Int32 where all their numbers fit and none is null.
    """
    import polars as pl

    heights = [int(part.select(pl.len()).collect().item()) for part in parts]
    schema = parts[0].collect_schema()
    height = sum(heights)
    columns = {
        name: _Column(name, kind, height, narrow=name in narrow) for name, kind in schema.items()
    }
    twins = dict[str, str]()
    for number, batch in enumerate(_batches(parts, heights)):
        now = _twins(batch)
        if not number:
            twins = now
        for name in [name for name, twin in twins.items() if now.get(name) != twin]:
            columns[name] = columns[twins.pop(name)].copied(name)
        for name in columns.keys() - twins.keys():
            columns[name].add(batch[name])
    found = {name: columns[name].whole() for name in columns.keys() - twins.keys()}
    return pl.DataFrame([found[twins.get(name, name)].alias(name) for name in columns])


def _batches(parts: Sequence[pl.LazyFrame], heights: Sequence[int]) -> Iterator[pl.DataFrame]:
    """The rows in their order, some at a time."""
    for part, height in zip(parts, heights, strict=True):
        for start in range(0, height, STEP):
            yield (part if height <= STEP else part.slice(start, STEP)).collect()


def _twins(batch: pl.DataFrame) -> dict[str, str]:
    """Which columns of numbers lie in the memory of one before them."""
    first: dict[tuple[object, ...], str] = {}
    found: dict[str, str] = {}
    for column in batch:
        if column.dtype.to_python() in _NUMBERS and not column.null_count() and len(column):
            place = (column.dtype, *(_place(chunk) for chunk in column.get_chunks()))
            twin = first.setdefault(place, column.name)
            if twin != column.name:
                found[column.name] = twin
    return found


def _place(chunk: pl.Series) -> tuple[int, int]:
    """Where numbers without a null lie, and how many: no copy is made of one chunk."""
    return int(chunk.to_numpy(allow_copy=False).__array_interface__["data"][0]), len(chunk)


def _fit(numbers: pl.Series) -> bool:
    """Whether whole numbers fit into 32 bits."""
    least, most = numbers.min(), numbers.max()
    return not len(numbers) or (cast("int", least) >= -(2**31) and cast("int", most) < 2**31)


_NUMBERS = (int, float)


class _Column:
    """A column on its way: numbers where they belong, all else in the pieces that came."""

    def __init__(self, name: str, kind: pl.DataType, height: int, *, narrow: bool) -> None:
        import polars as pl

        self.name = name
        self.kind = kind
        self.numbers: NDArray[Any] | None = None
        if kind == pl.Int64():
            self.numbers = np.empty(height, dtype=np.int32 if narrow else np.int64)
        elif kind == pl.Float64():
            self.numbers = np.empty(height, dtype=np.float64)
        self.length = 0
        self.pieces: list[pl.Series] = []

    def add(self, piece: pl.Series) -> None:
        """What comes next."""
        if self.numbers is not None and piece.null_count():
            self.pieces = [self._begun(self.numbers).cast(self.kind)]
            self.numbers = None
        if self.numbers is None:
            self.pieces.append(piece)
        else:
            if self.numbers.dtype == np.int32 and not _fit(piece):
                self.numbers = self.numbers.astype(np.int64)
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
        if not self.pieces:
            return pl.Series(self.name, dtype=self.kind)
        pieces, self.pieces = self.pieces, []
        return pl.concat(pieces).rechunk().alias(self.name)

    def _begun(self, numbers: NDArray[Any]) -> pl.Series:
        import polars as pl

        return pl.Series(self.name, numbers[: self.length])
