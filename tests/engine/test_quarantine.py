"""Rows in quarantine are listed, mended and released, by the law of when they count."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import polars as pl
import pytest

import asof
from asof.declare.kept import ALWAYS, AVAILABLE, DECLARED, POSITION
from asof.engine.ingest import ingest
from asof.engine.quarantine import in_quarantine, release, show
from asof.errors import DataRefused, StoreError, UsageError
from asof.stores.encoded import encode
from asof.stores.loads import SetAside
from asof.stores.store import Store

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
NOON_US = 1704110400 * 1_000_000
HOUR = 3_600_000_000


class Payment(asof.Row):
    payment: asof.Key[int]
    amount: asof.Col[float] = asof.col(ge=0)
    paid_at: asof.Time


payments = asof.source(Payment, lag=asof.hours(1), refuse_above=0.9)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "store") as opened:
        rows = {"payment": [1, 2, 1], "amount": [5.0, -3.0, 9.0], "paid_at": [NOON] * 3}
        ingest(payments, opened, now=0, data=pl.DataFrame(rows))
        yield opened


def test_rows_are_listed_and_shown_with_their_reasons(store):
    bad, twin = in_quarantine(store)
    assert (bad.name, bad.source, bad.released) == ("1:1", "payment", False)
    assert bad.reasons == ("amount is below 0",)
    assert "nobody knows" in twin.reasons[0]
    assert show(store, "1:1") == bad
    with pytest.raises(UsageError, match="No row '9:9'") as caught:
        show(store, "9:9")
    assert "1:1, 1:2" in caught.value.found


def test_a_row_is_mended_and_released_once(store):
    with pytest.raises(DataRefused, match="still breaks its contract"):
        release(payments, store, "1:1", now=NOON_US)
    report = release(payments, store, "1:1", now=NOON_US + 9 * HOUR, mended={"amount": 3.0})
    assert (report.stored, report.live) == (1, False)
    row = store.rows(payments).row(-1, named=True)
    assert (row["payment"], row["amount"], row[POSITION]) == (2, 3.0, 1)
    assert row[AVAILABLE] == NOON_US + HOUR, "before life began it counts from when it would have"
    assert [row.name for row in in_quarantine(store)] == ["1:2"]
    assert show(store, "1:1").released
    with pytest.raises(UsageError, match="released before"):
        release(payments, store, "1:1", now=0, mended={"amount": 3.0})


def test_released_after_going_live_it_counts_from_then(store):
    store.records.set("live_from", NOON_US)
    release(payments, store, "1:1", now=NOON_US + 9 * HOUR, mended={"amount": 3.0})
    row = store.rows(payments).row(-1, named=True)
    assert row[AVAILABLE] == NOON_US + 9 * HOUR
    assert row[DECLARED] == NOON_US + HOUR


def test_what_was_before_life_counts_from_when_it_would_have(store):
    store.records.set("live_from", NOON_US + 2 * HOUR)
    release(payments, store, "1:1", now=NOON_US + 9 * HOUR, mended={"amount": 3.0})
    assert store.rows(payments)[AVAILABLE][-1] == NOON_US + HOUR


def test_what_came_live_counts_from_its_release_whatever_it_declares(store):
    store.records.set("live_from", NOON_US + 5 * HOUR)
    rows = pl.DataFrame({"payment": [8, 9], "amount": [1.0, -1.0], "paid_at": [NOON] * 2})
    ingest(payments, store, now=NOON_US + 7 * HOUR, data=rows)
    kept = pl.DataFrame({"payment": [18, 19], "amount": [1.0, -1.0], "paid_at": [NOON] * 2})
    ingest(payments, store, now=NOON_US + 8 * HOUR, data=kept, history=True)
    *_, late, history = in_quarantine(store)
    for row in (late, history):
        release(payments, store, row.name, now=NOON_US + 9 * HOUR, mended={"amount": 1.0})
    assert store.rows(payments)[AVAILABLE].to_list()[-2:] == [NOON_US + 9 * HOUR, NOON_US + HOUR]


def test_a_twin_is_not_released_under_its_key(store):
    with pytest.raises(DataRefused, match="still breaks"):
        release(payments, store, "1:2", now=0)
    release(payments, store, "1:2", now=0, mended={"payment": 7})
    assert store.rows(payments)["payment"].to_list() == [1, 7]


def test_unknown_columns_and_other_tables_are_told(store):
    with pytest.raises(UsageError, match="no column 'amont'") as caught:
        release(payments, store, "1:1", now=0, mended={"amont": 3})
    assert "amount" in caught.value.mend
    with pytest.raises(UsageError, match="cannot be released to other"):
        release(asof.source(Payment, name="other"), store, "1:1", now=0)


def test_superseding_a_file_takes_its_released_rows_and_quarantine_along(store):
    release(payments, store, "1:1", now=0, mended={"amount": 3.0})
    changed = asof.source(Payment, lag=asof.hours(2), refuse_above=0.9)
    rows = {"payment": [1, 2, 1], "amount": [5.0, -3.0, 9.0], "paid_at": [NOON] * 3}
    ingest(changed, store, now=0, data=pl.DataFrame(rows))
    assert store.rows(changed)["payment"].to_list() == [1]
    assert [row.name.split(":")[1] for row in in_quarantine(store)] == ["1", "2"]


def test_a_reference_row_released_was_always_known(store):
    class Plane(asof.Row):
        tail: asof.Key[str]
        seats: asof.Col[float] = asof.col(gt=0)

    planes = asof.reference(Plane, refuse_above=0.9)
    ingest(planes, store, now=5, data=pl.DataFrame({"tail": ["A", "B"], "seats": [1.0, 0.0]}))
    (row,) = in_quarantine(store, "plane")
    release(planes, store, row.name, now=9, mended={"seats": 2})
    assert store.rows(planes)[AVAILABLE].to_list() == [ALWAYS, ALWAYS]


def test_a_row_sent_to_a_server_is_released_like_that_of_a_file(store):
    ingest(payments, store, now=0, history=True, data=pl.DataFrame(
        {"payment": [50], "amount": [1.0], "paid_at": [NOON]}
    ))  # fmt: skip
    bad = SetAside(0, 1, {"payment": 70, "amount": -1.0, "paid_at": "2024-01-01T12:00:00Z"}, ("-",))
    with store.live([payments], address="", started=0, elapsed=time.monotonic) as journal:
        good = encode([(60, 2.0, NOON_US, NOON_US + HOUR, None, False)])
        sent = journal.append("rows", 1, {}, good, source="payment", aside=[bad])
        journal.flush()
        found = show(store, f"{sent}:1")
        assert (found.source, found.file, found.row["payment"]) == ("payment", "a message", 70)
        with pytest.raises(StoreError, match="A server runs"):
            release(payments, store, found.name, now=NOON_US + 9 * HOUR, mended={"amount": 1.0})
    with pytest.raises(DataRefused, match="still breaks its contract"):
        release(payments, store, found.name, now=NOON_US + 9 * HOUR)
    release(payments, store, found.name, now=NOON_US + 9 * HOUR, mended={"amount": 1.0})
    rows = store.rows(payments)
    assert rows["payment"].to_list() == [1, 50, 60, 70]
    assert rows[POSITION].to_list()[-2:] == [0, 1]
    assert rows[AVAILABLE].to_list()[-1] == NOON_US + HOUR
    assert [row.name for row in in_quarantine(store)] == ["1:1", "1:2"]
    assert show(store, found.name).released
