"""`ask`: the batch face of the window kernel."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from asof.compute.window import state as layout
from asof.compute.window.afresh import DIGITS
from asof.compute.window.batch import Bench, Source, answer_groups
from asof.compute.window.contract import (
    NULL,
    QUANTUM,
    Aggregate,
    Answers,
    Codes,
    Floats,
    Moments,
    Questions,
    Recount,
    Rows,
    Span,
    SpanAnswers,
    Wanted,
)
from asof.compute.window.grouping import count_groups, in_order, place_groups
from asof.compute.window.state import State
from asof.compute.window.visible import LEVELS, lay_out
from asof.compute.window.wide import WORDS
from asof.errors import UsageError

T = TypeVar("T", bound=np.generic)
NOTHING: Moments = np.empty(0, dtype=np.int64)
UNTURNED: Codes = np.empty(0, dtype=np.int32)
QUANTA = range(-300, 301)
SUMMED = Aggregate.SUM | Aggregate.MEAN
MOST_ROWS = 2**31 - 1


def ask(rows: Rows, questions: Questions, spans: tuple[Span, ...], wanted: Wanted) -> Answers:
    """Answer every question over every span, as of its moment.

    >>> rows = Rows(
    ...     group=np.array([0, 0, 1], dtype=np.int32),
    ...     event_time=np.array([10, 20, 20]),
    ...     known_from=np.array([10, 25, 20]),
    ...     known_until=None,
    ...     values=np.array([[1.0, 2.0, 4.0]]),
    ...     codes=np.empty((0, 3), dtype=np.int32),
    ... )
    >>> questions = Questions(np.array([0, 0, -1], dtype=np.int32), np.array([25, 26, 26]))
    >>> answers = ask(rows, questions, (Span(-100, 0),), Wanted((Aggregate.SUM,)))
    >>> answers.spans[0].columns[0][Aggregate.SUM].tolist(), answers.matched.tolist()
    ([1.0, 3.0, 0.0], [True, True, False])
    """
    _check(rows, wanted, spans)
    asked = np.zeros(max(0, int(questions.group.max(initial=-1))) + 1, dtype=np.int64)
    sizes = np.zeros_like(asked)
    count_groups(questions.group, asked)
    count_groups(rows.group, sizes)
    sizes[asked == 0] = 0
    row_order, row_starts = _grouped(rows.group, UNTURNED, sizes, asked > 0)
    turn = UNTURNED
    if not in_order(questions.at):
        turn = np.argsort(questions.at, kind="stable").astype(np.int32)
    question_order, question_starts = _grouped(questions.group, turn, asked, asked > 0)

    plan, slots = plan_columns(wanted)
    edges = 2 if wanted.edges else 0
    answered = len(question_order)
    counts = np.empty((len(spans), 1 + len(rows.codes) + edges, answered), dtype=np.int64)
    floats = np.empty((len(spans), slots, answered), dtype=np.float64)
    widths = (rows.codes.max(axis=1, initial=-1) + 1).astype(np.int64)
    longest = int(sizes.max(initial=0))
    distinct = int(np.minimum(widths, longest).sum())
    state = new_state(plan, spans, longest, len(rows.codes), distinct)
    answer_groups(
        Source(
            _sealed(rows.event_time),
            _sealed(rows.known_from),
            _sealed(NOTHING if rows.known_until is None else rows.known_until),
            _sealed(rows.values),
            _sealed(rows.codes),
            _sealed(NOTHING if questions.own is None or rows.key is None else rows.key),
        ),
        row_order,
        row_starts,
        question_order,
        question_starts,
        questions.at,
        NOTHING if questions.own is None else questions.own,
        state,
        _new_bench(longest, widths),
        counts,
        floats,
    )
    at = _inverse(question_order, len(questions.at))
    return Answers(
        matched=questions.group >= 0,
        spans=tuple(
            _of_span(counts[i], floats[i], at, wanted, len(rows.codes)) for i in range(len(spans))
        ),
        recount=Recount(*(int(count) for count in state.recount)),
    )


def _sealed(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """The same numbers, in C order and not to be written to (as they often are from Arrow)."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _check(rows: Rows, wanted: Wanted, spans: tuple[Span, ...]) -> None:
    """Refuse what would read beyond an array or overflow a sum."""
    if len(wanted.columns) != len(rows.values):
        raise UsageError(
            "Each value column needs its aggregates.",
            found=f"{len(rows.values)} columns, aggregates for {len(wanted.columns)}",
        )
    if len(rows.group) > MOST_ROWS:
        raise UsageError(
            "Too many rows for one piece of work.",
            found=f"{len(rows.group):,} rows",
            mend=f"Divide them by key; at most {MOST_ROWS:,} go together.",
        )
    if any(quantum not in QUANTA for quantum in wanted.quanta):
        raise UsageError(
            "A quantum is two to a power from -300 to 300.", found=f"powers {wanted.quanta}"
        )
    if any(span.start >= span.stop for span in spans):
        raise UsageError("A span must start before it stops.", found=f"{spans}")


def _grouped(
    group: Codes, turn: Codes, sizes: Moments, kept: npt.NDArray[np.bool_]
) -> tuple[Codes, Moments]:
    """The numbers of what is kept, group by group, and where each group begins (and the end)."""
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
    order = np.empty(int(starts[-1]), dtype=np.int32)
    place_groups(group, turn, np.where(kept, starts[:-1], -1), order)
    return order, starts


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


def _new_bench(size: int, widths: Moments) -> Bench:
    base = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(widths)])
    return Bench(
        known_from=np.empty(size, dtype=np.int64),
        known_until=np.empty(size, dtype=np.int64),
        key=np.empty(size, dtype=np.int64),
        shown=np.empty(size, dtype=np.int32),
        ended=np.empty(size, dtype=np.int32),
        by_key=np.empty(size, dtype=np.int32),
        spare=np.empty(size, dtype=np.int32),
        local=np.full(int(base[-1]), NULL, dtype=np.int32),
        base=base,
    )


def _inverse(order: Codes, size: int) -> Moments:
    """Where each question's answer stands; one that matches nothing is sent behind the end."""
    at = np.full(size, len(order), dtype=np.int64)
    at[order] = np.arange(len(order))
    return at


def _taken(answers: npt.NDArray[Any], at: Moments, otherwise: float) -> npt.NDArray[Any]:
    """Answers in the order of the questions."""
    return np.append(answers, answers.dtype.type(otherwise))[at]


def _of_span(
    counts: Moments, floats: Floats, at: Moments, wanted: Wanted, coded: int
) -> SpanAnswers:
    """The answers of one span by name, in the order of the questions."""
    edges = [_taken(counts[i], at, -1) for i in range(1 + coded, len(counts))]
    slot = 0
    columns: list[dict[Aggregate, Floats]] = []
    for column in wanted.columns:
        named: dict[Aggregate, Floats] = {}
        for aggregate in Aggregate:
            if aggregate in column:
                empty = 0.0 if aggregate in Aggregate.KNOWN | Aggregate.SUM else np.nan
                named[aggregate] = _taken(floats[slot], at, empty)
                slot += 1
        columns.append(named)
    return SpanAnswers(
        count=_taken(counts[0], at, 0),
        latest=edges[0] if edges else None,
        first=edges[1] if edges else None,
        columns=tuple(columns),
        distinct=tuple(_taken(counts[1 + i], at, 0) for i in range(coded)),
    )
