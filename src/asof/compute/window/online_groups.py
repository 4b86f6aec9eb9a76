"""What becomes known to a group of the online face: a row comes, a row goes.

A row that comes is inserted at its rank and shown, one that goes is hidden. A group whose block is
full moves to one of the size of what is left once the rows are dropped that are hidden or that no
span can see again; one that holds mostly such rows does so when it is looked after.
"""

from __future__ import annotations

from asof.compute.window.contract import Moments
from asof.compute.window.jit import I8, I8S, I8SS, U1, VOID, compiled, inlined
from asof.compute.window.online_memory import (
    AT_FREE_ROWS,
    AT_LAYOUTS,
    CAPACITY,
    CLASS,
    CODED,
    EARLIEST,
    FORGOTTEN,
    FREE,
    FREE_HEADS,
    GROUP,
    GROUPS,
    HAND,
    HEAD_WORDS,
    HIDDEN,
    HORIZON,
    KEYED,
    LAYOUT,
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
    block_words,
    class_for,
    free_tables,
    give_back,
    lay_group,
    lay_rows,
    lay_table,
    slot_of,
    state_of,
    table_for,
    table_words,
    whole,
    wholes,
)
from asof.compute.window.state import (
    LOW,
    STATE,
    State,
    advance,
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

# What stands in the way of a record.
DONE = 0
NO_ROOM = 1
"""The arena needs as many more words as the desk says."""
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


@inlined(VOID, STATE, I8S, I8, STATE, I8S, I8, I8)
def _move(
    old: State, marks: Moments, place: int, new: State, others: Moments, to: int, fixed: int
) -> None:
    """Copy a row without its codes; `marks` and `others` are the fixed words of all rows."""
    capacity = old.event_time.shape[0]
    room = new.event_time.shape[0]
    for word in range(fixed):
        others[word * room + to] = marks[word * capacity + place]
    for column in range(old.values.shape[0]):
        new.values[column, to] = old.values[column, place]


@inlined(VOID, I8S, I8, I8, STATE, I8, STATE, I8)
def _carry(
    arena: Moments, at: int, table: int, old: State, place: int, new: State, to: int
) -> None:
    """Enter a row's codes in the table of the group it has moved to, with how often each is in."""
    size = arena[at + TABLE_SIZE]
    for column in range(old.codes.shape[0]):
        before = old.codes[column, place]
        if before < 0:
            new.codes[column, to] = -1
            continue
        code = int(arena[table + before])
        slot = slot_of(arena, arena[at + TABLE_AT], size, code)
        if arena[arena[at + TABLE_AT] + slot] == 0:
            arena[arena[at + TABLE_AT] + slot] = code
            arena[at + TABLE_USED] += 1
            for span in range(new.counters.shape[0]):
                new.counters[span, slot] = old.counters[span, before]
        new.codes[column, to] = slot


@inlined(VOID, I8S, I8)
def _forgotten(desk: Moments, rows: int) -> None:
    """Count rows that are dropped."""
    desk[ROWS] -= rows
    desk[FORGOTTEN] += rows


@inlined(I8, STATE, I8, I8)
def _visible(state: State, low: int, high: int) -> int:
    """How many rows of a stretch are visible."""
    found = 0
    for place in range(low, high):
        found += is_set(state.bits, 0, place)
    return found


@inlined(VOID, I8S, I8S, I8S, I8)
def _release(arena: Moments, directory: Moments, desk: Moments, at: int) -> None:
    """Forget a group."""
    which = arena[at + CLASS]
    give_back(
        arena, desk, desk[AT_FREE_ROWS] + which, arena[at + ROWS_AT], block_words(desk, which)
    )
    table = arena[at + TABLE_SIZE]
    if table > 0:
        free = free_tables(desk, table)
        give_back(arena, desk, free, arena[at + TABLE_AT], table_words(desk, table))
    directory[arena[at + GROUP]] = -1
    desk[GROUPS] -= 1
    _forgotten(desk, arena[at + SIZE])
    give_back(arena, desk, FREE_HEADS, at, desk[HEAD_WORDS])


@inlined(U1, I8S, I8S, I8)
def _is_full(arena: Moments, desk: Moments, at: int) -> bool:
    """Whether a group has no room for one more row, or for its codes."""
    capacity = desk[desk[AT_LAYOUTS] + arena[at + CLASS] * LAYOUT + CAPACITY]
    most = arena[at + TABLE_SIZE] - (arena[at + TABLE_SIZE] >> 2)
    full: bool = arena[at + SIZE] >= capacity or arena[at + TABLE_USED] + desk[CODED] > most
    return full


@inlined(U1, I8S, I8S, I8, I8, I8)
def _has_room(arena: Moments, desk: Moments, rows: int, codes: int, head: int) -> bool:
    """Whether there is room for a block and a table for so many, and so many words of a head."""
    need = head if desk[FREE_HEADS] < 0 else 0
    which = class_for(desk, rows)
    if desk[desk[AT_FREE_ROWS] + which] < 0:
        need += block_words(desk, which)
    table = table_for(desk, codes)
    if table > 0 and desk[free_tables(desk, table)] < 0:
        need += table_words(desk, table)
    desk[NEED] = need
    enough: bool = desk[USED] + need <= arena.shape[0]
    return enough


@inlined(VOID, STATE, I8, I8)
def _point(state: State, moment: int, size: int) -> None:
    """Point the spans to the places where their rows are after a move."""
    for span in range(state.reach.shape[0]):
        for edge in range(2):
            reached = first_at(state.event_time, moment + state.spans[span, edge], 0, size)
            state.reach[span, LOW + edge] = reached


@compiled(I8, I8S, I8S, I8S, I8, I8)
def _resettle(arena: Moments, directory: Moments, desk: Moments, at: int, more: int) -> int:
    """Move a group's rows to a block of their size and `more`, without those to be dropped."""
    old = state_of(arena, desk, at)
    size = int(arena[at + SIZE])
    if arena[at + MOMENT] != UNASKED:  # past all that is to be dropped
        advance(old, desk[NOW], size)
        arena[at + MOMENT] = desk[NOW]
    low = first_at(old.event_time, desk[HORIZON], 0, size)
    kept = _visible(old, low, size)
    if kept + more == 0:
        _release(arena, directory, desk, at)
        return DONE
    room = kept + more + (kept >> 2)
    codes = min(arena[at + TABLE_USED], kept * old.codes.shape[0])
    if not _has_room(arena, desk, room, codes, 0):
        return NO_ROOM
    was = arena[at + CLASS]
    rows = arena[at + ROWS_AT]
    table = arena[at + TABLE_AT]
    slots = arena[at + TABLE_SIZE]
    if slots > 0:
        arena[at + TABLE_SIZE] = table_for(desk, codes)
        arena[at + TABLE_AT] = lay_table(arena, desk, arena[at + TABLE_SIZE])
        arena[at + TABLE_USED] = 0
    lay_rows(arena, desk, at, class_for(desk, room))
    new = state_of(arena, desk, at)
    fixed = 3 + desk[KEYED]
    marks = whole(arena, rows, fixed * old.event_time.shape[0])
    others = whole(arena, arena[at + ROWS_AT], fixed * new.event_time.shape[0])
    to = 0
    for place in range(low, size):
        if is_set(old.bits, 0, place):
            _move(old, marks, place, new, others, to, fixed)
            _carry(arena, at, table, old, place, new, to)
            mark(new, to)
            to += 1
    arena[at + SIZE] = kept
    if arena[at + MOMENT] != UNASKED:
        _point(new, arena[at + MOMENT], kept)
    give_back(arena, desk, desk[AT_FREE_ROWS] + was, rows, block_words(desk, was))
    if slots > 0:
        give_back(arena, desk, free_tables(desk, slots), table, table_words(desk, slots))
    _forgotten(desk, size - kept)
    return DONE


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


@inlined(I8, I8S, I8S, I8S, I8S)
def _insert(arena: Moments, directory: Moments, desk: Moments, record: Moments) -> int:
    """Put a row where it ranks, visible; or what is in the way."""
    group = record[OF_GROUP]
    if record[EVENT_TIME] < desk[HORIZON]:
        desk[FORGOTTEN] += 1
        return DONE
    if group >= directory.shape[0]:
        desk[NEED] = group + 1
        return NO_GROUP
    at = int(directory[group])
    if at < 0:
        if not _has_room(arena, desk, 1, 0, desk[HEAD_WORDS]):
            return NO_ROOM
        at = lay_group(arena, desk, group, 0, table_for(desk, 0))
        directory[group] = at
        desk[GROUPS] += 1
    state = state_of(arena, desk, at)
    place = desk[PLACE] if desk[PLACE] >= 0 else _rank(arena, desk, at, state, record)
    if place < 0:
        return TIED
    fixed = 3 + desk[KEYED]
    marks = whole(arena, arena[at + ROWS_AT], fixed * state.event_time.shape[0])
    for old in range(arena[at + SIZE] - 1, place - 1, -1):
        visible = is_set(state.bits, 0, old)
        if visible:
            unmark(state, old)
        _move(state, marks, old, state, marks, old + 1, fixed)
        for column in range(state.codes.shape[0]):
            state.codes[column, old + 1] = state.codes[column, old]
        if visible:
            mark(state, old + 1)
    _put(arena, desk, at, state, place, record)
    desk[PLACE] = -1
    desk[ROWS] += 1
    return DONE


@inlined(I8, I8S, I8S, I8S, I8S)
def _withdraw(arena: Moments, directory: Moments, desk: Moments, record: Moments) -> int:
    """Hide a row that ends; one that was forgotten is not there to be hidden."""
    group = record[OF_GROUP]
    if group < directory.shape[0] and directory[group] >= 0:
        at = int(directory[group])
        state = state_of(arena, desk, at)
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
    if record[EVENT_TIME] < desk[HORIZON]:
        return DONE
    return NOT_THERE


@inlined(U1, I8S, I8S, I8)
def _is_mostly_gone(arena: Moments, desk: Moments, at: int) -> bool:
    """Whether more than half of the rows of a group need not be kept."""
    times = whole(arena, arena[at + ROWS_AT], arena[at + SIZE])
    gone = arena[at + HIDDEN]
    if times[0] < desk[HORIZON]:
        gone += first_at(times, desk[HORIZON], 0, arena[at + SIZE])
    much: bool = 2 * gone > arena[at + SIZE]
    return much


@inlined(I8, I8S, I8S, I8S, I8S)
def _add(arena: Moments, directory: Moments, desk: Moments, record: Moments) -> int:
    """Look after the group whose turn it is, make room in the row's own, and put the row there."""
    for own in range(2):
        group = record[OF_GROUP] if own == 1 else desk[HAND]
        at = int(directory[group]) if group < directory.shape[0] else -1
        if at >= 0:
            crowded = _is_full(arena, desk, at) if own == 1 else _is_mostly_gone(arena, desk, at)
            if crowded:
                status = _resettle(arena, directory, desk, at, own)
                if status != DONE:
                    return status
    status = _insert(arena, directory, desk, record)
    if status == DONE:
        desk[HAND] += 1 if desk[HAND] + 1 < directory.shape[0] else -desk[HAND]
    return status


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
        if record[KIND] == WITHDRAWN:
            status = _withdraw(arena, directory, desk, record)
        else:
            status = _add(arena, directory, desk, record)
        if status != DONE:
            return status
        desk[RECORD] += 1
    if desk[FREE] > LEAST_FREE and 2 * desk[FREE] > desk[USED]:
        return SCATTERED
    return DONE
