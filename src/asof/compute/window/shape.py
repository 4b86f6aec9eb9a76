"""From what is wanted to the arrays of a `State`, and from its answers back to names."""

from __future__ import annotations

import numpy as np

from asof.compute.window import state as layout
from asof.compute.window.afresh import DIGITS
from asof.compute.window.contract import (
    NULL,
    QUANTUM,
    Aggregate,
    Floats,
    Moments,
    Span,
    SpanAnswers,
    Wanted,
)
from asof.compute.window.state import State
from asof.compute.window.visible import LEVELS, lay_out
from asof.compute.window.wide import WORDS
from asof.errors import UsageError

QUANTA = range(-300, 301)
SUMMED = Aggregate.SUM | Aggregate.MEAN


def check_wanted(wanted: Wanted, columns: int, spans: tuple[Span, ...]) -> None:
    """Refuse what would read beyond an array or overflow a sum."""
    if len(wanted.columns) != columns or len(wanted.quanta) not in {0, columns}:
        raise UsageError(
            "Each value column needs its aggregates (and, where any has one, its quantum).",
            found=f"{columns} columns, aggregates for {len(wanted.columns)}, "
            f"{len(wanted.quanta)} quanta",
        )
    if any(quantum not in QUANTA for quantum in wanted.quanta):
        raise UsageError(
            "A quantum is two to a power from -300 to 300.", found=f"powers {wanted.quanta}"
        )
    if any(span.start >= span.stop for span in spans):
        raise UsageError("A span must start before it stops.", found=f"{spans}")


def plan_columns(wanted: Wanted) -> tuple[Moments, int]:
    """The wanted aggregates as numbers (see `state.PLAN`), and how many answers a span has.

    >>> plan, slots = plan_columns(Wanted((Aggregate.SUM | Aggregate.MAX,)))
    >>> plan.tolist(), slots
    ([[2, -64, -1, 0, -1, -1, 0, -1, -1, -1, 1, -1, -1]], 2)
    """
    plan = np.full((len(wanted.columns), layout.PLAN), -1, dtype=np.int64)
    slots = trees = known = 0
    for i, column in enumerate(wanted.columns):
        level = 3 if Aggregate.STD in column else 2 if column & SUMMED else 0
        plan[i, layout.SUMS] = max(level, 1 if Aggregate.KNOWN in column else 0)
        plan[i, layout.QUANTUM_OF] = wanted.quanta[i] if wanted.quanta else QUANTUM
        for aggregate, place in ((Aggregate.MIN, layout.LEAST), (Aggregate.MAX, layout.MOST)):
            if aggregate in column:
                plan[i, place] = trees
                trees += 1
        if column & (Aggregate.LATEST | Aggregate.FIRST):
            known += 1
            plan[i, layout.KNOWN_BITS] = known
        for j, aggregate in enumerate(Aggregate):
            if aggregate in column:
                plan[i, layout.SLOT + j] = slots
                slots += 1
    return plan, slots


def new_state(
    plan: Moments, spans: tuple[Span, ...], size: int, coded: int, distinct: int
) -> State:
    """Room for the windows of a group of up to `size` rows and `distinct` different codes."""
    levels = np.zeros(LEVELS, dtype=np.int64)
    words = lay_out(levels, size, 6, 6)
    entries = lay_out(levels, size, 4, 0)
    columns = len(plan)
    return State(
        event_time=np.empty(size, dtype=np.int64),
        values=np.empty((columns, size)),
        codes=np.empty((coded, size), dtype=np.int32),
        bits=np.zeros((1 + int(plan[:, layout.KNOWN_BITS].max(initial=0)), words), dtype=np.int64),
        bit_levels=levels.copy(),
        tree=np.empty((1 + int(plan[:, layout.LEAST : layout.MOST + 1].max(initial=-1)), entries)),
        tree_levels=levels,
        plan=plan,
        spans=np.array([(span.start, span.stop) for span in spans], dtype=np.int64).reshape(-1, 2),
        reach=np.zeros((len(spans), 3), dtype=np.int64),
        words=np.zeros(len(spans) * columns * WORDS, dtype=np.int64),
        counters=np.zeros((len(spans), distinct), dtype=np.int32),
        distinct=np.zeros((len(spans), coded), dtype=np.int64),
        recount=np.zeros(3, dtype=np.int64),
        digits=np.zeros(DIGITS, dtype=np.int64),
        sums=np.empty(3),
    )


def empty_answers(wanted: Wanted, coded: int) -> tuple[Moments, Floats]:
    """What an empty window answers, in the layout of the counts and the floats of a span.

    >>> empty_answers(Wanted((Aggregate.SUM | Aggregate.MEAN,)), 0)
    (array([ 0, -1, -1]), array([ 0., nan]))
    """
    counts = np.zeros(1 + coded + 2 * wanted.edges, dtype=np.int64)
    counts[1 + coded :] = NULL
    zero = Aggregate.KNOWN | Aggregate.SUM
    floats = [
        0.0 if aggregate in zero else np.nan
        for column in wanted.columns
        for aggregate in Aggregate
        if aggregate in column
    ]
    return counts, np.array(floats, dtype=np.float64)


def of_span(counts: Moments, floats: Floats, wanted: Wanted, coded: int) -> SpanAnswers:
    """The answers of one span by name; counts, floats: as `state.answer` wrote them."""
    edges = counts[1 + coded :]
    rows = iter(floats)
    columns = tuple(
        {aggregate: next(rows) for aggregate in Aggregate if aggregate in column}
        for column in wanted.columns
    )
    return SpanAnswers(
        count=counts[0],
        latest=edges[0] if wanted.edges else None,
        first=edges[1] if wanted.edges else None,
        columns=columns,
        distinct=tuple(counts[1 : 1 + coded]),
    )
