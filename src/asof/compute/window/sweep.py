"""Counts, sums and means in one sweep through time, rows left where they are.

Where all rows are known equally long after their event and stay, those that a window sees lie
between two moments. So rows pass in the order of their events, each entering the sums of its group
so far. When a question's window begins, what its group has by then is kept; when it ends, the group
has so much more as the window holds. These are the integers of `wide`, so that is exact.

Groups come in no order, and more stretches of memory are read side by side than a processor follows
by itself: what comes is fetched into the cache ahead of its turn.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import (
    create_struct_proxy,  # pyright: ignore[reportUnknownVariableType]
)

from asof.compute.window.contract import NEVER, Codes, Floats, Moments, Span
from asof.compute.window.jit import (
    F8SSS,
    I8,
    I8S,
    I8SS,
    I8SSS,
    READ_F8SS,
    READ_I4S,
    READ_I8S,
    U1,
    VOID,
    compiled,
    emitted,
    inlined,
    named,
)
from asof.compute.window.source import Source
from asof.compute.window.state import KNOWN_BITS, LEAST, MOST, QUANTUM_OF, SLOT, SUMS
from asof.compute.window.wide import KNOWN, WORDS, add_to_record, difference, total_of

ROOM = 1 << 16
"""So many words may be taken, and one more for each row: group by group it is hardly less."""
AHEAD = 16
"""So many rows or questions before its turn an entry is fetched; what tells of which, earlier."""


class Asked(NamedTuple):
    """Questions in the order of their moments."""

    group: Codes
    at: Moments
    turn: Codes
    """int32, which question each is; empty where they were asked in this order."""


class Sweep(NamedTuple):
    """What goes with the sweep: s spans, e different ends.

    An entry of `records` is the number of rows of a group that have passed, and a record (see
    `prefix`) of each value column. The groups' come first, and one that stays empty for questions
    that match nothing; then come, for each span, as many as are kept at one time, in a ring.
    """

    records: Moments
    rings: Moments
    """int64[s]: where the entries of each ring begin in `records`."""
    masks: Moments
    """int64[s]: how many entries a ring has, which is a power of two, less one."""
    ends: Moments
    """int64[s]: where the end of each span stands in what follows; its beginning is at its own."""
    offsets: Moments
    """int64[s + e]: how long after a question's moment windows begin, and end."""
    passed: Moments
    """int64[s + e]: how many questions have come so far."""
    coming: Moments
    """int64[s + e]: the moment at which the next one comes; NEVER after the last."""
    words: Moments
    """int64[WORDS]: room for an accumulator."""


ASKED = named((READ_I4S, READ_I8S, READ_I4S), Asked)
SWEEP = named((I8S, I8S, I8S, I8S, I8S, I8S, I8S, I8S), Sweep)


def swept(
    source: Source,
    group: Codes,
    asked: Asked,
    spans: tuple[Span, ...],
    plan: Moments,
    counts: Moments,
    floats: Floats,
) -> bool:
    """Answer all questions, or return False if that cannot be done in this way.

    group: int32[n], of the rows; plan, counts, floats: see `state`.
    """
    known_at_once = len(source.known_from) == 1 and not len(source.known_until)
    summed = counts.shape[1] == 1 and bool((plan[:, SUMS] <= 2).all())
    if not (known_at_once and summed and len(asked.at)):
        return False
    if (plan[:, [LEAST, MOST, KNOWN_BITS]] >= 0).any():
        return False
    groups = int(asked.group.max()) + 1
    sweep = _laid_out(groups, asked.at, spans, -int(source.known_from[0]), len(plan))
    if sweep is None or len(sweep.records) > ROOM + len(group):
        return False
    first = int(np.searchsorted(source.event_time, np.min(sweep.coming)))
    return _pass(
        group, source.event_time, source.values, first, asked, groups, sweep, plan, counts, floats
    )


