"""Which modes are compared."""

from __future__ import annotations

from datetime import time

import pytest
from modes_world import system

import asof
from asof import days, hours, minutes
from asof.errors import UsageError
from asof.study.serving.modes import modes


def names(found):
    return [each.name for each in found]


def test_online_features_predictions_and_the_mistake():
    found = modes(system, "1h,6h,nightly", "nightly", "UTC")
    assert names(found) == [
        "online", "features 1h", "features 6h", "features nightly", "predictions nightly",
        "hybrid nightly", "features nightly, trained fresh",
    ]  # fmt: skip
    assert [each.declared for each in found] == [True, *[False] * 6]
    assert found[-1].serving.trained == "fresh"
    assert found[1].serving == asof.batch_features(hours(1))


def test_the_declared_mode_is_marked_where_it_is_among_them_and_added_where_not():
    batch = asof.batch_features(asof.daily(time(0), zone="UTC"))
    found = modes(system.but(serving=batch), "6h,nightly", "", "UTC")
    assert [each.name for each in found if each.declared] == ["features nightly"]
    slow = asof.batch_features(hours(1), takes=minutes(20))
    found = modes(system.but(serving=slow), "6h", "", "UTC")
    assert names(found) == ["online", "declared", "features 6h", "declared, trained fresh"]
    skewed = asof.batch_features(hours(6), trained="fresh")
    found = modes(system.but(serving=skewed), "6h", "", "UTC")
    assert [(each.name, each.kind) for each in found] == [
        ("online", "online"), ("features 6h", "features"), ("declared", "skewed")
    ]  # fmt: skip


def test_a_hybrid_goes_with_each_way_to_predict_beforehand():
    far = asof.batch_predictions(hours(12), ahead=days(3))
    found = modes(system.but(serving=far), "", "1d", "UTC")
    hybrids = [each for each in found if each.kind == "hybrid"]
    assert names(hybrids) == ["hybrid declared", "hybrid 1d"]
    assert [each.serving for each in hybrids] == [
        each.serving for each in found if each.kind == "predictions"
    ]
    assert not any(each.declared for each in hybrids)


def test_predictions_reach_as_far_as_is_declared():
    far = asof.batch_predictions(hours(12), ahead=days(3))
    found = modes(system.but(serving=far), "", "12h,1d", "UTC")
    assert {each.serving.ahead for each in found if each.kind == "predictions"} == {days(3)}
    found = modes(system, "", "12h", "UTC")
    assert found[1].serving.ahead == hours(12)


@pytest.mark.parametrize("bad", ["1", "0h", "hourly", "1 week", "nightly@", "1h;6h"])
def test_what_is_no_schedule_is_refused_with_what_to_write(bad: str):
    with pytest.raises(UsageError, match="--features does not know"):
        modes(system, bad, "", "UTC")
