"""The stability index: nothing where nothing moves, more where more does."""

from __future__ import annotations

import numpy as np

from asof.compute.stability import CLASSES, apart, classes, shares

MISSING = np.nan


def test_classes_are_equally_full_and_missing_is_one_more() -> None:
    values = np.append(np.random.default_rng(0).normal(size=1000), MISSING)
    found = classes(values, np.ones(1001, dtype=bool))
    assert np.bincount(found).tolist() == [100] * CLASSES + [1]


def test_classes_are_those_of_the_rows_named() -> None:
    values = np.arange(20.0)
    found = classes(values, values < 10)
    assert found[:10].tolist() == list(range(10))
    assert (found[10:] == CLASSES - 1).all()


def test_nothing_known_is_all_missing() -> None:
    assert classes(np.full(3, MISSING), np.ones(3, dtype=bool)).tolist() == [CLASSES] * 3


def test_what_moves_more_lies_farther_apart() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(m, 1, 5000) for m in (0.0, 0.0, 0.5, 1.5)])
    period = np.repeat(np.arange(4), 5000)
    by = shares(classes(values, period == 0), period, 4)
    same, near, far = (float(apart(by[0], by[k])) for k in (1, 2, 3))
    assert same < 0.01 < near < far
    assert float(apart(by[0], by[3])) == float(apart(by[3], by[0]))


def test_an_empty_period_is_finite_and_rows_outside_do_not_count() -> None:
    by = shares(np.array([0, 0, 3]), np.array([0, -1, 0]), 2)
    assert np.isfinite(apart(by[0], by[1]))
    assert by.sum(axis=1).tolist() == [1.0, 1.0]
