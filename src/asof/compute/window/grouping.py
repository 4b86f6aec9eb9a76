"""Rows and questions by group, in their order: a stable counting sort, and one for moments."""

from __future__ import annotations

from asof.compute.window.contract import Codes, Moments
from asof.compute.window.jit import (
    I4S,
    I8,
    I8S,
    I8SSS,
    READ_I4S,
    READ_I8S,
    U1,
    VOID,
    compiled,
    inlined,
)


@compiled(VOID, READ_I4S, I8S)
def count_groups(group: Codes, counts: Moments) -> None:
    """Count how often each group occurs; nulls and groups beyond the counts do not."""
    for code in group:
        if 0 <= code < counts.shape[0]:
            counts[code] += 1


@compiled(VOID, READ_I4S, READ_I4S, I8S, I4S)
def place_groups(group: Codes, turn: Codes, cursor: Moments, order: Codes) -> None:
    """Write the numbers 0, 1 ... (or, if given, in the order `turn`) group by group.

    `cursor` is where each group goes on, -1 for one that is not kept.
    """
    for i in range(group.shape[0]):
        member = turn[i] if turn.shape[0] > 0 else i
        code = group[member]
        if 0 <= code < cursor.shape[0] and cursor[code] >= 0:
            order[cursor[code]] = member
            cursor[code] += 1


@compiled(VOID, READ_I8S, I8, I4S, I4S)
def look_up(values: Moments, low: int, table: Codes, found: Codes) -> None:
    """Write `table[value - low]` for each value, -1 for one that lies beyond the table."""
    for i in range(values.shape[0]):
        place = values[i] - low
        found[i] = table[place] if 0 <= place < table.shape[0] else -1


@compiled(VOID, I8SSS, READ_I4S, I8S, I8S)
def put_back(answers: Moments, places: Codes, otherwise: Moments, room: Moments) -> None:
    """Put answers in the order of the questions, row by row, where they are.

    answers: int64[s, k, m], or doubles by their bits; places: where each question's answer stands
    in a row, or the number of those answered, for one that has none; otherwise: int64[k], what it
    gets in each row; room: int64, longer by one than there are answers.
    """
    answered = room.shape[0] - 1
    for span in range(answers.shape[0]):
        for slot in range(answers.shape[1]):
            for i in range(answered):
                room[i] = answers[span, slot, i]
            room[answered] = otherwise[slot]
            for i in range(places.shape[0]):
                answers[span, slot, i] = room[places[i]]


@compiled(U1, READ_I8S)
def in_order(moments: Moments) -> bool:
    """Whether moments never decrease."""
    falls = 0
    for i in range(1, moments.shape[0]):
        falls += moments[i] < moments[i - 1]
    return falls == 0


@compiled(I8, READ_I8S, READ_I8S)
def ties_of(event_time: Moments, known_from: Moments) -> int:
    """How many rows have the two times of the one before; -1 where they do not stand by them."""
    ties = 0
    falls = 0
    for i in range(1, event_time.shape[0]):
        same = event_time[i] == event_time[i - 1]
        falls += event_time[i] < event_time[i - 1] or (same and known_from[i] < known_from[i - 1])
        ties += same and known_from[i] == known_from[i - 1]
    return ties if falls == 0 else -1


@compiled(I8, READ_I8S, READ_I8S, I8S)
def tied_places(event_time: Moments, known_from: Moments, places: Moments) -> int:
    """Write where rows stand that have the two times of one beside them; how many there are.

    Rows stand by their times; there is room for two places for each tie (see `ties_of`).
    """
    found = 0
    for i in range(1, event_time.shape[0]):
        if event_time[i] == event_time[i - 1] and known_from[i] == known_from[i - 1]:
            if found == 0 or places[found - 1] != i - 1:
                places[found] = i - 1
                found += 1
            places[found] = i
            found += 1
    return found


@compiled(U1, READ_I8S, READ_I8S)
def one_lag(event_time: Moments, known_from: Moments) -> bool:
    """Whether all rows become known equally long after their event."""
    others = 0
    for i in range(1, event_time.shape[0]):
        others += known_from[i] - event_time[i] != known_from[0] - event_time[0]
    return others == 0


@inlined(VOID, I8S, I4S, I4S, I8)
def sort_places(moments: Moments, places: Codes, spare: Codes, size: int) -> None:
    """Sort the first `size` places by their moment, stably: a merge sort from the bottom up.

    What is in order already costs one comparison a place and level.
    """
    width = 1
    while width < size:
        for low in range(0, size - width, 2 * width):
            middle = low + width
            high = min(middle + width, size)
            if moments[places[middle - 1]] <= moments[places[middle]]:
                continue
            left = low
            right = middle
            for to in range(low, high):
                if right >= high or (
                    left < middle and moments[places[left]] <= moments[places[right]]
                ):
                    spare[to] = places[left]
                    left += 1
                else:
                    spare[to] = places[right]
                    right += 1
            for to in range(low, high):
                places[to] = spare[to]
        width *= 2
