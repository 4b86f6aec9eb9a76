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

COLUMNS = ("call", "line", "at", AVAILABLE, RECORDED, POSITION)
Told = list[tuple[int, int, int, bool]]
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
        schema=dict.fromkeys(COLUMNS, pl.Int64),
    ).with_columns(pl.lit(value=False).alias(WITHDRAWN))
    found = requests(SYSTEM, versions(calls, stored), start, stop)
    fired = sorted((max(at[i], known[i]), keys[i], i) for i in range(len(keys)))
    expected = [each for each in fired if start <= each[0] < stop]
    assert found.frame["line"].to_list() == [line for _, _, line in expected]
    assert found.fired.tolist() == [moment for moment, _, _ in expected]
    assert found.at.tolist() == [at[line] for _, _, line in expected]


def fires(told: Told, key: int) -> tuple[int, int] | None:
    """When a key is asked and with which of the rows (at, available, withdrawn), moment by moment.

    At each moment first by the version known before it, then by the rows of the moment, as taken.
    """
    mine = [(known, n, at, gone) for n, (own, at, known, gone) in enumerate(told) if own == key]
    for moment in range(-2, 9):
        before = sorted(each for each in mine if each[0] < moment)[-1:]
        for _, n, at, gone in before + [each for each in mine if each[0] == moment]:
            if not gone and at <= moment:
                return moment, n
    return None


@given(st.lists(st.tuples(st.integers(0, 2), MOMENT, MOMENT, st.booleans()), max_size=8))
def test_of_several_versions_the_first_that_may_fires(told: Told):
    stored = pl.DataFrame(
        [(key, n, at, known, 1, n) for n, (key, at, known, _) in enumerate(told)],
        schema=dict.fromkeys(COLUMNS, pl.Int64),
        orient="row",
    ).with_columns(pl.Series(WITHDRAWN, [gone for *_, gone in told], dtype=pl.Boolean))
    found = requests(SYSTEM, versions(calls, stored), -2, 9)
    expected = sorted((*fired, key) for key in range(3) if (fired := fires(told, key)) is not None)
    assert (
        sorted(zip(found.fired.tolist(), found.frame["line"], found.frame["call"], strict=True))
        == expected
    )


HOUR = asof.hours(1).microseconds
HOURLY = asof.System(
    "lines",
    asof.ticks(calls, every=asof.hours(1)),
    features=asof.features(Call, line=Call.line),
    label=asof.outcome(calls.same(Call.line).next(asof.hours(1)).count(), wait=asof.hours(1)),
    model=Fixed(),
)


def test_an_answer_after_the_label_was_due_moves_no_request():
    # Asked at 0, due two hours later: a server may be asked until then, and again afterwards.
    stored = pl.DataFrame(
        [(key, 0, 0, 0, 1, key) for key in range(4)]
        # Known three hours after its time, when its label was due: it was never open.
        + [(4, 0, 0, 3 * HOUR, 1, 4)],
        schema=dict.fromkeys(COLUMNS, pl.Int64),
        orient="row",
    ).with_columns(pl.lit(value=False).alias(WITHDRAWN))
    served = {"1": HOUR, "2": 2 * HOUR, "3": 2 * HOUR + 1, "4": 4 * HOUR}
    found = requests(SYSTEM, versions(calls, stored), -1, 9 * HOUR, served=served)
    fired = dict(zip(found.frame["call"].to_list(), found.fired.tolist(), strict=True))
    assert fired == {0: 0, 1: HOUR, 2: 2 * HOUR, 3: 0, 4: 4 * HOUR}


def test_an_answer_after_the_label_was_due_moves_no_tick():
    stored = pl.DataFrame(
        [(7, 0, 0, -1, 1, 0)], schema=dict.fromkeys(COLUMNS, pl.Int64), orient="row"
    ).with_columns(pl.lit(value=False).alias(WITHDRAWN))
    day = "1970-01-01T0"
    served = {f"7/{day}0:00:00Z": 2 * HOUR + 1, f"7/{day}1:00:00Z": 2 * HOUR}
    found = requests(HOURLY, versions(calls, stored), 0, 2 * HOUR + 2, served=served)
    assert found.at.tolist() == [0, HOUR, 2 * HOUR]
    assert found.fired.tolist() == [0, 2 * HOUR, 2 * HOUR]
