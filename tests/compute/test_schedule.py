from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asof.compute.schedule import first_instant, microseconds, moment, moments
from asof.declare.schedules import after, daily, every, monthly, never, weekly
from asof.units import DAY, HOUR, Duration

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"]


@given(
    st.datetimes(datetime.min.replace(1990), datetime.min.replace(2035)).map(  # noqa: DTZ901  naive on purpose
        lambda d: d.replace(microsecond=0)
    ),
    st.sampled_from(ZONES),
)
def test_a_wall_time_is_its_first_instant(wall: datetime, name: str):
    """Brute force: the first second from two days before at which the clock shows it or more."""
    zone = ZoneInfo(name)
    found = moment(first_instant(wall.date(), wall.time(), zone))
    shown = found.astimezone(zone).replace(tzinfo=None)
    before = (found - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    assert shown >= wall
    assert before < wall or before - wall < timedelta(hours=2)
    if shown != wall:  # in a gap: the second before is before the gap
        assert before < wall


def test_a_gap_and_a_repeated_hour():
    berlin = ZoneInfo("Europe/Berlin")
    assert moment(first_instant(date(2024, 3, 31), time(2, 30), berlin)) == datetime(
        2024, 3, 31, 1, tzinfo=UTC
    )
    assert moment(first_instant(date(2024, 10, 27), time(2, 30), berlin)) == datetime(
        2024, 10, 27, 0, 30, tzinfo=UTC
    )


@given(
    st.integers(1, 3 * DAY),
    st.integers(-DAY, DAY),
    st.integers(-5 * DAY, DAY),
    st.integers(0, 3 * DAY),
)
def test_periods_are_counted_from_the_anchor(period: int, anchor: int, start: int, length: int):
    found = moments(every(Duration(period * 1000)), start, start + length, anchor=anchor)
    assert np.array_equal(
        found,
        [
            at
            for at in found
            if start <= at < start + length and (at - anchor) % (period * 1000) == 0
        ],
    )
    assert len(found) == len(
        range(
            -(-(start - anchor) // (period * 1000)),
            -(-(start + length - anchor) // (period * 1000)),
        )
    )


def test_days_are_civil_days():
    zone = "America/New_York"
    start, stop = (
        microseconds(datetime(2013, m, d, tzinfo=ZoneInfo(zone))) for m, d in ((3, 9), (3, 12))
    )
    found = moments(daily(time(0), zone=zone), start, stop)
    assert np.diff(found).tolist() == [24 * HOUR, 23 * HOUR]
    assert moments(weekly(4, time(0), zone=zone), start, stop + 7 * DAY).tolist() == [
        microseconds(datetime(2013, 3, 15, tzinfo=ZoneInfo(zone)))
    ]
    assert len(moments(monthly(1, time(0), zone=zone), start, stop + 365 * DAY)) == 12


@pytest.mark.parametrize("schedule", [never(), after(labels=3)])
def test_what_no_clock_tells_has_no_moments(schedule):
    assert moments(schedule, 0, DAY).tolist() == []


def test_combined_schedules_have_each_moment_once():
    both = every(Duration(2 * HOUR)) | every(Duration(3 * HOUR))
    assert (moments(both, 0, 7 * HOUR) // HOUR).tolist() == [0, 2, 3, 4, 6]
