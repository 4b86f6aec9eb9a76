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


def test_missing_values_are_a_value():
    values = np.where(SECOND & (np.arange(len(DAY)) % 2 == 0), np.nan, 1.0)[:, None]
    found = overlap(values, SECOND, DAY, ("gone",), draws=100)
    assert found.auc.value > 0.7
