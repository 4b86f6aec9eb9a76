"""The windows of one group of rows, and the four things that are done to them.

The rows of a group stand in rank order, at places 0, 1, 2 ... A row is *shown* when it becomes
visible and *hidden* when it ends. `advance` moves every span to a later moment: each has two
pointers, and a visible row enters its sums when the upper one passes it and leaves when the lower
one does; a row that is shown or hidden between the two enters or leaves at once. `answer` reads
the aggregates. Counts and sums are of integers, extremes and edges are looked up among what is
visible: nothing depends on the path. The batch face and the online face use these four and no
other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from asof.compute.window.afresh import deviation_afresh, sum_afresh
from asof.compute.window.contract import Codes, Floats, Moments
from asof.compute.window.extremes import appear, least, vanish
from asof.compute.window.jit import (
    F8S,
    F8SS,
    F8SSS,
    I4SS,
    I8,
    I8S,
    I8SS,
    I8SSS,
    VOID,
    inlined,
    named,
)
from asof.compute.window.visible import before, drop, is_set, lay_out, onward, put
from asof.compute.window.wide import (
    KNOWN,
    WORDS,
    accumulate,
    deviation_of,
    large_values,
    total_of,
)

# Columns of `State.plan`, one row for each value column.
SUMS = 0
"""What is accumulated: 0 nothing, 1 the number of values, 2 their sum, 3 their squares too."""
QUANTUM_OF = 1
LEAST = 2
"""The row of `State.tree` with its minima, -1 for none; then that of its maxima."""
MOST = 3
KNOWN_BITS = 4
"""The row of `State.bits` that tells where it is visible and not null, -1 for none."""
SLOT = 5
"""The first of eight: where each aggregate goes among the answers, in the order of `Aggregate`."""
PLAN = 13

# Columns of `State.reach`, one row for each span.
LOW = 0
HIGH = 1
COUNT = 2


class State(NamedTuple):
    """The windows of one group. Capacity n, spans s, value columns c, code columns d."""

    event_time: Moments
    """int64[n], in rank order."""
    values: Floats
    """float64[c, n]."""
    codes: Codes
    """int32[d, n], places in `counters`; -1 is null."""
    bits: Moments
    """int64[1 + e, words]: which rows are visible; for e columns which of these are not null."""
    bit_levels: Moments
    tree: Floats
    """float64[t, entries]: the visible values, and minima of their blocks."""
    tree_levels: Moments
    plan: Moments
    """int64[c, PLAN]."""
    spans: Moments
    """int64[s, 2]: start and stop."""
    reach: Moments
    """int64[s, 3]: the first place inside, the first beyond, the number of visible rows between."""
    words: Moments
    """int64[s * c * WORDS]: the accumulators."""
    counters: Codes
    """int32[s, k]: how often a code is in the window."""
    distinct: Moments
    """int64[s, d]."""
    recount: Moments
    """int64[3]: sums taken afresh, sums missing, deviations taken afresh."""
    digits: Moments
    """int64[DIGITS], for `afresh`."""
    sums: Floats
    """float64[3]: sum, mean and deviation on their way to the answers."""


STATE = named(
    (I8S, F8SS, I4SS, I8SS, I8S, F8SS, I8S, I8SS, I8SS, I8SS, I8S, I4SS, I8SS, I8S, I8S, F8S), State
)


@inlined(VOID, STATE, I8, I8, I8)
def _turn(state: State, span: int, place: int, sign: int) -> None:
    """A row enters the sums of a span (sign 1) or leaves them (-1)."""
    state.reach[span, COUNT] += sign
    columns = state.values.shape[0]
    for column in range(columns):
        level = state.plan[column, SUMS]
        if level > 0:
            value = state.values[column, place]
            if not math.isnan(value):
                at = (span * columns + column) * WORDS
                if level == 1:
                    state.words[at + KNOWN] += sign
                else:
                    quantum = state.plan[column, QUANTUM_OF]
                    accumulate(state.words, at, value, quantum, sign, level == 3)
    for column in range(state.codes.shape[0]):
        slot = state.codes[column, place]
        if slot >= 0:
            times = state.counters[span, slot]
            state.counters[span, slot] = times + sign
            if times == 0 or times + sign == 0:
                state.distinct[span, column] += sign


@inlined(VOID, STATE, I8)
def mark(state: State, place: int) -> None:
    """Enter a row among what is visible, the spans left as they are."""
    put(state.bits, 0, state.bit_levels, place)
    for column in range(state.values.shape[0]):
        value = state.values[column, place]
        if not math.isnan(value):
            if state.plan[column, KNOWN_BITS] >= 0:
                put(state.bits, state.plan[column, KNOWN_BITS], state.bit_levels, place)
            if state.plan[column, LEAST] >= 0:
                appear(state.tree, state.plan[column, LEAST], state.tree_levels, place, value)
            if state.plan[column, MOST] >= 0:
                appear(state.tree, state.plan[column, MOST], state.tree_levels, place, -value)


@inlined(VOID, STATE, I8)
def unmark(state: State, place: int) -> None:
    """Strike a row from what is visible, the spans left as they are."""
    drop(state.bits, 0, state.bit_levels, place)
    for column in range(state.values.shape[0]):
        if not math.isnan(state.values[column, place]):
            if state.plan[column, KNOWN_BITS] >= 0:
                drop(state.bits, state.plan[column, KNOWN_BITS], state.bit_levels, place)
            if state.plan[column, LEAST] >= 0:
                vanish(state.tree, state.plan[column, LEAST], state.tree_levels, place)
            if state.plan[column, MOST] >= 0:
                vanish(state.tree, state.plan[column, MOST], state.tree_levels, place)


@inlined(VOID, STATE, I8)
def show(state: State, place: int) -> None:
    """A hidden row becomes visible."""
    mark(state, place)
    for span in range(state.spans.shape[0]):
        if state.reach[span, LOW] <= place < state.reach[span, HIGH]:
            _turn(state, span, place, 1)


@inlined(VOID, STATE, I8)
def hide(state: State, place: int) -> None:
    """A visible row is hidden."""
    unmark(state, place)
    for span in range(state.spans.shape[0]):
        if state.reach[span, LOW] <= place < state.reach[span, HIGH]:
            _turn(state, span, place, -1)


@inlined(VOID, STATE, I8)
def empty(state: State, size: int) -> None:
    """Lay out bits and minima for `size` places, all hidden."""
    words = lay_out(state.bit_levels, size, 6, 6)
    entries = lay_out(state.tree_levels, size, 4, 0)
    state.bits[:, :words] = 0
    state.tree[:, :entries] = math.inf


@inlined(I8, I8S, I8, I8, I8)
def first_at(times: Moments, moment: int, low: int, high: int) -> int:
    """The first place from `low` to `high` whose time is not before the moment."""
    while low < high:
        middle = (low + high) >> 1
        if times[middle] < moment:
            low = middle + 1
        else:
            high = middle
    return low


@inlined(VOID, STATE, I8)
def forget(state: State, span: int) -> None:
    """Empty a span: nothing between its pointers, its upper one where it was."""
    reach = state.reach
    for column in range(state.codes.shape[0]):
        for place in range(reach[span, LOW], reach[span, HIGH]):
            if state.codes[column, place] >= 0:
                state.counters[span, state.codes[column, place]] = 0
        state.distinct[span, column] = 0
    width = state.values.shape[0] * WORDS
    for word in range(span * width, (span + 1) * width):
        state.words[word] = 0
    reach[span, LOW] = reach[span, HIGH]
    reach[span, COUNT] = 0


@inlined(VOID, STATE, I8, I8)
def advance(state: State, moment: int, size: int) -> None:
    """Move every span to a moment that is not earlier than the last; `size` rows are there."""
    times = state.event_time
    for span in range(state.spans.shape[0]):
        start = moment + state.spans[span, 0]
        stop = moment + state.spans[span, 1]
        high = state.reach[span, HIGH]
        if high < size and times[high] < start:  # past everything that was inside
            forget(state, span)
            high = first_at(times, start, high, size)
            state.reach[span, LOW] = high
        while high < size and times[high] < stop:
            if is_set(state.bits, 0, high):
                _turn(state, span, high, 1)
            high += 1
        state.reach[span, HIGH] = high
        low = state.reach[span, LOW]
        while low < high and times[low] < start:
            if is_set(state.bits, 0, low):
                _turn(state, span, low, -1)
            low += 1
        state.reach[span, LOW] = low


@inlined(VOID, STATE, I8, I8)
def _sums(state: State, span: int, column: int) -> None:
    """Sum, mean and deviation of a column in a span, into `State.sums`; missing is NaN."""
    found = state.sums
    at = (span * state.values.shape[0] + column) * WORDS
    known = int(state.words[at + KNOWN])
    low = state.reach[span, LOW]
    high = state.reach[span, HIGH]
    found[:] = math.nan
    if known == 0:
        if state.reach[span, COUNT] == 0:
            found[0] = 0.0
        return
    quantum = state.plan[column, QUANTUM_OF]
    if large_values(state.words, at) > 0:
        state.recount[0] += 1
        found[0] = sum_afresh(state.values, column, state.bits, low, high, state.digits)
        if math.isinf(found[0]):
            state.recount[1] += 1
            found[0] = math.nan
    else:
        found[0] = total_of(state.words, at, quantum)
    found[1] = found[0] / known
    if state.plan[column, SUMS] == 3 and known > 1:
        found[2] = deviation_of(state.words, at, quantum)
        if math.isnan(found[2]):
            state.recount[2] += 1
            found[2] = deviation_afresh(state.values, column, state.bits, low, high, known)
            if math.isinf(found[2]):
                found[2] = math.nan


@inlined(VOID, STATE, I8, I8, F8SSS, I8)
def _column(state: State, span: int, column: int, floats: Floats, to: int) -> None:
    """The wanted aggregates of one column in one span, into column `to` of the answers."""
    plan = state.plan[column]
    low = state.reach[span, LOW]
    high = state.reach[span, HIGH]
    if plan[SLOT] >= 0:
        at = (span * state.values.shape[0] + column) * WORDS
        floats[span, plan[SLOT], to] = state.words[at + KNOWN]
    if plan[SUMS] > 1:
        _sums(state, span, column)
        for i in range(3):
            if plan[SLOT + 1 + i] >= 0:
                floats[span, plan[SLOT + 1 + i], to] = state.sums[i]
    if plan[LEAST] >= 0:
        value = least(state.tree, plan[LEAST], state.tree_levels, low, high)
        floats[span, plan[SLOT + 4], to] = math.nan if math.isinf(value) else value
    if plan[MOST] >= 0:
        value = least(state.tree, plan[MOST], state.tree_levels, low, high)
        # 0.0 - x, so that the largest of zeros is 0.0
        floats[span, plan[SLOT + 5], to] = math.nan if math.isinf(value) else 0.0 - value
    if plan[SLOT + 6] >= 0:
        place = before(state.bits, plan[KNOWN_BITS], state.bit_levels, high)
        floats[span, plan[SLOT + 6], to] = state.values[column, place] if place >= low else math.nan
    if plan[SLOT + 7] >= 0:
        place = onward(state.bits, plan[KNOWN_BITS], state.bit_levels, low)
        floats[span, plan[SLOT + 7], to] = (
            state.values[column, place] if 0 <= place < high else math.nan
        )


@inlined(VOID, STATE, I8SSS, F8SSS, I8)
def answer(state: State, counts: Moments, floats: Floats, to: int) -> None:
    """Read all aggregates into column `to` of the answers.

    counts: int64[s, 1 + d or 3 + d, m], the number of rows, of distinct codes, and, where wanted,
    the places of the latest and the first row; floats: float64[s, slots, m].
    """
    coded = state.codes.shape[0]
    edges = counts.shape[1] == 3 + coded
    for span in range(state.spans.shape[0]):
        counts[span, 0, to] = state.reach[span, COUNT]
        for column in range(coded):
            counts[span, 1 + column, to] = state.distinct[span, column]
        if edges:
            latest = -1
            first = -1
            if state.reach[span, COUNT] > 0:
                latest = before(state.bits, 0, state.bit_levels, state.reach[span, HIGH])
                first = onward(state.bits, 0, state.bit_levels, state.reach[span, LOW])
            counts[span, 1 + coded, to] = latest
            counts[span, 2 + coded, to] = first
        for column in range(state.values.shape[0]):
            _column(state, span, column, floats, to)
