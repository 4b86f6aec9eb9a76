"""Requests fire at the first moment at which their row is known and their time has come."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

import asof
from asof.compute.requests import requests
from asof.compute.table import versions
from asof.declare.kept import AVAILABLE, POSITION, RECORDED, WITHDRAWN


class Call(asof.Row):
    call: asof.Key[int]
    line: asof.Col[int]
    at: asof.Time


class Fixed:
    def fit(self, X: object, y: object) -> Fixed:
        return self

    def predict(self, X: object) -> object:
        raise NotImplementedError


calls = asof.source(Call)
SYSTEM = asof.System(
    "calls",
    calls,
    Call.at,
    features=asof.features(Call, line=Call.line),
    label=asof.outcome(calls.same(Call.line).next(asof.hours(1)).count(), wait=asof.hours(1)),
    model=Fixed(),
)

KEYS = st.lists(st.integers(0, 30), unique=True, max_size=12)
MOMENT = st.integers(-2, 5)


@given(KEYS, st.data(), st.integers(-2, 2), st.integers(3, 8))
def test_each_key_of_one_version_fires_when_it_is_known_and_its_time_has_come(
    keys: list[int], data: st.DataObject, start: int, stop: int
):
    at = [data.draw(MOMENT) for _ in keys]
    known = [data.draw(MOMENT) for _ in keys]
    stored = pl.DataFrame(
        {"call": keys, "line": range(len(keys)), "at": at, AVAILABLE: known}
        | {RECORDED: [1] * len(keys), POSITION: range(len(keys))},
        schema=dict.fromkeys(("call", "line", "at", AVAILABLE, RECORDED, POSITION), pl.Int64),
    ).with_columns(pl.lit(value=False).alias(WITHDRAWN))
    found = requests(SYSTEM, versions(calls, stored), start, stop)
    fired = sorted((max(at[i], known[i]), keys[i], i) for i in range(len(keys)))
    expected = [each for each in fired if start <= each[0] < stop]
    assert found.frame["line"].to_list() == [line for _, _, line in expected]
    assert found.fired.tolist() == [moment for moment, _, _ in expected]
    assert found.at.tolist() == [at[line] for _, _, line in expected]
