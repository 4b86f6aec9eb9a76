"""The batch face against the oracle: every aggregate, for any rows, questions and windows."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import oracle
import pytest
from arranged import ALL, answered, arranged, bits, put
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Row
from strategies import Question, World, rows, shuffled, worlds

import asof.compute.window.ask as ask_
import asof.compute.window.near as near_
from asof.compute.window.ask import ask
from asof.compute.window.contract import (
    NEVER,
    Aggregate,
    Answers,
    Moments,
    Questions,
    Recount,
    Rows,
    Span,
    Wanted,
)
from asof.errors import UsageError


def same(found: float, expected: float) -> bool:
    return found == expected or (math.isnan(found) and math.isnan(expected))


def near(found: float, expected: float) -> bool:
    return same(found, expected) or abs(found - expected) <= 1e-9 * abs(expected) + 1e-322


def ends_never(told: Rows) -> Moments:
    return np.full(len(told.event_time), NEVER, dtype=np.int64)


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


@settings(max_examples=200)
@given(worlds())
def test_every_answer_is_the_oracle_s(world: World):
    compare(*answered(world), world)


@settings(max_examples=80)
@given(worlds(), st.integers(0, 99))
def test_the_order_of_arrival_decides_nothing(world: World, seed: int):
    mixed = replace(world, rows=shuffled(world.rows, seed))
    assert bits(*answered(mixed)) == bits(*answered(world))


@settings(max_examples=80)
@given(worlds(), st.integers(1, 4))
def test_rows_brought_near_each_other_answer_alike(world: World, size: int):
    whole = bits(*answered(world))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_, "BLOCK", size)
        patch.setattr(near_, "PART", size)
        assert bits(*answered(world)) == whole


@settings(max_examples=150)
@given(worlds(), st.integers(-3, 3))
def test_rows_in_step_are_answered_as_others_are(world: World, lag: int):
    """Where rows come in their order and stay, windows are differences of prefix sums."""
    told, order = arranged(world.rows)
    known_from = told.event_time + lag
    in_step = replace(told, known_from=known_from, known_until=ends_never(told) if lag else None)
    asked = replace(put(world.questions), own=None)
    spans = tuple(Span(start, stop) for start, stop in world.spans)
    quick = ask(in_step, asked, spans, ALL)
    # A key to be left out, though it is nobody's, takes the way of rows that may go.
    nobody = np.full(len(asked.at), -1, dtype=np.int64)
    slow = ask(in_step, replace(asked, own=nobody), spans, ALL)
    assert bits(quick, order) == bits(slow, order)


def swept_or_not(
    told: Rows, asked: Questions, spans: tuple[Span, ...], wanted: Wanted
) -> tuple[Answers, Answers, bool]:
    """The answers, those that are given group by group, and whether the first took a sweep."""
    took: list[bool] = []
    sweep = ask_.swept

    def watched(*arguments: Any) -> bool:
        took.append(sweep(*arguments))
        return took[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ask_, "swept", watched)
        quick = ask(told, asked, spans, wanted)
        patch.setattr(ask_, "swept", lambda *_: False)
        return quick, ask(told, asked, spans, wanted), took == [True]


SUMMED = Aggregate.KNOWN | Aggregate.SUM | Aggregate.MEAN


@settings(max_examples=300)
@given(
    worlds(keyed=False),
    st.integers(-3, 3),
    st.sampled_from([(SUMMED, SUMMED), (Aggregate.KNOWN, Aggregate.SUM), (Aggregate.MEAN,), ()]),
)
def test_one_sweep_answers_as_groups_do(world: World, lag: int, columns: tuple[Aggregate, ...]):
    arranged_rows, _ = arranged(world.rows)
    values = np.concatenate([arranged_rows.values, arranged_rows.values[:, ::-1]])
    told = replace(
        arranged_rows,
        known_from=arranged_rows.event_time + lag,
        known_until=None,
        values=values[: len(columns)],
        codes=np.empty((0, values.shape[1]), dtype=np.int32),
    )
    spans = tuple(Span(start, stop) for start, stop in world.spans)
    wanted = Wanted(columns, edges=False)
    asked = replace(put(world.questions), own=None)
    quick, slow, took = swept_or_not(told, asked, spans, wanted)
    small = (np.nan_to_num(np.abs(told.values)) < 2.0**31).all()
    assert took == bool(small and len(told.event_time)) or not small
    assert quick.recount == slow.recount
    for one, other in zip(quick.spans, slow.spans, strict=True):
        assert one.count.tobytes() == other.count.tobytes()
        for mine, theirs in zip(one.columns, other.columns, strict=True):
            assert {name: v.tobytes() for name, v in mine.items()} == {
                name: v.tobytes() for name, v in theirs.items()
            }


@pytest.mark.parametrize("lag", [0, 40, -3000])
def test_one_sweep_agrees_with_sorting_and_counting(lag: int):
    """Thousands of rows and questions, crowds at one moment, and windows far from each other."""
    random = np.random.default_rng(abs(lag))
    n, m = 6000, 900
    event_time = np.sort(random.integers(0, 50_000, n))
    group = random.integers(-1, 40, n).astype(np.int32)
    values = np.where(random.random(n) < 0.1, np.nan, random.integers(-50, 50, n) / 8)
    at = random.permutation(np.r_[random.integers(-9, 60_000, m - 300), np.full(300, 20_000)])
    asked = Questions(random.integers(-1, 45, m).astype(np.int32), at)
    spans = (Span(-30_000, 0), Span(-300, 0), Span(-20_000, -1000), Span(-50, 90), Span(0, 5000))
    no_codes = np.empty((0, n), dtype=np.int32)
    told = Rows(group, event_time, event_time + lag, None, values[None], no_codes)
    answers, _, took = swept_or_not(told, asked, spans, Wanted((SUMMED,), edges=False))
    assert took
    for span, found in zip(spans, answers.spans, strict=True):
        for i, moment in enumerate(at):
            inside = (event_time >= moment + span.start) & (event_time < moment + span.stop)
            mine = (group == asked.group[i]) & (group >= 0)
            rows = np.flatnonzero(inside & mine & (event_time + lag < moment))
            known = values[rows][~np.isnan(values[rows])]
            assert found.count[i] == len(rows)
            assert found.columns[0][Aggregate.KNOWN][i] == len(known)
            if len(known):
                assert found.columns[0][Aggregate.SUM][i] == known.sum()
                assert found.columns[0][Aggregate.MEAN][i] == known.sum() / len(known)


@settings(max_examples=80)
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


@st.composite
def futures(draw: st.DrawFn) -> tuple[World, tuple[Row, ...], int]:
    """A world, a moment, and rows that are known only from it on, its keys and times among them.

    A tenth of them at least correct a visible row, or fall into a window just asked about.
    """
    world = draw(worlds(keyed=True))
    moment = draw(st.sampled_from(world.questions)).at
    more: list[Row] = []
    for i, drawn in enumerate(draw(rows(keyed=True))):
        row, key = drawn, drawn.key
        if i % 3 == 0 and world.rows:
            old = draw(st.sampled_from(world.rows))
            row = replace(row, event_time=old.event_time, join=old.join)
            key = old.key
        elif key is not None:
            key += 1000
        stamp = moment + draw(st.integers(0, 5))
        more.append(replace(row, key=key, available_at=stamp, recorded=99, position=i))
    return world, tuple(more), moment


@settings(max_examples=80)
@given(futures())
def test_what_is_known_later_changes_nothing(future: tuple[World, tuple[Row, ...], int]):
    world, more, moment = future
    asked = tuple(question for question in world.questions if question.at <= moment)
    before = replace(world, questions=asked)
    after = replace(before, rows=world.rows + more)
    assert bits(*answered(after)) == bits(*answered(before))


@settings(max_examples=80)
@given(worlds(keyed=False), st.data())
def test_a_visible_row_that_changes_shows(world: World, data: st.DataObject):
    start, stop = world.spans[0]
    seen = [
        (question, row)
        for question in world.questions
        for row in oracle.window(world.rows, question.at, start, stop, question.join, None)
    ]
    if not seen:
        return
    question, row = data.draw(st.sampled_from(seen))
    one = replace(world, questions=(Question(question.join, question.at),))
    other = replace(row, values=(12345.0 if row.values[0] is None else None,))
    changed = replace(one, rows=tuple(other if r is row else r for r in world.rows))
    assert bits(*answered(changed)) != bits(*answered(one))
    gone = replace(one, rows=tuple(r for r in world.rows if r is not row))
    assert bits(*answered(gone)) != bits(*answered(one))


@pytest.mark.parametrize("seed", range(4))
def test_large_groups_agree_with_sorting_and_counting(seed: int):
    """Thousands of rows in a group: every level of the bits and minima, and long jumps."""
    random = np.random.default_rng(seed)
    n = 6000
    event_time = np.sort(random.integers(0, 50_000, n))
    known_from = event_time + random.choice([-500, 0, 300, 9000], n)
    known_until = known_from + random.choice([0, 50, 4000, 10**9], n)
    values = np.where(random.random(n) < 0.1, np.nan, random.integers(-50, 50, n) / 8)
    codes = random.integers(-1, 40, n).astype(np.int32)
    at = random.integers(0, 60_000, 200)
    spans = (Span(-300, 0), Span(-20_000, -1000), Span(0, 5000))
    zeros = np.zeros(n, dtype=np.int32)
    answers = ask(
        Rows(zeros, event_time, known_from, known_until, values[None], codes[None]),
        Questions(zeros[:200], at),
        spans,
        ALL,
    )
    for span, found in zip(spans, answers.spans, strict=True):
        for i, moment in enumerate(at):
            inside = (event_time >= moment + span.start) & (event_time < moment + span.stop)
            rows = np.flatnonzero(inside & (known_from < moment) & (moment <= known_until))
            told = values[rows][~np.isnan(values[rows])]
            assert found.count[i] == len(rows)
            assert found.distinct[0][i] == len(set(codes[rows].tolist()) - {-1})
            assert found.latest is not None
            assert found.latest[i] == (rows[-1] if len(rows) else -1)
            column = found.columns[0]
            if len(told) > 1:
                assert column[Aggregate.SUM][i] == told.sum()
                assert column[Aggregate.MIN][i] == told.min()
                assert column[Aggregate.MAX][i] == told.max()
                assert column[Aggregate.STD][i] == pytest.approx(told.std(ddof=1), rel=1e-9)


def test_arrays_that_cannot_be_written_and_questions_in_any_order():
    world = World(
        rows=tuple(Row(None, t, t, 0, t, values=(float(t),), codes=(t,)) for t in range(9)),
        questions=tuple(Question(0, t) for t in (9, 3, 6)),
        spans=((-4, 0),),
    )
    given_rows, order = arranged(world.rows)
    sealed = [given_rows.event_time, given_rows.values, given_rows.codes, given_rows.group]
    for array in sealed:
        array.flags.writeable = False
    answers = ask(given_rows, put(world.questions), (Span(-4, 0),), ALL)
    compare(answers, order, world)


def test_what_left_the_quick_way_is_counted():
    told = tuple(
        Row(None, t, 0, 0, t, values=(v,), codes=(None,))
        for t, v in enumerate((1.0, 1e300, 1.7e308, 1.7e308))
    )
    asked = tuple(Question(0, t) for t in (1, 2, 4))
    answers, _ = answered(World(told, asked, ((-10, 0),)))
    assert answers.recount == Recount(summed_afresh=2, sums_missing=1, spread_afresh=2)
    sums = answers.spans[0].columns[0][Aggregate.SUM]
    assert sums[:2].tolist() == [1.0, 1e300]
    assert math.isnan(sums[2])


@pytest.mark.parametrize(
    ("rows", "wanted", "spans", "said"),
    [
        ({}, Wanted(()), (Span(-1, 0),), "needs its aggregates"),
        ({}, Wanted((Aggregate.SUM,), quanta=(-900,)), (Span(-1, 0),), "A quantum"),
        ({}, Wanted((Aggregate.SUM,)), (Span(0, 0),), "start before"),
        ({"event_time": np.array([2, 1])}, Wanted((Aggregate.SUM,)), (), "rank order"),
        ({"event_time": np.array([1])}, Wanted((Aggregate.SUM,)), (), "differ in length"),
    ],
)
def test_nonsense_is_refused(
    rows: dict[str, np.ndarray], wanted: Wanted, spans: tuple[Span, ...], said: str
):
    arrays = {
        "group": np.zeros(2, dtype=np.int32),
        "event_time": np.array([1, 2]),
        "known_from": np.array([1, 2]),
        "known_until": None,
        "values": np.zeros((1, 2)),
        "codes": np.empty((0, 2), dtype=np.int32),
    }
    questions = Questions(np.zeros(1, dtype=np.int32), np.array([3]))
    with pytest.raises(UsageError, match=said):
        ask(Rows(**(arrays | rows)), questions, spans, wanted)
