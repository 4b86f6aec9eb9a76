"""A running server's journal: offsets at once, durable in groups and in order, keys known."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest

from asof.declare.kept import AVAILABLE, LOAD, POSITION, RECORDED, WITHDRAWN
from asof.errors import StoreError
from asof.stores.encoded import encode
from asof.stores.loads import SetAside
from asof.stores.store import Store


def live(store, shop, **more):
    given = {"address": "http://127.0.0.1:1", "started": 5, "elapsed": time.monotonic} | more
    return store.live([shop.readings], **given)


def reading(sensor, at, value=0.5):
    return (sensor, value, at, at, None, False)


def send(journal, *sensors, at=10, **more):
    rows = [reading(sensor, at) for sensor in sensors]
    told = {"rows": len(rows)}
    return journal.append("rows", at, told, encode(rows), source="reading", **more)


def test_an_offset_is_given_at_once_and_the_message_is_there_after_a_flush(store, shop):
    with live(store, shop) as journal:
        first = send(journal, 1, 2)
        second = journal.append("look", 11, {"n": 1})
        assert (first, second, journal.offset) == (1, 2, 2)
        journal.flush()
        kinds = [(m.offset, m.stamp, m.kind, m.source) for m in store.journal.read()]
        assert kinds == [(1, 10, "rows", "reading"), (2, 11, "look", "")]
        assert store.journal.head() == 2
        assert journal.health.durable == 2
        assert journal.health.backlog == journal.health.waiting == 0


def test_what_waits_when_it_closes_is_written(store, shop):
    with live(store, shop, within=60.0) as journal:
        for at in range(5000):
            journal.append("look", at, {"n": at})
    assert [message.payload["n"] for message in store.journal.read()] == list(range(5000))
    with pytest.raises(StoreError, match="closed"):
        journal.append("look", 1, {})


def test_offsets_go_on_where_they_ended_even_after_a_deletion(store, shop):
    with live(store, shop) as journal:
        send(journal, 1)
        send(journal, 2)
    with sqlite3.connect(store.directory / "records.db") as connection:
        connection.execute("DELETE FROM journal WHERE offset = 2")
    connection.close()
    with live(store, shop) as journal:
        assert send(journal, 3) == 3


def test_readers_see_rows_before_they_are_in_the_table(store, shop):
    loaded = shop.take(store, "a", [7, 8])
    with live(store, shop) as journal:
        first = send(journal, 3, 1, at=50)
        journal.append("look", 51, {})
        second = journal.append(
            "rows", 52, {}, encode([reading(9, 52, None)], [4]), source="reading", key="k"
        )
        journal.flush()
        rows = store.rows(shop.readings)
        assert rows["sensor"].to_list() == [7, 8, 3, 1, 9]
        assert rows[RECORDED].to_list() == [loaded, loaded, first, first, second]
        assert rows[POSITION].to_list() == [0, 1, 0, 1, 4]
        assert rows[LOAD].to_list() == ["a", "a", "message 2", "message 2", "k"]
        assert rows[AVAILABLE].to_list()[2:] == [50, 50, 52]
        assert rows["value"].to_list()[-1] is None
        assert not rows[WITHDRAWN].any()
        assert store.rows(shop.readings, offset=first)["sensor"].to_list() == [7, 8, 3, 1]
        assert store.rows(shop.readings, after=loaded, offset=first)["sensor"].to_list() == [3, 1]


def test_outcomes_are_told_once_in_one_call_a_group_when_a_reader_sees_it(store, shop):
    told, calls = [], []

    def outcome(offset):
        return lambda error: told.append((offset, error, store.journal.head() >= offset))

    def call(function):
        calls.append(function)
        function()

    with live(store, shop, call=call) as journal:
        for at in range(200):
            send(journal, at, on_durable=outcome(at + 1))
        journal.flush()
    assert told == [(offset, None, True) for offset in range(1, 201)]
    assert len(calls) <= journal.health.commits < 200


def test_a_message_nobody_waits_for_is_durable_within_the_bound(store, shop):
    with live(store, shop, within=0.2) as journal:
        journal.append("look", 1, {})
        waited = threading.Event()
        while journal.health.durable < 1:
            waited.wait(0.005)
        assert journal.health.commits == 1
        assert journal.health.lag == 0.0


def test_a_key_is_known_from_the_append_on_and_after_a_restart(store, shop):
    held, told = threading.Event(), []
    with live(store, shop, call=lambda function: (held.wait(30), function())) as journal:
        send(journal, 1, on_durable=lambda error: None)
        assert journal.known("reading", "k") is None
        offset = send(journal, 2, key="k", on_durable=told.append)
        receipt = journal.known("reading", "k", told.append)
        assert receipt is not None
        assert (receipt.offset, receipt.payload) == (offset, {"rows": 1})
        held.set()
        journal.flush()
        receipt = journal.known("reading", "k")
        assert receipt is not None
        assert receipt.durable
        assert journal.known("landing", "k") is None
    assert told == [None, None]
    with live(store, shop) as journal:
        receipt = journal.known("reading", "k")
        assert receipt is not None
        assert (receipt.offset, receipt.payload, receipt.durable) == (offset, {"rows": 1}, True)


def test_rows_set_aside_are_durable_with_their_message(store, shop):
    aside = [SetAside(0, 1, {"sensor": None}, ("sensor is missing",))]
    with live(store, shop) as journal:
        offset = send(journal, 1, aside=aside)
        journal.flush()
        ((load, row),) = store.loads.quarantine("reading")
    assert (load.offset, load.source, row.position) == (offset, "reading", 1)
    assert row.reasons == ("sensor is missing",)


def test_a_store_of_an_earlier_release_is_upgraded_where_it_lies(tmp_path, shop):
    place = tmp_path / "store"
    place.mkdir()
    with sqlite3.connect(place / "records.db") as connection:
        connection.execute(
            "CREATE TABLE journal (offset INTEGER PRIMARY KEY AUTOINCREMENT, "
            "stamp BIGINT NOT NULL, kind TEXT NOT NULL, payload JSON NOT NULL)"
        )
        connection.execute("INSERT INTO journal VALUES (41, 7, 'look', '{\"n\": 1}')")
    connection.close()
    with Store(place) as store, live(store, shop) as journal:
        assert send(journal, 1) == 42
        journal.flush()
        assert [m.payload for m in store.journal.read()] == [{"n": 1}, {"rows": 1}]
        assert store.rows(shop.readings)["sensor"].to_list() == [1]


def test_receipts_are_known_for_their_retention_and_go_a_few_at_a_time(store, shop):
    day = 86_400_000_000
    with live(store, shop) as journal:
        for n in range(10):
            send(journal, n, at=n, key=f"old {n}")
        journal.flush()
        send(journal, 11, at=7 * day + 5, key="new")
        journal.flush()
        kept = [n for n in range(10) if journal.known("reading", f"old {n}") is not None]
        assert kept == list(range(2, 10)), "two at a time, the oldest first"
        for n in range(3):
            send(journal, 20 + n, at=7 * day + 6 + n, key=f"later {n}")
            journal.flush()
        kept = [n for n in range(10) if journal.known("reading", f"old {n}") is not None]
        assert kept == [8, 9], "those are not seven days old yet"
        assert journal.known("reading", "new") is not None
    assert store.rows(shop.readings).height == 14, "rows stay"


def test_an_outcome_that_fails_ends_the_journal_and_everybody_is_told(store, shop):
    def bad(_):
        raise ValueError("of the caller")

    opened = live(store, shop)
    journal = opened.__enter__()
    send(journal, 1, on_durable=bad)
    journal._thread.join(60)
    with pytest.raises(StoreError, match="The journal broke") as caught:
        journal.append("look", 1, {})
    assert "of the caller" in caught.value.found
    with pytest.raises(StoreError, match="The journal broke"):
        journal.flush()
    with pytest.raises(StoreError, match="The journal broke"):
        opened.__exit__(None, None, None)
    assert store.rows(shop.readings)["sensor"].to_list() == [1], "what was durable is"


def test_chunks_of_the_journal_are_all_of_it_in_order(store, shop):
    with live(store, shop) as journal:
        for n in range(25):
            send(journal, n, at=n, key=f"k{n}") if n % 2 else journal.append("look", n, {"n": n})
    chunks = list(store.journal.messages(after=3, upto=23, chunk=7))
    assert [len(chunk) for chunk in chunks] == [7, 7, 6]
    messages = [message for chunk in chunks for message in chunk]
    assert [message.offset for message in messages] == list(range(4, 24))
    assert {(m.kind, m.source, m.key is not None, m.content is not None) for m in messages} == {
        ("look", "", False, False),
        ("rows", "reading", True, True),
    }
    bare = [m for chunk in store.journal.messages(content=False) for m in chunk]
    assert len(bare) == 25
    assert not any(message.content for message in bare)
