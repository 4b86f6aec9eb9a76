"""What the quick door accepts the contract accepts too, as the same values."""

from __future__ import annotations

import math
from datetime import UTC
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given
from msgspec import UNSET

import asof
from asof.compute.contract import check
from asof.compute.online.door import Door, moment_of
from asof.declare.kept import AVAILABLE, WITHDRAWN


class Reading(asof.Row):
    name: asof.Key[str]
    level: asof.Col[float | None] = asof.col(ge=-5, lt=1e6)
    count: asof.Col[int] = asof.col(gt=0)
    kind: asof.Col[str | None] = asof.col(one_of=("a", "b"))
    code: asof.Col[str | None] = asof.col(matches="[A-Z]{2}[0-9]")
    gone: asof.Col[bool]
    read_at: asof.Time
    known_at: asof.Moment = asof.col(null=True)


source = asof.source(Reading, lag=asof.minutes(5), withdrawn=Reading.gone)


@asof.computed
def tame(level: float | None, kind: str | None) -> bool:
    """A function of the user's, which fails on some values."""
    return kind is None or 1 / (level or 0.0) < 1e9


ruled = asof.source(
    Reading,
    lag=asof.minutes(5),
    withdrawn=Reading.gone,
    rules=(
        Reading.level < Reading.count,
        (Reading.known_at - Reading.read_at).in_hours() >= 0,
        ~Reading.kind.equals("a") | ~Reading.code.is_null(),
    ),
)
failing = asof.source(Reading, rules=(tame(Reading.level, Reading.kind),))
NAMES = [spec.name for spec in Reading.columns_]


def sent(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in NAMES)


anything = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.integers(-9, 9),
    st.floats(), st.text(max_size=4), st.sampled_from(["a", "b", "AB1", "ab1", "1", "true", ""]),
    st.datetimes(timezones=st.timezones()).map(lambda t: t.isoformat()),
    st.sampled_from(["2024-02-30T00:00Z", "2024-01-01", "2024-01-01T00:00", "20240101T0000Z"]),
)  # fmt: skip
plain: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text(max_size=3),
    "level": st.none() | st.floats(-5, 1e5) | st.integers(-5, 100),
    "count": st.integers(1, 2**63 - 1),
    "kind": st.sampled_from(["a", "b", None]),
    "code": st.sampled_from(["AB1", "ZZ9", None]),
    "gone": st.booleans(),
    "read_at": st.datetimes(timezones=st.timezones()).map(lambda t: t.astimezone(UTC).isoformat()),
    "known_at": st.none() | st.just("2024-03-10T02:30:00.000001-05:00"),
}


rows = st.fixed_dictionaries(
    {name: st.one_of(plain[name], plain[name], plain[name], anything) for name in NAMES}
)


@pytest.mark.parametrize("source", [source, ruled, failing], ids=["plain", "ruled", "failing"])
@given(row=rows)
def test_what_is_accepted_is_what_the_contract_takes(source: Any, row: dict[str, Any]) -> None:
    door = Door(source)
    found = door.take(sent(row))
    if found is None:
        return
    frame = pl.DataFrame({name: pl.Series([row[name]], strict=False) for name in NAMES})
    checked = check(frame, source)
    assert checked.bad.height == 0
    good = checked.good.select(NAMES).row(0)
    assert good == found
    assert [type(value) for value in good] == [type(value) for value in found]
    assert all(not isinstance(v, float) or math.copysign(1, v) > 0 or v != 0 for v in found)
    assert (checked.good[AVAILABLE][0], checked.good[WITHDRAWN][0]) == door.standing(found)


@given(st.fixed_dictionaries(plain))
def test_a_plain_row_is_accepted_exactly_if_it_keeps_the_rules(row: dict[str, Any]) -> None:
    frame = pl.DataFrame({name: pl.Series([row[name]], strict=False) for name in NAMES})
    kept = check(frame, ruled).bad.height == 0
    assert (Door(ruled).take(sent(row)) is not None) == kept


def test_a_withdrawal_owes_no_rule_and_a_rule_that_fails_is_looked_at_closely() -> None:
    row = {
        "name": "x", "level": 7, "count": 5, "kind": "b", "code": None, "gone": False,
        "read_at": "2024-01-01T00:00Z", "known_at": None,
    }  # fmt: skip
    door = Door(ruled)
    assert door.take(sent(row)) is None
    assert door.take(sent(row | {"gone": True})) is not None
    assert door.take(sent(row | {"level": None})) is not None
    assert door.take(sent(row | {"level": 4})) is not None
    assert Door(failing).take(sent(row)) is not None
    assert Door(failing).take(sent(row | {"level": 0})) is None


@given(st.fixed_dictionaries(plain))
def test_plain_rows_are_accepted(row: dict[str, Any]) -> None:
    assert Door(source).take(sent(row)) is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("level", math.nan), ("level", math.inf), ("level", -6), ("level", 1e6), ("count", 0),
        ("count", 2**63), ("count", 1.0), ("count", True), ("kind", "c"), ("code", "AB12"),
        ("gone", 1), ("gone", None), ("read_at", "2024-01-01T00:00"), ("read_at", 5),
        ("name", None), ("name", UNSET), ("count", UNSET),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_looked_at_closely(name: str, value: Any) -> None:
    row = {
        "name": "x", "level": 1, "count": 1, "kind": "a", "code": None, "gone": False,
        "read_at": "2024-01-01T00:00Z", "known_at": None,
    }  # fmt: skip
    assert Door(source).take(sent(row)) is not None
    assert Door(source).take(sent(row | {name: value})) is None


@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_is_read_as_polars_reads_it(at: Any) -> None:
    text = at.astimezone(UTC).isoformat()
    told = pl.Series([text]).str.to_datetime("%+", time_unit="us", time_zone="UTC")
    assert moment_of(text) == told.to_physical()[0]
