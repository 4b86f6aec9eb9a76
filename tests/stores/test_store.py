"""Loads are taken whole or not at all, and old questions keep their answers."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import polars as pl
import pytest
from deltalake import DeltaTable

import asof
from asof.declare.kept import KEPT, LOAD, POSITION, RECORDED
from asof.errors import StoreError
from asof.stores.loads import SetAside
from asof.stores.store import Store
from asof.stores.tables import Layout


def sensors(store, shop, offset=None):
    return store.rows(shop.readings, offset=offset)["sensor"].to_list()


def test_an_empty_store_has_no_rows_but_columns(store, shop):
    rows = store.rows(shop.readings)
    assert rows.height == 0
    assert rows.columns == ["sensor", "value", "taken_at", *KEPT]
    assert store.journal.head() == 0


def test_rows_come_in_the_order_of_recorded_and_position(store, shop):
    first = shop.take(store, "a", [3, 1, 2])
    second = shop.take(store, "b", [9, 8])
    rows = store.rows(shop.readings)
    assert rows["sensor"].to_list() == [3, 1, 2, 9, 8]
    assert rows[RECORDED].to_list() == [first] * 3 + [second] * 2
    assert rows[POSITION].to_list() == [0, 1, 2, 0, 1]
    assert rows[LOAD].to_list() == ["a"] * 3 + ["b"] * 2


def test_columns_are_projected_in_the_order_asked(store, shop):
    shop.take(store, "a", [1])
    assert store.rows(shop.readings, columns=["value", RECORDED]).columns == ["value", RECORDED]


def test_a_question_as_of_an_offset_sees_nothing_that_came_later(store, shop):
    first = shop.take(store, "a", [1])
    shop.take(store, "b", [2])
    assert sensors(store, shop, offset=first) == [1]
    assert sensors(store, shop, offset=0) == []


def test_what_is_superseded_is_gone_for_new_questions_only(store, shop):
    first = shop.take(store, "a", [1, 2])
    shop.take(store, "b", [7])
    third = shop.take(store, "c", [1, 3], supersedes=(first,))
    assert sensors(store, shop) == [7, 1, 3]
    assert sensors(store, shop, offset=third - 1) == [1, 2, 7]
    assert [load.load for load in store.loads.in_force("reading")] == ["b", "c"]
    assert [load.load for load in store.loads.in_force("reading", offset=first)] == ["a"]


def test_each_commit_names_the_offset_it_contains(store, shop):
    offset = shop.take(store, "a", [1])
    layout = Layout.of(shop.Reading).name
    table = DeltaTable(store.directory / "tables" / "reading" / layout)
    assert table.transaction_version("asof") == offset
    assert table.history(1)[0]["asof.offset"] == str(offset)


def test_any_reader_of_delta_reads_the_table(store, shop):
    shop.take(store, "a", [1, 2, 3])
    place = store.directory / "tables" / "reading" / Layout.of(shop.Reading).name
    assert pl.read_delta(str(place))["sensor"].sum() == 6


def test_the_journal_says_that_rows_arrived(store, shop):
    offset = shop.take(store, "a", [1, 2])
    (message,) = store.journal.read()
    assert (message.offset, message.kind) == (offset, "rows_arrived")
    assert (message.payload["source"], message.payload["rows"]) == ("reading", 2)


def test_a_load_without_rows_is_a_load(store, shop):
    shop.take(store, "a", [])
    assert sensors(store, shop) == []
    assert [load.load for load in store.loads.in_force("reading")] == ["a"]


def test_quarantine_is_listed_until_released(store, shop):
    aside = SetAside(0, 5, {"sensor": None, "at": "2024-01-01"}, ("sensor is null",))
    offset = shop.take(store, "a", [1], aside=[aside])
    ((load, row),) = store.loads.quarantine("reading")
    assert (load.offset, row.position, row.row["at"]) == (offset, 5, "2024-01-01")
    released = shop.take(store, "r", [2], part_of=offset, releases=(5,))
    assert store.loads.quarantine("reading") == []
    ((_, row),) = store.loads.quarantine("reading", released=True)
    assert row.released == released


def test_a_failing_table_leaves_nothing(store, shop, monkeypatch):
    shop.take(store, "a", [1])
    head = store.journal.head()

    def broken(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("polars.DataFrame.write_parquet", broken)
        with pytest.raises(StoreError, match="disk is full"):
            shop.take(store, "b", [2], aside=[SetAside(0, 9, {}, ("why",))])
    assert sensors(store, shop) == [1]
    assert store.journal.head() == head
    assert store.loads.quarantine() == []
    assert store.loads.pending() == []
    offset = shop.take(store, "b", [2])
    assert offset > head + 1, "an offset is never given twice"
    assert sensors(store, shop) == [1, 2]


@pytest.mark.parametrize("stage", ["begun", "written", "committed"])
def test_a_killed_writer_leaves_a_load_wholly_in_or_not(store, shop, stage, monkeypatch):
    """Die after a step, without any clean-up, as kill -9 does."""
    shop.take(store, "a", [1])

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(store, "_settle", lambda *_: None)  # the dead clean nothing up
        if stage == "begun":
            patched.setattr(store._tables, "append", die)
        elif stage == "written":
            patched.setattr("deltalake.DeltaTable.create_write_transaction", die)
        else:
            patched.setattr(store.loads, "finish", die)
        with pytest.raises(Killed):
            shop.take(store, "b", [2, 3])
    head = store.journal.head()
    with Store(store.directory) as again:
        assert sensors(again, shop) == [1], "a load under way is not seen"
        with again.writing():
            pass
        expected = [1, 2, 3] if stage == "committed" else [1]
        assert sensors(again, shop) == expected
        assert again.loads.pending() == []
        assert sensors(again, shop, offset=head) == [1], "an old question keeps its answer"
        files = list((store.directory / "tables").rglob("*.parquet"))
        assert len(files) == (2 if stage == "committed" else 1), "no file is left behind"


def test_two_processes_take_turns(store, shop):
    program = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[3])
    from conftest import Shop
    from asof.stores.store import Store
    with Store(Path(sys.argv[1])) as store:
        for i in range(8):
            Shop.take(store, f"{sys.argv[2]}{i}", [int(sys.argv[2]) * 100 + i])
    """
    folder = __file__.rsplit("/", 1)[0]
    command = [sys.executable, "-c", textwrap.dedent(program), str(store.directory)]
    running = [subprocess.Popen([*command, str(n), folder]) for n in (1, 2)]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    rows = store.rows(shop.readings)
    assert sorted(rows["sensor"]) == [*range(100, 108), *range(200, 208)]
    assert rows[RECORDED].n_unique() == 16
    assert store.journal.head() == 16


