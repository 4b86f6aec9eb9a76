"""Rows brought near the others of their group, so that a group is found in the cache.

The rows of a group lie all over a long table, and fetching each from afar would cost more than all
that is computed from it. So the table is first divided into blocks, each with the rows of some
groups in the order in which they stood, small enough for the cache together with what is made of
it. A pass over a column then writes to as many stretches as there are blocks, which runs at the
speed of memory (the partitioning of radix joins: S. Manegold, P. Boncz, M. Kersten, "Optimizing
main-memory join on modern hardware", IEEE TKDE 14(4), 2002).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from asof.compute.window.batch import Source
from asof.compute.window.contract import Codes, Moments
from asof.compute.window.grouping import move, move_long, place_near

BLOCK = 1 << 15
"""Rows in a block, and more where one group has more."""


class Near(NamedTuple):
    """The rows of the groups that are asked about, block by block."""

    source: Source
    group: Codes
    places: Codes
    """int32[n], where each row went; -1 for those of other groups."""


def origins(places: Codes, many: int) -> Codes:
    """int32[many], which row each of the moved ones was."""
    return _moved(np.arange(len(places), dtype=np.int32), places, many)


def bring_near(
    source: Source, group: Codes, starts: Moments, asked: npt.NDArray[np.bool_]
) -> Near | None:
    """Divide rows into blocks; None where all that are asked about fit into one.

    group: int32[n]; starts: where each group begins among the rows asked about, and the end;
    asked: for each group whether it is.
    """
    many = int(starts[-1])
    if many <= BLOCK:
        return None
    blocks = starts[:-1] // BLOCK
    cursor = np.full(int(blocks[-1]) + 1, many, dtype=np.int64)
    np.minimum.at(cursor, blocks[asked], starts[:-1][asked])
    places = np.empty(len(group), dtype=np.int32)
    place_near(group, np.where(asked, blocks, -1).astype(np.int32), cursor, places)
    moved = Source(*(_each_moved(column, places, many) for column in source))
    return Near(moved, _moved(group, places, many), places)


def _each_moved(columns: npt.NDArray[Any], places: Codes, many: int) -> npt.NDArray[Any]:
    """The columns of a source, moved if they have a value for each row."""
    if columns.shape[-1] != len(places):
        return columns
    if columns.ndim == 1:
        return _moved(columns, places, many)
    found = np.empty((len(columns), many), dtype=columns.dtype)
    for to, column in zip(found, columns, strict=True):
        _move(column, places, to)
    found.flags.writeable = False
    return found


def _moved(column: npt.NDArray[Any], places: Codes, many: int) -> npt.NDArray[Any]:
    found = np.empty(many, dtype=column.dtype)
    _move(column, places, found)
    found.flags.writeable = False
    return found


def _move(column: npt.NDArray[Any], places: Codes, to: npt.NDArray[Any]) -> None:
    if column.dtype.itemsize == 4:
        move(places, column, to)
    else:
        move_long(places, column.view(np.int64), to.view(np.int64))
