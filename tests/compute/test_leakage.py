"""Signs of a leak: what is planted is found, and what is honest is not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from asof.compute.leakage import (
    BLOCKS,
    Marker,
    alone,
    known_before,
    late,
    marker,
    markers,
    repeated,
    told_later,
)
from asof.compute.outcomes import Outcomes
from asof.compute.window.contract import NEVER

N = 2000


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(7)


def by_name(features, y, *, binary=True):
    return {one.name: one for one in alone(pl.DataFrame(features), y, binary=binary)}


def test_a_copy_of_the_outcome_is_told_and_noise_is_not(chance):
    y = (chance.random(N) < 0.2).astype(float)
    words = np.where(y > 0, "lost", "home")
    found = by_name(
        {
            "copy": y * 3 - 1, "turned": -y, "yes": y > 0, "word": words,
            "noise": chance.random(N), "one": np.ones(N),
            "name": [f"guest {n}" for n in chance.integers(0, N, N)],
        },
        y,
    )  # fmt: skip
    assert {name for name, one in found.items() if one.score == 1} == {
        "copy", "turned", "yes", "word",
    }  # fmt: skip
    assert found["one"].score == 0.5
    assert found["noise"].score < 0.6
    assert found["name"].score < 0.7  # a word of one row says nothing of that row
    assert all(one.blocks == BLOCKS for one in found.values())


def test_the_figure_is_the_auc_of_the_worst_stretch_in_one_direction(chance):
    y = (chance.random(N) < 0.4).astype(float)
    value = y + chance.normal(0, 1, N)
    parts = np.array_split(np.arange(N), BLOCKS)
    worst = min(roc_auc_score(y[part], value[part]) for part in parts)
    assert by_name({"value": value}, y)["value"].score == pytest.approx(worst, abs=1e-12)
    turning = value.copy()
    turning[: N // BLOCKS] *= -1  # what helps here and hurts there tells nothing
    assert by_name({"value": turning}, y)["value"].score == 0.5


def test_a_value_that_is_there_only_for_one_outcome_tells_it(chance):
    y = (chance.random(N) < 0.3).astype(float)
    refund = pl.Series(np.where(y > 0, chance.random(N), np.nan), nan_to_null=True)
    one = by_name({"refund": refund}, y)["refund"]
    assert (one.score, one.missing) == (1.0, True)


def test_a_quantity_that_is_the_outcome_is_equal_and_one_that_follows_it_is_not(chance):
    y = np.round(chance.gamma(2, 10, N), 1)
    following = y + chance.normal(0, 0.2, N)
    found = by_name({"copy": y, "scaled": y * 60, "near": following}, y, binary=False)
    assert (found["copy"].equal, found["copy"].score) == (1.0, pytest.approx(1))
    assert (found["scaled"].equal, found["scaled"].score) == (0.0, pytest.approx(1))
    assert found["near"].equal < 0.01
    assert 0.9 < found["near"].score < 1
    coarse = np.floor(y / 20)  # few values: equal by chance, and so not counted
    assert by_name({"same": coarse}, coarse, binary=False)["same"].equal == 0.0


def test_nothing_is_said_of_few(chance):
    rare = np.zeros(N)
    rare[::60] = 1  # seven in each stretch
    assert alone(pl.DataFrame({"copy": rare}), rare, binary=True) == ()
    assert alone(pl.DataFrame({"x": [1.0] * 9}), np.arange(9.0), binary=False) == ()
    nobody = pl.DataFrame({"x": pl.Series([], dtype=pl.Float64)})
    assert alone(nobody, np.array([]), binary=True) == ()


def outcomes(came, due, fired, until=10**9):
    came, due, fired = (np.array(each, dtype=np.int64) for each in (came, due, fired))
    known = np.where((came <= due) & (came != NEVER), came, NEVER)
    value = np.where(known != NEVER, 1.0, np.nan)
    return Outcomes(value, due, known, (came > due) & (came != NEVER), came, fired, until)


def test_labels_known_before_they_are_asked():
    found = outcomes(came=[4, 5, 6, NEVER], due=[9] * 4, fired=[5] * 4)
    assert known_before(found, np.array([0, 1, 2])) == pytest.approx(1 / 3)
    assert known_before(found, np.array([], dtype=np.int64)) == 0.0


def test_what_comes_late_and_the_wait_that_lets_it_in():
    came = [10 + n for n in range(100)]
    found = late(outcomes(came, due=[50] * 100, fired=[0] * 100), np.zeros(100, dtype=np.int64))
    assert found is not None
    assert found.share == pytest.approx(0.59)
    assert found.wanted == np.ceil(np.quantile(came, 0.995))
    assert found.beyond == found.wanted - 50
    young = late(outcomes(came, [50] * 100, [0] * 100, until=49), np.zeros(100, dtype=np.int64))
    assert young is None


def test_rows_that_tell_of_a_later_moment():
    moments = pl.Series([1, 5, None, 9], dtype=pl.Int64)
    assert told_later(moments, np.array([4, 4, 4, 9])) == 0.25
    assert told_later(moments.clear(), np.array([], dtype=np.int64)) == 0.0


def test_rows_that_repeat_others():
    frame = pl.DataFrame({"k": range(4), "a": [1, 1, None, None], "b": [2, 2, 3, 3], "c": [1] * 4})
    assert repeated(frame, ["k"]) == 0.5
    assert repeated(frame.drop("c"), ["k"]) == 0.0  # two columns cannot tell cases apart
    assert repeated(frame.clear(), ["k"]) == 0.0


@pytest.mark.parametrize("value", [-1.0, 999.0, -999.0, 9999.0, -99999.0])
def test_a_number_that_means_not_known_is_found(chance, value):
    values = np.where(chance.random(N) < 0.05, value, chance.uniform(0, 100, N))
    found = marker(pl.Series(values))
    assert found == Marker(value, pytest.approx(float((values == value).mean())))
    assert markers(pl.DataFrame({"speed": values, "name": ["x"] * N})) == {"speed": found}


HONEST = {
    "temperatures": lambda chance: chance.integers(-1, 50, N),
    "signed": lambda chance: chance.normal(0, 1, N).round(),
    "many zeros": lambda chance: np.where(chance.random(N) < 0.3, 0.0, chance.uniform(5, 9, N)),
    "a full scale": lambda chance: np.where(
        chance.random(N) < 0.3, 100.0, chance.uniform(0, 100, N)
    ),
    "counts beyond": lambda chance: chance.integers(0, 1200, N),
    "one outlier": lambda chance: np.where(np.arange(N) == 9, 9999.0, chance.uniform(0, 9, N)),
    "codes": lambda chance: chance.choice([0.0, 1.0, 999.0], N),
}


@pytest.mark.parametrize("name", HONEST)
def test_other_numbers_are_values(chance, name):
    assert marker(pl.Series(HONEST[name](chance))) is None


@given(st.lists(st.tuples(st.booleans(), st.floats(-9, 9) | st.none()), max_size=400))
def test_scores_stay_in_their_range(rows):
    y = np.array([float(yes) for yes, _ in rows])
    value = pl.Series("x", [value for _, value in rows], dtype=pl.Float64)
    for one in alone(pl.DataFrame([value]), y, binary=True):
        assert 0.5 <= one.score <= 1
    for one in alone(pl.DataFrame([value]), y, binary=False):
        assert 0 <= one.score <= 1 + 1e-12
        assert 0 <= one.equal <= 1
