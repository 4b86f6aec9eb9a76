"""What becomes known to the online face: a row comes and is shown at its rank, a row goes."""

from __future__ import annotations

from asof.compute.window.contract import Moments
from asof.compute.window.jit import (
    I8,
    I8S,
    I8SS,
    VOID,
    compiled,
    inlined,
)
from asof.compute.window.online_groups import (
    DONE,
    NO_ROOM,
    has_room,
    is_crowded,
    move,
    resettle,
)
from asof.compute.window.online_memory import (
    EARLIEST,
    FORGOTTEN,
    FREE,
    GROUPS,
    HAND,
    HEAD_WORDS,
    HIDDEN,
    HORIZON,
    KEYED,
    MOMENT,
    NEED,
    NOW,
    PLACE,
    RECORD,
    ROWS,
    ROWS_AT,
    RUN,
    SETTLED,
    SIZE,
    TABLE_AT,
    TABLE_SIZE,
    TABLE_USED,
    UNASKED,
    USED,
    lay_group,
    slot_of,
    state_of,
    table_for,
    whole,
    wholes,
)
from asof.compute.window.state import (
    LOW,
    STATE,
    State,
    first_at,
    hide,
    mark,
    show,
    unmark,
)
from asof.compute.window.visible import is_set

# A record: what is told of a row, in 64-bit words; its values (bits of doubles) and codes follow.
WHEN = 0
"""The moment after which the row is seen, or is not seen any more."""
KIND = 1
OF_GROUP = 2
EVENT_TIME = 3
IDENTITY = 4
KEY = 5
RECORD_WORDS = 6
ADDED = 0
WITHDRAWN = 1

# What stands in the way of a record, beside `NO_ROOM`.
NO_GROUP = 2
"""The directory needs as many groups as the desk says."""
TIED = 3
"""Rows that an earlier question has seen have the same times: their order is not known here."""
NOT_THERE = 4
"""The row to be withdrawn was neither added nor forgotten."""
SCATTERED = 5
"""Nothing: all is done, but more than half of the arena is free."""
LEAST_FREE = 1 << 16
"""Fewer free words are left as they are."""


@inlined(I8, I8S, I8S, I8, STATE, I8S)
def _rank(arena: Moments, desk: Moments, at: int, state: State, record: Moments) -> int:
    """The place at which a row belongs, -1 where rows of the same times are in the way."""
    size = int(arena[at + SIZE])
    event_time = record[EVENT_TIME]
    known_from = record[WHEN]
    rows = arena[at + ROWS_AT]
    capacity = state.event_time.shape[0]
    known = whole(arena, rows + capacity, capacity)
    place = size
    if size > 0 and state.event_time[size - 1] > event_time:
        place = first_at(state.event_time, event_time + 1, 0, size)
    while place > 0 and state.event_time[place - 1] == event_time and known[place - 1] > known_from:
        place -= 1
    # Rows of one call come in the order of their ties; those of calls before it were known before.
    if known_from >= desk[SETTLED]:
        return place
    low = place
    seen = 0
    while low > 0 and state.event_time[low - 1] == event_time and known[low - 1] == known_from:
        low -= 1
        seen += is_set(state.bits, 0, low)
    if seen == 0:
        return place
    desk[RUN] = low
    desk[RUN + 1] = place
    desk[RUN + 2] = rows + 2 * capacity
    desk[RUN + 3] = (
        rows
        + (3 + desk[KEYED] + state.values.shape[0]) * capacity
        + ((state.codes.shape[0] * capacity + 1) >> 1)
    )
    return -1


@inlined(VOID, I8S, I8S, I8, STATE, I8, I8S)
def _put(arena: Moments, desk: Moments, at: int, state: State, place: int, record: Moments) -> None:
    """Put a row at a place that is free, and show it."""
    capacity = state.event_time.shape[0]
    columns = state.values.shape[0]
    rows = arena[at + ROWS_AT]
    fixed = 3 + desk[KEYED]
    marks = wholes(arena, rows, fixed + columns, capacity)
    marks[0, place] = record[EVENT_TIME]
    marks[1, place] = record[WHEN]
    marks[2, place] = record[IDENTITY]
    if fixed > 3:
        marks[3, place] = record[KEY]
    for column in range(columns):
        marks[fixed + column, place] = record[RECORD_WORDS + column]
    for column in range(state.codes.shape[0]):
        state.codes[column, place] = -1
        code = int(record[RECORD_WORDS + columns + column])
        if code >= 0:
            code = ((column << 32) | code) + 1
            slot = slot_of(arena, arena[at + TABLE_AT], arena[at + TABLE_SIZE], code)
            if arena[arena[at + TABLE_AT] + slot] == 0:
                arena[arena[at + TABLE_AT] + slot] = code
                arena[at + TABLE_USED] += 1
            state.codes[column, place] = slot
    if arena[at + MOMENT] != UNASKED:
        for span in range(state.spans.shape[0]):
            for edge in range(2):
                if record[EVENT_TIME] < arena[at + MOMENT] + state.spans[span, edge]:
                    state.reach[span, LOW + edge] += 1
    arena[at + SIZE] += 1
    show(state, place)
    desk[PLACE] = -1
    desk[ROWS] += 1
    desk[HAND] += 1


