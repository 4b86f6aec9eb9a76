from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from asof.compute.bootstrap import blocks_for, day_weights
from asof.compute.interval import DRAWS_IF_COSTLY, MIN_DAYS, by_slot, estimate, paired
from asof.compute.metric import METRICS, metric
from asof.compute.weighted import under_weights
from asof.declare.metrics import REGRESSION_METRICS


def days_that_hang_together(rng, days, rho):
    """A stationary autoregression with unit noise, float64[days]."""
    noise = rng.normal(size=days + 50)
    x = np.zeros(days + 50)
    for i in range(1, days + 50):
        x[i] = rho * x[i - 1] + noise[i]
    return x[50:]


def life(seed, days=40, rows_a_day=25):
    """Outcomes, two predictions and the day of binary requests with a mood for each day."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, days, days * rows_a_day)).astype(np.int32) + 15_000
    mood = days_that_hang_together(rng, days, 0.4)[day - 15_000]
    signal = rng.normal(size=len(day)) + 0.5 * mood
    y = (signal + rng.logistic(size=len(day)) > 0.5).astype(np.float64)
    p = 1 / (1 + np.exp(0.5 - signal))
    q = np.round(1 / (1 + np.exp(0.3 - 0.5 * signal)), 2)  # worse, and with ties
    return y, p, q, day


@pytest.mark.parametrize("name", METRICS)
def test_the_interval_holds_the_figure_and_says_what_it_rests_on(name):
    y, p, _, day = life(0)
    found = estimate(metric(name), y, p, day)
    assert found.value == metric(name).value(y, p)
    assert found.low < found.value < found.high
    assert (found.n, found.days, found.why) == (1000, 40, "")
    assert found.blocks == int(40 / found.block_length)
    assert found.draws == (DRAWS_IF_COSTLY if name == "average_precision" else 2000)
    low, high = metric(name).bounds
    assert low <= found.low < found.high <= high


@pytest.mark.parametrize("name", METRICS)
def test_a_difference_is_that_of_the_figures_and_narrower_than_either(name):
    y, p, q, day = life(1)
    found = paired(metric(name), y, p, q, day)
    assert found.value == metric(name).value(y, q) - metric(name).value(y, p)
    assert found.low < found.value < found.high
    back = paired(metric(name), y, q, p, day)
    assert (back.value, back.block_length) == (-found.value, pytest.approx(found.block_length))
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low), abs=1e-3)


@pytest.mark.parametrize("name", METRICS)
def test_identical_predictions_differ_by_exactly_nothing(name):
    y, p, _, day = life(2)
    found = paired(metric(name), y, p, p.copy(), day)
    assert (found.value, found.low, found.high, found.why) == (0.0, 0.0, 0.0, "")


def test_pairing_shows_what_two_intervals_hide():
    y, p, q, day = life(3)
    this = metric("log_loss")
    one, other, both = (
        estimate(this, y, p, day),
        estimate(this, y, q, day),
        paired(this, y, p, q, day),
    )
    assert one.high > other.low
    assert both.low > 0


@pytest.mark.parametrize("name", METRICS)
def test_the_order_of_rows_does_not_matter(name):
    y, p, q, day = life(4)
    mixed = np.random.default_rng(0).permutation(len(y))
    found = paired(metric(name), y, p, q, day)
    again = paired(metric(name), y[mixed], p[mixed], q[mixed], day[mixed])
    assert (again.n, again.blocks) == (found.n, found.blocks)
    assert (again.low, again.high) == pytest.approx((found.low, found.high), rel=1e-9)


def test_only_the_order_of_days_counts_not_their_numbers():
    y, p, _, day = life(5)
    assert estimate(metric("brier"), y, p, day) == estimate(metric("brier"), y, p, 3 * day - 7)


def test_the_seed_decides_and_nothing_else():
    y, p, _, day = life(6)
    one = estimate(metric("brier"), y, p, day, seed=1)
    assert one == estimate(metric("brier"), y, p, day, seed=1)
    assert one.low != estimate(metric("brier"), y, p, day, seed=2).low
    code = (
        "import numpy as np\n"
        "from asof.compute.interval import estimate\n"
        "from asof.compute.metric import metric\n"
        "day = np.repeat(np.arange(30), 4); p = np.sin(np.arange(120.0)); y = np.zeros(120)\n"
        "print(repr(estimate(metric('mae'), y, p, day)))"
    )
    command = [sys.executable, "-c", code]
    told = {
        subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)
    }
    day, p = np.repeat(np.arange(30), 4), np.sin(np.arange(120.0))
    assert told == {repr(estimate(metric("mae"), np.zeros(120), p, day)) + "\n"}


# --- the words where there is no interval ---------------------------------------------------------


def test_a_week_is_too_short_for_an_interval_over_a_life():
    y, p, _, day = life(7, days=7)
    found = estimate(metric("log_loss"), y, p, day)
    assert found.value == metric("log_loss").value(y, p)
    assert (found.low, found.high) == (None, None)
    assert found.why == f"7 days: an interval needs at least {MIN_DAYS}"


def test_days_that_are_all_alike_are_too_few_blocks():
    day = np.arange(12)
    found = estimate(metric("mae"), day.astype(float), np.zeros(12), day)
    assert found.low is None
    assert found.value == 5.5
    assert "12 days hold 3 blocks of 4.0 days, so alike are neighbouring days" in found.why


@pytest.mark.parametrize("name", METRICS)
def test_no_rows_no_figure(name):
    nothing = np.zeros(0)
    found = estimate(metric(name), nothing, nothing, np.zeros(0, dtype=np.int32))
    assert (found.value, found.low, found.high, found.n, found.days) == (None, None, None, 0, 0)
    assert "there are none" in found.why


def test_one_outcome_only_has_no_auc_but_a_log_loss():
    _, p, _, day = life(8)
    y = np.zeros(len(p))
    assert estimate(metric("log_loss"), y, p, day).low is not None
    found = estimate(metric("auc"), y, p, day)
    assert found.value is None
    assert found.why == "AUC needs both outcomes; all 1,000 requests have the outcome 0."


def test_a_figure_that_most_resamples_lack_has_no_interval():
    y, p, _, day = life(9)
    y = (np.arange(len(y)) == 500).astype(float)  # all hangs on one day
    found = estimate(metric("auc"), y, p, day)
    assert found.value is not None
    assert found.low is None
    assert "does not exist in" in found.why


def test_a_figure_without_spread_claims_no_certainty():
    y, _, _, day = life(10)
    found = estimate(metric("accuracy"), y, y, day)
    assert (found.value, found.low) == (1.0, None)
    assert "the same whichever days are drawn" in found.why


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_the_interval_is_that_of_the_resamples_with_its_amendments(rho):
    """Stretched by t / z, by the number of blocks and by what they miss; moved by the mean bias."""
    each = 5 + days_that_hang_together(np.random.default_rng(3), 80, rho)
    found = estimate(metric("mae"), np.repeat(each, 3), np.zeros(240), np.repeat(np.arange(80), 3))
    blocks = blocks_for(each)
    m = 80 / blocks.length
    assert (blocks.length > 2) == (rho > 0)
    assert found.block_length == pytest.approx(blocks.length)
    drawn = day_weights(80, found.block_length, found.draws, seed=0) @ each / 80
    t_over_z = student.ppf(0.975, m - 1) / norm.ppf(0.975)
    stretch = t_over_z * np.sqrt(m / (m - 1) / (1 - blocks.shortfall))
    ends = each.mean() + stretch * (np.quantile(drawn, [0.025, 0.975]) - drawn.mean())
    assert (found.low, found.high) == pytest.approx(tuple(ends), rel=1e-6)


def test_an_end_beyond_what_the_metric_can_be_is_cut_back():
    day = np.repeat(np.arange(40), 25)
    y = np.ones(1000)
    y[100:105] = 0  # one bad day, which many resamples do not hold
    found = estimate(metric("accuracy"), y, np.ones(1000), day)
    assert (found.value, found.high) == (0.995, 1.0)


@pytest.mark.parametrize(("days", "shown"), [(7, False), (8, True)])
def test_so_many_days_are_enough_and_no_fewer(days, shown):
    day = np.repeat(np.arange(days), 5)
    found = estimate(metric("mae"), np.tile([1.0, 2.0], 20)[: len(day)] + day % 2, 0.0 * day, day)
    assert (found.low is not None) == shown


def test_four_blocks_are_enough():
    blocks = set[int]()
    for seed in range(60):
        each = days_that_hang_together(np.random.default_rng(seed), 16, 0.7)
        found = estimate(metric("mae"), 9 + each, np.zeros(16), np.arange(16))
        assert (found.low is not None) == (found.blocks >= 4)
        blocks.add(found.blocks)
    assert {3, 4} <= blocks


def test_a_slot_needs_six_days():
    day = np.repeat(np.arange(11), 5)
    y = np.random.default_rng(0).normal(size=55)
    six, five = by_slot(metric("mae"), y, np.zeros(55), day, day // 6, 2)
    assert (six.low is not None, five.low) == (True, None)


# --- slots ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METRICS)
def test_a_slot_is_an_estimate_of_its_rows_alone(name):
    y, p, _, day = life(11, days=60)
    slot = (day - 15_000) // 7
    slot[::9] = -1
    found = by_slot(metric(name), y, p, day, slot, 9)
    assert len(found) == 9
    for i, each in enumerate(found):
        rows = slot == i
        assert each.n == rows.sum()
        assert each.value == metric(name).value(y[rows], p[rows])
    assert found[8].why == "4 days: an interval needs at least 6"
    assert all(each.low < each.value < each.high for each in found[:8])
    # The rows of other slots have no say.
    only = slot == 3
    (alone,) = by_slot(metric(name), y[only], p[only], day[only], slot[only] * 0, 1)
    assert alone == found[3]


def test_an_empty_slot_has_neither_figure_nor_interval():
    y, p, _, day = life(12)
    found = by_slot(metric("brier"), y, p, day, np.full(len(y), 1), 3)
    assert [each.n for each in found] == [0, 1000, 0]
    assert found[0].value is None
    assert found[1].low < found[1].high


# --- a metric under weights -----------------------------------------------------------------------


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(0, 4)), min_size=4, max_size=40
    ),
    weights=st.lists(st.integers(0, 3), min_size=5, max_size=5),
)
def test_weights_of_days_are_repetitions_of_their_rows(name, rows, weights):
    table = np.array([*rows, (0, 1, 0), (1, 6, 1)], dtype=np.float64)
    y, p, day = table[:, 0], table[:, 1] / 8, table[:, 2].astype(np.int64)
    weights = np.array([max(weights[0], 1), max(weights[1], 1), *weights[2:]], dtype=np.float64)
    repeated = np.repeat(np.arange(len(y)), weights[day].astype(int))
    this = under_weights(metric(name), y, p, day, 5)
    as_it_is, weighted = this(np.array([np.ones(5), weights]))
    expected = metric(name).value(y, p)
    assert as_it_is == pytest.approx(expected, rel=1e-9, abs=1e-12)
    if name != "calibration_error":  # whose bins stay those of all rows
        expected = metric(name).value(y[repeated], p[repeated])
        assert weighted == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", sorted(set(METRICS) - set(REGRESSION_METRICS)))
def test_a_figure_that_the_days_drawn_do_not_have_is_missing(name):
    y, p, day = np.array([0.0, 1.0]), np.array([0.2, 0.8]), np.array([0, 1])
    nothing, first = under_weights(metric(name), y, p, day, 2)(np.array([[0.0, 0.0], [1.0, 0.0]]))
    assert np.isnan(nothing)
    needs_a_yes = name in {"auc", "average_precision", "f1"}
    assert np.isnan(first) == needs_a_yes


# --- does it cover? -------------------------------------------------------------------------------


def coverage(lives, days, rho, *, rows_a_day=8, draws=500):
    """The share of simulated lives whose interval of a mean holds the truth, and their number."""
    rng = np.random.default_rng(days + int(100 * rho))
    day = np.repeat(np.arange(days), rows_a_day)
    held = []
    for seed in range(lives):
        losses = days_that_hang_together(rng, days, rho)[day] + rng.normal(size=len(day))
        y = 20 + losses  # mean absolute error of a prediction of 0: the mean, which is 20
        found = estimate(metric("mae"), y, np.zeros(len(y)), day, draws=draws, seed=seed)
        held.append(found.low is not None and found.low <= 20 <= found.high)
    return float(np.mean(held))


def test_the_interval_covers_about_as_often_as_it_says():
    # 300 lives: .95 +- .04 is beyond three standard errors; days one by one would give .80.
    assert 0.91 <= coverage(300, 300, 0.4) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize(
    ("days", "rho"), [(60, 0.0), (150, 0.3), (306, 0.0), (306, 0.3), (306, 0.5)]
)
def test_the_interval_covers_the_truth(days, rho):
    assert 0.92 <= coverage(2000, days, rho) <= 0.98


@pytest.mark.slow
def test_the_paired_interval_of_auc_covers_the_truth():
    # Both predictions are equally good by construction: the signal with noise of the same size.
    held = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        day = np.repeat(np.arange(80), 10)
        mood = days_that_hang_together(rng, 80, 0.4)[day]
        y = (rng.logistic(size=800) + 0.3 * mood > 0).astype(np.float64)
        shared = y + 0.8 * mood
        p, q = (1 / (1 + np.exp(-shared - rng.normal(size=80)[day])) for _ in range(2))
        found = paired(metric("auc"), y, p, q, day, draws=400, seed=seed)
        held.append(found.low is not None and found.low <= 0 <= found.high)
    assert 0.91 <= np.mean(held) <= 0.98


@pytest.mark.slow
def test_the_interval_of_a_week_of_independent_days_covers_the_truth():
    weeks, rng = 2000, np.random.default_rng(0)
    slot = np.repeat(np.arange(weeks), 7 * 4)
    day = np.repeat(np.arange(weeks * 7), 4)
    y = 20 + rng.normal(size=weeks * 7)[day] + rng.normal(size=len(day))
    found = by_slot(metric("mae"), y, np.zeros(len(y)), day, slot, weeks)
    assert 0.92 <= np.mean([each.low <= 20 <= each.high for each in found]) <= 0.98
