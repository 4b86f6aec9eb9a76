"""`ask`: the batch face of the window kernel."""

from __future__ import annotations

import numpy as np

from asof.compute.window.batch import Bench, Source, answer_groups
from asof.compute.window.contract import (
    NULL,
    Answers,
    Moments,
    Questions,
    Recount,
    Rows,
    Span,
    Wanted,
)
from asof.compute.window.grouping import count_groups, in_order, one_lag, put_back
from asof.compute.window.near import UNTURNED, grouped, in_parts, sealed
from asof.compute.window.prefix import new_prefix
from asof.compute.window.shape import (
    check_wanted,
    empty_answers,
    new_state,
    of_span,
    plan_columns,
)
from asof.errors import UsageError

NOTHING: Moments = np.empty(0, dtype=np.int64)
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
    group, at = sealed(questions.group), sealed(questions.at)
    row_group = sealed(rows.group)
    asked = np.zeros(max(0, int(group.max(initial=-1))) + 1, dtype=np.int64)
    sizes = np.zeros_like(asked)
    count_groups(group, asked)
    count_groups(row_group, sizes)
    sizes[asked == 0] = 0
    turn = UNTURNED
    if not in_order(at):
        turn = np.argsort(at, kind="stable").astype(np.int32)
    question_starts = _starts(asked)
    order = np.empty(int(question_starts[-1]), dtype=np.int32)
    order = grouped(group, turn, question_starts, asked > 0, order)

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
        sealed(rows.event_time),
        sealed(_known(rows)),
        sealed(NOTHING if rows.known_until is None else rows.known_until),
        sealed(rows.values),
        sealed(rows.codes),
        sealed(NOTHING if questions.own is None or rows.key is None else rows.key),
    )
    at, own = sealed(at[order]), sealed(NOTHING if questions.own is None else questions.own[order])
    bench, prefix = _new_bench(longest, widths), new_prefix(plan, longest)
    for part in in_parts(source, row_group, _starts(sizes), asked > 0, origins=wanted.edges):
        asking = question_starts[part.first : part.last + 1]
        answer_groups(
            part.source, part.order, part.starts, asking,
            at, own, state, bench, prefix, counts, floats,
        )  # fmt: skip
        if part.origins is not None:
            found = counts[:, -edges:, asking[0] : asking[-1]]
            found[:] = np.where(found < 0, NULL, part.origins[found])
    places = np.full(many, len(order), dtype=np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    room = np.empty(len(order) + 1, dtype=np.int64)
    empty_counts, empty_floats = empty_answers(wanted, len(rows.codes))
    put_back(counts, places, empty_counts, room)
    put_back(floats.view(np.int64), places, empty_floats.view(np.int64), room)
    return Answers(
        matched=group >= 0,
        spans=tuple(
            of_span(*found, wanted, len(rows.codes)) for found in zip(counts, floats, strict=True)
        ),
        recount=Recount(*(int(count) for count in state.recount)),
    )


def _known(rows: Rows) -> Moments:
    """When rows become known; where all have one lag, that alone (see `batch.Source`)."""
    if rows.known_from is rows.event_time:
        return np.zeros(1, dtype=np.int64)
    event_time, known_from = sealed(rows.event_time), sealed(rows.known_from)
    if len(known_from) > 0 and one_lag(event_time, known_from):
        return known_from[:1] - event_time[:1]
    return known_from


def _check(rows: Rows, questions: Questions, spans: tuple[Span, ...], wanted: Wanted) -> None:
    """Refuse what would read beyond an array."""
    check_wanted(wanted, len(rows.values), spans)
    lengths = {len(rows.group), len(rows.event_time), len(rows.known_from)}
    lengths |= {rows.values.shape[1], rows.codes.shape[1]}
    lengths |= {len(ends) for ends in (rows.known_until, rows.key) if ends is not None}
    if len(lengths) > 1:
        raise UsageError("The columns of the rows differ in length.", found=f"{sorted(lengths)}")
    if not in_order(sealed(rows.event_time)):
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
