"""The online face answers as the batch face does, to the last bit, however the stream is cut."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from arranged import ALL, answered, arranged, bits
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Row as Stored
from strategies import Question, World, worlds

from asof.compute.window.contract import NEVER, Answers, Span, Wanted
from asof.compute.window.online import OnlineWindows, Row
from asof.errors import UsageError

Delta = tuple[int, bool, Row]


def deltas(world: World) -> list[Delta]:
    """The world as it reaches a server: at each moment rows are added and withdrawn."""
    given_rows, order = arranged(world.rows)
    assert given_rows.known_until is not None
    found: list[Delta] = []
    for i, row in enumerate(order):
        online = Row(
            group=row.join,
            event_time=row.event_time,
            known_from=row.available_at,
            values=tuple(given_rows.values[:, i].tolist()),
            codes=row.codes,
            identity=i,
            tie=row.rank[2:],
            key=row.key,
        )
        found.append((row.available_at, True, online))
        ends = int(given_rows.known_until[i])
        if ends != NEVER:
            found.append((ends, False, online))
    return sorted(found, key=lambda delta: (delta[0], delta[2].identity, not delta[1]))


def take(windows: OnlineWindows, delta: Delta) -> None:
    moment, added, row = delta
    if added:
        windows.add(row)
    else:
        windows.withdraw(row, moment)


def streamed(world: World, ahead: list[int], restarts: set[int]) -> list[Answers]:
    """Ask in the order of moments, some of the later stream already there; restart in between."""
    spans = tuple(Span(start, stop) for start, stop in world.spans)
    windows = OnlineWindows(spans, ALL, coded=1)
    stream = deltas(world)
    found: dict[int, Answers] = {}
    by_moment = sorted(range(len(world.questions)), key=lambda i: world.questions[i].at)
    for turn, i in enumerate(by_moment):
        question = world.questions[i]
        until = question.at + ahead[turn % len(ahead)]
        while stream and stream[0][0] < until:
            take(windows, stream.pop(0))
        found[i] = windows.ask(question.join, question.at, question.own)
        if turn in restarts:
            snapshot = pickle.loads(pickle.dumps(windows.snapshot()))
            windows = OnlineWindows(spans, ALL, coded=1)
            windows.restore(snapshot)
    return [found[i] for i in range(len(world.questions))]


@settings(max_examples=100)
@given(
    worlds(),
    st.lists(st.sampled_from((0, 0, 3, 100)), min_size=1, max_size=4),
    st.sets(st.integers(0, 11), max_size=3),
)
def test_online_is_batch_bit_for_bit(world: World, ahead: list[int], restarts: set[int]):
    _, order = arranged(world.rows)
    for i, answers in enumerate(streamed(world, ahead, restarts)):
        single = World(world.rows, (world.questions[i],), world.spans)
        assert bits(answers, order) == bits(*answered(single))


@pytest.mark.parametrize("seed", range(3))
def test_long_streams_with_late_rows_and_withdrawals(seed: int):
    """Enough rows for growth, for insertion in the middle and for rows to be dropped."""
    random = np.random.default_rng(seed)
    n = 900
    available = np.sort(random.integers(0, 5000, n)).tolist()
    rows = tuple(
        Stored(
            key=int(random.integers(0, 500)),
            event_time=int(at - random.choice([-40, 0, 1, 30, 300])),
            available_at=at,
            recorded=i,
            position=0,
            withdrawn=bool(random.random() < 0.1),
            join=int(random.choice([0, 0, 0, 1])),
            values=(float(random.integers(-9, 9)) / 10,),
            codes=(int(random.integers(0, 60)),),
        )
        for i, at in enumerate(available)
    )
    questions = tuple(
        Question(int(random.integers(0, 2)), int(at), int(random.integers(0, 500)))
        for at in random.integers(0, 5200, 120)
    )
    world = World(rows, questions, ((-100, 0), (-700, -50), (0, 60)))
    whole, _ = answered(world)
    online = streamed(world, [0, 50], {40, 80})
    for i, answers in enumerate(online):
        for span, expected in zip(answers.spans, whole.spans, strict=True):
            assert span.count[0] == expected.count[i]
            assert span.distinct[0][0] == expected.distinct[0][i]
            assert span.latest is not None
            assert expected.latest is not None
            assert span.latest[0] == expected.latest[i]
            for name, values in span.columns[0].items():
                assert values[:1].tobytes() == expected.columns[0][name][i : i + 1].tobytes()


def test_asked_moments_do_not_go_back():
    windows = OnlineWindows((Span(-1, 0),), Wanted(()))
    windows.ask("a", 5)
    with pytest.raises(UsageError, match="wrong order"):
        windows.ask("a", 4)


def test_a_withdrawal_of_nothing_is_an_error():
    windows = OnlineWindows((Span(-10, 0),), Wanted(()))
    windows.withdraw(Row("a", event_time=5, known_from=5), moment=6)
    with pytest.raises(UsageError, match="not there"):
        windows.ask("a", 7)


def test_what_no_span_can_see_again_is_dropped():
    windows = OnlineWindows((Span(-10, 0), Span(0, 5)), Wanted(()))
    for moment in range(1000):
        windows.add(Row("a", event_time=moment, known_from=moment, identity=moment))
        answer = windows.ask("a", moment + 1)
        assert answer.spans[0].count[0] == min(moment + 1, 10)
    assert len(windows.snapshot().rows) <= 12
    assert len(windows._groups["a"].rows) < 60