def _laid_out(
    groups: int, at: Moments, spans: tuple[Span, ...], known: int, columns: int
) -> Sweep | None:
    """Room for a sweep; None if moments lie too far off. Rows are known up to `at + known`."""
    stops = [min(span.stop, known) for span in spans]
    starts = [min(span.start, stop) for span, stop in zip(spans, stops, strict=True)]
    ends = sorted(set(stops))
    lengths = [stop - start for start, stop in zip(starts, stops, strict=True)]
    if not spans or int(at[-1]) + max(stops) >= NEVER:
        return None
    if int(at[0]) + min(*starts, *(-length for length in lengths)) <= -NEVER:
        return None
    kept = [_together(at, length) for length in lengths]
    rings = [1 << (most - 1).bit_length() for most in kept]
    places = np.cumsum([groups + 1, *rings]) * (1 + 3 * columns)
    offsets = np.array([*starts, *ends], dtype=np.int64)
    return Sweep(
        records=_at_a_line(int(places[-1])),
        rings=places[:-1].copy(),
        masks=np.array(rings, dtype=np.int64) - 1,
        ends=np.array([len(spans) + ends.index(stop) for stop in stops], dtype=np.int64),
        offsets=offsets,
        passed=np.zeros(len(offsets), dtype=np.int64),
        coming=at[0] + offsets,
        words=np.zeros(WORDS, dtype=np.int64),
    )


