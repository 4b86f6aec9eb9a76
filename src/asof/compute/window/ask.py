"""`ask`: the batch face of the window kernel."""

from __future__ import annotations

import numpy as np

from asof.compute.window.contract import Answers, Moments, Questions, Recount, Rows, Span, Wanted
from asof.compute.window.grouping import in_order, one_lag
from asof.compute.window.shape import check_wanted, of_span, plan_columns
from asof.compute.window.source import NOTHING, UNTURNED, Source, sealed
from asof.compute.window.sweep import Asked, swept
from asof.errors import UsageError

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
    plan, slots = plan_columns(wanted)
    edges = 2 if wanted.edges else 0
    many = len(questions.at)
    counts = np.empty((len(spans), 1 + len(rows.codes) + edges, many), dtype=np.int64)
    floats = np.empty((len(spans), slots, many), dtype=np.float64)
    source = Source(
        sealed(rows.event_time),
        sealed(_known(rows)),
        sealed(NOTHING if rows.known_until is None else rows.known_until),
        sealed(rows.values),
        sealed(rows.codes),
        sealed(NOTHING if questions.own is None or rows.key is None else rows.key),
    )
    group, turn = sealed(rows.group), UNTURNED
    if not in_order(sealed(questions.at)):
        turn = sealed(np.argsort(questions.at, kind="stable").astype(np.int32))
    at = questions.at[turn] if len(turn) else questions.at
    asked = Asked(sealed(questions.group), sealed(at), sealed(turn))
    recount = Recount()
    if questions.own is not None or not swept(source, group, asked, spans, plan, counts, floats):
        from asof.compute.window.group import by_group  # a sweep has no use for all its kernels

        recount = by_group(source, group, questions, turn, spans, wanted, counts, floats)
    return Answers(
        matched=questions.group >= 0,
        spans=tuple(
            of_span(*found, wanted, len(rows.codes)) for found in zip(counts, floats, strict=True)
        ),
        recount=recount,
    )


def _known(rows: Rows) -> Moments:
    """When rows become known; where all have one lag, that alone (see `Source`)."""
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
