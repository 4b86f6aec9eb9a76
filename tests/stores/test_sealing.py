"""Sealing moves rows from the journal into their tables, and no reader can tell."""

from __future__ import annotations

import time

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import asof
from asof.declare.kept import RECORDED
from asof.errors import StoreError
from asof.stores import merging
from asof.stores import store as stored
from asof.stores.encoded import encode
from asof.stores.predictions import PREDICTED, Prediction, encode_predictions
from asof.stores.store import Store
from asof.stores.tables import Layout


class Visit(asof.Row):
    page: asof.Col[str]
    at: asof.Time


visits = asof.source(Visit)


def live(store, shop, *more):
    tables = [shop.readings, visits, *more]
    return store.live(tables, address="", started=0, elapsed=time.monotonic)


def send(journal, *sensors, at=10):
    rows = [(sensor, 0.5, at, at, None, False) for sensor in sensors]
    return journal.append("rows", at, {"rows": len(rows)}, encode(rows), source="reading")


def visit(journal, page, at=10):
    return journal.append("rows", at, {}, encode([(page, at, at, None, False)]), source="visit")


def prediction(request, *features, offset=0):
    return Prediction(request, 1, 2, 3, offset, "m", 0.25, False, None, None, features)


def table(store, source="reading", row=None, shop=None):
    layout = Layout.of(row or shop.Reading).name
    return DeltaTable(store.directory / "tables" / source / layout)


def test_sealing_changes_nothing_for_readers(store, shop):
    shop.take(store, "a", [7])
    with live(store, shop) as journal:
        offsets = [send(journal, n, n + 100, at=n) for n in range(20)]
        visit(journal, "home")
        journal.flush()
        before = store.rows(shop.readings)
        middle = store.rows(shop.readings, offset=offsets[9])
        sealed = store.seal(upto=offsets[9])
        assert sealed.rows == {"reading": 20}
        assert store.rows(shop.readings).equals(before)
        send(journal, 999)
        journal.flush()
        assert store.seal().rows == {"reading": 21, "visit": 1}
        assert store.seal().rows == {}, "there is nothing left"
        after = store.rows(shop.readings)
        assert after["sensor"].to_list() == [*before["sensor"], 999]
        assert store.rows(shop.readings, offset=offsets[9]).equals(middle)
        assert store.rows(visits)["page"].to_list() == ["home"]


def test_what_is_sealed_while_it_is_read_is_read_once(store, shop, monkeypatch):
    read = stored.unsealed

    def sealed_meanwhile(*given, **more):
        found = list(read(*given, **more))
        monkeypatch.undo()
        store.seal()
        return iter(found)

    with live(store, shop) as journal:
        send(journal, 1)
        send(journal, 2)
        journal.flush()
        monkeypatch.setattr(stored, "unsealed", sealed_meanwhile)
        assert store.rows(shop.readings)["sensor"].to_list() == [1, 2]
        assert store.rows(shop.readings)["sensor"].to_list() == [1, 2]


def test_what_is_sealed_often_lies_in_few_files(store, shop, monkeypatch):
    monkeypatch.setattr(merging, "MANY", 5)
    with live(store, shop) as journal:
        for n in range(20):
            send(journal, n)
            journal.flush()
            store.seal()
            assert store.rows(shop.readings)["sensor"].to_list() == list(range(n + 1))
    assert len(table(store, shop=shop).file_uris()) < 5
    with Store(store.directory) as again:
        assert again.rows(shop.readings, after=10)[RECORDED].to_list() == list(range(11, 21))


def test_each_commit_carries_the_last_offset_that_it_contains(store, shop):
    with live(store, shop) as journal:
        send(journal, 1)
        last = send(journal, 2)
        journal.append("look", 11, {})
        journal.flush()
        store.seal()
    assert table(store, shop=shop).transaction_version("asof") == last
    assert pl.read_delta(str(table(store, shop=shop).table_uri))["sensor"].to_list() == [1, 2]


def test_files_are_recorded_after_what_was_journalled_before_them(store, shop):
    with live(store, shop) as journal:
        send(journal, 1)
    shop.take(store, "a", [2])
    with live(store, shop) as journal:
        send(journal, 3)
    rows = store.rows(shop.readings)
    assert rows["sensor"].to_list() == [1, 2, 3]
    assert rows[RECORDED].is_sorted()
    files = list((store.directory / "tables").rglob("*.parquet"))
    assert len(files) == 2, "what was journalled was sealed before the file was taken"


def test_what_supersedes_a_load_leaves_live_rows_alone(store, shop):
    first = shop.take(store, "a", [1, 2])
    with live(store, shop) as journal:
        send(journal, 5)
    shop.take(store, "b", [3], supersedes=(first,))
    assert store.rows(shop.readings)["sensor"].to_list() == [5, 3]


