"""The random worlds of `strategies` as the window kernel takes them, and its answers as bits."""

from __future__ import annotations

import math

import numpy as np
from oracle import Row
from strategies import Question, World

from asof.compute.window.ask import ask
from asof.compute.window.contract import (
    NEVER,
    Aggregate,
    Answers,
    Questions,
    Rows,
    Span,
    Wanted,
)
from asof.compute.window.rank import rank_order
from asof.compute.window.versions import known_until

ALL = Wanted(columns=(Aggregate(255),))
"""Every aggregate of the one value column."""


def code(value: int | None) -> int:
    return -1 if value is None else value


def number(value: float | None) -> float:
    return math.nan if value is None else value


def arranged(told: tuple[Row, ...]) -> tuple[Rows, list[Row]]:
    """A source's rows as the kernel takes them, and which row each of them is."""
    contents = {row.content: i for i, row in enumerate(told)}
    available = np.array([row.available_at for row in told], dtype=np.int64)
    ends = np.full(len(told), NEVER)
    if told and told[0].key is not None:
        ends = known_until(
            np.array([row.key for row in told], dtype=np.int64),
            available,
            np.array([row.recorded for row in told], dtype=np.int64),
            np.array([row.position for row in told], dtype=np.int64),
            np.array([contents[row.content] for row in told], dtype=np.int64),
            np.array([row.withdrawn for row in told], dtype=np.bool_),
        )
    keep = [i for i, row in enumerate(told) if row.kept and ends[i] > row.available_at]
    event_time = np.array([told[i].event_time for i in keep], dtype=np.int64)
    ranks = sorted({told[i].rank[2:] for i in keep})
    ties = np.array([ranks.index(told[i].rank[2:]) for i in keep], dtype=np.int64)
    order = rank_order(event_time, available[keep], lambda tied: [ties[tied]])
    if order is not None:
        keep = [keep[i] for i in order]
    rows = [told[i] for i in keep]
    return (
        Rows(
            group=np.array([code(row.join) for row in rows], dtype=np.int32),
            event_time=np.array([row.event_time for row in rows], dtype=np.int64),
            known_from=available[keep],
            known_until=ends[keep],
            values=np.array([[number(row.values[0]) for row in rows]], dtype=np.float64),
            codes=np.array([[code(row.codes[0]) for row in rows]], dtype=np.int32),
            key=np.array([code(row.key) for row in rows], dtype=np.int64),
        ),
        rows,
    )


def put(questions: tuple[Question, ...]) -> Questions:
    return Questions(
        group=np.array([code(q.join) for q in questions], dtype=np.int32),
        at=np.array([q.at for q in questions], dtype=np.int64),
        own=np.array([code(q.own) for q in questions], dtype=np.int64),
    )


def answered(world: World) -> tuple[Answers, list[Row]]:
    rows, order = arranged(world.rows)
    spans = tuple(Span(start, stop) for start, stop in world.spans)
    return ask(rows, put(world.questions), spans, ALL), order


def bits(answers: Answers, order: list[Row]) -> list[object]:
    """Everything in the answers, comparable to the last bit, rows told by what they are."""
    found: list[object] = [answers.matched.tolist()]
    for span in answers.spans:
        found += [span.count.tolist(), *(d.tolist() for d in span.distinct)]
        for edge in (span.latest, span.first):
            assert edge is not None
            found.append([order[i].rank if i >= 0 else None for i in edge])
        for column in span.columns:
            found += [(name, values.tobytes()) for name, values in column.items()]
    return found
