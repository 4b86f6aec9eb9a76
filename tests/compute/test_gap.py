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
