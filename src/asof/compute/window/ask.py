"""`ask`: the batch face of the window kernel."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from asof.compute.window.batch import Bench, Source, answer_groups
from asof.compute.window.contract import (
    NULL,
    Answers,
    Codes,
    Moments,
    Questions,
    Recount,
    Rows,
    Span,
    Wanted,
)
from asof.compute.window.grouping import count_groups, in_order, one_lag, place_groups
from asof.compute.window.near import bring_near, origins
from asof.compute.window.prefix import new_prefix
from asof.compute.window.shape import check_wanted, new_state, of_span, plan_columns
from asof.errors import UsageError

T = TypeVar("T", bound=np.generic)
NOTHING: Moments = np.empty(0, dtype=np.int64)
UNTURNED: Codes = np.empty(0, dtype=np.int32)
MOST_ROWS = 2**31 - 1


def ask(rows: Rows, questions: Questions, spans: tuple[Span, ...], wanted: Wanted) -> Answers:
    """Answer every question over every span, as of its moment.

    >>> from asof.compute.window.contract import Aggregate
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
    _check(rows, questions, spans, wanted)
    group, at = _sealed(questions.group), _sealed(questions.at)
    row_group = _sealed(rows.group)
    asked = np.zeros(max(0, int(group.max(initial=-1))) + 1, dtype=np.int64)
    sizes = np.zeros_like(asked)
    count_groups(group, asked)
    count_groups(row_group, sizes)
    sizes[asked == 0] = 0
    turn = UNTURNED
    if not in_order(at):
        turn = np.argsort(at, kind="stable").astype(np.int32)
    question_order, question_starts = _grouped(group, turn, asked, asked > 0)

    plan, slots = plan_columns(wanted)
    edges = 2 if wanted.edges else 0
    many = len(at)
    counts = np.empty((len(spans), 1 + len(rows.codes) + edges, many), dtype=np.int64)
    floats = np.empty((len(spans), slots, many), dtype=np.float64)
    widths = (rows.codes.max(axis=1, initial=-1) + 1).astype(np.int64)
    longest = int(sizes.max(initial=0))
    distinct = int(np.minimum(widths, longest).sum())
    state = new_state(plan, spans, longest, len(rows.codes), distinct)
    source = Source(
        _sealed(rows.event_time),
        _sealed(_known(rows)),
        _sealed(NOTHING if rows.known_until is None else rows.known_until),
        _sealed(rows.values),
        _sealed(rows.codes),
        _sealed(NOTHING if questions.own is None or rows.key is None else rows.key),
    )
    source, row_order, row_starts, places = _prepared(source, row_group, sizes, asked > 0)
    answer_groups(
        source,
        row_order,
        row_starts,
        question_starts,
        _sealed(at[question_order]),
        _sealed(NOTHING if questions.own is None else questions.own[question_order]),
        state,
        _new_bench(longest, widths),
        new_prefix(plan, longest),
        counts,
        floats,
    )
    if places is not None and edges:
        found = counts[:, -edges:, : len(question_order)]
        found[:] = np.where(found < 0, NULL, origins(places, len(row_order))[found])
    return Answers(
        matched=group >= 0,
        spans=tuple(
            of_span(counts[i], floats[i], question_order, wanted, len(rows.codes))
            for i in range(len(spans))
        ),
        recount=Recount(*(int(count) for count in state.recount)),
    )


def _known(rows: Rows) -> Moments:
    """When rows become known; where all have one lag, that alone (see `batch.Source`)."""
    event_time, known_from = _sealed(rows.event_time), _sealed(rows.known_from)
    if len(known_from) > 0 and one_lag(event_time, known_from):
        return known_from[:1] - event_time[:1]
    return known_from


def _sealed(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """The same numbers, in C order and not to be written to (as they often are from Arrow)."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _check(rows: Rows, questions: Questions, spans: tuple[Span, ...], wanted: Wanted) -> None:
    """Refuse what would read beyond an array."""
    check_wanted(wanted, len(rows.values), spans)
    lengths = {len(rows.group), len(rows.event_time), len(rows.known_from)}
    lengths |= {rows.values.shape[1], rows.codes.shape[1]}
    lengths |= {len(ends) for ends in (rows.known_until, rows.key) if ends is not None}
    if len(lengths) > 1:
        raise UsageError("The columns of the rows differ in length.", found=f"{sorted(lengths)}")
    if not in_order(_sealed(rows.event_time)):
        raise UsageError("The rows do not stand in rank order.", mend="Use rank.rank_order.")
    asked = {len(questions.group), len(questions.at)}
    if len(asked | ({len(questions.own)} if questions.own is not None else asked)) > 1:
        raise UsageError("The columns of the questions differ in length.", found=f"{asked}")
    if questions.own is not None and rows.key is None:
        raise UsageError("Rows of a key can be left out only where rows have their keys.")
    if len(rows.group) > MOST_ROWS:
        raise UsageError(
            "Too many rows for one piece of work.",
            found=f"{len(rows.group):,} rows",
            mend=f"Divide them by key; at most {MOST_ROWS:,} go together.",
        )


def _grouped(
    group: Codes, turn: Codes, sizes: Moments, kept: npt.NDArray[np.bool_]
) -> tuple[Codes, Moments]:
    """The numbers of what is kept, group by group, and where each group begins (and the end)."""
    starts = _starts(sizes)
    order = np.empty(int(starts[-1]), dtype=np.int32)
    place_groups(group, turn, np.where(kept, starts[:-1], -1), order)
    return order, starts


def _prepared(
    source: Source, group: Codes, sizes: Moments, kept: npt.NDArray[np.bool_]
) -> tuple[Source, Codes, Moments, Codes | None]:
    """The rows, their numbers group by group, where each group begins, and where rows were moved.

    Long tables are rearranged first, so that the rows of a group are near each other.
    """
    near = bring_near(source, group, _starts(sizes), kept)
    if near is None:
        return source, *_grouped(group, UNTURNED, sizes, kept), None
    return near.source, *_grouped(near.group, UNTURNED, sizes, kept), near.places


def _starts(sizes: Moments) -> Moments:
    """Where each group begins, and the end."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])


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
        passed=np.zeros(2, dtype=np.int64),
    )
