"""The best in hindsight against all lives that there are."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asof.compute.hindsight import best_at_price, best_by_number, hull, served_by
from asof.compute.lattice import Cells, Scored, cells, firsts, lattice

LOOKS = 7


def drawn(seed: int, *, failing: bool = False) -> tuple[Cells, np.ndarray]:
    rng = np.random.default_rng(seed)
    triggers = np.cumsum(rng.integers(1, 9, LOOKS))
    chosen = np.sort(rng.integers(triggers[0], 70, 80))
    first = firsts(chosen, triggers, 0)
    parts = [rng.random(80 - at) + rng.random() for at in first]
    if failing:
        parts[3] = None
    found = lattice(triggers, 0, Scored(chosen, chosen), parts)
    return cells(found, np.zeros(80)), rng.random(LOOKS) + 0.1


def lives(cut: Cells, takes: int):
    """Every life: the looks at which it trains and its loss."""
    able = [k for k in range(1, LOOKS) if cut.fitted[k]]
    for number in range(LOOKS):
        for later in combinations(able, number):
            trained = (0, *later)
            if (np.diff(cut.looks[list(trained)]) >= takes).all():
                served = served_by(trained, LOOKS)
                yield trained, cut.loss[served, np.arange(LOOKS)].sum()


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([0, 5, 12]), st.booleans())
def test_no_life_is_better(seed: int, takes: int, failing: bool) -> None:
    cut, cost = drawn(seed, failing=failing)
    all_lives = list(lives(cut, takes))
    found = best_by_number(cut, takes)
    assert [each.retrainings for each in found] == list(range(len(found)))
    assert len(found) == max(len(trained) for trained, _ in all_lives)
    for each in found:
        best = min(loss for trained, loss in all_lives if len(trained) == each.retrainings + 1)
        assert each.loss == pytest.approx(best, rel=1e-12)
        served = served_by(each.trained, LOOKS)
        assert cut.loss[served, np.arange(LOOKS)].sum() == pytest.approx(best, rel=1e-12)
    for price in (0.0, 0.5, 5.0, 1e6):
        best = best_at_price(cut, takes, cost, price)
        paid = best.loss + price * cost[list(best.trained)].sum()
        least = min(loss + price * cost[list(trained)].sum() for trained, loss in all_lives)
        assert paid == pytest.approx(least, rel=1e-12)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_no_life_lies_below_the_hull(seed: int) -> None:
    cut, cost = drawn(seed)
    corners = hull(cut, 0, cost)
    x = [cost[list(each.trained)].sum() for each in corners]
    y = [each.loss for each in corners]
    assert x == sorted(x)
    for trained, loss in lives(cut, 0):
        assert loss >= np.interp(cost[list(trained)].sum(), x, y) - 1e-9


def test_no_more_retrainings_than_asked_for() -> None:
    cut, _ = drawn(1)
    assert [each.retrainings for each in best_by_number(cut, 0, most=2)] == [0, 1, 2]
