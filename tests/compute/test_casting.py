"""Values that say the declared type are taken; nothing is guessed."""

# ruff: noqa: DTZ001  wall times, without a zone, are what is tested
from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asof.compute.casting import cast


def taken(values, kind, dtype=None):
    found = cast(pl.Series("x", values, dtype=dtype), kind)
    return found.values.to_list(), {w: m.to_list() for w, m in found.faults.items() if m.any()}


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", " 2 ", None], int, [1, 2, None]),
        (["2.0", "1e3"], int, [2, 1000]),
        (["9223372036854775807"], int, [2**63 - 1]),
        ([3.0, None, float("nan")], int, [3, None, None]),
        ([Decimal("4.00")], int, [4]),
        (["1.5", "-2", "nan"], float, [1.5, -2.0, None]),
        ([1, 2], float, [1.0, 2.0]),
        (["true", "False", "1", "no"], bool, [True, False, True, False]),
        ([1, 0, None], bool, [True, False, None]),
        ([7, 8], str, ["7", "8"]),
        (["", " ", "1"], int, [None, None, 1]),
        (["", " "], str, ["", " "]),
        ([None, None], float, [None, None]),
    ],
)
def test_what_means_the_same_is_taken(values, kind, expected):
    assert taken(values, kind) == (expected, {})


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (["1", "x"], int, "is not a whole number"),
        ([1.0, 2.5], int, "is not a whole number"),
        ([1.0, 1e300], int, "is not a whole number"),
        (["1", "x"], float, "is not a number"),
        ([1.0, float("inf")], float, "is infinite"),
        (["1", "-inf"], float, "is infinite"),
        (["true", "maybe"], bool, "is not true or false"),
        ([0, 2], bool, "is not true or false"),
        (["2024-01-01T00:00Z", "soon"], datetime, "is not a time"),
    ],
)
def test_what_does_not_is_a_fault_of_its_row(values, kind, words):
    found, faults = taken(values, kind)
    assert faults == {words: [False, True]}
    assert found[1] is None


@pytest.mark.parametrize(
    ("values", "kind"),
    [([True], int), ([True], float), ([1.5], str), ([1], datetime), ([[1]], float), ([b"a"], str)],
)
def test_what_cannot_be_is_impossible(values, kind):
    assert not cast(pl.Series(values), kind).possible


def test_minus_zero_is_zero():
    found = cast(pl.Series([-0.0, 1.0, None]), float).values
    assert str(found[0]) == "0.0"
    assert str(cast(pl.Series(["-0.0"]), float).values[0]) == "0.0"


def test_categories_are_texts():
    assert taken(["a", "b"], str, pl.Categorical) == (["a", "b"], {})


UTC_NOON = 1704110400 * 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01T12:00:00Z", "2024-01-01 12:00:00+00:00", "2024-01-01T13:00:00+01:00",
        "2024-01-01 12:00:00+00", "2024-01-01T12:00:00.000000Z", "2024-01-01 13:00+0100",
        "2024-01-01T12:00Z", " 2024-01-01T12:00:00Z ",
    ],
)  # fmt: skip
def test_times_that_say_their_offset(text):
    assert taken([text], datetime) == ([UTC_NOON], {})


@pytest.mark.parametrize(
    ("value", "wall"),
    [
        ("2024-01-01 12:00:00", datetime(2024, 1, 1, 12)),
        ("2024-01-01T12:00", datetime(2024, 1, 1, 12)),
        ("2024-01-01T12:00:00.5", datetime(2024, 1, 1, 12, 0, 0, 500_000)),
        ("2024-01-01", datetime(2024, 1, 1)),
        (datetime(2024, 1, 1, 12), datetime(2024, 1, 1, 12)),
        (date(2024, 1, 1), datetime(2024, 1, 1)),
    ],
)
def test_times_that_do_not(value, wall):
    found = cast(pl.Series([value]), datetime)
    assert found.values.to_list() == [None]
    assert found.walls is not None
    assert found.walls.to_list() == [wall]


def test_aware_times_become_utc():
    series = pl.Series([datetime(2024, 1, 1, 12, tzinfo=UTC)])
    berlin = series.dt.convert_time_zone("Europe/Berlin")
    for unit in ("ms", "us", "ns"):
        assert taken(
            berlin.dt.cast_time_unit(unit), datetime, berlin.dt.cast_time_unit(unit).dtype
        ) == (
            [UTC_NOON],
            {},
        )


@given(st.lists(st.one_of(st.none(), st.floats()), min_size=1))
def test_floats_are_finite_or_null_or_faulty(values):
    found = cast(pl.Series(values, dtype=pl.Float64), float)
    beyond = found.faults.get("is infinite", [False] * len(values))
    for given_, got, infinite in zip(values, found.values.to_list(), beyond, strict=True):
        if given_ is None or math.isnan(given_) or infinite:
            assert got is None
        else:
            assert got == given_
            assert str(got) != "-0.0"


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_whole_numbers_written_out_come_back(values):
    assert taken([str(value) for value in values], int) == (values, {})