def test_a_writer_that_waits_too_long_is_told(store):
    held, done = threading.Event(), threading.Event()

    def hold():
        with store.writing():
            held.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    try:
        with pytest.raises(StoreError, match="writing to this store"), store.writing(wait=0.05):
            pass
    finally:
        done.set()
        thread.join()


def test_a_column_added_that_may_be_null_reads_old_rows(store, shop):
    shop.take(store, "a", [1])

    class Reading(asof.Row):
        sensor: asof.Key[int]
        value: asof.Col[float | None]
        taken_at: asof.Time
        unit: asof.Col[str | None]

    rows = store.rows(asof.source(Reading))
    assert rows["unit"].to_list() == [None]
    assert rows["sensor"].to_list() == [1]


def test_a_column_of_another_type_asks_to_ingest_again(store, shop):
    shop.take(store, "a", [1])

    class Reading(asof.Row):
        sensor: asof.Key[str]
        value: asof.Col[float | None]
        taken_at: asof.Time

    with pytest.raises(StoreError, match="columns changed: sensor") as caught:
        store.rows(asof.source(Reading))
    assert "a.csv" in caught.value.found
    assert caught.value.mend.startswith("Declare it as before, and what is new as another column")
    assert "asof ingest SYSTEM reading" in caught.value.mend


def test_a_column_added_that_must_not_be_null_asks_to_let_it_be(store, shop):
    shop.take(store, "a", [1])

    class Reading(asof.Row):
        sensor: asof.Key[int]
        value: asof.Col[float | None]
        taken_at: asof.Time
        unit: asof.Col[str]

    with pytest.raises(StoreError, match="columns changed: unit") as caught:
        store.rows(asof.source(Reading))
    assert "(| None)" in caught.value.mend


def test_until_is_fixed_once(store, shop):
    assert store.fix_until("reading") is None
    shop.take(store, "a", [1], latest_available=50)
    assert store.fix_until("reading") == 50
    shop.take(store, "b", [2], latest_available=90)
    assert store.fix_until("reading") == 50
    assert store.until("reading") == 50


def test_a_store_where_none_can_be_is_told(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("here")
    with pytest.raises(StoreError, match="Could not make the store"):
        Store(blocked / "store")


def test_a_release_that_is_taken_back_leaves_its_row_in_quarantine(store, shop):
    aside = SetAside(offset=0, position=1, row={"sensor": "x"}, reasons=("no number",))
    first = shop.take(store, "a", [1], aside=[aside])
    new = shop.new_load("b", shop.frame([2]), part_of=first, releases=(1,))
    begun = store.loads.begin(new, [])
    assert store.loads.quarantine() == []
    store.loads.abandon(begun)
    assert [row.position for _, row in store.loads.quarantine()] == [1]
