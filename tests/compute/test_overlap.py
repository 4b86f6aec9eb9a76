"""Periods are told apart by what differs in them, not by which day a row is of."""

from __future__ import annotations

import numpy as np

from asof.compute.overlap import overlap

DAY = np.repeat(np.arange(60), 40)
SECOND = DAY >= 30


def weather(seed: int) -> np.ndarray:
    """A value that all rows of a day share: rows would recognise their day."""
    return np.random.default_rng(seed).normal(size=60)[DAY]


def test_days_alike_are_not_told_apart_though_rows_of_a_day_are():
    values = np.column_stack([weather(1), weather(2)])
    found = overlap(values, SECOND, DAY, ("wind", "rain"), draws=200)
    assert found.auc.low < 0.5


def test_what_moved_is_named_and_costs_overlap():
    moved = np.random.default_rng(3).normal(size=len(DAY)) + 2.5 * SECOND
    still = np.random.default_rng(4).normal(size=len(DAY))
    found = overlap(np.column_stack([still, moved]), SECOND, DAY, ("still", "moved"), draws=200)
    assert found.auc.low > 0.9
    assert found.loses[0][0] == "moved"
    assert found.effective_rows < 0.5


def test_where_nothing_is_shared_the_first_period_is_worth_nothing():
    """All rows of the first are equally unlike the second: weights are even, and worth nothing."""
    noise = np.random.default_rng(5).normal(size=len(DAY))
    found = overlap(np.column_stack([noise, SECOND]), SECOND, DAY, ("x", "new"), draws=200)
    assert found.auc.value == 1.0
    assert found.covered < 0.02
    assert found.effective_days < 1
    assert found.effective_rows < 0.02


def test_what_of_the_second_period_is_new_is_not_covered():
    """Half of its rows are of a kind that the first knows, for which nothing changed."""
    new = SECOND & (np.arange(len(DAY)) % 2 == 0)
    noise = np.random.default_rng(6).normal(size=len(DAY))
    found = overlap(np.column_stack([noise, new]), SECOND, DAY, ("x", "new"), draws=100)
    assert 0.4 < found.covered < 0.6
    assert 12 < found.effective_days < 17  # of 30


def test_missing_values_are_a_value():
    values = np.where(SECOND & (np.arange(len(DAY)) % 2 == 0), np.nan, 1.0)[:, None]
    found = overlap(values, SECOND, DAY, ("gone",), draws=100)
    assert found.auc.value > 0.7
