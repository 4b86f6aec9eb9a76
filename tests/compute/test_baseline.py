from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asof.compute.baseline import persistence, prior, smoothed_rate
from asof.errors import DeclarationError, MetricUndefined

outcome = st.integers(0, 1)
code = st.integers(-1, 6)
trained = st.lists(st.tuples(code, outcome), min_size=1, max_size=50)


def as_codes(values):
    return np.array(values, dtype=np.int32)


@given(y=st.lists(outcome, min_size=1, max_size=50))
def test_the_prior_is_the_rate_and_never_certain(y):
    rate = prior(np.array(y, dtype=np.float64), task="binary")
    assert 0 < rate < 1
    if 0 < sum(y) < len(y):
        assert rate == pytest.approx(sum(y) / len(y))


def test_the_prior_of_a_regression_is_the_mean():
    assert prior(np.array([-4.0, 1.0]), task="regression") == -1.5


def test_no_training_rows_no_prior():
    with pytest.raises(MetricUndefined, match="there are none"):
        prior(np.array([]), task="binary")


@settings(max_examples=80)
@given(rows=trained, asked=st.lists(code, max_size=20), strength=st.floats(0.01, 100))
def test_a_smoothed_rate_agrees_with_a_loop(rows, asked, strength):
    codes, y = as_codes([c for c, _ in rows]), np.array([float(v) for _, v in rows])
    found = smoothed_rate(codes, y, as_codes(asked), task="binary", strength=strength)
    base = prior(y, task="binary")
    for group, rate in zip(asked, found, strict=True):
        inside = [v for c, v in rows if c == group and group >= 0]
        expected = (sum(inside) + strength * base) / (len(inside) + strength)
        assert rate == pytest.approx(expected)
        assert 0 < rate < 1


def test_strength_moves_a_group_from_its_own_mean_to_the_prior():
    codes, y = as_codes([0, 0, 1, 1]), np.array([8.0, 10.0, 0.0, 2.0])
    asked = as_codes([0])

    def rate(strength):
        return smoothed_rate(codes, y, asked, task="regression", strength=strength)[0]

    assert rate(1e-9) == pytest.approx(9)
    assert rate(2.0) == pytest.approx(7)
    assert rate(1e9) == pytest.approx(5)


@pytest.mark.parametrize("strength", [0.0, -1.0, float("nan")])
def test_a_strength_that_is_no_number_of_rows_is_refused(strength):
    with pytest.raises(DeclarationError, match="above 0"):
        smoothed_rate(as_codes([0]), np.ones(1), as_codes([0]), task="binary", strength=strength)


last_known = st.sampled_from([0.0, 1.0, np.nan])


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(last_known, outcome), min_size=1, max_size=50),
    asked=st.lists(last_known, max_size=10),
)
def test_binary_persistence_is_the_rate_after_the_same_last_outcome(rows, asked):
    before, y = np.array([b for b, _ in rows]), np.array([float(v) for _, v in rows])
    found = persistence(before, y, np.array(asked, dtype=np.float64), task="binary")
    base = prior(y, task="binary")
    for last, rate in zip(asked, found, strict=True):
        same = [v for b, v in rows if b == last or (np.isnan(b) and np.isnan(last))]
        assert rate == pytest.approx((sum(same) + base) / (len(same) + 1))
        assert 0 < rate < 1


def test_persistence_of_a_regression_repeats_the_last_value():
    y = np.array([1.0, 3.0])
    found = persistence(np.zeros(2), y, np.array([-7.5, np.nan]), task="regression")
    assert found.tolist() == [-7.5, 2.0]


def test_a_last_outcome_that_is_none_is_refused():
    with pytest.raises(MetricUndefined) as caught:
        persistence(np.array([0.0, 0.5]), np.zeros(2), np.zeros(1), task="binary")
    assert "1 of 2 are not, such as" in str(caught.value)
