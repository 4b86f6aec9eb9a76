"""All the questions of a batch, group by group, each group's in the order of their moments."""

from __future__ import annotations

from typing import NamedTuple

from asof.compute.window.contract import NEVER, Codes, Floats, Moments
from asof.compute.window.grouping import sort_places
from asof.compute.window.jit import (
    F8SSS,
    I4S,
    I8,
    I8S,
    I8SSS,
    READ_I8S,
    U1,
    VOID,
    compiled,
    inlined,
    named,
)
from asof.compute.window.prefix import PREFIX, Prefix, reach_for, sum_up
from asof.compute.window.source import SOURCE, Source
from asof.compute.window.state import (
    COUNT,
    HIGH,
    KNOWN_BITS,
    LEAST,
    LOW,
    MOST,
    STATE,
    SUMS,
    State,
    advance,
    answer,
    empty,
    forget,
    hide,
    mark,
    show,
)
from asof.compute.window.visible import is_set

SHOWN = 0
ENDED = 1


class Bench(NamedTuple):
    """Room for one group beside its `State`, as long as the largest group."""

    known_from: Moments
    known_until: Moments
    key: Moments
    shown: Codes
    """int32, places in the order in which they become visible."""
    ended: Codes
    """int32, places that end, in that order."""
    by_key: Codes
    """int32, places in the order of their keys."""
    spare: Codes
    local: Codes
    """int32, for every code of every code column its place in `counters`, -1 for none yet."""
    base: Moments
    """int64[d], where each code column begins in `local`."""
    passed: Moments
    """int64[2]: how many places of `shown` and of `ended` have had their turn."""


BENCH = named((I8S, I8S, I8S, I4S, I4S, I4S, I4S, I4S, I8S, I8S), Bench)


@inlined(VOID, SOURCE, I4S, I8, I8, STATE, BENCH)
def _renumber(
    source: Source, order: Codes, start: int, size: int, state: State, bench: Bench
) -> None:
    """Copy a group's codes, renumbered within the group as they come."""
    used = 0
    for column in range(state.codes.shape[0]):
        for place in range(size):
            code = source.codes[column, order[start + place]]
            if code < 0:
                state.codes[column, place] = -1
                continue
            at = bench.base[column] + code
            if bench.local[at] < 0:
                bench.local[at] = used
                used += 1
            state.codes[column, place] = bench.local[at]


@inlined(VOID, SOURCE, I4S, I8, I8, STATE, BENCH)
def _gather(
    source: Source, order: Codes, start: int, size: int, state: State, bench: Bench
) -> None:
    """Copy a group's rows to the bench."""
    for place in range(size):
        state.event_time[place] = source.event_time[order[start + place]]
    if source.known_from.shape[0] == 1:  # one lag for all, so that less is fetched from afar
        lag = source.known_from[0]
        for place in range(size):
            bench.known_from[place] = state.event_time[place] + lag
    else:
        for place in range(size):
            bench.known_from[place] = source.known_from[order[start + place]]
    if source.known_until.shape[0] > 0:
        for place in range(size):
            bench.known_until[place] = source.known_until[order[start + place]]
    for column in range(state.values.shape[0]):
        for place in range(size):
            state.values[column, place] = source.values[column, order[start + place]]
    if source.key.shape[0] > 0:
        for place in range(size):
            bench.key[place] = source.key[order[start + place]]


@inlined(VOID, SOURCE, I4S, I8, I8, STATE, BENCH)
def _clear(source: Source, order: Codes, start: int, size: int, state: State, bench: Bench) -> None:
    """Make state and bench as if no group had been there: hidden, empty, no code known."""
    for column in range(state.codes.shape[0]):
        for place in range(size):
            code = source.codes[column, order[start + place]]
            if code >= 0:
                bench.local[bench.base[column] + code] = -1
    for span in range(state.reach.shape[0]):
        forget(state, span)
        state.reach[span, LOW] = 0
        state.reach[span, HIGH] = 0
        state.reach[span, COUNT] = 0


@inlined(U1, BENCH, I8, U1)
def _in_step(bench: Bench, size: int, ending: bool) -> bool:
    """Whether the rows of a group become visible in their order and stay."""
    falls = 0
    for place in range(1, size):
        falls += bench.known_from[place] < bench.known_from[place - 1]
    if ending:
        for place in range(size):
            falls += bench.known_until[place] != NEVER
    return falls == 0


@inlined(I8, BENCH, I8, U1)
def _by_moment(bench: Bench, size: int, ending: bool) -> int:
    """Put places in the order in which they become visible and in which they end; how many end."""
    for place in range(size):
        bench.shown[place] = place
    sort_places(bench.known_from, bench.shown, bench.spare, size)
    ended = 0
    if ending:
        for place in range(size):
            if bench.known_until[place] != NEVER:
                bench.ended[ended] = place
                ended += 1
        sort_places(bench.known_until, bench.ended, bench.spare, ended)
    return ended


@inlined(U1, STATE, I8SSS)
def _looks_up(state: State, counts: Moments) -> bool:
    """Whether bits and minima are looked at when a question is answered."""
    looks: bool = counts.shape[1] > 1 + state.codes.shape[0]
    for column in range(state.values.shape[0]):
        plan = state.plan[column]
        looks |= plan[SUMS] == 3 or max(plan[LEAST], plan[MOST], plan[KNOWN_BITS]) >= 0
    return looks