def _at_a_line(words: int) -> Moments:
    """Zeros that begin with a line of the cache, so that entries do not lie across two of them."""
    room = np.zeros(words + 7, dtype=np.int64)
    skipped = -(room.ctypes.data // 8) % 8
    return room[skipped : skipped + words]


@compiled(I8, READ_I8S, I8)
def _together(at: Moments, length: int) -> int:
    """How many windows of a length that end in these moments have a moment in common."""
    most = 0
    first = 0
    for place in range(at.shape[0]):
        while at[first] < at[place] - length:
            first += 1
        most = max(most, place - first + 1)
    return most


@emitted
def _fetch(_typing: Any, numbers: Any, at: Any) -> Any:
    """Have a number brought into the cache; one that is beyond the end does no harm."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index = arguments
        data = cast("Any", create_struct_proxy)(signature.args[0])(context, builder, value=array)
        number, address = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [address, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [address], kind)
        entry = context.get_data_type(signature.args[0].dtype)
        place = builder.gep(data.data, [index], source_etype=entry)
        # To read, kept as near as can be, of data.
        builder.call(prefetch, [builder.bitcast(place, address), number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(numbers, at), code


@inlined(VOID, SWEEP, I8SS, I8, I8, I8, I8, I8SSS, F8SSS)
def _answer(
    sweep: Sweep,
    plan: Moments,
    span: int,
    low: int,
    high: int,
    to: int,
    counts: Moments,
    floats: Floats,
) -> None:
    """Answer question `to` by what the entry at `high` has more than that at `low`."""
    count = sweep.records[high] - sweep.records[low]
    counts[span, 0, to] = count
    for column in range(plan.shape[0]):
        offset = 1 + 3 * column
        difference(sweep.words, 0, sweep.records, high + offset, low + offset, False)
        known = sweep.words[KNOWN]
        total = 0.0 if count == 0 else math.nan
        mean = math.nan
        if known > 0 and plan[column, SUMS] == 2:
            total = total_of(sweep.words, 0, plan[column, QUANTUM_OF])
            mean = total / known
        if plan[column, SLOT] >= 0:
            floats[span, plan[column, SLOT], to] = known
        if plan[column, SLOT + 1] >= 0:
            floats[span, plan[column, SLOT + 1], to] = total
        if plan[column, SLOT + 2] >= 0:
            floats[span, plan[column, SLOT + 2], to] = mean


@inlined(I8, ASKED, I8)
def _which(asked: Asked, place: int) -> int:
    """Which question has a place in time."""
    which: int = asked.turn[place] if asked.turn.shape[0] > 0 else place
    return which


@inlined(I8, SWEEP, I8SS, ASKED, I8, I8)
def _entry(sweep: Sweep, plan: Moments, asked: Asked, groups: int, place: int) -> int:
    """Where the group's entry of a question stands, those of later questions being fetched."""
    width = 1 + 3 * plan.shape[0]
    _fetch(asked.at, place + 4 * AHEAD)
    _fetch(asked.group, place + 4 * AHEAD)
    later = min(place + AHEAD, asked.at.shape[0] - 1)
    _fetch(sweep.records, max(asked.group[_which(asked, later)], 0) * width)
    group = asked.group[_which(asked, place)]
    entry: int = (group if group >= 0 else groups) * width
    return entry


@inlined(I8, ASKED, I8, I8)
def _moment(asked: Asked, place: int, offset: int) -> int:
    """When a question at a place in time has a beginning or an end; NEVER after the last."""
    moment: int = asked.at[place] + offset if place < asked.at.shape[0] else NEVER
    return moment


@inlined(I8, SWEEP, I8SS, ASKED, I8, I8, I8)
def _begin(sweep: Sweep, plan: Moments, asked: Asked, groups: int, span: int, now: int) -> int:
    """Let windows of a span begin up to a moment, while its ring has room; when the next does."""
    width = 1 + 3 * plan.shape[0]
    place = sweep.passed[span]
    moment: int = sweep.coming[span]
    full = sweep.passed[sweep.ends[span]] + sweep.masks[span] + 1
    while moment <= now and place < full:
        kept = sweep.rings[span] + (place & sweep.masks[span]) * width
        entry = _entry(sweep, plan, asked, groups, place)
        _fetch(sweep.records, kept + AHEAD * width)
        for word in range(width):
            sweep.records[kept + word] = sweep.records[entry + word]
        place += 1
        moment = _moment(asked, place, sweep.offsets[span])
    sweep.passed[span] = place
    sweep.coming[span] = moment
    return moment


@inlined(I8, SWEEP, I8SS, ASKED, I8, I8, I8, I8SSS, F8SSS)
def _end(
    sweep: Sweep,
    plan: Moments,
    asked: Asked,
    groups: int,
    end: int,
    now: int,
    counts: Moments,
    floats: Floats,
) -> int:
    """Let windows end up to a moment, as far as they have begun; when the next one does."""
    width = 1 + 3 * plan.shape[0]
    place = sweep.passed[end]
    moment: int = sweep.coming[end]
    if moment > now:
        return moment
    begun = asked.at.shape[0]
    for span in range(sweep.ends.shape[0]):
        if sweep.ends[span] == end:
            begun = min(begun, sweep.passed[span])
    while moment <= now and place < begun:
        to = _which(asked, place)
        entry = _entry(sweep, plan, asked, groups, place)
        for span in range(sweep.ends.shape[0]):
            if sweep.ends[span] == end:
                kept = sweep.rings[span] + (place & sweep.masks[span]) * width
                _fetch(sweep.records, kept + AHEAD * width)
                _answer(sweep, plan, span, kept, entry, to, counts, floats)
        place += 1
        moment = _moment(asked, place, sweep.offsets[end])
    sweep.passed[end] = place
    sweep.coming[end] = moment
    return moment


@inlined(I8, I8, READ_I4S, READ_F8SS, I8SS, I8S)
def _enter(i: int, group: Codes, values: Floats, plan: Moments, records: Moments) -> int:
    """Add a row to the entry of its group; how many of its values are too large."""
    large = 0
    entry = group[i] * (1 + 3 * plan.shape[0])
    records[entry] += 1
    for column in range(plan.shape[0]):
        value = values[column, i]
        if not math.isnan(value):
            to = entry + 1 + 3 * column
            if plan[column, SUMS] == 2:
                large += add_to_record(records, to, value, plan[column, QUANTUM_OF])
            else:
                records[to + 2] += 1
    return large


@compiled(U1, READ_I4S, READ_I8S, READ_F8SS, I8, ASKED, I8, SWEEP, I8SS, I8SSS, F8SSS)
def _pass(
    group: Codes,
    event_time: Moments,
    values: Floats,
    first: int,
    asked: Asked,
    groups: int,
    sweep: Sweep,
    plan: Moments,
    counts: Moments,
    floats: Floats,
) -> bool:
    """Let all rows pass, from the `first` on; False if a value among them is too large."""
    width = 1 + 3 * plan.shape[0]
    rows = event_time.shape[0]
    large = 0
    due = -NEVER
    for i in range(first, rows + 1):
        now = event_time[i] if i < rows else NEVER - 1
        while due <= now:  # more than once where a ring was full
            due = NEVER
            for span in range(sweep.ends.shape[0]):
                due = min(due, _begin(sweep, plan, asked, groups, span, now))
            for end in range(sweep.ends.shape[0], sweep.coming.shape[0]):
                due = min(due, _end(sweep, plan, asked, groups, end, now, counts, floats))
        if due == NEVER or large > 0:
            break
        if i + AHEAD < rows:
            _fetch(sweep.records, min(max(group[i + AHEAD], 0), groups) * width)
        if i < rows and 0 <= group[i] < groups:
            large += _enter(i, group, values, plan, sweep.records)
    return large == 0
