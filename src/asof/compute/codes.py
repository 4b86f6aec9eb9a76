"""Dense codes for values, so that the kernels compare integers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.window.grouping import look_up

Codes = NDArray[np.int32]
Whole = NDArray[np.int64]

_PIECE = 1 << 17
"""So many values are coded at a time, so that what lies between stays in the cache."""


def dense(frame: pl.DataFrame, columns: Sequence[str]) -> Whole:
    """A code for each different combination of the columns, from 0; -1 where any is null.

    They are numbered as they first occur.

    >>> dense(pl.DataFrame({"a": ["x", None, "y", "x"]}), ["a"]).tolist()
    [0, -1, 1, 0]
    """
    chosen = frame.select(columns)
    return match(chosen.drop_nulls().unique(maintain_order=True), chosen)


def numbered(column: pl.Series) -> Codes:
    """A code for each different value, -1 where it is null; some codes below may not occur.

    >>> numbered(pl.Series([12, None, 10, 12])).tolist()
    [2, -1, 0, 2]
    """
    bounds = _bounds(column) if column.dtype.is_integer() else None
    if bounds is None or bounds[1] - bounds[0] > max(len(column), 1024):
        frame = column.to_frame("value")
        return positions(frame.drop_nulls().unique(maintain_order=True), frame)
    return _looked_up(column, bounds[0], np.arange(bounds[1] - bounds[0] + 1, dtype=np.int32))


def themselves(rows: pl.Series, asked: pl.Series) -> tuple[Codes, Codes] | None:
    """Small numbers of rows as the codes that they are, and those of asked values; None elsewhere.

    -1 where an asked value is null; one that no row can have gets a code that no row has.

    >>> rows, asked = pl.Series([3, 0], dtype=pl.Int32), pl.Series([0, None, 3, -7])
    >>> [codes.tolist() for codes in themselves(rows, asked)]
    [[3, 0], [0, -1, 3, 4]]
    """
    if rows.dtype != pl.Int32 or not asked.dtype.is_integer() or rows.null_count():
        return None
    bounds = _bounds(rows)
    if bounds is None or bounds[0] < 0 or bounds[1] > len(rows) + len(asked):
        return None
    most = bounds[1]
    there = pl.when(asked.is_between(0, most)).then(asked).otherwise(most + 1)
    codes = pl.select(pl.when(asked.is_not_null()).then(there).otherwise(-1).cast(pl.Int32))
    return rows.to_numpy(), codes.to_series().to_numpy()


def match(known: pl.DataFrame, asked: pl.DataFrame) -> Whole:
    """`positions`, as 64 bits."""
    return positions(known, asked).astype(np.int64)


def positions(known: pl.DataFrame, asked: pl.DataFrame) -> Codes:
    """For each row of `asked` the position of the equal row in `known`, -1 where there is none.

    Columns are matched by position and both frames have the same number of them. Rows of `known`
    are different from each other; null equals nothing.

    >>> positions(pl.DataFrame({"a": [3, 1]}), pl.DataFrame({"b": [1, 2, None, 3]})).tolist()
    [1, -1, -1, 0]
    """
    if not known.width:
        return np.zeros(asked.height, dtype=np.int32)
    if known.width == 1:
        quick = _of_one(known.to_series(), asked.to_series())
        if quick is not None:
            return quick
    names = [str(number) for number in range(known.width)]
    wanted = asked.rename(dict(zip(asked.columns, names, strict=True)))
    table = known.rename(dict(zip(known.columns, names, strict=True)))
    table = table.select([pl.col(name).cast(wanted.schema[name]) for name in names]).with_row_index(
        "code_"
    )
    found = wanted.join(table, on=names, how="left", maintain_order="left")
    return found["code_"].cast(pl.Int32).fill_null(-1).to_numpy()


def _of_one(known: pl.Series, asked: pl.Series) -> Codes | None:
    """Positions in one column, by a table where the values allow it; None where not."""
    if known.dtype == asked.dtype == pl.String and not known.has_nulls():
        words = asked.cast(pl.Enum(known), strict=False).to_physical()
        return words.cast(pl.Int32).fill_null(-1).to_numpy()
    if not (known.dtype.is_integer() and asked.dtype.is_integer()):
        return None
    bounds = _bounds(known)
    if bounds is None or bounds[1] - bounds[0] > 4 * (len(known) + len(asked)) + 1024:
        return None
    low, high = bounds
    table = np.full(high - low + 1, -1, dtype=np.int32)
    places = np.flatnonzero(known.is_not_null().to_numpy()).astype(np.int32)
    table[known.drop_nulls().cast(pl.Int64).to_numpy() - low] = places
    return _looked_up(asked, low, table)


def _bounds(column: pl.Series) -> tuple[int, int] | None:
    """The least and the greatest of integers, where both fit into 62 bits."""
    low, high = column.min(), column.max()
    if not isinstance(low, int) or not isinstance(high, int):
        return None
    return (low, high) if -(2**62) < low <= high < 2**62 else None


def _looked_up(column: pl.Series, low: int, table: Codes) -> Codes:
    """`table[value - low]` for each value; -1 where it is null or beyond the table."""
    found = np.empty(len(column), dtype=np.int32)
    start = 0
    for piece in _pieces(column):
        values = piece.fill_null(low - 1).cast(pl.Int64).to_numpy()
        look_up(values, low, table, found[start : start + len(values)])
        start += len(values)
    return found


def _pieces(column: pl.Series) -> Iterator[pl.Series]:
    """The column in pieces that lie in one stretch of memory each."""
    for chunk in column.get_chunks():
        for start in range(0, len(chunk), _PIECE):
            yield chunk.slice(start, _PIECE)
