"""Many rows at once: the groups of the online face from the rows of the batch face."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from asof.compute.window.contract import NEVER, Codes, Floats, Moments, Rows
from asof.compute.window.grouping import count_groups, place_groups
from asof.compute.window.jit import (
    I4S,
    I4SS,
    I8S,
    READ_F8SS,
    READ_I4S,
    READ_I8S,
    VOID,
    compiled,
    inlined,
)
from asof.compute.window.online_memory import (
    AT_LAYOUTS,
    CAPACITY,
    CLASS,
    FIXED,
    GROUPS,
    HEAD_WORDS,
    LAYOUT,
    NEED,
    ROWS,
    ROWS_AT,
    SIZE,
    TABLE_AT,
    TABLE_SIZE,
    TABLE_USED,
    UNKEYED,
    block_words,
    class_for,
    lay_group,
    real,
    slot_of,
    state_of,
    table_for,
    table_words,
)
from asof.compute.window.online_take import (
    ADDED,
    EVENT_TIME,
    IDENTITY,
    KEY,
    KIND,
    OF_GROUP,
    RECORD_WORDS,
    WHEN,
    WITHDRAWN,
)
from asof.compute.window.state import mark

UNTURNED: Codes = np.empty(0, dtype=np.int32)


@compiled(VOID, I8S, I8S, I4SS, I8S, I4S, I8S)
def measure(
    desk: Moments, ends: Moments, codes: Codes, base: Moments, last: Codes, different: Moments
) -> None:
    """How many different codes each group has, and the words that all groups need (on the desk).

    ends: where each group's rows end; base: where each code column begins in `last`, which is -1.
    """
    start = 0
    desk[NEED] = 0
    for group in range(ends.shape[0]):
        for column in range(codes.shape[0]):
            for row in range(start, ends[group]):
                code = codes[column, row]
                if code >= 0 and last[base[column] + code] != group:
                    last[base[column] + code] = group
                    different[group] += 1
        rows = ends[group] - start
        if rows > 0:
            desk[NEED] += desk[HEAD_WORDS] + block_words(desk, class_for(desk, rows))
            desk[NEED] += table_words(desk, table_for(desk, different[group]))
        start = ends[group]


@inlined(VOID, I8S, I8S, I8S, I8S, I8S)
def _lay_groups(
    arena: Moments, directory: Moments, desk: Moments, ends: Moments, different: Moments
) -> None:
    """Lay out every group that has rows, with none in it yet."""
    start = 0
    for group in range(ends.shape[0]):
        rows = ends[group] - start
        if rows > 0:
            table = table_for(desk, different[group])
            directory[group] = lay_group(arena, desk, group, class_for(desk, rows), table)
            desk[GROUPS] += 1
            desk[ROWS] += rows
        start = ends[group]


@inlined(VOID, I8S, I8S, I8S, READ_I4S, READ_I8S, READ_I8S, READ_I8S, READ_I8S, READ_F8SS)
def _place_rows(
    arena: Moments,
    directory: Moments,
    desk: Moments,
    group: Codes,
    event_time: Moments,
    known_from: Moments,
    identity: Moments,
    key: Moments,
    values: Floats,
) -> None:
    """Write each row behind those of its group that are there.

    The rows are read as they lie, and written to as many places as there are groups: to read those
    of one group after another would be to wait for memory at each of them.
    """
    reals = real(arena, 0, arena.shape[0])
    keyed = desk[FIXED] > UNKEYED
    for row in range(group.shape[0]):
        if group[row] >= 0:
            at = directory[group[row]]
            room = desk[desk[AT_LAYOUTS] + arena[at + CLASS] * LAYOUT + CAPACITY]
            place = arena[at + ROWS_AT] + arena[at + SIZE]
            arena[at + SIZE] += 1
            arena[place] = event_time[row]
            arena[place + room] = known_from[row]
            arena[place + 2 * room] = identity[row]
            if keyed:
                arena[place + UNKEYED * room] = key[row] if key.shape[0] > 0 else -1
            place += desk[FIXED] * room
            for column in range(values.shape[0]):
                reals[place] = values[column, row]
                place += room


@compiled(VOID, I8S, I8S, I8S, READ_I4S, READ_I8S, READ_I8S, READ_I8S, READ_I8S, READ_F8SS, I8S,
          I4SS, I8S)  # fmt: skip
def settle_groups(
    arena: Moments,
    directory: Moments,
    desk: Moments,
    group: Codes,
    event_time: Moments,
    known_from: Moments,
    identity: Moments,
    key: Moments,
    values: Floats,
    ends: Moments,
    codes: Codes,
    different: Moments,
) -> None:
    """Lay out every group that has rows, all of them visible, the spans nowhere yet.

    group: that of each row, in rank order, -1 for one that is left; key: of no row where rows have
    none; ends: where each group's rows end in the order of groups, in which `codes` are.
    """
    _lay_groups(arena, directory, desk, ends, different)
    _place_rows(arena, directory, desk, group, event_time, known_from, identity, key, values)
    for one in range(ends.shape[0]):
        at = int(directory[one])
        if at < 0:
            continue
        rows = arena[at + SIZE]
        start = ends[one] - rows
        state = state_of(arena, desk, at)
        for column in range(codes.shape[0]):
            for place in range(rows):
                code = int(codes[column, start + place])
                state.codes[column, place] = -1
                if code >= 0:
                    code = ((column << 32) | code) + 1
                    slot = slot_of(arena, arena[at + TABLE_AT], arena[at + TABLE_SIZE], code)
                    if arena[arena[at + TABLE_AT] + slot] == 0:
                        arena[arena[at + TABLE_AT] + slot] = code
                        arena[at + TABLE_USED] += 1
                    state.codes[column, place] = slot
        for place in range(rows):
            mark(state, place)


def by_group(group: Codes) -> tuple[Codes, Moments]:
    """The numbers of the rows that have a group, group by group, and where each group ends."""
    sizes = np.zeros(int(group.max(initial=-1)) + 1, dtype=np.int64)
    count_groups(group, sizes)
    ends = np.cumsum(sizes)
    order = np.empty(int(sizes.sum()), dtype=np.int32)
    place_groups(group, UNTURNED, ends - sizes, order)
    return order, ends


def still_to_come(
    rows: Rows, identity: Moments, later: npt.NDArray[np.bool_], ending: npt.NDArray[np.bool_]
) -> Moments:
    """The records of rows that are not known yet and of rows that end, in the order of moments."""
    adds, ends = np.flatnonzero(later), np.flatnonzero(ending)
    number = np.concatenate([adds, ends])
    records = np.empty(
        (len(number), RECORD_WORDS + len(rows.values) + len(rows.codes)), dtype=np.int64
    )
    records[:, KIND] = WITHDRAWN
    records[: len(adds), KIND] = ADDED
    records[: len(adds), WHEN] = rows.known_from[adds]
    if rows.known_until is not None:
        records[len(adds) :, WHEN] = rows.known_until[ends]
    records[:, OF_GROUP] = rows.group[number]
    records[:, EVENT_TIME] = rows.event_time[number]
    records[:, IDENTITY] = identity[number]
    records[:, KEY] = -1 if rows.key is None else rows.key[number]
    past = RECORD_WORDS + len(rows.values)
    records[:, RECORD_WORDS:past] = rows.values[:, number].T.copy().view(np.int64)
    records[:, past:] = rows.codes[:, number].T
    return records[np.lexsort((records[:, KIND], records[:, WHEN]))]


def visible_to_come(
    rows: Rows, horizon: int, moment: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which rows are visible as of a moment, which will be, and which of both will end.

    Of those that some span can see from the moment on.
    """
    seen = (rows.group >= 0) & (rows.event_time >= horizon)
    ending = np.zeros(len(seen), dtype=np.bool_)
    if rows.known_until is not None:
        seen &= (rows.known_until >= moment) & (rows.known_until > rows.known_from)
        ending = seen & (rows.known_until != NEVER)
    now = seen & (rows.known_from < moment)
    return now, seen & ~now, ending
