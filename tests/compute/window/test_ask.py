"""The batch face against the oracle: every aggregate, for any rows, questions and windows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Row
from strategies import Question, World, shuffled, worlds

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
    order = rank_order(event_time, available[keep], [ties])
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


def same(found: float, expected: float) -> bool:
    return found == expected or (math.isnan(found) and math.isnan(expected))


def near(found: float, expected: float) -> bool:
    return same(found, expected) or abs(found - expected) <= 1e-9 * abs(expected) + 1e-322


def compare(answers: Answers, order: list[Row], world: World) -> None:
    for (start, stop), span in zip(world.spans, answers.spans, strict=True):
        for i, question in enumerate(world.questions):
            rows = oracle.window(world.rows, question.at, start, stop, question.join, question.own)
            assert answers.matched[i] == (question.join is not None)
            assert span.count[i] == len(rows)
            assert span.distinct[0][i] == oracle.distinct(rows, 0)
            assert span.latest is not None
            assert span.first is not None
            for edge, expected in ((span.latest[i], rows[-1:]), (span.first[i], rows[:1])):
                found = [order[edge].rank] if edge >= 0 else []
                assert found == [row.rank for row in expected]
            column = {name: float(values[i]) for name, values in span.columns[0].items()}
            assert column[Aggregate.KNOWN] == len(oracle.known(rows, 0))
            assert same(column[Aggregate.SUM], oracle.total(rows, 0))
            assert same(column[Aggregate.MEAN], oracle.mean(rows, 0))
            assert same(column[Aggregate.MIN], oracle.least(rows, 0))
            assert same(column[Aggregate.MAX], oracle.most(rows, 0))
            assert same(column[Aggregate.LATEST], oracle.latest_known(rows, 0))
            assert same(column[Aggregate.FIRST], oracle.first_known(rows, 0))
            assert near(column[Aggregate.STD], oracle.deviation(rows, 0))


@settings(max_examples=400)
@given(worlds())
def test_every_answer_is_the_oracle_s(world: World):
    compare(*answered(world), world)


@settings(max_examples=150)
@given(worlds(), st.integers(0, 99))
def test_the_order_of_arrival_decides_nothing(world: World, seed: int):
    mixed = replace(world, rows=shuffled(world.rows, seed))
    assert bits(*answered(mixed)) == bits(*answered(world))


@settings(max_examples=150)
@given(worlds(), st.integers(1, 3))
def test_partitions_by_group_answer_alike(world: World, parts: int):
    rows, _ = arranged(world.rows)
    whole, _ = answered(world)
    spans = tuple(Span(start, stop) for start, stop in world.spans)
    asked = put(world.questions)
    for part in range(parts):
        mine = np.flatnonzero(rows.group % parts == part)
        piece = Rows(
            group=rows.group[mine],
            event_time=rows.event_time[mine],
            known_from=rows.known_from[mine],
            known_until=None if rows.known_until is None else rows.known_until[mine],
            values=rows.values[:, mine],
            codes=rows.codes[:, mine],
            key=None if rows.key is None else rows.key[mine],
        )
        ours = np.flatnonzero((asked.group >= 0) & (asked.group % parts == part))
        assert asked.own is not None
        few = Questions(asked.group[ours], asked.at[ours], asked.own[ours])
        answers = ask(piece, few, spans, ALL)
        for found, expected in zip(answers.spans, whole.spans, strict=True):
            assert found.count.tolist() == expected.count[ours].tolist()
            for name, values in found.columns[0].items():
                assert values.tobytes() == expected.columns[0][name][ours].tobytes()
