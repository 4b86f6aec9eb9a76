"""The log of a running system says what is new, once, and that it is over."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from asof.engine.live.watch import Watch
from asof.engine.messages import Promoted, Requested, TrainingFailed

WELL = (True, "")


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "asof.live")
    return lambda: [(one.levelname, one.getMessage()) for one in caplog.records]


def clock(*, ahead):
    return SimpleNamespace(ahead=lambda: ahead)


def test_decisions_are_told_with_the_id_of_their_model(log):
    watch = Watch()
    watch.decided(Promoted(5, "m2", "as declared"), {"m2": "ab12"})
    watch.decided(TrainingFailed(6, "m3", 5, "too few rows", ""), {})
    watch.decided(Requested(7, 0, 1), {})  # no decision
    assert log() == [
        ("INFO", "m2 (ab12) serves: as declared"),
        ("ERROR", "m3 could not be trained: too few rows"),
    ]


def test_a_fit_that_ends_sooner_than_declared_is_told_at_once(log):
    watch = Watch()
    watch.fitted("m1", "too few rows", 7_200_000_000)
    watch.fitted("m2", "", 7_200_000_000)
    assert log() == [
        ("ERROR", "the fit of m1 failed, which counts at 1970-01-01T02:00:00Z: too few rows"),
        ("INFO", "m2 is fitted, and serves at 1970-01-01T02:00:00Z at the earliest"),
    ]


def test_a_clock_that_fell_back_is_told_once_and_that_it_caught_up(log):
    watch = Watch()
    for ahead in (0, 3_500_000, 2_000_000, 10):
        watch.looked(WELL, clock(ahead=ahead))
    assert log() == [
        ("INFO", "ready"),
        ("WARNING", "the clock fell back: stamps run 3.5 s ahead of it"),
        ("INFO", "the clock has caught up with the stamps"),
    ]


def test_readiness_is_told_when_it_changes(log):
    watch = Watch()
    for ready in ((False, "no model"), (False, "no model"), WELL, WELL):
        watch.looked(ready, clock(ahead=0))
    assert log() == [("WARNING", "not ready: no model"), ("INFO", "ready")]


def test_sealing_that_fails_is_told_until_it_works_again(log):
    watch = Watch()
    for failure in ("", "no space", "no space", "", ""):
        watch.sealed(failure)
    assert log() == [
        ("ERROR", "the journal could not be moved into the tables: no space"),
        ("INFO", "the journal is moved into the tables again"),
    ]


def test_answers_that_differ_are_told_when_there_are_more(log):
    watch = Watch()
    for differing in (0, 1, 1, 3):
        watch.checked(
            SimpleNamespace(failed="", differing=differing, checked=10, why={"fault": differing})
        )
    watch.checked(SimpleNamespace(failed="gone", differing=3, checked=10, why={}))
    assert [level for level, _ in log()] == ["WARNING", "WARNING", "ERROR"]
    assert "3 of 10 answers computed again differ" in log()[1][1]