def test_a_killed_sealing_leaves_a_file_that_the_next_one_removes(store, shop, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    with live(store, shop) as journal:
        send(journal, 1)
        journal.flush()
        with monkeypatch.context() as patched:
            patched.setattr("deltalake.DeltaTable.create_write_transaction", die)
            with pytest.raises(Killed):
                store.seal()
        assert len(list(store.directory.rglob("*.parquet"))) == 1
        assert store.rows(shop.readings)["sensor"].to_list() == [1]
        send(journal, 2)
        journal.flush()
        assert store.seal().rows == {"reading": 2}
    assert len(list(store.directory.rglob("*.parquet"))) == 1
    assert store.rows(shop.readings)["sensor"].to_list() == [1, 2]


def test_a_killing_after_the_commit_doubles_nothing(store, shop, monkeypatch):
    class Killed(BaseException):
        pass

    append = store._tables.append

    def commit_and_die(*given, **named):
        append(*given, **named)
        raise Killed

    with live(store, shop) as journal:
        send(journal, 1, 2)
        visit(journal, "home")
        journal.flush()
        with monkeypatch.context() as patched:
            patched.setattr(store._tables, "append", commit_and_die)
            with pytest.raises(Killed):
                store.seal()
        with Store(store.directory) as again:
            assert again.rows(shop.readings)["sensor"].to_list() == [1, 2]
            assert again.seal().rows == {"visit": 1}
            assert again.rows(shop.readings)["sensor"].to_list() == [1, 2]


def test_a_changed_declaration_reads_what_came_under_the_old_one(store, shop):
    with live(store, shop) as journal:
        send(journal, 1)

    class Reading(asof.Row):
        sensor: asof.Key[int]
        value: asof.Col[float | None]
        taken_at: asof.Time
        unit: asof.Col[str | None]

    changed = asof.source(Reading)
    with store.live([changed], address="", started=0, elapsed=time.monotonic) as journal:
        rows = [(2, None, 20, "C", 20, None, False)]
        journal.append("rows", 21, {}, encode(rows), source="reading")
        journal.flush()
        for _ in ("before", "after"):
            assert store.rows(changed)["unit"].to_list() == [None, "C"]
            assert store.rows(changed)["sensor"].to_list() == [1, 2]
            store.seal()


def test_rows_that_are_not_those_of_their_source_are_told_and_not_sealed(store, shop):
    with live(store, shop) as journal:
        journal.append("rows", 1, {}, encode([("x", "y", 1, 1, None, False)]), source="reading")
        journal.flush()
        for reading in (lambda: store.rows(shop.readings), store.seal):
            with pytest.raises(StoreError, match="not what was written"):
                reading()


def test_predictions_are_read_alike_before_and_after_sealing_and_pruning(store, shop):
    given_ = [
        [prediction("a", 1.0, float("nan"))],
        [prediction("b", 2.0, 3.0)],
        [],
        [prediction("c")],
    ]
    with live(store, shop) as journal:
        for at, some in enumerate(given_):
            journal.append(PREDICTED, at, {}, encode_predictions(some))
        journal.append("decided", 9, {"why": "because"})
        last = send(journal, 1)
        journal.flush()
        before = store.predictions()
        assert before["request"].to_list() == ["a", "b", "c"]
        assert before["features"].to_list() == [[1.0, None], [2.0, 3.0], []]
        assert before[RECORDED].to_list() == [1, 2, 4]
        assert store.predictions(offset=2).height == 2
        assert store.predictions(after=2).height == 1
        assert store.prune(snapshot=last) == 0, "nothing is sealed"
        sealed = store.seal()
        assert (sealed.predictions, sealed.rows) == (3, {"reading": 1})
        assert store.predictions().equals(before)
        journal.append("look", 10, {})
        journal.flush()
        assert store.prune(snapshot=last) == 5
        assert store.predictions().equals(before)
        assert store.rows(shop.readings)["sensor"].to_list() == [1]
        left = store.journal.read()
        assert [message.kind for message in left] == ["decided", "rows", "look"]
        assert left[0].payload == {"why": "because"}
        assert left[1].content is None
        assert left[1].source == "reading"


def test_pruning_stops_at_the_snapshot(store, shop):
    with live(store, shop) as journal:
        for n in range(6):
            send(journal, n)
        journal.flush()
        store.seal()
        assert store.prune(snapshot=3) == 3
        assert [m.content is None for m in store.journal.read()] == [True] * 3 + [False] * 3
        assert store.prune(snapshot=6) == 2, "the last message tells the head"
        assert store.journal.head() == 6
        assert store.rows(shop.readings)["sensor"].to_list() == list(range(6))


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.lists(st.integers(0, 9), min_size=1, max_size=3)),
        st.tuples(st.just("visit"), st.text(max_size=3)),
        st.tuples(st.just("seal"), st.integers(0, 30)),
        st.tuples(st.just("prune"), st.integers(0, 30)),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("file"), st.lists(st.integers(10, 19), max_size=2)),
    ),
    max_size=15,
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTIONS)
def test_any_course_of_events_leaves_every_row_once_and_in_order(shop, tmp_path_factory, actions):
    """Sent, sealed, pruned, stopped, loaded from files: the rows are those of a plain list."""
    place = tmp_path_factory.mktemp("course") / "store"
    expected, pages, files = [], [], 0
    opened = None
    with Store(place) as store:
        for action, value in actions:
            if action in ("send", "visit") and opened is None:
                opened = live(store, shop)
                journal = opened.__enter__()
            if action == "send":
                send(journal, *value)
                expected += value
            elif action == "visit":
                visit(journal, value)
                pages.append(value)
            elif action == "seal":
                store.seal(upto=value)
            elif action == "prune":
                store.prune(snapshot=value)
            elif opened is not None:
                opened.__exit__(None, None, None)
                opened = None
            if action == "file":
                files += 1
                shop.take(store, f"f{files}", value)
                expected += value
        if opened is not None:
            journal.flush()
        rows = store.rows(shop.readings)
        assert rows["sensor"].to_list() == expected
        assert rows[RECORDED].is_sorted()
        assert store.rows(visits)["page"].to_list() == pages
        if opened is not None:
            opened.__exit__(None, None, None)
