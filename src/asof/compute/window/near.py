"""Rows brought near the others of their group, so that a group is found in the cache.

The rows of a group lie all over a long table, and fetching each from afar would cost more than all
that is computed from it. So the table is first divided into blocks, each with the rows of some
groups in the order in which they stood, small enough for the cache together with what is made of
it. A pass over the table then writes to as many stretches as there are blocks, which runs at the
speed of memory (the partitioning of radix joins: S. Manegold, P. Boncz, M. Kersten, "Optimizing
main-memory join on modern hardware", IEEE TKDE 14(4), 2002).

A long table is divided a part at a time into one room for all parts: the copy is a quarter of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from asof.compute.window.contract import Codes, Moments
from asof.compute.window.grouping import place_groups
from asof.compute.window.jit import (
    F8SS,
    I4S,
    I4SS,
    I8,
    I8S,
    READ_I4S,
    VOID,
    compiled,
    inlined,
    named,
)
from asof.compute.window.source import SOURCE, UNTURNED, Source, sealed

BLOCK = 1 << 15
"""Rows in a block, and more where one group has more."""
PARTS = 4
"""Into so many parts a long table is divided: each costs one more look at every row's group."""
PART = 1 << 20
"""Rows in a part, unless that made more parts than these."""

STEP = 1 << 12
"""So many rows are looked at before those among them that belong to the part are moved."""

ROOM = named((I8S, I8S, I8S, F8SS, I4SS, I8S), Source)


class Part(NamedTuple):
    """The rows of some groups that follow one another."""

    first: int
    last: int
    """The groups: from the first up to before the last."""
    source: Source
    order: Codes
    """int32, the numbers of the rows in `source`, group by group."""
    starts: Moments
    """Where each group begins in `order`, and the end."""
    origins: Codes | None
    """int32, which row each in `source` was, if asked for; None where each is where it was."""


def grouped(
    group: Codes, turn: Codes, starts: Moments, kept: npt.NDArray[np.bool_], order: Codes
) -> Codes:
    """The numbers of what is kept (or, if given, in the order `turn`), written group by group.

    starts: where each group begins in `order`, and the end.
    """
    place_groups(group, turn, np.where(kept, starts[:-1], -1), order)
    return order


def in_parts(
    source: Source, group: Codes, starts: Moments, asked: npt.NDArray[np.bool_], *, origins: bool
) -> Iterator[Part]:
    """The rows of the groups that are asked about, some groups at a time.

    group: int32[n]; starts: where each group begins among the rows asked about, and the end;
    asked: for each group whether it is. A part is gone when the next one is taken.
    """
    many = int(starts[-1])
    if many <= BLOCK:
        order = grouped(group, UNTURNED, starts, asked, np.empty(many, dtype=np.int32))
        yield Part(0, len(asked), source, order, starts, None)
        return
    bounds = _bounds(starts)
    size = max(int(np.diff(starts[bounds]).max()), 2)  # one moment alone would be a lag
    columns: list[npt.NDArray[Any]] = list(source)
    rooms = [_room_for(column, len(group), size) for column in columns]
    room = Source(*rooms)
    moved = Source(*(sealed(r if r.shape[-1] else c) for c, r in zip(columns, rooms, strict=True)))
    told = np.empty(size, dtype=np.int32)
    order = np.empty(size, dtype=np.int32)
    places = np.empty(size if origins else 0, dtype=np.int32)
    some = np.empty(STEP, dtype=np.int32)
    for first, last in pairwise(bounds.tolist()):
        here = starts[first : last + 1] - starts[first]
        blocks = here[:-1] // BLOCK
        cursor = here[np.searchsorted(blocks, np.arange(int(blocks[-1]) + 1))]
        kept = asked[first:last]
        block = np.where(kept, blocks, -1).astype(np.int32)
        _bring(source, group, first, block, cursor, room, told, places, some)
        length = int(here[-1])
        turned = grouped(told[:length], UNTURNED, here, kept, order[:length])
        yield Part(first, last, moved, turned, here, places if origins else None)


def _bounds(starts: Moments) -> npt.NDArray[np.int64]:
    """Where parts of about the same number of rows begin and end."""
    many = int(starts[-1])
    parts = min(PARTS, -(-many // PART))
    bounds = np.searchsorted(starts, np.arange(parts) * many // parts)
    return np.unique(np.append(bounds, len(starts) - 1))


def _room_for(column: npt.NDArray[Any], rows: int, size: int) -> npt.NDArray[Any]:
    """Room for some values of a column; none if it has not one for each row."""
    size = size if column.shape[-1] == rows else 0
    return np.empty((*column.shape[:-1], size), dtype=column.dtype)


@inlined(VOID, SOURCE, I8, I8, I4S, I8S, ROOM, I4S, I4S)
def _move(
    source: Source,
    i: int,
    code: int,
    block: Codes,
    cursor: Moments,
    room: Source,
    told: Codes,
    places: Codes,
) -> None:
    """Write one row to the next free place of its group's block, if it has one."""
    if block[code] < 0:
        return
    to = cursor[block[code]]
    cursor[block[code]] = to + 1
    told[to] = code
    room.event_time[to] = source.event_time[i]
    if room.known_from.shape[0] > 0:
        room.known_from[to] = source.known_from[i]
    if room.known_until.shape[0] > 0:
        room.known_until[to] = source.known_until[i]
    for column in range(room.values.shape[0]):
        room.values[column, to] = source.values[column, i]
    for column in range(room.codes.shape[0]):
        room.codes[column, to] = source.codes[column, i]
    if room.key.shape[0] > 0:
        room.key[to] = source.key[i]
    if places.shape[0] > 0:
        places[to] = i


@compiled(VOID, SOURCE, READ_I4S, I8, I4S, I8S, ROOM, I4S, I4S, I4S)
def _bring(
    source: Source,
    group: Codes,
    first: int,
    block: Codes,
    cursor: Moments,
    room: Source,
    told: Codes,
    places: Codes,
    some: Codes,
) -> None:
    """Write the rows of the groups from `first` on that have a block to its next free place.

    block: int32, for each such group its block or -1; cursor: where each block goes on; told: the
    group of each row written, counted from `first`; places: which row it was, if there is room;
    some: room for the rows of a step.
    """
    for begin in range(0, group.shape[0], STEP):
        found = 0
        for i in range(begin, min(begin + STEP, group.shape[0])):
            some[found] = i  # without a branch: which rows belong here nobody can foretell
            found += (group[i] >= first) & (group[i] < first + block.shape[0])
        for j in range(found):
            row = int(some[j])
            _move(source, row, int(group[row]) - first, block, cursor, room, told, places)
