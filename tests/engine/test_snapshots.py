"""Full snapshots against a dictionary that is set to each in turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asof
from asof.declare.kept import AVAILABLE, POSITION, RECORDED, WITHDRAWN
from asof.engine.ingest import ingest
from asof.errors import DataRefused
from asof.stores.store import Store

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
NOON_US = 1704110400 * 1_000_000
DAY = 86_400_000_000


class Customer(asof.Row):
    customer: asof.Key[int]
    plan: asof.Col[str | None]
    score: asof.Col[float | None] = asof.col(ge=0)
    day: asof.Time


by_file = asof.source(Customer, snapshots=True, refuse_above=0.9)
by_column = replace(by_file, snapshot_column="day")


def snap(day, plans, scores=None):
    return pl.DataFrame(
        {
            "customer": pl.Series(list(plans), dtype=pl.Int64),
            "plan": pl.Series(list(plans.values()), dtype=pl.String),
            "score": pl.Series([(scores or {}).get(c, 1.0) for c in plans], dtype=pl.Float64),
            "day": pl.Series(
                [NOON + timedelta(days=day)] * len(plans), dtype=pl.Datetime("us", "UTC")
            ),
        }
    )


def in_force(store, table, day):
    """What the stored versions say just after the moment of a day."""
    rows = store.rows(table).filter(pl.col(AVAILABLE) <= NOON_US + day * DAY)
    newest = rows.sort(AVAILABLE, RECORDED, POSITION).unique("customer", keep="last")
    return dict(newest.filter(~pl.col(WITHDRAWN)).select("customer", "plan").rows())


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "store") as opened:
        yield opened


def test_a_snapshot_adds_changes_and_withdraws(store):
    first = ingest(by_file, store, now=0, data=snap(0, {1: "a", 2: "b", 3: "c"}))
    assert "values of the snapshot's day" in first.notes[0]
    report = ingest(by_file, store, now=0, data=snap(1, {1: "a", 2: "x", 4: "d"}))
    assert report.notes == ()
    (load,) = report.loads
    assert (load.withdrawn, load.read) == (1, 3)
    assert in_force(store, by_file, 0) == {1: "a", 2: "b", 3: "c"}
    assert in_force(store, by_file, 1) == {1: "a", 2: "x", 4: "d"}
    ingest(by_file, store, now=0, data=snap(2, {3: "c"}))
    assert in_force(store, by_file, 2) == {3: "c"}


def test_a_key_in_quarantine_is_not_lacking(store):
    ingest(by_file, store, now=0, data=snap(0, {1: "a", 2: "b"}))
    ingest(by_file, store, now=0, data=snap(1, {1: "a", 2: "z"}, scores={2: -1.0}))
    assert in_force(store, by_file, 1) == {1: "a", 2: "b"}


def test_an_older_or_refused_snapshot_withdraws_nothing(store):
    ingest(by_file, store, now=0, data=snap(1, {1: "a", 2: "b"}))
    with pytest.raises(DataRefused, match="older than the last"):
        ingest(by_file, store, now=0, data=snap(0, {1: "a"}))
    with pytest.raises(DataRefused, match="no rows"):
        ingest(by_file, store, now=0, data=snap(2, {}))
    assert in_force(store, by_file, 3) == {1: "a", 2: "b"}


def test_what_has_not_changed_is_not_stored_again(store):
    plans = {1: "a", 2: "b"}
    for day in range(3):
        report = ingest(by_column, store, now=0, data=snap(day, plans))
    assert (report.stored, report.unchanged) == (0, 2)
    assert store.rows(by_column).height == 2


def test_superseding_a_snapshot_supersedes_those_that_build_on_it(store):
    first, second = snap(0, {1: "a"}), snap(1, {1: "b"})
    for part in (first, second):
        ingest(by_column, store, now=0, data=part)
    later = replace(by_column, lag=asof.days(1))
    report = ingest(later, store, now=0, data=first)
    assert report.loads[0].superseded == 2
    ingest(later, store, now=0, data=second)
    assert in_force(store, later, 1) == {1: "a"}
    assert in_force(store, later, 2) == {1: "b"}


states = st.dictionaries(st.integers(0, 4), st.sampled_from(["a", "b", None]), min_size=1)


@settings(max_examples=25)
@given(st.lists(states, min_size=1, max_size=5), st.data())
def test_each_snapshot_is_what_counts_from_its_moment_on(tmp_path_factory, plans, data):
    """In one file or in several, cut anywhere."""
    cuts = data.draw(st.sets(st.integers(1, max(len(plans) - 1, 1))))
    with Store(tmp_path_factory.mktemp("snapshots")) as store:
        parts: list[list[pl.DataFrame]] = [[]]
        for day, plan in enumerate(plans):
            if day in cuts and parts[-1]:
                parts.append([])
            parts[-1].append(snap(day, plan))
        for part in parts:
            ingest(by_column, store, now=0, data=pl.concat(part))
        for day, plan in enumerate(plans):
            assert in_force(store, by_column, day) == plan
        rows = store.rows(by_column)
        assert rows.select(RECORDED, POSITION).is_unique().all()
