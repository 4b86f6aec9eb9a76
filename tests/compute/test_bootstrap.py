from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asof.compute.bootstrap import SHORT, Blocks, blocks_for, day_weights


def autoregression(seed, n, rho):
    noise = np.random.default_rng(seed).standard_normal(n)
    x = np.empty(n)
    x[0] = noise[0]
    for i in range(1, n):
        x[i] = rho * x[i - 1] + noise[i]
    return x


@pytest.mark.parametrize(
    ("seed", "n", "rho", "length"),
    [  # arch.bootstrap.optimal_block_length, column `stationary`, on the same series
        (0, 306, 0.5, 7.498175097671624),
        (2, 200, 0.2, 1.5407092358540535),
        (5, 1000, 0.7, 20.3673597557921),
        (7, 90, 0.9, 12.665025193255113),
    ],
)
def test_the_length_agrees_with_another_implementation(seed, n, rho, length):
    assert blocks_for(autoregression(seed, n, rho)).length == pytest.approx(length, rel=1e-12)


@pytest.mark.parametrize("n", [30, 400])
def test_the_more_alike_neighbours_are_the_longer_the_blocks(n):
    lengths = [
        np.mean([blocks_for(autoregression(seed, n, rho)).length for seed in range(40)])
        for rho in (0.0, 0.4, 0.8)
    ]
    assert 1 <= lengths[0] < lengths[1] < lengths[2] < n / 3


@pytest.mark.parametrize("n", [SHORT - 20, SHORT + 200])
def test_neighbours_that_balance_each_other_need_no_blocks(n):
    assert blocks_for(autoregression(3, n, -0.7)) == Blocks(1.0, 0.0)


@settings(max_examples=100, deadline=None)
@given(series=st.lists(st.floats(-1e9, 1e9), max_size=90), scale=st.sampled_from([1.0, 1024.0]))
def test_blocks_are_of_a_sane_length_whatever_the_series(series, scale):
    series = np.array(series)
    found = blocks_for(series * scale)
    assert 1 <= found.length <= max(1, np.ceil(len(series) / 3))
    assert 0 <= found.shortfall < 1
    assert blocks_for(series[:2]) == blocks_for(np.full(80, 0.1)) == Blocks(1.0, 0.0)


@settings(max_examples=50, deadline=None)
@given(days=st.integers(1, 40), length=st.floats(1, 13), seed=st.integers(0, 5))
def test_every_resample_holds_as_many_days_as_there_are(days, length, seed):
    weights = day_weights(days, length, 30, seed)
    assert weights.shape == (30, days)
    assert (weights.sum(axis=1) == days).all()
    assert (weights == day_weights(days, length, 30, seed)).all()


def test_every_day_is_drawn_equally_often_the_last_ones_too():
    mean = day_weights(30, 6.0, 20_000, seed=0).mean(axis=0)
    assert mean == pytest.approx(np.ones(30), abs=0.05)


@pytest.mark.parametrize("length", [1.0, 2.0, 5.0])
def test_neighbours_are_drawn_together_as_often_as_the_length_says(length):
    # In an infinite circle the covariance of the weights of days k apart is (1 - 1 / length) ** k.
    weights = day_weights(60, length, 20_000, seed=1)
    covariance = ((weights - 1) * (np.roll(weights, -1, axis=1) - 1)).mean()
    together = covariance / np.var(weights) if length > 1 else covariance
    assert together == pytest.approx(1 - 1 / length, abs=0.06)


def test_a_short_series_is_taken_for_an_autoregression_of_order_one():
    series = autoregression(5, 40, 0.6)
    centred = series - series.mean()
    r = (centred[1:] @ centred[:-1]) / (centred @ centred)
    r += (1 + 3 * r) / 40  # freed of its bias
    ratio = 2 * r / (1 - r * r)
    found = blocks_for(series)
    assert found.length == pytest.approx((ratio**2 * 40) ** (1 / 3))
    assert found.shortfall == pytest.approx(ratio / found.length)
