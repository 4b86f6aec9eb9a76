"""What a start takes from its snapshot, and of which tables it looks at what came since."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import polars as pl
import pytest
from sklearn.linear_model import LinearRegression

import asof
from asof import Col, Key, Time
from asof.compute.table import versions
from asof.declare.kept import AVAILABLE, POSITION, RECORDED
from asof.engine.ingest import ingest
from asof.engine.live import inherited
from asof.engine.live.front import ROWS
from asof.engine.live.inherited import kept
from asof.engine.live.snapshot import take_snapshot
from asof.stores.encoded import encode
from asof.stores.store import Store
from asof.units import days

NOW = 1_704_110_400_000_000
HOUR = 3_600_000_000


class Asked(asof.Row):
    asked_id: Key[int]
    customer: Col[int]
    at: Time


class Told(asof.Row):
    asked_id: Key[int]
    value: Col[float]
    at: Time


class Visit(asof.Row):
    customer: Col[int]
    amount: Col[float]
    at: Time


asked, told, visits = asof.source(Asked), asof.source(Told), asof.source(Visit)
SYSTEM = asof.System(
    "inherited",
    requests=asked,
    at=Asked.at,
    features=asof.features(
        Asked,
        spent=visits.same(Asked.customer)
        .last(days(7))
        .of(asof.stats(spent=asof.sum(Visit.amount))),
    ),
    label=asof.outcome(told.same(Asked.asked_id), Told.value, wait=days(1)),
    model=LinearRegression(),
)


def declared() -> asof.System:
    return SYSTEM


def visited(store: Store, hours: list[int], *, now: int, replacing: bool = False) -> None:
    frame = pl.DataFrame(
        {
            "customer": [hour % 2 for hour in hours],
            "amount": [float(hour) for hour in hours],
            "at": [datetime.fromtimestamp((NOW - hour * HOUR) / 1e6, UTC) for hour in hours],
        },
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )
    ingest(visits, store, now=now, data=frame, replacing=replacing)


def send(store: Store, hour: int, *, now: int) -> None:
    """A visit over the door of a server."""
    at = NOW - hour * HOUR
    with store.live(SYSTEM.tables, address="", started=0, elapsed=time.monotonic) as journal:
        content = encode([(1, float(hour), at, now, None, False)])
        journal.append(ROWS, now, {"rows": 1, "quarantined": []}, content, source="visit")
        journal.flush()


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "store") as opened:
        visited(opened, [5, 30, 1, 90, 1], now=NOW)
        take_snapshot(declared, opened.directory)
        yield opened


def test_where_nothing_came_since_no_table_is_looked_at(store):
    assert kept(SYSTEM, store).later == []


def test_what_a_server_took_since_is_looked_for_in_its_table(store):
    send(store, 2, now=NOW + 1)
    since = kept(SYSTEM, store)
    assert since.later == ["visit"]
    assert store.rows(visits, after=since.snapshot.offset)["amount"].to_list() == [2.0]


def test_what_was_loaded_since_is_looked_for_in_its_table(store):
    visited(store, [3], now=NOW + 1)
    since = kept(SYSTEM, store)
    assert since.later == ["visit"]
    assert store.rows(visits, after=since.snapshot.offset)["amount"].to_list() == [3.0]


def test_a_snapshot_of_rows_that_were_superseded_since_is_none(store):
    visited(store, [5, 30], now=NOW + 1, replacing=True)
    assert kept(SYSTEM, store) is None
    take_snapshot(declared, store.directory)
    since = kept(SYSTEM, store)
    assert since.snapshot.frames["rows.visit"]["amount"].to_list() == [30.0, 5.0]
    send(store, 2, now=NOW + 2)
    assert kept(SYSTEM, store).later == ["visit"], "what was superseded before is not in it"


def test_a_snapshot_of_another_declaration_is_none(store):
    features = asof.features(Asked, customer=Asked.customer)
    assert kept(SYSTEM.but(name="inherited", features=features), store) is None


def test_where_much_came_since_all_tables_are_read(store, monkeypatch):
    monkeypatch.setattr(inherited, "_ROW_BY_ROW", 1)
    send(store, 2, now=NOW + 1)
    assert kept(SYSTEM, store) is not None
    send(store, 3, now=NOW + 2)
    assert kept(SYSTEM, store) is None


def test_rows_of_a_snapshot_are_in_the_order_of_their_times_and_then_of_their_taking(store):
    rows = kept(SYSTEM, store).snapshot.frames["rows.visit"]
    assert rows["amount"].to_list() == [90.0, 30.0, 5.0, 1.0, 1.0]
    assert rows.equals(rows.sort("at", AVAILABLE, RECORDED, POSITION))
    stored = versions(visits, store.rows(visits))
    assert versions(visits, rows).frame.equals(stored.frame)
