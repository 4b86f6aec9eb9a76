"""Wall times of all zones against the standard library's zones, read one by one."""

# ruff: noqa: DTZ001  wall times, without a zone, are what is tested
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asof.compute.walltime import to_utc

ZONES = (
    "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC",
    "Pacific/Apia", "America/Sao_Paulo",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment):
    return (moment - EPOCH) // timedelta(microseconds=1)


def brute(wall, name):
    """First reading if the wall time exists; else walk by minutes to the first that does."""
    zone = ZoneInfo(name)

    def exists(when):
        moment = when.replace(tzinfo=zone).astimezone(UTC)
        return moment.astimezone(zone).replace(tzinfo=None) == when

    if exists(wall):
        return micros(wall.replace(tzinfo=zone, fold=0).astimezone(UTC))
    later = wall.replace(second=0, microsecond=0)
    while not exists(later):
        later += timedelta(minutes=1)
    return micros(later.replace(tzinfo=zone).astimezone(UTC))


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(2005, 1, 1), datetime(2024, 12, 31)), st.sampled_from(ZONES)
        ),
        min_size=1,
        max_size=5,
    )
)
def test_moments_agree_with_the_standard_library(rows):
    walls = pl.Series([wall for wall, _ in rows], dtype=pl.Datetime("us"))
    found = to_utc(walls, pl.Series([name for _, name in rows]))
    assert found.utc.to_list() == [brute(wall, name) for wall, name in rows]


@pytest.mark.parametrize(
    ("wall", "zone", "expected"),
    [
        (datetime(2013, 3, 10, 2, 30), "America/New_York", "2013-03-10 07:00:00"),
        (datetime(2013, 3, 10, 2, 0), "America/New_York", "2013-03-10 07:00:00"),
        (datetime(2013, 10, 6, 2, 10), "Australia/Lord_Howe", "2013-10-05 15:30:00"),
        (datetime(2011, 12, 30, 12, 0), "Pacific/Apia", "2011-12-30 10:00:00"),  # a lost day
    ],
)
def test_a_time_that_does_not_exist_is_the_first_instant_after_the_gap(wall, zone, expected):
    found = to_utc(pl.Series([wall]), zone)
    assert found.utc.cast(pl.Datetime("us")).dt.to_string("%Y-%m-%d %H:%M:%S")[0] == expected
    assert found.never.to_list() == [True]
    assert found.twice.to_list() == [False]


def test_a_time_that_exists_twice_is_the_first():
    found = to_utc(pl.Series([datetime(2013, 11, 3, 1, 30)]), "America/New_York")
    assert found.utc.to_list() == [micros(datetime(2013, 11, 3, 5, 30, tzinfo=UTC))]
    assert (found.never.to_list(), found.twice.to_list()) == ([False], [True])


def test_nulls_and_unknown_zones_have_no_moment():
    walls = pl.Series([datetime(2024, 1, 1), None, datetime(2024, 1, 1)])
    found = to_utc(walls, pl.Series(["Europe/Atlantis", "UTC", None]))
    assert found.utc.to_list() == [None, None, None]
    assert found.unknown.to_list() == [True, False, True]