@inlined(VOID, STATE, BENCH, I8, I8, U1)
def _show_next(state: State, bench: Bench, moment: int, size: int, looks: bool) -> None:
    """Pass the rows of a group in step that are known by a moment; mark them if it `looks`."""
    shown = bench.passed[SHOWN]
    while shown < size and bench.known_from[shown] < moment:
        if looks:
            mark(state, shown)
        shown += 1
    bench.passed[SHOWN] = shown


@inlined(VOID, STATE, BENCH, I8, I8, I8)
def _show_and_hide(state: State, bench: Bench, moment: int, size: int, ends: int) -> None:
    """Show what has become visible by a moment, and hide what has ended."""
    shown = bench.passed[SHOWN]
    while shown < size and bench.known_from[bench.shown[shown]] < moment:
        place = int(bench.shown[shown])
        if ends == 0 or bench.known_until[place] >= moment:
            show(state, place)
        shown += 1
    bench.passed[SHOWN] = shown
    ended = bench.passed[ENDED]
    while ended < ends and bench.known_until[bench.ended[ended]] < moment:
        place = int(bench.ended[ended])
        if is_set(state.bits, 0, place):
            hide(state, place)
        ended += 1
    bench.passed[ENDED] = ended


@inlined(I8, STATE, BENCH, I8, I8)
def _hide_own(state: State, bench: Bench, own: int, size: int) -> int:
    """Hide the visible rows of a key, their places kept in `spare`; how many."""
    low = 0
    high = size
    while low < high:
        middle = (low + high) >> 1
        if bench.key[bench.by_key[middle]] < own:
            low = middle + 1
        else:
            high = middle
    count = 0
    while low < size and bench.key[bench.by_key[low]] == own:
        place = bench.by_key[low]
        if is_set(state.bits, 0, place):
            hide(state, place)
            bench.spare[count] = place
            count += 1
        low += 1
    return count


@inlined(I8, SOURCE, READ_I8S, I8, STATE, BENCH, PREFIX)
def _prepare(
    source: Source, own: Moments, size: int, state: State, bench: Bench, prefix: Prefix
) -> int:
    """Make a group on the bench ready for its questions; how many rows end, -1 if it is in step."""
    ending = source.known_until.shape[0] > 0
    bench.passed[:] = 0
    if own.shape[0] == 0 and _in_step(bench, size, ending) and sum_up(state, prefix, size):
        return -1
    if own.shape[0] > 0:
        for place in range(size):
            bench.by_key[place] = place
        sort_places(bench.key, bench.by_key, bench.spare, size)
    return _by_moment(bench, size, ending)


@inlined(VOID, I8SSS, I8, I4S, I8, I8, I8)
def _number_edges(
    counts: Moments, edges: int, order: Codes, start: int, begin: int, end: int
) -> None:
    """Name the latest and first rows of a group by their numbers instead of their places."""
    for span in range(counts.shape[0]):
        for edge in range(edges, edges + 2):
            for to in range(begin, end):
                if counts[span, edge, to] >= 0:
                    counts[span, edge, to] = order[start + counts[span, edge, to]]


@compiled(VOID, SOURCE, I4S, I8S, I8S, READ_I8S, READ_I8S, STATE, BENCH, PREFIX, I8SSS, F8SSS)
def answer_groups(
    source: Source,
    order: Codes,
    starts: Moments,
    question_starts: Moments,
    at: Moments,
    own: Moments,
    state: State,
    bench: Bench,
    prefix: Prefix,
    counts: Moments,
    floats: Floats,
) -> None:
    """Answer the questions of every asked group.

    order, starts: the rows' numbers by group, and where each group begins; question_starts: the
    same for the questions. Their moments `at` and keys `own` stand group by group, each group's
    in the order of its moments, and so do the answers. The latest and first rows are answered by
    their numbers.
    """
    edges = counts.shape[1] - 2
    looks = _looks_up(state, counts)
    for group in range(starts.shape[0] - 1):
        begin = question_starts[group]
        end = question_starts[group + 1]
        if begin == end:
            continue
        start = starts[group]
        size = starts[group + 1] - start
        empty(state, size)
        _gather(source, order, start, size, state, bench)
        _renumber(source, order, start, size, state, bench)
        ends = _prepare(source, own, size, state, bench, prefix)
        for to in range(begin, end):
            moment = int(at[to])
            away = 0
            if ends < 0:
                _show_next(state, bench, moment, size, looks)
                reach_for(state, prefix, moment, bench.passed[SHOWN])
            else:
                _show_and_hide(state, bench, moment, size, ends)
                advance(state, moment, size)
                if own.shape[0] > 0 and own[to] >= 0:
                    away = _hide_own(state, bench, int(own[to]), size)
            answer(state, counts, floats, to)
            for i in range(away):
                show(state, bench.spare[i])
        if edges > state.codes.shape[0]:
            _number_edges(counts, edges, order, start, begin, end)
        _clear(source, order, start, size, state, bench)
