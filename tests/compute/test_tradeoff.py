"""Fronts and choices against what they are defined to be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asof.compute.tradeoff import KEEP, Option, choose, front, turns

few = st.integers(0, 4).map(float)
option = st.tuples(few, few, few, few)


@st.composite
def choices(draw: st.DrawFn) -> list[Option]:
    """An online option without loss, and others."""
    drawn = draw(st.lists(option, max_size=6))
    others = [Option(f"o{i}", a, a + b, c, d) for i, (a, b, c, d) in enumerate(drawn)]
    return [Option("online", 0.0, 0.0, draw(few), 9.0), *others]


@given(choices())
@settings(max_examples=200)
def test_the_front_is_what_nobody_beats(options: list[Option]):
    found = set(front(options))
    assert found
    for one in options:
        beaten = any(
            (o.loss <= one.loss and o.cost <= one.cost and o.demand <= one.demand)
            and (o.loss < one.loss or o.cost < one.cost or o.demand < one.demand)
            for o in options
        )
        assert (one.name in found) != beaten


@given(choices(), few)
@settings(max_examples=200)
def test_a_loss_that_is_allowed_is_kept_by_the_easiest(options: list[Option], limit: float):
    found = choose(options, max_loss=limit)
    by_name = {each.name: each for each in options}
    assert found.name is not None, "online loses nothing, so it is always within"
    taken = by_name[found.name]
    assert taken.at_most <= limit
    assert all(o.demand >= taken.demand for o in options if o.at_most <= limit)


@given(choices(), few)
@settings(max_examples=200)
def test_a_cost_that_is_allowed_is_kept_by_what_loses_least(options: list[Option], cost: float):
    found = choose(options, max_cost=cost)
    within = [o for o in options if o.cost <= cost]
    if not within:
        assert found.name is None
        return
    taken = next(o for o in options if o.name == found.name)
    assert taken.cost <= cost
    assert taken.loss == min(o.loss for o in within)
    both = choose(options, max_cost=cost, max_loss=0.0).name
    assert both is None or next(o for o in options if o.name == both).cost <= cost


@given(choices())
@settings(max_examples=200)
def test_between_two_turns_nothing_changes(options: list[Option]):
    found = turns(options)
    assert [t.limit for t in found] == sorted({t.limit for t in found})
    edges = [*(t.limit for t in found[1:]), math.inf]
    for turn, stop in zip(found, edges, strict=True):
        assert choose(options, max_loss=turn.limit).name == turn.name
        middle = turn.limit + 1 if stop == math.inf else (turn.limit + stop) / 2
        assert choose(options, max_loss=middle).name == turn.name


def test_without_a_budget_what_freshness_is_worth_decides():
    hourly = Option("hourly", 0.003, 0.004, 1, 24)
    nightly = Option("nightly", 0.043, 0.05, 1, 1)
    options = [Option("online", 0, 0, 1, 1e9), hourly, nightly]
    assert choose(options, worth=0.043).name == "hourly"
    assert choose(options, worth=0.043).limit == pytest.approx((1 - KEEP) * 0.043)
    assert choose(options, worth=0.02).name == "online"


def test_where_no_loss_is_shown_the_interval_has_to_show_that_it_is_small():
    wide = [Option("online", 0, 0, 1, 1e9), Option("nightly", 0.001, 0.03, 1, 1)]
    narrow = [Option("online", 0, 0, 1, 1e9), Option("nightly", 0.001, 0.003, 1, 1)]
    unknown = [Option("online", 0, 0, 1, 1e9), Option("nightly", 0.001, math.inf, 1, 1)]
    assert choose(wide, model_worth=0.1).name == "online"
    assert choose(narrow, model_worth=0.1).name == "nightly"
    assert choose(unknown, model_worth=0.1).name == "online"
    assert choose(narrow).name is None
    assert turns(unknown) == turns(unknown[:1])
