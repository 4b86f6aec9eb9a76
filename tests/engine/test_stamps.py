"""Stamps of a server only move on, whatever its clock does (LAW 1f)."""

from __future__ import annotations

import time

import pytest

from asof.engine.clock import RealStamps

HOUR = 3_600_000_000


@pytest.fixture
def clock(monkeypatch):
    """Where the machine's clock stands, in microseconds."""
    told = {"at": 10 * HOUR}
    monkeypatch.setattr(time, "time_ns", lambda: told["at"] * 1000)
    return told


def test_stamps_run_ahead_of_a_clock_that_falls_back_until_it_has_caught_up(clock):
    stamps = RealStamps(0)
    assert [stamps.next() - 10 * HOUR for _ in range(3)] == [0, 1, 2]
    clock["at"] -= HOUR
    assert [stamps.next() - 10 * HOUR for _ in range(3)] == [3, 4, 5]
    assert stamps.accepted == stamps.last == 10 * HOUR + 5
    assert stamps.ahead() == HOUR + 5
    clock["at"] += HOUR + 100
    assert stamps.next() == clock["at"]
    assert stamps.ahead() == 0


def test_a_start_goes_on_after_the_last_stamp_of_the_journal(clock):
    stamps = RealStamps(11 * HOUR)
    assert stamps.next() == 11 * HOUR + 1
    assert stamps.ahead() == HOUR + 1
