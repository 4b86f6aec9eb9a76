"""Dense codes for values, so that the kernels compare integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray


def dense(frame: pl.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
    """A code for each different combination of the columns, from 0; -1 where any is null.

    >>> dense(pl.DataFrame({"a": ["x", None, "y", "x"]}), ["a"]).tolist()
    [0, -1, 1, 0]
    """
    chosen = frame.select(columns)
    return match(chosen.drop_nulls().unique(maintain_order=True), chosen)


def match(known: pl.DataFrame, asked: pl.DataFrame) -> NDArray[np.int64]:
    """For each row of `asked` the position of the equal row in `known`, -1 where there is none.

    Columns are matched by position and both frames have the same number of them. Rows of `known`
    are different from each other; null equals nothing.

    >>> match(pl.DataFrame({"a": [3, 1]}), pl.DataFrame({"b": [1, 2, None, 3]})).tolist()
    [1, -1, -1, 0]
    """
    if not known.width:
        return np.zeros(asked.height, dtype=np.int64)
    names = [str(number) for number in range(known.width)]
    wanted = asked.rename(dict(zip(asked.columns, names, strict=True)))
    table = known.rename(dict(zip(known.columns, names, strict=True)))
    table = table.select([pl.col(name).cast(wanted.schema[name]) for name in names]).with_row_index(
        "code_"
    )
    found = wanted.join(table, on=names, how="left", maintain_order="left")
    return found["code_"].cast(pl.Int64).fill_null(-1).to_numpy()
