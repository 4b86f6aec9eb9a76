"""The online face answers as the batch face does, to the last bit, however the stream is cut."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from arranged import ALL, answered, arranged, bits, put
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Row as Stored
from strategies import Question, World, worlds

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
from asof.compute.window.online import OnlineWindows
from asof.errors import UsageError

EDGES = Wanted(())


def spans_of(world: World) -> tuple[Span, ...]:
    return tuple(Span(start, stop) for start, stop in world.spans)


def known_by(rows: Rows, moment: int) -> tuple[Rows, np.ndarray]:
    """What has been told by a moment, and the numbers of these rows: nothing of what comes."""
    assert rows.known_until is not None
    assert rows.key is not None
    mine = np.flatnonzero(rows.known_from < moment)
    ends = rows.known_until[mine]
    return Rows(
        group=rows.group[mine],
        event_time=rows.event_time[mine],
        known_from=rows.known_from[mine],
        known_until=np.where(ends < moment, ends, NEVER),
        values=rows.values[:, mine],
        codes=rows.codes[:, mine],
        key=rows.key[mine],
    ), mine


@dataclass
class Stream:
    """A world as it reaches a server: at each moment rows are added and withdrawn."""

    world: World
    rows: Rows = field(init=False)
    order: list[Stored] = field(init=False)
    deltas: list[tuple[int, bool, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.rows, self.order = arranged(self.world.rows)
        assert self.rows.known_until is not None
        told = [(t, False, i) for i, t in enumerate(self.rows.known_from.tolist())]
        ends = [(t, True, i) for i, t in enumerate(self.rows.known_until.tolist()) if t != NEVER]
        self.deltas = sorted(told + ends, key=lambda delta: (delta[0], delta[2], delta[1]))

    def windows(self) -> OnlineWindows:
        return OnlineWindows(
            spans_of(self.world),
            ALL,
            coded=1,
            keyed=True,
            ties=lambda identity: self.order[identity].rank[2:],
        )

    def tell(self, windows: OnlineWindows, delta: tuple[int, bool, int]) -> None:
        moment, ends, i = delta
        rows, row = self.rows, self.order[i]
        if ends:
            windows.withdraw(int(rows.group[i]), row.event_time, i, moment)
            return
        windows.add(
            int(rows.group[i]),
            row.event_time,
            row.available_at,
            rows.values[:, i].tolist(),
            rows.codes[:, i].tolist(),
            identity=i,
            tie=row.rank[2:],
            key=-1 if row.key is None else row.key,
        )

    def streamed(self, ahead: list[int], restarts: dict[int, str]) -> list[Answers]:
        """Ask in the order of moments, some of the later stream already there; restart between.

        A restart loads what was known at the question before it, what was told by then, or all.
        """
        windows = self.windows()
        told = upto = 0
        found: dict[int, Answers] = {}
        questions = self.world.questions
        for turn, i in enumerate(sorted(range(len(questions)), key=lambda i: questions[i].at)):
            at = questions[i].at
            upto = max(upto, at + ahead[turn % len(ahead)])
            while told < len(self.deltas) and self.deltas[told][0] < upto:
                self.tell(windows, self.deltas[told])
                told += 1
            asked = put((questions[i],))
            found[i] = windows.answers(asked.group, asked.at, asked.own)
            if turn in restarts:
                upto = {"known": at, "told": upto, "all": NEVER}[restarts[turn]]
                told = sum(moment < upto for moment, _, _ in self.deltas)
                rows, mine = known_by(self.rows, upto)
                windows = self.windows()
                windows.load(rows, mine, moment=at)
        return [found[i] for i in range(len(questions))]


@settings(max_examples=150)
@given(
    worlds(),
    st.lists(st.sampled_from((0, 0, 3, 100)), min_size=1, max_size=4),
    st.dictionaries(st.integers(0, 11), st.sampled_from(("known", "told", "all")), max_size=3),
)
def test_online_is_batch_bit_for_bit(world: World, ahead: list[int], restarts: dict[int, str]):
    stream = Stream(world)
    for i, answers in enumerate(stream.streamed(ahead, restarts)):
        single = World(world.rows, (world.questions[i],), world.spans)
        whole, _ = answered(single)
        assert bits(answers, stream.order) == bits(whole, stream.order)
        assert answers.recount == whole.recount


@settings(max_examples=100)
@given(worlds(), st.integers(1, 12))
def test_many_questions_at_once_are_each_alone(world: World, together: int):
    stream = Stream(world)
    windows = stream.windows()
    for delta in stream.deltas:
        stream.tell(windows, delta)
    asked = put(tuple(sorted(world.questions, key=lambda question: question.at)))
    assert asked.own is not None
    found: list[object] = []
    for low in range(0, len(asked.at), together):
        part = slice(low, low + together)
        answers = windows.answers(asked.group[part], asked.at[part], asked.own[part])
        counts = np.stack([span.count for span in answers.spans])
        sums = np.stack([span.columns[0][Aggregate.SUM] for span in answers.spans])
        found += [(c.tolist(), s.tobytes()) for c, s in zip(counts.T, sums.T, strict=True)]
    whole = ask(stream.rows, asked, spans_of(world), ALL)
    counts = np.stack([span.count for span in whole.spans])
    sums = np.stack([span.columns[0][Aggregate.SUM] for span in whole.spans])
    assert found == [(c.tolist(), s.tobytes()) for c, s in zip(counts.T, sums.T, strict=True)]


@settings(max_examples=150)
@given(worlds(), st.integers(0, 99), st.integers(1, 8), st.integers(0, 50))
def test_rows_told_after_a_question_that_might_have_seen_them(
    world: World, seed: int, pieces: int, moment: int
):
    """In any order, and ranked all the same: the tie of each row is known."""
    stream = Stream(world)
    windows = stream.windows()
    added = [delta for delta in stream.deltas if not delta[1]]
    random.Random(seed).shuffle(added)
    for piece in range(pieces):
        for delta in added[piece::pieces]:
            stream.tell(windows, delta)
        windows.settle(moment)
    for delta in stream.deltas:
        if delta[1]:
            stream.tell(windows, delta)
    later = tuple(question for question in world.questions if question.at >= moment)
    for question in sorted(later, key=lambda question: question.at):
        asked = put((question,))
        answers = windows.answers(asked.group, asked.at, asked.own)
        whole, _ = answered(World(world.rows, (question,), world.spans))
        assert bits(answers, stream.order) == bits(whole, stream.order)


@pytest.mark.parametrize("seed", range(3))
def test_long_streams_with_late_rows_and_withdrawals(seed: int):
    """Enough rows for growth, for insertion in the middle and for rows to be dropped."""
    draw = np.random.default_rng(seed)
    n = 900
    available = np.sort(draw.integers(0, 5000, n)).tolist()
    rows = tuple(
        Stored(
            key=int(draw.integers(0, 500)),
            event_time=int(at - draw.choice([-40, 0, 1, 30, 300])),
            available_at=at,
            recorded=i,
            position=0,
            withdrawn=bool(draw.random() < 0.1),
            join=int(draw.choice([0, 0, 0, 1])),
            values=(float(draw.integers(-9, 9)) / 10,),
            codes=(int(draw.integers(0, 60)),),
        )
        for i, at in enumerate(available)
    )
    questions = tuple(
        Question(int(draw.integers(0, 2)), int(at), int(draw.integers(0, 500)))
        for at in draw.integers(0, 5200, 120)
    )
    world = World(rows, questions, ((-100, 0), (-700, -50), (0, 60)))
    whole, _ = answered(world)
    online = Stream(world).streamed([0, 50], {40: "known", 80: "told"})
    for i, answers in enumerate(online):
        for span, expected in zip(answers.spans, whole.spans, strict=True):
            assert span.count[0] == expected.count[i]
            assert span.distinct[0][0] == expected.distinct[0][i]
            assert span.latest is not None
            assert expected.latest is not None
            assert span.latest[0] == expected.latest[i]
            for name, values in span.columns[0].items():
                assert values[:1].tobytes() == expected.columns[0][name][i : i + 1].tobytes()


def drawn(
    draw: np.random.Generator, times: np.ndarray, groups: int, different: int, bursts: bool
) -> Rows:
    """Rows without keys; in bursts, each part of them is of a few groups only."""
    n = len(times)
    group = draw.integers(0, groups, n)
    if bursts:
        group = (np.arange(n) * 8 // n) * (groups // 8) + group % (groups // 8)
    return Rows(
        group=group.astype(np.int32),
        event_time=times,
        known_from=times,
        known_until=None,
        values=draw.integers(-99, 99, (2, n)) / 8,
        codes=draw.integers(-1, different, (2, n)).astype(np.int32),
    )


@pytest.mark.parametrize("bursts", [False, True])
def test_a_pool_of_many_groups_that_come_and_go(bursts: bool):
    """Blocks and tables of all sizes are laid out, given back and laid out again."""
    draw = np.random.default_rng(7)
    times = np.sort(draw.integers(0, 40_000, 6000))
    rows = drawn(draw, times, 64, 300, bursts)
    spans = (Span(-3000, 0), Span(-500, -100))
    wanted = Wanted((Aggregate(255), Aggregate.SUM | Aggregate.MIN))
    windows = OnlineWindows(spans, wanted, coded=2)
    moments = np.sort(draw.integers(0, 44_000, 300))
    groups = draw.integers(0, 64, (300, 4)).astype(np.int32)
    whole = ask(rows, Questions(groups.ravel(), np.repeat(moments, 4)), spans, wanted)
    told = 0
    for i, moment in enumerate(moments.tolist()):
        while told < len(times) and times[told] < moment:
            group, time = int(rows.group[told]), int(times[told])
            values, codes = rows.values[:, told].tolist(), rows.codes[:, told].tolist()
            windows.add(group, time, time, values, codes, told)
            told += 1
        answers = windows.answers(groups[i], np.full(4, moment))
        for span, expected in zip(answers.spans, whole.spans, strict=True):
            four = slice(4 * i, 4 * i + 4)
            assert span.count.tolist() == expected.count[four].tolist()
            assert span.latest is not None
            assert expected.latest is not None
            assert span.latest.tolist() == expected.latest[four].tolist()
            for counted, other in zip(span.distinct, expected.distinct, strict=True):
                assert counted.tolist() == other[four].tolist()
            for column, others in zip(span.columns, expected.columns, strict=True):
                for name, values in column.items():
                    assert values.tobytes() == others[name][four].tobytes()
    figures = windows.figures()
    assert figures.rows + figures.forgotten == told
    assert figures.forgotten > told / 2


@pytest.mark.parametrize("coded", [0, 2])
def test_a_load_stands_for_what_was_told_and_codes_are_counted_apart(coded: int):
    draw = np.random.default_rng(3)
    rows = drawn(draw, np.sort(draw.integers(0, 1000, 2000)), 40, 30, False)
    rows = Rows(rows.group, rows.event_time, rows.known_from, None, rows.values, rows.codes[:coded])
    spans = (Span(-400, 0), Span(0, 50))
    wanted = Wanted((Aggregate(255), Aggregate(255)))
    windows = OnlineWindows(spans, wanted, coded=coded)
    windows.load(rows, np.arange(2000), moment=700)
    asked = Questions(np.arange(-1, 45, dtype=np.int32).repeat(2), np.tile([700, 900], 46))
    turn = np.argsort(asked.at, kind="stable")
    answers = windows.answers(asked.group[turn], asked.at[turn])
    whole = ask(rows, Questions(asked.group[turn], asked.at[turn]), spans, wanted)
    assert answers.matched.tolist() == whole.matched.tolist()
    for span, expected in zip(answers.spans, whole.spans, strict=True):
        assert span.count.tolist() == expected.count.tolist()
        for found, other in zip(span.distinct, expected.distinct, strict=True):
            assert found.tolist() == other.tolist()
        for column, others in zip(span.columns, expected.columns, strict=True):
            assert all(
                values.tobytes() == others[name].tobytes() for name, values in column.items()
            )


def simple(windows: OnlineWindows, group: int, at: int, **more: Any) -> None:
    windows.add(group, at, more.pop("known_from", at), (), (), identity=more.pop("identity", at))


def latest(windows: OnlineWindows, group: int, at: int) -> tuple[int, int]:
    counts, _ = windows.ask(np.array([group]), np.array([at]))
    return int(counts[0, 0, 0]), int(counts[0, 1, 0])


def test_a_row_is_seen_after_it_is_known_and_until_it_ends():
    windows = OnlineWindows((Span(-100, 100),), EDGES)
    simple(windows, 0, 50, known_from=10, identity=7)
    windows.withdraw(0, event_time=50, identity=7, moment=20)
    moments = np.array([9, 10, 11, 20, 21])
    counts, _ = windows.ask(np.zeros(5, dtype=np.int32), moments)
    assert counts[0, 1].tolist() == [-1, -1, 7, 7, -1]
    assert latest(windows, 5, 22) == (0, -1)
    assert latest(windows, -1, 23) == (0, -1)


def test_what_is_told_of_the_future_waits():
    windows = OnlineWindows((Span(-100, 0),), EDGES)
    for known_from in (30, 10, 20):
        simple(windows, 0, 5, known_from=known_from, identity=known_from)
    assert windows.figures().waiting == 3
    assert [latest(windows, 0, at) for at in (15, 25, 35)] == [(1, 10), (2, 20), (3, 30)]
    assert windows.figures().waiting == 0


def test_asked_moments_do_not_go_back():
    windows = OnlineWindows((Span(-1, 0),), EDGES)
    windows.ask(np.array([0]), np.array([5]))
    with pytest.raises(UsageError, match="wrong order"):
        windows.ask(np.array([0]), np.array([4]))
    with pytest.raises(UsageError, match="wrong order"):
        windows.ask(np.array([0, 0]), np.array([9, 8]))
    with pytest.raises(UsageError, match="wrong order"):
        windows.settle(4)


def test_a_withdrawal_of_nothing_is_an_error_and_the_rest_goes_on():
    windows = OnlineWindows((Span(-10, 0),), EDGES)
    simple(windows, 0, 4)
    windows.withdraw(0, event_time=5, identity=5, moment=5)
    simple(windows, 0, 6)
    with pytest.raises(UsageError, match="not there"):
        latest(windows, 0, 8)
    assert latest(windows, 0, 8) == (2, 6)


def test_the_withdrawal_of_a_row_that_was_forgotten_is_none():
    windows = OnlineWindows((Span(-10, 0),), EDGES)
    simple(windows, 0, 4)
    assert latest(windows, 0, 30) == (0, -1)
    windows.withdraw(0, event_time=4, identity=4, moment=31)
    assert latest(windows, 0, 32) == (0, -1)


def test_a_late_row_whose_rank_is_not_known_is_refused_until_its_tie_is():
    def told(ties: Any) -> OnlineWindows:
        windows = OnlineWindows((Span(-10, 0),), EDGES, ties=ties)
        windows.add(0, 5, 5, (), (), identity=1, tie=(9,))
        windows.settle(6)
        windows.add(0, 5, 5, (), (), identity=2, tie=(3,))
        return windows

    with pytest.raises(UsageError, match="came late"):
        latest(told(None), 0, 7)
    assert latest(told({1: (9,)}.__getitem__), 0, 7) == (2, 1)


@pytest.mark.parametrize(
    ("values", "codes"), [((), (1,)), ((1.0, 2.0), (1,)), ((1.0,), ()), ((1.0,), ("a",))]
)
def test_a_row_of_another_shape_is_refused(values: Any, codes: Any):
    windows = OnlineWindows((Span(-1, 0),), ALL, coded=1)
    with pytest.raises(UsageError, match="not one of this work"):
        windows.add(0, 1, 1, values, codes, 1)


def test_own_rows_need_keys_and_only_what_is_wanted_has_a_slot():
    windows = OnlineWindows((Span(-1, 0),), Wanted((Aggregate.SUM,)))
    with pytest.raises(UsageError, match="have their keys"):
        windows.ask(np.array([0]), np.array([5]), np.array([3]))
    with pytest.raises(UsageError, match="not wanted"):
        windows.slot(0, 0, Aggregate.MAX)


@pytest.mark.parametrize(
    "wrong", [{"event_time": np.array([2, 1])}, {"codes": np.zeros((1, 2), dtype=np.int32)}]
)
def test_a_load_of_other_rows_is_refused(wrong: dict[str, Any]):
    arrays: dict[str, Any] = {
        "group": np.zeros(2, dtype=np.int32),
        "event_time": np.array([1, 2]),
        "known_from": np.array([1, 2]),
        "known_until": None,
        "values": np.zeros((1, 2)),
        "codes": np.empty((0, 2), dtype=np.int32),
    }
    windows = OnlineWindows((Span(-1, 0),), ALL)
    with pytest.raises(UsageError):
        windows.load(Rows(**(arrays | wrong)), np.arange(2), moment=3)


def test_what_no_span_can_see_again_is_dropped():
    windows = OnlineWindows((Span(-10, 0), Span(0, 5)), EDGES)
    for moment in range(1000):
        simple(windows, 0, moment)
        assert latest(windows, 0, moment + 1) == (min(moment + 1, 10), moment)
    assert windows.figures().rows < 30


def test_groups_that_nobody_asks_about_are_forgotten_too():
    windows = OnlineWindows((Span(-100, 0),), EDGES)
    for moment in range(20_000):
        simple(windows, moment // 10, moment)
        windows.settle(moment + 1)
    figures = windows.figures()
    assert figures.rows + figures.forgotten == 20_000
    assert figures.rows < 5000, "as many as came while the hand went round"
    for moment in range(10**6, 10**6 + 5000):
        simple(windows, 1, moment)
        windows.settle(moment + 1)
    assert windows.figures().groups == 1


def test_memory_that_is_not_needed_any_more_is_given_back():
    windows = OnlineWindows((Span(-100_000, 0),), EDGES)
    for moment in range(60_000):
        simple(windows, moment % 100, moment)
    assert latest(windows, 3, 60_000)[0] == 600
    before = windows.figures().bytes
    for moment in range(300_000, 300_300):
        simple(windows, moment % 5, moment)
    assert latest(windows, 3, 300_300) == (60, 300_298)
    assert windows.figures().rows == 300
    assert windows.figures().bytes < before / 10
