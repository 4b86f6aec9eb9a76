"""Bars are paired differences, in the order of the stages."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from asof.compute.gap import counted_twice, waterfall
from asof.compute.metric import metric

RNG = np.random.default_rng(0)
DAY = np.repeat(np.arange(50), 20)
Y = (RNG.random(1000) < 0.4).astype(float)
P = np.clip(0.4 + 0.2 * RNG.normal(size=1000), 0.01, 0.99)


@pytest.mark.parametrize("name", ["log_loss", "brier", "auc", "accuracy"])
def test_steps_add_up_to_the_levels(name: str):
    stages = [np.full(1000, 0.4) + 0.1 * Y, P, (P + 0.4 + 0.1 * Y) / 2]
    bars = waterfall(metric(name), Y, stages, DAY, draws=100)
    for before, after in pairwise(bars):
        assert after.step is not None
        assert after.step.value == pytest.approx(after.level.value - before.level.value, abs=1e-12)
        assert after.step.low < after.step.value < after.step.high


def test_a_stage_without_answers_is_stepped_over():
    bars = waterfall(metric("brier"), Y, [P, "all fits failed", 0.9 * P], DAY, draws=50)
    assert (bars[1].level.value, bars[1].level.why, bars[1].step) == (None, "all fits failed", None)
    assert (bars[2].since, bars[2].step is None) == (0, False)


def test_the_same_answers_up_to_rounding_are_no_step():
    bars = waterfall(metric("log_loss"), Y, [P, P * (1 + 1e-15)], DAY, draws=50)
    assert bars[1].same
    assert (bars[1].step.value, bars[1].step.low, bars[1].step.high) == (0, 0, 0)


def test_nothing_at_all_has_words():
    bars = waterfall(metric("log_loss"), Y, ["a", "b"], DAY, draws=50)
    assert [bar.level.why for bar in bars] == ["a", "b"]
    assert all(bar.step is None for bar in bars)


def test_a_step_is_widened_by_what_it_has_counted_twice():
    stages = [P, 0.9 * P, 0.8 * P]
    plain = waterfall(metric("brier"), Y, stages, DAY, draws=200)
    wider = waterfall(metric("brier"), Y, stages, DAY, twice=[0.0, 0.44, 0.0], draws=200)
    assert wider[2] == plain[2]
    one, other = plain[1].step, wider[1].step
    assert other.value == one.value
    assert other.high - other.value == pytest.approx(1.2 * (one.high - one.value))
    assert other.low - other.value == pytest.approx(1.2 * (one.low - one.value))
    assert [each.level for each in wider] == [each.level for each in plain]


Fits = list[tuple[np.ndarray, np.ndarray]]


def folds(fold: np.ndarray, scored: np.ndarray, keep: np.ndarray | None = None) -> Fits:
    """A fit a fold on the other rows, those of them to `keep`, each answering its own scored."""
    kept = np.ones(len(fold), dtype=bool) if keep is None else keep
    return [
        (np.flatnonzero((fold != k) & kept), np.flatnonzero(fold[scored] == k))
        for k in np.unique(fold)
    ]


def weights(fits: Fits, n: int, scored: np.ndarray) -> np.ndarray:
    """The weight of each of n rows in the fit that answers each scored request."""
    found = np.zeros((len(scored), n))
    for rows, at in fits:
        found[np.ix_(at, rows)] = 1 / len(rows)
    return found


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_what_is_counted_twice_is_the_sum_over_pairs(seed: int, anew: bool):
    rng = np.random.default_rng(seed)
    n = 60
    scored = np.sort(rng.choice(n, 35, replace=False))
    one, other = rng.integers(0, 4, n), rng.integers(0, 3, n)
    fits = folds(one, scored), folds(other, scored, rng.random(n) < 0.7)
    before, after = (weights(each, n, scored) for each in fits)
    c = after if anew else after - before
    crossed = (c[:, scored] * c[:, scored].T).sum() / (c**2).sum()
    assert counted_twice(scored, *fits, anew=anew) == pytest.approx(max(crossed, 0.0))


def test_nothing_is_counted_twice_between_fits_on_the_same_rows_with_the_same_features():
    scored = np.arange(30)
    fits = folds(scored % 5, scored)
    assert counted_twice(scored, fits, fits, anew=False) == 0


def held_zero(before: Fits, after: Fits, days: int, runs: int = 400) -> tuple[float, float]:
    """How often a bar between means of outcomes holds its true length, plain and widened.

    Outcomes are a coin's, the stages the means of the rows that their fits see, the truth is the
    difference of their expected losses.
    """
    rng = np.random.default_rng(1)
    n = days * 10
    scored, day = np.arange(n), np.repeat(np.arange(days), 10)
    shares = weights(before, n, scored), weights(after, n, scored)
    twice = [0.0, counted_twice(scored, before, after, anew=False)]
    held = []
    for _ in range(runs):
        y = (rng.random(n) < 0.5).astype(float)
        stages = [each @ y for each in shares]
        true = np.mean((stages[1] - 0.5) ** 2) - np.mean((stages[0] - 0.5) ** 2)
        steps = [
            waterfall(metric("brier"), y, stages, day, twice=counted, draws=200)[1].step
            for counted in ([], twice)
        ]
        held.append([step.low <= true <= step.high for step in steps])
    plain, widened = np.mean(held, axis=0).tolist()
    return plain, widened


def test_fits_that_differ_by_noise_alone_need_the_wider_interval():
    """Folds of rows beside folds of days: truly the same, and both see all rows."""
    rows = np.arange(400)
    plain, widened = held_zero(folds(rows % 5, rows), folds(rows // 10 % 5, rows), days=40)
    assert plain < 0.93
    assert 0.94 < widened < 0.99


def test_fits_on_samples_of_the_rows_need_no_wider_interval():
    """The same folds with half of the rows: who is left out does not answer for it."""
    rows = np.arange(400)
    half = folds(rows % 5, rows, np.random.default_rng(0).random(400) < 0.5)
    plain, widened = held_zero(folds(rows % 5, rows), half, days=40)
    assert 0.92 < plain < 0.98
    assert 0.92 < widened < 0.98
