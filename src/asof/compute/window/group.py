"""Questions answered group by group, whatever is wanted of whatever rows."""

from __future__ import annotations

import numpy as np

from asof.compute.window.batch import Bench, answer_groups
from asof.compute.window.contract import (
    NULL,
    Codes,
    Floats,
    Moments,
    Questions,
    Recount,
    Span,
    Wanted,
)
from asof.compute.window.grouping import count_groups, put_back
from asof.compute.window.near import grouped, in_parts
from asof.compute.window.prefix import new_prefix
from asof.compute.window.shape import empty_answers, new_state, plan_columns
from asof.compute.window.source import NOTHING, Source, sealed


def by_group(
    source: Source,
    row_group: Codes,
    questions: Questions,
    turn: Codes,
    spans: tuple[Span, ...],
    wanted: Wanted,
    counts: Moments,
    floats: Floats,
) -> Recount:
    """Answer all questions.

    row_group: int32[n]; turn: the order of the questions' moments, empty where they stand in it;
    counts, floats: see `state.answer`.
    """
    group = sealed(questions.group)
    asked = np.zeros(max(0, int(group.max(initial=-1))) + 1, dtype=np.int64)
    sizes = np.zeros_like(asked)
    count_groups(group, asked)
    count_groups(row_group, sizes)
    sizes[asked == 0] = 0
    question_starts = _starts(asked)
    order = np.empty(int(question_starts[-1]), dtype=np.int32)
    order = grouped(group, turn, question_starts, asked > 0, order)

    coded = len(source.codes)
    edges = 2 if wanted.edges else 0
    plan, _ = plan_columns(wanted)
    widths = (source.codes.max(axis=1, initial=-1) + 1).astype(np.int64)
    longest = int(sizes.max(initial=0))
    distinct = int(np.minimum(widths, longest).sum())
    state = new_state(plan, spans, longest, coded, distinct)
    at = sealed(questions.at[order])
    own = sealed(NOTHING if questions.own is None else questions.own[order])
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
    places = np.full(len(group), len(order), dtype=np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    room = np.empty(len(order) + 1, dtype=np.int64)
    empty_counts, empty_floats = empty_answers(wanted, coded)
    put_back(counts, places, empty_counts, room)
    put_back(floats.view(np.int64), places, empty_floats.view(np.int64), room)
    return Recount(*(int(count) for count in state.recount))


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