@inlined(I8, I8S, I8S, I8S, I8)
def _begin(arena: Moments, directory: Moments, desk: Moments, group: int) -> int:
    """Lay out a group for its first row; or what is in the way."""
    if group >= directory.shape[0]:
        desk[NEED] = group + 1
        return NO_GROUP
    if not has_room(arena, desk, 1, 0, desk[HEAD_WORDS]):
        return NO_ROOM
    directory[group] = lay_group(arena, desk, group, 0, table_for(desk, 0))
    desk[GROUPS] += 1
    return DONE


@inlined(VOID, I8S, I8S, I8, STATE, I8)
def _shift(arena: Moments, desk: Moments, at: int, state: State, place: int) -> None:
    """Shift the rows from a place on by one."""
    fixed = 3 + desk[KEYED]
    marks = whole(arena, arena[at + ROWS_AT], fixed * state.event_time.shape[0])
    for old in range(arena[at + SIZE] - 1, place - 1, -1):
        visible = is_set(state.bits, 0, old)
        if visible:
            unmark(state, old)
        move(state, marks, old, state, marks, old + 1, fixed)
        for column in range(state.codes.shape[0]):
            state.codes[column, old + 1] = state.codes[column, old]
        if visible:
            mark(state, old + 1)


@inlined(I8, I8S, I8S, I8, STATE, I8S)
def _withdraw(arena: Moments, desk: Moments, at: int, state: State, record: Moments) -> int:
    """Hide a row that ends; one that was forgotten is not there to be hidden."""
    size = int(arena[at + SIZE])
    capacity = state.event_time.shape[0]
    identity = whole(arena, arena[at + ROWS_AT] + 2 * capacity, capacity)
    place = first_at(state.event_time, record[EVENT_TIME], 0, size)
    while place < size and state.event_time[place] == record[EVENT_TIME]:
        if identity[place] == record[IDENTITY] and is_set(state.bits, 0, place):
            hide(state, place)
            arena[at + HIDDEN] += 1
            return DONE
        place += 1
    return DONE if record[EVENT_TIME] < desk[HORIZON] else NOT_THERE


@compiled(I8, I8S, I8S, I8S, I8SS, I8)
def take(arena: Moments, directory: Moments, desk: Moments, records: Moments, moment: int) -> int:
    """Take the records before a moment, from where the desk says on; or what is in the way.

    records: int64[r, words], in the order of (moment, kind, rank). With every row that comes one
    group is looked after, in turn.
    """
    desk[NOW] = moment
    desk[HORIZON] = moment + desk[EARLIEST]
    while desk[RECORD] < records.shape[0] and records[desk[RECORD], WHEN] < moment:
        record = records[desk[RECORD]]
        coming = record[KIND] == ADDED
        if coming and record[EVENT_TIME] < desk[HORIZON]:
            desk[FORGOTTEN] += 1
            desk[RECORD] += 1
            continue
        status = DONE
        at = -1
        if desk[HAND] >= directory.shape[0]:
            desk[HAND] = 0
        for own in range(2):  # the group whose turn it is, then the row's
            group = record[OF_GROUP] if own == 1 else desk[HAND]
            at = int(directory[group]) if group < directory.shape[0] else -1
            if coming and at >= 0 and status == DONE and is_crowded(arena, desk, at, own == 1):
                status = resettle(arena, directory, desk, at, own)
        if coming and at < 0 and status == DONE:
            status = _begin(arena, directory, desk, record[OF_GROUP])
            at = int(directory[record[OF_GROUP]]) if status == DONE else -1
        if status != DONE:
            return status
        at = max(at, 0)  # in the group without rows there is nothing to be withdrawn
        state = state_of(arena, desk, at)
        if coming:
            place = desk[PLACE] if desk[PLACE] >= 0 else _rank(arena, desk, at, state, record)
            if place < 0:
                return TIED
            _shift(arena, desk, at, state, place)
            _put(arena, desk, at, state, place, record)
        else:
            status = _withdraw(arena, desk, at, state, record)
            if status != DONE:
                return status
        desk[RECORD] += 1
    if desk[FREE] > LEAST_FREE and 2 * desk[FREE] > desk[USED]:
        return SCATTERED
    return DONE
