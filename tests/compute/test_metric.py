from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from asof.compute.metric import BINS, CLIP, METRICS, equal_mass_bins, metric
from asof.declare.metrics import REGRESSION_METRICS
from asof.errors import DeclarationError, MetricUndefined

BINARY = [name for name in METRICS if name not in REGRESSION_METRICS]

probability = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))
binary_rows = st.lists(st.tuples(st.integers(0, 1), probability), min_size=1, max_size=60)
finite = st.floats(-1e6, 1e6)
number_rows = st.lists(st.tuples(finite, finite), min_size=1, max_size=60)


def columns(rows):
    table = np.array(rows, dtype=np.float64)
    return table[:, 0], table[:, 1]


def calibration_error_by_loop(y, p):
    order = np.argsort(p, kind="stable")
    cuts = sorted({float(p[order[(len(p) * j) // BINS]]) for j in range(1, BINS)})
    bins: dict[int, list[int]] = {}
    for row, prediction in enumerate(p):
        bins.setdefault(sum(cut <= prediction for cut in cuts), []).append(row)
    off = [abs(y[rows].mean() - p[rows].mean()) * len(rows) for rows in bins.values()]
    return sum(off) / len(p)


OTHERS = {
    "log_loss": lambda y, p: sk.log_loss(y, p, labels=[0, 1]),
    "brier": sk.brier_score_loss,
    "auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "accuracy": lambda y, p: sk.accuracy_score(y, p > 0.5),
    "f1": lambda y, p: sk.f1_score(y, p > 0.5),
    "calibration_error": calibration_error_by_loop,
    "mae": sk.mean_absolute_error,
    "rmse": sk.root_mean_squared_error,
}


@pytest.mark.parametrize("name", BINARY)
@settings(max_examples=40, deadline=None)
@given(rows=binary_rows)
def test_a_binary_metric_agrees_with_another_implementation(name, rows):
    y, p = columns([*rows, (0, 0.25), (1, 0.75)])
    if name == "log_loss":  # at the very ends scikit-learn clips at another place
        p = np.clip(p, 1e-12, 1 - 1e-12)
    assert metric(name).value(y, p) == pytest.approx(OTHERS[name](y, p), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("name", REGRESSION_METRICS)
@settings(max_examples=40, deadline=None)
@given(rows=number_rows)
def test_a_regression_metric_agrees_with_another_implementation(name, rows):
    y, p = columns(rows)
    assert metric(name).value(y, p) == pytest.approx(OTHERS[name](y, p), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", [each.name for each in METRICS.values() if each.is_mean])
@settings(max_examples=30, deadline=None)
@given(rows=binary_rows)
def test_a_mean_is_the_mean_of_its_losses(name, rows):
    y, p = columns(rows)
    losses = metric(name).losses(y, p)
    assert losses.shape == y.shape
    assert losses.dtype == np.float64
    assert metric(name).value(y, p) == losses.mean()


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=25, deadline=None)
@given(rows=binary_rows, seed=st.integers(0, 9))
def test_the_order_of_rows_does_not_matter(name, rows, seed):
    y, p = columns([*rows, (0, 0.25), (1, 0.75)])
    mixed = np.random.default_rng(seed).permutation(len(y))
    expected = metric(name).value(y, p)
    assert metric(name).value(y[mixed], p[mixed]) == pytest.approx(expected, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("name", METRICS)
def test_what_is_better_scores_better(name):
    y = np.array([0.0, 0.0, 1.0, 1.0])
    good, bad = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.9, 0.8, 0.2, 0.1])
    this = metric(name)
    assert this.better(this.value(y, good), this.value(y, bad))
    low, high = this.bounds
    assert low <= this.value(y, bad) <= high


def test_a_sure_mistake_costs_a_finite_amount():
    y, p = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    expected = -np.log(CLIP)
    assert metric("log_loss").losses(y, p) == pytest.approx([expected] * 2, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "y", "words"),
    [
        ("auc", [0.0] * 512, "AUC needs both outcomes; all 512 requests have the outcome 0."),
        ("auc", [1.0] * 1512, "all 1,512 requests have the outcome 1"),
        ("average_precision", [0.0] * 3, "all 3 requests have the outcome 0"),
        ("f1", [0.0] * 3, "3 requests have neither"),
        ("log_loss", [], "there are none"),
        ("mae", [], "there are none"),
        ("brier", [0.0, 2.0], "needs 0 or 1 as outcome"),
        ("rmse", [0.0, np.nan], "needs numbers"),
    ],
)
def test_a_figure_that_does_not_exist_says_so_in_words(name, y, words):
    outcomes = np.array(y)
    with pytest.raises(MetricUndefined, match=words):
        metric(name).value(outcomes, np.full(len(outcomes), 0.25))


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1, np.inf])
def test_what_is_no_probability_is_counted(bad):
    with pytest.raises(MetricUndefined) as caught:
        metric("log_loss").value(np.array([0.0, 1.0]), np.array([0.5, bad]))
    assert "0 outcomes and 1 predictions of 2" in str(caught.value)


def test_outcomes_and_predictions_come_in_pairs():
    with pytest.raises(MetricUndefined, match="one prediction an outcome"):
        metric("mae").value(np.zeros(2), np.zeros(3))


def test_losses_of_a_metric_that_is_no_mean():
    with pytest.raises(MetricUndefined, match="AUC is not a mean"):
        metric("auc").losses(np.array([0.0, 1.0]), np.array([0.0, 1.0]))


def test_a_misspelt_name_finds_the_near_one():
    with pytest.raises(DeclarationError) as caught:
        metric("logloss")
    assert "Did you mean 'log_loss'?" in str(caught.value)


@settings(max_examples=50, deadline=None)
@given(p=st.lists(probability, min_size=1, max_size=80))
def test_bins_keep_equal_predictions_together_and_rise_with_them(p):
    p = np.array(p)
    bins = equal_mass_bins(p)
    order = np.argsort(p)
    assert 0 <= bins.min() <= bins.max() < BINS
    assert (np.diff(bins[order]) >= 0).all()
    for value in np.unique(p):
        assert len(np.unique(bins[p == value])) == 1


def test_bins_of_different_predictions_hold_equally_many():
    assert (
        np.bincount(equal_mass_bins(np.random.default_rng(0).random(1000))).tolist() == [100] * 10
    )
