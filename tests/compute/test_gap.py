"""Bars are paired differences, in the order of the stages."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from asof.compute.gap import waterfall
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


def test_a_step_between_folds_is_widened_by_the_rows_that_answer_one_another():
    stages = [P, 0.9 * P, 0.8 * P]
    plain = waterfall(metric("brier"), Y, stages, DAY, draws=200)
    wider = waterfall(metric("brier"), Y, stages, DAY, folded=[0.44, 0.44, 0.0], draws=200)
    assert wider[2] == plain[2]  # only one side of it is of folds
    one, other = plain[1].step, wider[1].step
    assert other.value == one.value
    assert other.high - other.value == pytest.approx(1.2 * (one.high - one.value))
    assert other.low - other.value == pytest.approx(1.2 * (one.low - one.value))
    assert [each.level for each in wider] == [each.level for each in plain]


def test_fits_that_differ_by_noise_alone_need_the_wider_interval():
    """Means of folds of rows beside means of folds of days: truly the same, and both see all."""
    rng = np.random.default_rng(1)
    day, folds = np.repeat(np.arange(40), 10), 5
    of_rows, of_days = np.arange(400) % folds, day % folds

    def held_out(y: np.ndarray, fold: np.ndarray) -> np.ndarray:
        return np.array([y[fold != k].mean() for k in range(folds)])[fold]

    held = []
    for _ in range(400):
        y = (rng.random(400) < 0.5).astype(float)
        stages = [held_out(y, of_rows), held_out(y, of_days)]
        held.append(
            [
                waterfall(metric("brier"), y, stages, day, folded=folded, draws=200)[1].step
                for folded in ([0.0, 0.0], [1.0, 1.0])
            ]
        )
    narrow, wide = np.mean([[s.low <= 0 <= s.high for s in each] for each in held], axis=0)
    assert narrow < 0.9
    assert 0.92 < wide < 0.99
