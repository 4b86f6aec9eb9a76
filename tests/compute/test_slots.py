from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asof.compute.slots import NEVER, counts, finality, is_mature, slots
from asof.errors import DeclarationError

EDGES = [0, 10, 20, 35]
moment = st.integers(-5, 45)
delay = st.integers(0, 20)
request = st.tuples(moment, st.sampled_from([0, 0, 0, 3, 12]), delay)
requests = st.lists(request, max_size=25)
share = st.sampled_from([1.0, 0.9, 0.8, 0.5, 0.1])


def arrays(rows):
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    at = table[:, 0]
    return at, at + table[:, 1], at + table[:, 2]


def slot_by_loop(at):
    inside = [i for i in range(len(EDGES) - 1) if EDGES[i] <= at < EDGES[i + 1]]
    return inside[0] if inside else -1


def size_by_loop(rows, slot, until, as_of):
    inside = [(a + late, a + wait) for a, late, wait in rows if slot_by_loop(a) == slot]
    seen = [(fired, due) for fired, due in inside if fired < as_of]
    return len(seen), sum(due < as_of and due <= until for _, due in seen)


def ask(rows, until, as_of, share):
    at, fired, due = arrays(rows)
    return finality(at, fired, due, np.array(EDGES), until=until, as_of=as_of, share=share)


@given(at=st.lists(moment, max_size=30))
def test_a_request_belongs_to_the_slot_that_holds_its_moment(at):
    found = slots(np.array(at, dtype=np.int64), np.array(EDGES))
    assert found.tolist() == [slot_by_loop(each) for each in at]
    assert counts(found, 3).tolist() == [found.tolist().count(i) for i in range(3)]


@settings(max_examples=150)
@given(rows=requests, until=moment, as_of=st.integers(0, 70), share=share)
def test_size_maturity_and_finality_agree_with_a_loop(rows, until, as_of, share):
    found = ask(rows, until, as_of, share)
    for slot in range(3):
        n, mature = size_by_loop(rows, slot, until, as_of)
        assert (found.n[slot], found.mature[slot]) == (n, mature)
        if n:
            assert found.mature_share[slot] == mature / n
        else:
            assert math.isnan(found.mature_share[slot])
        # The first moment so far at which the share sufficed, looking at every one of them.
        sizes = ((t, size_by_loop(rows, slot, until, t)) for t in range(EDGES[slot + 1], as_of + 1))
        first = next((t for t, (seen, ripe) in sizes if seen and ripe / seen >= share), None)
        assert found.final[slot] == (first is not None)
        if first is not None:
            assert found.final_at[slot] == first


@settings(max_examples=80)
@given(rows=requests, until=moment, as_of=st.integers(0, 70), later=delay, share=share)
def test_what_is_final_stays_final_from_the_same_moment(rows, until, as_of, later, share):
    early, late = ask(rows, until, as_of, share), ask(rows, until, as_of + later, share)
    assert (late.final_at[early.final] == early.final_at[early.final]).all()


@settings(max_examples=80)
@given(rows=requests, extra=requests, until=moment, as_of=st.integers(0, 70), share=share)
def test_requests_that_fire_later_change_nothing(rows, extra, until, as_of, share):
    unseen = [(at, max(late, as_of - at), wait) for at, late, wait in extra]
    alone, beside = ask(rows, until, as_of, share), ask([*rows, *unseen], until, as_of, share)
    for name in ("n", "mature", "final", "final_at"):
        assert (getattr(alone, name) == getattr(beside, name)).all()


def test_mature_is_strictly_before_the_moment_and_up_to_until():
    fired, due = np.array([4, 4, 4, 5]), np.array([4, 5, 6, 4])
    assert is_mature(fired, due, until=5, as_of=6).tolist() == [True, True, False, True]
    assert is_mature(fired, due, until=9, as_of=5).tolist() == [True, False, False, False]


def test_a_constant_wait_makes_a_slot_final_just_after_its_last_label_is_due():
    found = ask([(1, 0, 7), (9, 0, 7)], until=100, as_of=16, share=1.0)
    assert (found.final[0], found.final_at[0]) == (False, 17)
    assert ask([(1, 0, 7), (9, 0, 7)], until=100, as_of=17, share=1.0).final[0]


def test_a_slot_is_not_final_before_its_end_however_mature():
    assert ask([(1, 0, 0)], until=100, as_of=9, share=1.0).final_at[0] == 10


def test_a_label_due_after_until_keeps_its_slot_open_unless_the_share_allows_it():
    rows = [(1, 0, 2), (2, 0, 2), (3, 0, 2), (4, 0, 20)]
    assert ask(rows, until=20, as_of=40, share=1.0).final_at[0] == NEVER
    most = ask(rows, until=20, as_of=40, share=0.75)
    assert (most.final[0], most.final_at[0], most.mature_share[0]) == (True, 10, 0.75)


def test_an_empty_slot_has_no_figure():
    found = ask([], until=100, as_of=100, share=1.0)
    assert not found.final.any()
    assert np.isnan(found.mature_share).all()


@pytest.mark.parametrize("share", [0.0, 1.01, -1.0, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(DeclarationError, match="at most 1"):
        ask([], until=1, as_of=1, share=share)


@pytest.mark.parametrize("edges", [[], [1], [1, 1], [2, 1]])
def test_edges_must_rise(edges):
    with pytest.raises(DeclarationError, match="each later"):
        slots(np.array([1]), np.array(edges, dtype=np.int64))
