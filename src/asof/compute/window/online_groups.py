"""Where the rows of a group of the online face lie: blocks that are filled, left and given back.

A group whose block is full moves to one of the size of what is left once the rows are dropped that
are hidden or that no span can see again; one that holds mostly such rows does so when it is looked
after.
"""

from __future__ import annotations

from asof.compute.window.contract import Moments
from asof.compute.window.jit import (
    I8,
    I8S,
    U1,
    VOID,
    compiled,
    inlined,
)
from asof.compute.window.online_memory import (
    AT_FREE_ROWS,
    AT_LAYOUTS,
    CAPACITY,
    CLASS,
    CODED,
    FORGOTTEN,
    FREE_HEADS,
    GROUP,
    GROUPS,
    HEAD_WORDS,
    HIDDEN,
    HORIZON,
    KEYED,
    LAYOUT,
    MOMENT,
    NEED,
    NOW,
    ROWS,
    ROWS_AT,
    SIZE,
    TABLE_AT,
    TABLE_SIZE,
    TABLE_USED,
    UNASKED,
    USED,
    block_words,
    class_for,
    forget_places,
    free_tables,
    give_back,
    lay_rows,
    lay_table,
    slot_of,
    state_of,
    table_for,
    table_words,
    whole,
)
from asof.compute.window.state import (
    LOW,
    STATE,
    State,
    advance,
    first_at,
    mark,
)
from asof.compute.window.visible import is_set

DONE = 0
NO_ROOM = 1
"""The arena needs as many more words as the desk says."""


@inlined(VOID, STATE, I8S, I8, STATE, I8S, I8, I8)
def move(
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


@inlined(U1, I8S, I8S, I8, U1)
def is_crowded(arena: Moments, desk: Moments, at: int, one_more: bool) -> bool:
    """Whether a group has no room for one more row and its codes.

    Or, if it need have none, whether more than half of what it holds need not be kept.
    """
    size = int(arena[at + SIZE])
    if one_more:
        capacity = desk[desk[AT_LAYOUTS] + arena[at + CLASS] * LAYOUT + CAPACITY]
        most = arena[at + TABLE_SIZE] - (arena[at + TABLE_SIZE] >> 2)
        return bool(size >= capacity or arena[at + TABLE_USED] + desk[CODED] > most)
    times = whole(arena, arena[at + ROWS_AT], size)
    gone = arena[at + HIDDEN]
    if times[0] < desk[HORIZON]:
        gone += first_at(times, desk[HORIZON], 0, size)
    return bool(2 * gone > size)


@inlined(U1, I8S, I8S, I8, I8, I8)
def has_room(arena: Moments, desk: Moments, rows: int, codes: int, head: int) -> bool:
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
def resettle(arena: Moments, directory: Moments, desk: Moments, at: int, more: int) -> int:
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
    if not has_room(arena, desk, room, codes, 0):
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
            move(old, marks, place, new, others, to, fixed)
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


@compiled(VOID, I8S, I8S, I8S, I8S)
def close_up(old: Moments, arena: Moments, directory: Moments, desk: Moments) -> None:
    """Copy all groups, and the empty one before them, to another arena without gaps."""
    forget_places(desk)
    for group in range(-1, directory.shape[0]):
        at = int(directory[group]) if group >= 0 else 0
        if at < 0:
            continue
        head = int(desk[USED])
        for part in range(3):
            begin = at
            words = int(desk[HEAD_WORDS])
            if part > 0:
                begin = int(old[at + (ROWS_AT if part == 1 else TABLE_AT)])
                words = block_words(desk, old[at + CLASS])
            if part == 2:
                words = table_words(desk, old[at + TABLE_SIZE])
            to = int(desk[USED])
            for word in range(words):
                arena[to + word] = old[begin + word]
            if part > 0:
                arena[head + (ROWS_AT if part == 1 else TABLE_AT)] = to
            desk[USED] += words
        if group >= 0:
            directory[group] = head
