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


def understated(before: Fits, after: Fits, days: int) -> float:
    """How many times larger the variance of a bar is than its days say, in 2000 histories.

    Outcomes are a coin's, the stages the means of the rows that their fits see. What varies is the
    bar less its true length, which is the difference of the expected losses.
    """
    rng = np.random.default_rng(1)
    n = days * 10
    p, q = (weights(each, n, np.arange(n)) for each in (before, after))
    off, said = [], []
    for _ in range(2000):
        y = (rng.random(n) < 0.5).astype(float)
        one, other = p @ y, q @ y
        by_day = ((y - other) ** 2 - (y - one) ** 2).reshape(days, 10).mean(axis=1)
        off.append(by_day.mean() - np.mean((other - 0.5) ** 2 - (one - 0.5) ** 2))
        said.append(by_day.var(ddof=1) / days)
    return float(np.var(off) / np.mean(said))


ROWS = np.arange(400)
OF_ROWS, OF_DAYS = ROWS % 5, ROWS // 10 % 5
HALF = np.random.default_rng(0).random(400) < 0.5


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (folds(OF_ROWS, ROWS), folds(OF_DAYS, ROWS), 2.0),  # both see all rows
        (folds(OF_ROWS, ROWS), folds(OF_ROWS, ROWS, HALF), 1.0),  # who is left out answers no one
        (folds(OF_ROWS, ROWS, HALF), folds(OF_DAYS, ROWS, HALF), 1.5),
    ],
)
def test_the_variance_is_larger_by_what_is_counted_twice(
    before: Fits, after: Fits, expected: float
):
    told = 1 + counted_twice(ROWS, before, after, anew=False)
    assert told == pytest.approx(expected, abs=0.06)
    assert understated(before, after, days=40) == pytest.approx(told, rel=0.12)
