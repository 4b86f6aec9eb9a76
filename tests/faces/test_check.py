"""`asof check`: leaks that are planted are found, and an honest system hears nothing."""

from __future__ import annotations

import csv
import json
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from asof.compute.schedule import microseconds
from asof.errors import ExitCode
from asof.faces.project import system_of
from asof.stores.encoded import encode
from asof.stores.records import LIVE_FROM
from asof.stores.store import Store

NO = ExitCode.ANSWER_IS_NO
HONEST = "mature requests looked at: nothing looks like a leak."


def read(work, name):
    with (work.folder / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def write(work, name, rows):
    with (work.folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def check(work, capsys):
    """The command: its status and what it said on stdout."""

    def run(*options):
        try:
            done = work.asof("check", "system.py", *options)
        except SystemExit as left:  # the answer is no
            return int(left.code), capsys.readouterr().out
        return done.status, done.out + done.err

    return run


@pytest.fixture
def findings(check):
    """What the command finds, by kind."""

    def run(*, status=0):
        left, out = check("--json")
        assert left == status, out
        return {each["kind"]: each for each in json.loads(out)["leakage"]["findings"]}

    return run


def test_an_honest_system_hears_nothing(work):
    done = work.asof("check", "system.py")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("parcels  (")
    assert HONEST in done.out
    again = work.asof("check", "system.py", "--json")  # what is loaded is looked at again
    told = json.loads(again.out)
    assert told["declaration"] in done.out
    assert told["leakage"]["findings"] == []
    assert told["without_data"] == []
    assert f"{told['leakage']['requests']:,} {HONEST}" in done.out


def test_a_file_that_is_missing_is_named_after_the_declaration(work):
    (work.folder / "parcels.csv").rename(work.folder / "parcel.csv")
    done = work.asof("check", "system.py")
    assert done.status == ExitCode.REFUSED
    assert done.out.startswith("parcels  (")
    assert done.out.endswith("No data to look at: nothing of parcel (parcels.csv).\n")
    assert "no rows for parcel: parcels.csv is missing" in done.err
    assert f"found: {work.folder / 'parcels.csv'}: no such file" in done.err
    assert "Did you mean 'parcel.csv'?" in done.err
    assert f"system.py:{work.line_of('parcels = asof')}" in done.err
    done = work.asof("check", "system.py", "--json")
    told = json.loads(done.out)
    assert done.status == ExitCode.REFUSED
    assert (told["without_data"], told["leakage"]) == (["parcel"], None)
    assert not list((work.folder / ".asof").rglob("*.parquet"))


def test_rows_that_were_loaded_need_no_file(work):
    assert work.asof("ingest", "system.py").status == 0
    (work.folder / "parcels.csv").unlink()
    done = work.asof("check", "system.py")
    assert (done.status, done.err) == (0, "")
    assert HONEST in done.out


def test_a_source_without_a_file_waits_for_its_rows(work):
    work.spoil('asof.source(Delivery, "deliveries.csv"', "asof.source(Delivery")
    done = work.asof("check", "system.py")
    assert (done.status, done.err) == (0, "")
    assert "No data to look at: nothing of delivery (rows that are handed in)." in done.out


def test_rows_that_a_server_took_are_data(work):
    rows = []
    for row in read(work, "deliveries"):
        came = microseconds(datetime.fromisoformat(row["came_at"]).replace(tzinfo=UTC))
        says = (int(row["parcel_id"]), row["shop"], row["late"] == "yes", float(row["took"]), came)
        rows.append((*says, came + 3_600_000_000, None, False))
    work.spoil('asof.source(Delivery, "deliveries.csv"', "asof.source(Delivery")
    deliveries = next(t for t in system_of("system.py").tables if t.name == "delivery")
    with (
        Store(work.folder / ".asof" / "parcels") as store,
        store.live([deliveries], address="", started=1, elapsed=time.monotonic) as journal,
    ):
        told = {"rows": len(rows), "quarantined": []}
        journal.append("rows", rows[-1][5], told, encode(rows), source="delivery")
    done = work.asof("check", "system.py")
    assert (done.status, done.err) == (0, "")
    assert HONEST in done.out


def test_the_declaration_says_when_rows_are_known_and_what_went_to_quarantine(work):
    assert "zone UTC" in work.asof("check", "system.py").out
    rows = read(work, "parcels")
    rows[7]["weight"] = "-3"
    write(work, "parcels", rows)
    work.spoil('"parcels.csv", zone="UTC"', '"parcels.csv", lag=-hours(2), zone="UTC"')
    told = work.asof("check", "system.py").out
    assert "parcels.csv, known 2 h ahead, zone UTC" in told
    assert "deliveries.csv, known 1 h later, zone UTC" in told
    assert "1 row of parcel in quarantine: weight " in told


def test_a_feature_that_never_has_a_value_is_named_before_and_after_a_fit_fails(work, findings):
    work.spoil(
        "    weight=Parcel.weight,",
        "    weight=Parcel.weight,\n    gone=deliveries.where(Delivery.took < 0)"
        ".same(Parcel.shop).last(days(7)).mean(Delivery.took),",
    )
    found = findings()["empty"]
    assert (found["where"], found["figure"], found["sure"]) == ("gone", 1.0, False)
    done = work.backtest()
    assert "missing in every row of the training: gone" in done.out + done.err


def test_data_that_would_be_refused_are_refused(work):
    work.spoil('"parcels.csv", zone="UTC"', '"parcels.csv"')
    done = work.asof("check", "system.py")
    assert done.status == ExitCode.REFUSED
    assert "times without a zone" in done.err


def test_nothing_is_loaded_into_a_system_that_is_live(work, findings):
    assert findings() == {}
    with Store(work.folder / ".asof" / "parcels") as store:
        store.records.fix(LIVE_FROM, 1_740_000_000_000_000)
        head = store.journal.head()
    rows = read(work, "parcels")
    write(work, "parcels", [*rows, rows[0] | {"parcel_id": 9999}])
    findings()
    with Store(work.folder / ".asof" / "parcels") as store:
        assert store.journal.head() == head


@pytest.mark.parametrize("told", ["the outcome", "only there when late"])
def test_a_column_that_was_filled_in_later_is_a_leak(work, told, findings, check):
    late = {row["parcel_id"]: row["late"] == "yes" for row in read(work, "deliveries")}
    rows = read(work, "parcels")
    for row in rows:
        value = "claimed" if late[row["parcel_id"]] else "fine"
        row["status"] = value if told == "the outcome" or value == "claimed" else ""
    write(work, "parcels", rows)
    work.spoil(
        "    shop: Col[str]\n    weight",
        "    shop: Col[str]\n    status: Col[str | None]\n    weight",
    )
    work.spoil("    weight=Parcel.weight,", "    weight=Parcel.weight,\n    status=Parcel.status,")
    found = findings(status=NO)
    assert list(found) == ["alone"]
    assert (found["alone"]["where"], found["alone"]["sure"]) == ("status", True)
    assert found["alone"]["figure"] == 1.0
    status, out = check()
    assert status == NO
    assert "looked at: 1 leak." in out
    assert "leak  status" in out
    assert "make it a source of its own" in out


def test_a_column_that_nearly_tells_the_outcome_is_worth_a_look(work, findings):
    late = {row["parcel_id"]: row["late"] == "yes" for row in read(work, "deliveries")}
    rows = read(work, "parcels")
    for number, row in enumerate(rows):
        row["risk"] = int(late[row["parcel_id"]] != (number % 50 == 0))
    write(work, "parcels", rows)
    work.spoil("    weight: Col[float] =", "    risk: Col[int]\n    weight: Col[float] =")
    work.spoil("    weight=Parcel.weight,", "    weight=Parcel.weight,\n    risk=Parcel.risk,")
    found = findings()
    assert list(found) == ["alone"]
    assert not found["alone"]["sure"]
    assert 0.95 < found["alone"]["figure"] < 0.99


def test_a_copy_of_a_quantity_is_a_leak(work, findings):
    took = {row["parcel_id"]: row["took"] for row in read(work, "deliveries")}
    rows = [row | {"hours": took[row["parcel_id"]]} for row in read(work, "parcels")]
    write(work, "parcels", rows)
    work.spoil("    weight: Col[float] =", "    hours: Col[float]\n    weight: Col[float] =")
    work.spoil("    weight=Parcel.weight,", "    weight=Parcel.weight,\n    hours=Parcel.hours,")
    work.spoil("Delivery.late, wait", "Delivery.took, wait")
    work.spoil(
        'LogisticRegression(),\n    metric="log_loss"', 'LinearRegression(),\n    metric="mae"'
    )
    found = findings(status=NO)
    assert list(found) == ["copy"]
    assert found["copy"]["where"] == "hours"


def test_a_lag_that_is_too_optimistic_is_a_leak(work, findings):
    work.spoil("lag=hours(1)", "lag=-days(2)")
    found = findings(status=NO)
    known = found["label-known"]
    assert known["sure"]
    assert known["figure"] > 0.9
    assert known["where"] == "delivery, the label"
    assert "deliveries, late" in known["what"]
    assert "lag=" in known["mend"]


def test_a_feature_that_repeats_the_label_s_rows_is_as_honest_as_their_lag(work, findings):
    work.spoil(
        "    weight=Parcel.weight,",
        "    weight=Parcel.weight,\n    coming=deliveries.same(Parcel.parcel_id)"
        ".next(days(9)).latest(Delivery.late).or_else(False),",
    )
    work.spoil("lag=hours(1)", "lag=-days(9)")
    found = findings(status=NO)
    assert (found["alone"]["where"], found["alone"]["figure"]) == ("coming", 1.0)
    assert not found["alone"]["sure"]
    assert "really known" in found["alone"]["mend"]
    assert found["label-known"]["sure"]


def test_labels_of_which_a_few_are_known_are_worth_a_look(work, findings):
    work.spoil("at=Parcel.sent_at", "at=Parcel.sent_at + hours(12)")
    known = findings()["label-known"]
    assert not known["sure"]
    sent = {row["parcel_id"]: row["sent_at"] for row in read(work, "parcels")}
    early = [
        datetime.fromisoformat(row["came_at"]) + timedelta(hours=1)
        < datetime.fromisoformat(sent[row["parcel_id"]]) + timedelta(hours=12)
        for row in read(work, "deliveries")
    ]
    assert known["figure"] == pytest.approx(np.mean(early), abs=0.02)


WINDOW = "asof.outcome(ours.next(days(1)).count(), wait=hours(2))"


def test_a_window_of_which_all_is_known_when_asked_is_a_leak(work, findings):
    work.spoil(
        "asof.outcome(deliveries.same(Parcel.parcel_id), Delivery.late, wait=days(3))", WINDOW
    )
    work.spoil(
        'model=LogisticRegression(),\n    metric="log_loss"',
        'model=LinearRegression(),\n    metric="mae"',
    )
    assert findings() == {}
    work.spoil("lag=hours(1)", "lag=-days(9)")
    known = findings(status=NO)["label-known"]
    assert (known["sure"], known["figure"]) == (True, 1.0)


def test_a_wait_that_is_too_short_is_told_with_one_that_would_do(work, findings):
    work.spoil("wait=days(3)", "wait=hours(40)")
    found = findings()
    assert list(found) == ["wait"]
    assert found["wait"]["figure"] > 0.01
    assert "99.5% of those that came are in with wait= at least" in found["wait"]["mend"]
    hours_ = found["wait"]["mend"].rsplit(" ", 2)[-2]
    work.spoil("wait=hours(40)", f"wait=minutes({int(float(hours_) * 60) + 6})")
    assert findings() == {}


def test_rows_that_tell_of_a_later_moment_than_they_are_known(work, findings):
    rows = read(work, "deliveries")
    for row in rows:
        came = datetime.fromisoformat(row["came_at"])
        row["begun_at"] = str(came - timedelta(minutes=90))
    write(work, "deliveries", rows)
    work.spoil("    came_at: Time", "    begun_at: Time\n    came_at: asof.Moment")
    found = findings()
    assert list(found) == ["later"]
    assert (found["later"]["where"], found["later"]["figure"]) == ("delivery.came_at", 1.0)
    assert "available=Delivery.came_at" in found["later"]["mend"]
    work.spoil("lag=hours(1)", "available=Delivery.came_at")
    assert findings() == {}


@pytest.mark.parametrize("many", [9, 12])
def test_times_that_never_were_on_the_declared_clock(work, findings, many):
    rows = read(work, "parcels")
    gap = datetime(2025, 3, 30, 2, 0, tzinfo=UTC)
    for number in range(many):
        at = f"{gap + timedelta(minutes=5 * number):%Y-%m-%d %H:%M:%S}"
        rows.append({"parcel_id": 9000 + number, "shop": "a", "weight": 1, "sent_at": at})
    write(work, "parcels", rows)
    assert findings() == {}
    work.spoil('"parcels.csv", zone="UTC"', '"parcels.csv", zone="Europe/Berlin"')
    rows.append(rows[0] | {"parcel_id": 9999})  # another file, and another load
    write(work, "parcels", rows)
    (work.folder / ".asof").rename(work.folder / "old")
    found = findings()
    if many < 10:  # typed by hand
        assert found == {}
        return
    assert (found["zone"]["where"], found["zone"]["figure"]) == ("parcel, zone=", many)
    assert "Europe/Berlin" in found["zone"]["what"]


def test_requests_entered_twice_and_numbers_that_mean_not_known(work, findings):
    rows = read(work, "parcels")
    twice = [row | {"parcel_id": 5000 + n} for n, row in enumerate(rows[:90])]
    for row in rows[::20]:
        row["weight"] = "9999"
    write(work, "parcels", rows + twice)
    late = read(work, "deliveries")
    of = {row["parcel_id"]: row for row in late}
    late += [of[str(n)] | {"parcel_id": 5000 + n} for n in range(90)]
    write(work, "deliveries", late)
    found = findings()
    assert set(found) == {"repeats", "marker"}
    assert found["repeats"]["where"] == "parcel"
    assert found["repeats"]["figure"] > 0.05
    assert found["marker"]["where"] == "parcel.weight"
    assert found["marker"]["figure"] == pytest.approx(0.05, abs=0.01)
    assert "9999 stands in" in found["marker"]["what"]
