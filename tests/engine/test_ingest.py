"""Ingest by the law: idempotence, versions, supersession, growth, live rows."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import asof
from asof.declare.kept import AVAILABLE, DECLARED, LOAD, POSITION, RECORDED, WITHDRAWN
from asof.engine.ingest import ingest, load_fingerprint
from asof.errors import DataRefused, UsageError
from asof.stores.store import Store

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
NOON_US = 1704110400 * 1_000_000
HOUR = 3_600_000_000
NOW = NOON_US + 1000 * HOUR


class Reading(asof.Row):
    """Keyed, known by a lag: one row a key."""

    sensor: asof.Key[int]
    value: asof.Col[float | None] = asof.col(ge=0)
    taken_at: asof.KeyTime


class Price(asof.Row):
    """Keyed, known by a column: versions."""

    item: asof.Key[int]
    price: asof.Col[float]
    gone: asof.Col[bool]
    valid_at: asof.Time
    known_at: asof.Moment


class Click(asof.Row):
    """Without a key: rows are never corrected."""

    page: asof.Col[str]
    at: asof.Time


readings = asof.source(Reading, lag=asof.hours(1))
prices = asof.source(Price, available=Price.known_at, withdrawn=Price.gone)
clicks = asof.source(Click)


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "store") as opened:
        yield opened


def read(*rows):
    """Readings: (sensor, value, hour)."""
    return pl.DataFrame(
        {
            "sensor": [row[0] for row in rows],
            "value": pl.Series([row[1] for row in rows], dtype=pl.Float64),
            "taken_at": [NOON + timedelta(hours=row[2]) for row in rows],
        }
    )


def priced(*rows):
    """Prices: (item, price, known hour) or (item, None, known hour) for a withdrawal."""
    return pl.DataFrame(
        {
            "item": [row[0] for row in rows],
            "price": pl.Series([row[1] for row in rows], dtype=pl.Float64),
            "gone": [row[1] is None for row in rows],
            "valid_at": [NOON] * len(rows),
            "known_at": [NOON + timedelta(hours=row[2]) for row in rows],
        }
    )


def clicked(*pages):
    return pl.DataFrame({"page": list(pages), "at": [NOON] * len(pages)})


def hours(store, table):
    return [(t - NOON_US) / HOUR for t in store.rows(table)[AVAILABLE]]


def test_the_same_load_changes_nothing(store):
    first = ingest(readings, store, now=NOW, data=read((1, 2.0, 0), (2, 3.0, 0)))
    assert (first.read, first.stored, first.unchanged) == (2, 2, 0)
    head, rows = store.journal.head(), store.rows(readings)
    again = ingest(readings, store, now=NOW + 1, data=read((1, 2.0, 0), (2, 3.0, 0)))
    assert (again.read, again.stored, again.unchanged) == (2, 0, 2)
    assert "nothing changed" in again.words()
    assert store.journal.head() == head
    assert store.rows(readings).equals(rows)
    assert hours(store, readings) == [1.0, 1.0]


def test_rows_that_repeat_stored_ones_change_nothing(store):
    ingest(readings, store, now=NOW, data=read((1, 2.0, 0), (2, None, 0)))
    report = ingest(readings, store, now=NOW, data=read((2, None, 0), (3, 1.0, 0), (3, 1.0, 0)))
    assert (report.stored, report.unchanged, report.set_apart) == (1, 2, 0)
    assert store.rows(readings)["sensor"].to_list() == [1, 2, 3]


def test_a_second_different_row_of_a_key_with_a_lag_is_set_apart(store):
    loose = asof.source(Reading, lag=asof.hours(1), refuse_above=0.5)
    ingest(loose, store, now=NOW, data=read((1, 2.0, 0)))
    rows = read((1, 9.0, 0), (2, 1.0, 0), (2, 5.0, 0), (3, 1.0, 0))
    report = ingest(loose, store, now=NOW, data=rows)
    assert (report.stored, report.set_apart) == (2, 2)
    (reason,) = report.quarantined
    assert "nobody knows when a correction was known" in reason
    assert store.rows(loose)["value"].to_list() == [2.0, 1.0, 1.0]
    positions = [aside.position for _, aside in store.loads.quarantine()]
    assert positions == [0, 2]


def test_too_many_twins_refuse_the_file(store):
    ingest(readings, store, now=NOW, data=read((1, 2.0, 0)))
    with pytest.raises(DataRefused, match="1 of 1 rows") as caught:
        ingest(readings, store, now=NOW, data=read((1, 3.0, 0)))
    assert "sensor=1" in caught.value.found
    assert "available=" in caught.value.mend
    assert store.rows(readings).height == 1
    assert store.loads.quarantine() == []


def test_all_versions_of_a_row_are_stored_whatever_the_order_of_files(store):
    """5, 7, 5 are three versions, and whether one repeats another is not decided here."""
    for part in (priced((1, 5.0, 3)), priced((1, 5.0, 1)), priced((1, 7.0, 2), (1, 7.0, 2))):
        ingest(prices, store, now=NOW, data=part)
    rows = store.rows(prices).sort(AVAILABLE)
    assert rows["price"].to_list() == [5.0, 7.0, 5.0]
    again = ingest(prices, store, now=NOW, data=priced((1, 7.0, 2), (1, 5.0, 3)))
    assert (again.stored, again.unchanged) == (0, 2)


def test_a_withdrawal_is_a_version(store):
    ingest(prices, store, now=NOW, data=priced((1, 5.0, 1), (1, None, 2)))
    assert store.rows(prices)[WITHDRAWN].to_list() == [False, True]


def test_equal_rows_without_a_key_are_several_rows(store):
    ingest(clicks, store, now=NOW, data=clicked("a", "a", "b"))
    assert store.rows(clicks)["page"].to_list() == ["a", "a", "b"]
    assert store.rows(clicks)[POSITION].to_list() == [0, 1, 2]


def test_a_keyless_file_that_begins_with_a_loaded_one_is_refused(store):
    ingest(clicks, store, now=NOW, data=clicked("a", "b"))
    for longer in (clicked("a", "b", "c"), clicked("a", "b").with_columns(more=pl.lit(1))):
        with pytest.raises(DataRefused, match="begins with the 2 rows") as caught:
            ingest(clicks, store, now=NOW, data=longer)
        assert "grows=True" in caught.value.mend
    ingest(clicks, store, now=NOW, data=clicked("a", "c", "b"))
    assert store.rows(clicks).height == 5


def test_of_a_file_that_grows_only_the_rest_counts(store):
    growing = asof.source(Click, grows=True)
    ingest(growing, store, now=NOW, data=clicked("a", "b"))
    second = ingest(growing, store, now=NOW, data=clicked("a", "b", "b"))
    assert (second.stored, second.unchanged) == (1, 2)
    third = ingest(growing, store, now=NOW, data=clicked("a", "b", "b", "d", "e"))
    assert (third.stored, third.unchanged) == (2, 3)
    assert store.rows(growing)["page"].to_list() == ["a", "b", "b", "d", "e"]
    assert store.rows(growing)[POSITION].to_list() == [0, 1, 2, 3, 4]


def test_another_fingerprint_supersedes_and_old_questions_keep_the_old_rows(store):
    rows = read((1, 2.0, 0), (2, 3.0, 0))
    ingest(readings, store, now=NOW, data=rows)
    before, old = store.journal.head(), store.rows(readings)
    slower = asof.source(Reading, lag=asof.hours(2))
    report = ingest(slower, store, now=NOW, data=rows)
    assert report.loads[0].superseded == 1
    assert hours(store, slower) == [2.0, 2.0]
    assert store.rows(slower, offset=before).equals(old)
    back = ingest(readings, store, now=NOW, data=rows)
    assert (back.stored, hours(store, readings)) == (2, [1.0, 1.0])


def test_another_class_of_rows_supersedes_too(store):
    rows = read((1, 2.0, 0)).with_columns(unit=pl.lit("C"))
    ingest(readings, store, now=NOW, data=rows)

    class Reading(asof.Row):
        sensor: asof.Key[int]
        value: asof.Col[int]
        unit: asof.Col[str]
        taken_at: asof.KeyTime

    changed = asof.source(Reading, lag=asof.hours(1))
    ingest(changed, store, now=NOW, data=rows)
    assert store.rows(changed).select("value", "unit").rows() == [(2, "C")]


def test_replacing_puts_a_file_in_the_place_of_the_one_from_its_path(store, tmp_path):
    table = asof.source(Reading, "r.csv", lag=asof.hours(1))
    read((1, 2.0, 0), (2, 3.0, 0)).write_csv(tmp_path / "r.csv")
    ingest(table, store, now=NOW, base=tmp_path)
    before = store.journal.head()
    read((1, 8.0, 0), (3, 3.0, 0)).write_csv(tmp_path / "r.csv")
    with pytest.raises(DataRefused, match="break the contract"):  # 1 is another row's key
        ingest(table, store, now=NOW, base=tmp_path)
    report = ingest(table, store, now=NOW, base=tmp_path, replacing=True)
    assert (report.loads[0].superseded, report.stored) == (1, 2)
    assert store.rows(table)["value"].to_list() == [8.0, 3.0]
    assert store.rows(table, offset=before)["value"].to_list() == [2.0, 3.0]
    read((1, 9.0, 0)).write_csv(tmp_path / "r.csv")
    by_whole_path = asof.source(Reading, tmp_path / "r.csv", lag=asof.hours(1))
    ingest(by_whole_path, store, now=NOW, base=tmp_path, replacing=True)
    assert store.rows(table)["value"].to_list() == [9.0]
    read((5, 8.0, 0)).write_csv(tmp_path / "other.csv")
    other = asof.source(Reading, "other.csv", lag=asof.hours(1))
    with pytest.raises(DataRefused, match="replaces nothing") as caught:
        ingest(other, store, now=NOW, base=tmp_path, replacing=True)
    assert "r.csv" in caught.value.found


def test_what_repeated_a_superseded_row_comes_back_when_it_is_ingested_again(store, tmp_path):
    table = asof.source(Reading, "parts", lag=asof.hours(1))
    parts = tmp_path / "parts"
    parts.mkdir()
    read((1, 2.0, 0), (2, 3.0, 0)).write_csv(parts / "a.csv")
    read((2, 3.0, 0), (3, 4.0, 0)).write_csv(parts / "b.csv")
    report = ingest(table, store, now=NOW, base=tmp_path)
    assert [(load.name, load.stored) for load in report.loads] == [("a.csv", 2), ("b.csv", 1)]
    read((1, 7.0, 0), (9, 3.0, 0)).write_csv(parts / "a.csv")
    report = ingest(table, store, now=NOW, base=tmp_path, replacing=True)
    assert sorted(store.rows(table)["sensor"]) == [1, 2, 3, 9]
    assert "nothing changed" in ingest(table, store, now=NOW, base=tmp_path).words()


def test_live_rows_are_known_when_they_come_and_history_when_it_says(store):
    store.records.set("live_from", NOON_US)
    stamp = NOON_US + 5 * HOUR
    report = ingest(prices, store, now=stamp, data=priced((1, 5.0, 1), (2, 5.0, 9)))
    assert report.loads[0].live
    rows = store.rows(prices)
    assert hours(store, prices) == [5.0, 9.0]
    assert rows[DECLARED].to_list() == [NOON_US + HOUR, None]
    ingest(prices, store, now=stamp, data=priced((3, 5.0, 1)), history=True)
    assert hours(store, prices)[-1] == 1.0


def test_live_rows_of_a_source_with_a_lag_may_be_corrected(store):
    store.records.set("live_from", NOON_US)
    ingest(readings, store, now=NOON_US + 2 * HOUR, data=read((1, 2.0, 0)))
    ingest(readings, store, now=NOON_US + 3 * HOUR, data=read((1, 4.0, 0)))
    assert store.rows(readings)["value"].to_list() == [2.0, 4.0]
    assert hours(store, readings) == [2.0, 3.0]


def test_a_superseding_load_keeps_the_declared_availability_live_too(store):
    rows = priced((1, 5.0, 1))
    ingest(prices, store, now=NOW, data=rows)
    store.records.set("live_from", NOW)
    renamed = asof.source(Price, available=Price.known_at)
    ingest(renamed, store, now=NOW + 5, data=rows)
    assert hours(store, renamed) == [1.0]


def test_until_is_fixed_by_the_first_load_of_the_labels(store, tmp_path):
    table = asof.source(Price, "days", available=Price.known_at)
    (tmp_path / "days").mkdir()
    priced((1, 5.0, 1)).write_parquet(tmp_path / "days" / "1.parquet")
    priced((2, 5.0, 8)).write_parquet(tmp_path / "days" / "2.parquet")
    ingest(table, store, now=NOW, base=tmp_path, label=True)
    assert store.until("price") == NOON_US + 8 * HOUR, "a directory's files are one first load"
    ingest(table, store, now=NOW, data=priced((3, 5.0, 20)), label=True)
    assert store.until("price") == NOON_US + 8 * HOUR


def test_rows_that_break_the_contract_are_kept_apart_and_counted(store):
    rows = read(*((i, float(i), 0) for i in range(30)), (99, -1.0, 0))
    report = ingest(readings, store, now=NOW, data=rows)
    assert (report.stored, report.set_apart) == (30, 1)
    assert report.quarantined == {"value is below 0": 1}
    ((load, aside),) = store.loads.quarantine("reading")
    assert (aside.position, aside.row["sensor"], aside.row["value"]) == (30, 99, -1.0)
    assert aside.row["taken_at"].startswith("2024-01-01T12:00:00")
    assert store.loads.report(load.offset)["set_apart"] == 1
    assert report.words() == (
        "reading: 31 rows read from the data handed in, 30 stored, 1 in quarantine."
    )


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_files_of_every_kind_hold_the_same_rows(store, tmp_path, kind):
    table = asof.source(Reading, f"r.{kind}", lag=asof.hours(1), nulls=("NA",))
    rows = read((1, 2.0, 0), (2, None, 1))
    path = tmp_path / f"r.{kind}"
    if kind == "parquet":
        rows.write_parquet(path)
    else:
        text = rows.write_csv(null_value="NA").encode()
        path.write_bytes(gzip.compress(text) if kind == "csv.gz" else text)
    ingest(table, store, now=NOW, base=tmp_path)
    found = store.rows(table)
    assert found.select("sensor", "value").rows() == [(1, 2.0), (2, None)]
    assert found["taken_at"].to_list() == [NOON_US, NOON_US + HOUR]
    assert found[LOAD].n_unique() == found[RECORDED].n_unique() == 1


def test_texts_keep_their_zeros_with_and_without_prepare(store, tmp_path):
    class Shop(asof.Row):
        zip: asof.Key[str]
        size: asof.Col[int]

    (tmp_path / "s.csv").write_text("zip,size\n00501,3\n10001,4\n")
    plain = asof.reference(Shop, "s.csv")
    ingest(plain, store, now=NOW, base=tmp_path)
    assert store.rows(plain)["zip"].to_list() == ["00501", "10001"]
    doubled = asof.reference(
        Shop, "s.csv", name="doubled", prepare=lambda f: f.with_columns(size=pl.col("size") * 2)
    )
    ingest(doubled, store, now=NOW, base=tmp_path)
    assert store.rows(doubled).select("zip", "size").rows() == [("00501", 6), ("10001", 8)]


class TestRefusals:
    """Each says what, where and how to mend, and leaves nothing behind."""

    @pytest.fixture(autouse=True)
    def nothing_is_left(self, store):
        yield
        assert store.rows(readings).height == 0
        assert store.loads.all() == []
        assert store.loads.quarantine() == []
        assert store.journal.head() == 0
        assert not list((store.directory / "tables").rglob("*.parquet"))

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "empty"),
            (b"sensor,value,taken_at\n", "no rows"),
            (b"sensor,value\n1,2\n", "no column 'taken_at'"),
            (b"sensor,value,taken_at\n1,x,2024-01-01T00:00Z\n", "should be a number"),
            (b"sensor,value,taken_at\n1,2,2024-01-01 00:00\n", "times without a zone"),
            (b"sensor,value,taken_at\n1,2\n1,2,3,4\n", "cannot be read as CSV"),
            (b"sensor,value,taken_at\n\xff\xfe,1,2\n", "is not UTF-8"),
        ],
    )
    def test_csv(self, store, tmp_path, content, words):
        (tmp_path / "r.csv").write_bytes(content)
        with pytest.raises(DataRefused, match=words) as caught:
            ingest(asof.source(Reading, "r.csv"), store, now=NOW, base=tmp_path)
        assert caught.value.mend
        assert "test_ingest.py:" in caught.value.where

    @pytest.mark.parametrize("kept", [0, 3, 40, 200, -1])
    def test_a_parquet_file_cut_short(self, store, tmp_path, kept):
        path = tmp_path / "r.parquet"
        read(*((i, 1.0, 0) for i in range(100))).write_parquet(path)
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(DataRefused, match=r"cut short or damaged|is empty"):
            ingest(asof.source(Reading, "r.parquet"), store, now=NOW, base=tmp_path)

    def test_no_file_names_a_near_one(self, store, tmp_path):
        (tmp_path / "readings.csv").write_text("x")
        with pytest.raises(DataRefused, match=r"reading\.csv is missing") as caught:
            ingest(asof.source(Reading, "reading.csv"), store, now=NOW, base=tmp_path)
        assert "readings.csv" in caught.value.mend

    def test_no_path_and_no_data(self, store):
        with pytest.raises(UsageError, match="names no file"):
            ingest(readings, store, now=NOW)

    def test_another_kind_of_file_and_an_empty_directory(self, store, tmp_path):
        (tmp_path / "r.xlsx").write_bytes(b"PK")
        with pytest.raises(DataRefused, match="neither Parquet nor CSV"):
            ingest(asof.source(Reading, "r.xlsx"), store, now=NOW, base=tmp_path)
        (tmp_path / "d").mkdir()
        with pytest.raises(DataRefused, match="d is missing"):
            ingest(asof.source(Reading, "d"), store, now=NOW, base=tmp_path)

    def test_a_prepare_that_fails_is_named_with_its_line(self, store):
        def halve(frame):
            return frame.with_columns(pl.col("valeu") / 2)

        with pytest.raises(DataRefused, match=r"halve\(\), the prepare= of reading") as caught:
            ingest(asof.source(Reading, prepare=halve), store, now=NOW, data=read((1, 2.0, 0)))
        assert "valeu" in caught.value.found
        assert "test_ingest.py:" in caught.value.where

    def test_a_prepare_that_returns_nothing(self, store):
        with pytest.raises(DataRefused, match="returned no frame"):
            ingest(
                asof.source(Reading, prepare=lambda _: None),
                store, now=NOW, data=read((1, 2.0, 0)),
            )  # fmt: skip

    def test_too_many_rows_that_break_the_contract(self, store):
        with pytest.raises(DataRefused, match="1 of 2 rows"):
            ingest(readings, store, now=NOW, data=read((1, -2.0, 0), (2, 1.0, 0)))

    def test_what_is_no_frame(self, store):
        with pytest.raises(DataRefused, match="Cannot take the data"):
            ingest(readings, store, now=NOW, data=object())


cells = st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 3))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cells, min_size=1, max_size=6), min_size=1, max_size=4))
def test_the_set_of_versions_does_not_depend_on_how_files_cut_it(tmp_path_factory, parts):
    """Any cutting into files, in any order, stores each (key, content, availability) once."""
    with Store(tmp_path_factory.mktemp("cut")) as store:
        for part in parts:
            ingest(prices, store, now=NOW, data=priced(*part))
        found = store.rows(prices).select("item", "price", AVAILABLE).rows()
    told = {(i, float(p), NOON_US + h * HOUR) for part in parts for i, p, h in part}
    assert sorted(found) == sorted(told)


def test_rows_that_break_a_rule_are_in_quarantine_and_a_rule_is_part_of_the_load(store):
    def source(*rules):
        return asof.source(Reading, lag=asof.hours(1), refuse_above=0.5, rules=rules)

    data = read((1, 2.0, 0), (2, 30.0, 0), (3, None, 0))
    ruled = source(Reading.value <= 10 * Reading.sensor)
    assert load_fingerprint(source()) == load_fingerprint(asof.source(Reading, lag=asof.hours(1)))
    report = ingest(ruled, store, now=NOW, data=data)
    words = "breaks the rule (Reading.value <= (10 * Reading.sensor))"
    assert (report.stored, report.loads[0].quarantined) == (2, {words: 1})
    [(_, aside)] = store.loads.quarantine()
    assert (aside.row["sensor"], aside.reasons) == (2, (words,))
    again = ingest(ruled, store, now=NOW + 1, data=data)
    assert (again.stored, again.unchanged) == (0, 2)
    looser = ingest(source(Reading.value <= 20 * Reading.sensor), store, now=NOW + 2, data=data)
    assert looser.loads[0].superseded == 1
    assert store.rows(readings)["sensor"].sort().to_list() == [1, 2, 3]
    strict = asof.source(Reading, lag=asof.hours(1), rules=(Reading.value > 100,))
    with pytest.raises(DataRefused, match=r"break the contract"):
        ingest(strict, store, now=NOW + 3, data=data)
