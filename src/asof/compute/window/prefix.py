"""Groups whose rows become visible in their rank order and stay: windows as differences.

What is visible in a span is then a stretch of places whose ends never fall. So no row has to enter
and leave sums: each place gets the sums of all rows before it, once, and what a stretch holds is
the difference of two such records. They are the integers of `wide`, so the difference is exactly
what the rows of the stretch add up to, to the last bit.

A record holds, for each value column that is summed, the sum (2 words), where squares are wanted
theirs (4), and in one word how many values there are (low half) and how many of them the quantum
has changed (high half).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from asof.compute.window.contract import Moments
from asof.compute.window.jit import I8, I8S, U1, VOID, inlined, named
from asof.compute.window.state import COUNT, HIGH, LOW, QUANTUM_OF, STATE, SUMS, State
from asof.compute.window.wide import (
    KNOWN,
    WORDS,
    accumulate,
    difference,
    large_values,
    write_record,
)


class Prefix(NamedTuple):
    """Room for the records of the largest group."""

    records: Moments
    """int64[(n + 1) * width]: the sums of the rows before each place."""
    offsets: Moments
    """int64[c + 1]: where each value column stands in a record, and at last the width of one."""


PREFIX = named((I8S, I8S), Prefix)


def new_prefix(plan: Moments, size: int) -> Prefix:
    """Room for groups of up to `size` rows; `plan` as in `state.State`."""
    widths = np.array([0, 3, 3, 7])[plan[:, SUMS]]
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(widths)])
    return Prefix(np.empty((size + 1) * int(offsets[-1]), dtype=np.int64), offsets)


@inlined(U1, STATE, PREFIX, I8)
def sum_up(state: State, prefix: Prefix, size: int) -> bool:
    """Write the records of a group; False if a value is too large for them."""
    width = prefix.offsets[prefix.offsets.shape[0] - 1]
    large = 0
    for column in range(state.values.shape[0]):
        level = state.plan[column, SUMS]
        if level > 0:
            quantum = state.plan[column, QUANTUM_OF]
            at = column * WORDS
            to = prefix.offsets[column]
            write_record(state.words, at, prefix.records, to, level == 3)
            for place in range(size):
                value = state.values[column, place]
                if not math.isnan(value):
                    if level == 1:
                        state.words[at + KNOWN] += 1
                    else:
                        accumulate(state.words, at, value, quantum, 1, level == 3)
                to += width
                write_record(state.words, at, prefix.records, to, level == 3)
            large += large_values(state.words, at)
            state.words[at : at + WORDS] = 0
    return large == 0


@inlined(VOID, STATE, PREFIX, I8, I8)
def reach_for(state: State, prefix: Prefix, moment: int, shown: int) -> None:
    """Move every span to a moment not earlier than the last; the first `shown` rows are visible."""
    times = state.event_time
    reach = state.reach
    width = prefix.offsets[prefix.offsets.shape[0] - 1]
    for span in range(state.spans.shape[0]):
        start = moment + state.spans[span, 0]
        stop = moment + state.spans[span, 1]
        high = reach[span, HIGH]
        if span > 0 and state.spans[span, 1] == state.spans[span - 1, 1]:
            high = reach[span - 1, HIGH]
        while high < shown and times[high] < stop:
            high += 1
        low = reach[span, LOW]
        while low < high and times[low] < start:
            low += 1
        if state.codes.shape[0] > 0:
            _count_codes(state, span, low, high)
        reach[span, LOW] = low
        reach[span, HIGH] = high
        reach[span, COUNT] = high - low
        for column in range(state.values.shape[0]):
            level = state.plan[column, SUMS]
            if level > 0:
                at = (span * state.values.shape[0] + column) * WORDS
                offset = prefix.offsets[column]
                ends = high * width + offset
                begins = low * width + offset
                difference(state.words, at, prefix.records, ends, begins, level == 3)


@inlined(VOID, STATE, I8, I8, I8)
def _count_codes(state: State, span: int, low: int, high: int) -> None:
    """Move the counts of codes from the stretch in `reach` to another."""
    begins = state.reach[span, LOW]
    ends = state.reach[span, HIGH]
    for column in range(state.codes.shape[0]):
        distinct = state.distinct[span, column]
        for place in range(begins, min(low, ends)):
            slot = state.codes[column, place]
            if slot >= 0:
                state.counters[span, slot] -= 1
                distinct -= state.counters[span, slot] == 0
        for place in range(max(low, ends), high):
            slot = state.codes[column, place]
            if slot >= 0:
                distinct += state.counters[span, slot] == 0
                state.counters[span, slot] += 1
        state.distinct[span, column] = distinct
