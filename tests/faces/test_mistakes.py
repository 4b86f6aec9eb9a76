"""Mistakes planted one at a time in a small working system, and what is said about each.

Every error is short, names the user's file and line or the data file, holds the offending value,
says how to mend it, shows no traceback, and ends with its documented code. Where the mending can
be pasted, it is pasted, and the system works again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from asof.errors import ExitCode

USAGE, REFUSED, NO = ExitCode.USAGE, ExitCode.REFUSED, ExitCode.ANSWER_IS_NO
PARCELS = "parcel_id,shop,weight,sent_at\n"
ZONED = '"parcels.csv", zone="UTC"'


@dataclass(frozen=True)
class Mistake:
    """`spoil` is done to the working system; the error holds every word of `says`.

    `at` stands on the line of system.py that the error names; `mend` are replacements that the
    error's text offers.
    """

    spoil: Callable
    status: ExitCode
    says: tuple[str, ...]
    at: str = ""
    file: str = ""
    mend: tuple[tuple[str, str], ...] = field(default=())


def change(old: str, new: str, *, file: str = "system.py") -> Callable:
    return lambda work: work.spoil(old, new, file=file)


def rows(text: str, *, file: str = "parcels.csv") -> Callable:
    return lambda work: (work.folder / file).write_text(text, encoding="utf-8")


def estimator(body: str) -> Callable:
    """A classifier of the user's own, with one method that is wrong."""

    def spoil(work) -> None:
        work.spoil("ours = del", f"class Mine(LogisticRegression):\n{body}\n\n\nours = del")
        work.spoil("model=LogisticRegression()", "model=Mine()")

    return spoil


def prepare(body: str) -> Callable:
    def spoil(work) -> None:
        work.spoil("\n\nparcels =", f"\n\ndef tidy(frame):\n    {body}\n\n\nparcels =")
        work.spoil(ZONED, f"{ZONED}, prepare=tidy")

    return spoil


def many(*parts: Callable) -> Callable:
    def spoil(work) -> None:
        for part in parts:
            part(work)

    return spoil


def truncated(work) -> None:
    import polars as pl

    pl.read_csv(work.folder / "parcels.csv").write_parquet(work.folder / "parcels.parquet")
    whole = (work.folder / "parcels.parquet").read_bytes()
    (work.folder / "parcels.parquet").write_bytes(whole[: len(whole) // 2])
    work.spoil(ZONED, '"parcels.parquet", zone="UTC"')


def doubled(work) -> None:
    """Three hundred deliveries come a second time, with other values."""
    path = work.folder / "deliveries.csv"
    again = "".join(f"{n},a,no,1.0,2025-02-01 10:00:00\n" for n in range(300))
    path.write_text(path.read_text(encoding="utf-8") + again, encoding="utf-8")


def helper(work) -> None:
    (work.folder / "helper.py").write_text("rate = 1\nrate = rate / 0\n", encoding="utf-8")
    work.spoil("import asof\n", "import asof\nimport helper\n")


MISTAKES = {
    # --- data ---
    "a column is missing": Mistake(
        change("shop,weight,sent", "shop,wieght,sent", file="parcels.csv"),
        REFUSED, ("parcels.csv", "'weight'", "Did you mean 'wieght'?"), "class Parcel",
    ),
    "a column of another type": Mistake(
        rows(PARCELS + "".join(f"{n},a,heavy,2025-01-02 10:00\n" for n in range(9))),
        REFUSED, ("Parcel.weight should be a number", "parcels.csv", "'heavy'", "prepare="),
        "class Parcel",
    ),
    "times without a zone": Mistake(
        change(ZONED, '"parcels.csv"'),
        REFUSED, ("without a zone", "parcels.csv", "2025-01-01 01:19:00", 'zone="UTC"'),
        "parcels = asof", mend=(('"parcels.csv"', ZONED),),
    ),
    "a zone that does not exist": Mistake(
        change(ZONED, '"parcels.csv", zone="Europe/Berlln"'),
        USAGE, ("'Europe/Berlln'", "'Europe/Berlin'"), "parcels = asof",
        mend=(("Europe/Berlln", "Europe/Berlin"),),
    ),
    "an empty file": Mistake(
        rows(""), REFUSED, ("parcels.csv is empty", "0 bytes", "Hand in"), "parcels = asof"
    ),
    "a file with nothing but its header": Mistake(
        rows(PARCELS), REFUSED, ("parcels.csv has no rows", "0 rows", "min_rows="), "parcels = asof"
    ),
    "a truncated Parquet file": Mistake(
        truncated, REFUSED, ("parcels.parquet", "cut short", "Fetch it again"), "parcels = asof"
    ),
    "a missing file": Mistake(
        change(ZONED, '"parcel.csv", zone="UTC"'),
        REFUSED, ("parcel.csv is missing", "Did you mean 'parcels.csv'?"), "parcels = asof",
        mend=(("parcel.csv", "parcels.csv"),),
    ),
    "duplicate keys with a lag": Mistake(
        doubled, REFUSED,
        ("300 of 1,200 rows of deliveries.csv", "row 900", "parcel_id=0", "available="),
        "class Delivery",
    ),
    "request keys that are null": Mistake(
        rows(PARCELS + "".join(f",a,2,2025-01-02 10:{n}0\n" for n in range(6))),
        REFUSED, ("parcels.csv", "parcel_id is null", "row 0"), "class Parcel",
    ),
    "a join that never matches": Mistake(
        rows("parcel_id,shop,late,took,came_at\n9999,a,no,3,2025-01-03 10:00\n",
             file="deliveries.csv"),
        REFUSED, ("No request ever gets a label", "parcel_id = Parcel.parcel_id", "match"),
        "label=asof.outcome",
    ),
    "prepare raises": Mistake(
        prepare('return frame.rename({"wieght": "weight"})'),
        REFUSED, ("tidy()", "wieght", "parcel_id, shop, weight, sent_at"), "return frame.rename",
    ),
    "prepare returns nothing": Mistake(
        prepare("frame.head()"), REFUSED, ("tidy()", "NoneType", "Return"), "parcels = asof"
    ),
    # --- time ---
    "a wait longer than the history": Mistake(
        change("wait=days(3)", "wait=days(400)"),
        REFUSED, ("No label is ever due", "2026-02-05 01:19 UTC", "wait="), "label=asof.outcome",
    ),
    "until before the first label is due": Mistake(
        many(change("    start=datetime(2025, 2, 1, tzinfo=UTC),\n", ""),
             change("until=datetime(2025, 3, 1", "until=datetime(2025, 1, 2")),
        REFUSED, ("No label is ever due", "2025-01-02 00:00 UTC", "until="), "label=asof.outcome",
    ),
    "at= after the history": Mistake(
        change("at=Parcel.sent_at", "at=Parcel.sent_at + days(365)"),
        REFUSED, ("Nothing is asked", "2026-01-01 01:19 UTC", "at="), "system = asof.System",
    ),
    "a life that starts before any label": Mistake(
        change("start=datetime(2025, 2, 1", "start=datetime(2020, 2, 1"),
        REFUSED, ("before any label", "2020-02-01 00:00 UTC", "Leave start= out"),
        "system = asof.System",
    ),
    "a life that starts after the last request": Mistake(
        change("start=datetime(2025, 2, 1", "start=datetime(2025, 2, 28"),
        REFUSED, ("after the last request", "2025-02-28 00:00 UTC", "start="),
        "system = asof.System",
    ),
    "a start without a zone": Mistake(
        change("start=datetime(2025, 2, 1, tzinfo=UTC)", "start=datetime(2025, 2, 1)"),
        USAGE, ("start= has no time zone", "datetime.datetime(2025, 2, 1", "tzinfo=UTC"),
        "system = asof.System",
    ),
    "a life that starts after its history": Mistake(
        change("start=datetime(2025, 2, 1", "start=datetime(2025, 4, 1"),
        USAGE, ("start= is after until=", "2025-04-01 00:00 UTC", "2025-03-01 00:00 UTC",
                "leave one of them out"),
        "system = asof.System", mend=(("    until=datetime(2025, 3, 1, tzinfo=UTC),\n", ""),
                                      ("    start=datetime(2025, 4, 1, tzinfo=UTC),\n", "")),
    ),
    "a due time that the outcome tells": Mistake(
        change("wait=days(3)", "due=Delivery.came_at"),
        USAGE, ("due= is about Delivery", "only moments of Parcel", "has: Parcel.sent_at",
                "due=Parcel.sent_at + days(2)", "wait=days(2)"),
        "system = asof.System", mend=(("due=Delivery.came_at", "due=Parcel.sent_at + days(2)"),),
    ),
    # --- declaration ---
    "a window without a unit": Mistake(
        change("ours.last(days(7))", "ours.last(7)"),
        USAGE, ("last(7)", "last(days(7))"), "ours.last(7)", mend=(("last(7)", "last(days(7))"),),
    ),
    "a statistic without a window": Mistake(
        change("ours.last(days(7)).count()", "ours.count()"),
        USAGE, ("count() needs a window", "delivery[shop = ", ".last(days(30)).count()"),
        "deliveries=ours.count()", mend=(("ours.count()", "ours.last(days(30)).count()"),),
    ),
    "a window of a whole source": Mistake(
        change("ours = deliveries.same(Parcel.shop)", "ours = deliveries"),
        USAGE, ("last() is of the rows that agree", "delivery as a whole", ".all(Requested)"),
        "deliveries=ours.last", mend=(("ours = deliveries", "ours = deliveries.all(Parcel)"),),
    ),
    "a feature of another table": Mistake(
        change("weight=Parcel.weight", "weight=Delivery.took"),
        USAGE, ("'weight' is about Delivery, not Parcel", "Delivery.took", "latest("),
        "features = asof",
    ),
    "a class instead of an estimator": Mistake(
        change("model=LogisticRegression()", "model=LogisticRegression"),
        USAGE, ("is a class", "model=LogisticRegression()"), "system = asof.System",
        mend=(("model=LogisticRegression,", "model=LogisticRegression(),"),),
    ),
    "a regressor for yes and no": Mistake(
        change("model=LogisticRegression()", "model=LinearRegression()"),
        USAGE, ("no probabilities", "LinearRegression", "LogisticRegression()"),
        "system = asof.System", mend=(("model=LinearRegression()", "model=LogisticRegression()"),),
    ),
    "a classifier for a quantity": Mistake(
        many(change("Delivery.late, wait", "Delivery.took, wait"),
             change('    metric="log_loss",\n', "")),
        USAGE, ("a quantity", "LogisticRegression", "Delivery.took > 0"), "system = asof.System",
        mend=(("Delivery.took, wait", "Delivery.took > 36, wait"),),
    ),
    "log loss of a quantity": Mistake(
        many(change("Delivery.late, wait", "Delivery.took, wait"),
             change("model=LogisticRegression()", "model=LinearRegression()")),
        USAGE, ("'log_loss'", "a quantity", "mae"), "system = asof.System",
        mend=(('"log_loss"', '"mae"'),),
    ),
    "a misspelt metric": Mistake(
        change('metric="log_loss"', 'metric="logloss"'),
        USAGE, ("'logloss'", "'log_loss'"), "system = asof.System",
        mend=(("logloss", "log_loss"),),
    ),
    "a misspelt argument": Mistake(
        change('    metric="log_loss"', '    metrics="log_loss"'),
        USAGE, ("'metrics'", "Did you mean 'metric'?"), "system = asof.System",
        mend=(("metrics=", "metric="),),
    ),
    "a missing argument": Mistake(
        change("asof.every(days(7))", 'asof.daily(zone="UTC")'),
        USAGE, ("daily()", "'at'", "daily(at, zone)"), "asof.daily",
    ),
    "a misspelt column": Mistake(
        change("weight=Parcel.weight", "weight=Parcel.wieght"),
        USAGE, ("'wieght'", "Did you mean 'weight'?"), "weight=Parcel.wieght",
        mend=(("wieght", "weight"),),
    ),
    "a syntax error": Mistake(
        change("features = asof.features(", "features = asof.features(("),
        USAGE, ("SyntaxError", "never closed", "python system.py"), "features = asof.features((",
    ),
    "a module that is not installed": Mistake(
        change("import asof\n", "import asoff\n"),
        USAGE, ("No module named 'asoff'", "Install asoff"), "import asoff",
        mend=(("import asoff", "import asof"),),
    ),
    "an error in a module of the user's": Mistake(
        helper, USAGE, ("ZeroDivisionError", "helper.py:2", "python system.py")
    ),
    "a file that leaves": Mistake(
        change("import asof\n", "import asof\nraise SystemExit(3)\n"),
        USAGE, ("SystemExit: 3", "python system.py"), "raise SystemExit",
    ),
    # --- estimators ---
    "no fit succeeds": Mistake(
        change("LogisticRegression()", "LogisticRegression(C=-1.0)"),
        NO, ("all 4 fits failed", "Got -1.0 instead", "facts.json"), "system = asof.System",
    ),
    "missing values that an estimator does not take": Mistake(
        change(".share(Delivery.late).or_else(0.5)", ".share(Delivery.late)"),
        NO, ("all 4 fits failed", "NaN", "late", ".or_else("), "system = asof.System",
        mend=((".share(Delivery.late)", ".share(Delivery.late).or_else(0.0)"),),
    ),
    "predictions that are not numbers": Mistake(
        estimator("    def predict_proba(self, X):\n        return [[float('nan')] * 2] * len(X)"),
        NO, ("not a prediction", "not finite", "Mine", "predict_proba"), "system = asof.System",
    ),
    "an estimator that fails when asked": Mistake(
        estimator("    def predict_proba(self, X):\n        raise RuntimeError('no GPU')"),
        NO, ("Mine failed", "RuntimeError: no GPU", "another"), "system = asof.System",
    ),
}  # fmt: skip


def well_told(done, status: ExitCode) -> None:
    """What holds for every error, whatever it is about."""
    assert done.status == status, done
    lines = done.err.splitlines()
    assert lines[0].startswith("Error: "), done.err
    assert 2 <= len(lines) <= 8, done.err
    assert "Traceback" not in done.err, done.err


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_where_it_is_and_how_to_mend_it(work, name: str):
    mistake = MISTAKES[name]
    mistake.spoil(work)
    done = work.backtest("--quiet")
    well_told(done, mistake.status)
    for words in mistake.says:
        assert words in done.err, done.err
    if mistake.at:
        assert f"system.py:{work.line_of(mistake.at)}" in done.err, done.err
    runs = work.folder / "runs"
    if mistake.status is not NO:
        assert not done.out
        assert not runs.exists()
    assert not list(work.folder.rglob("*.part"))
    if mistake.mend:
        for old, new in mistake.mend:
            work.spoil(old, new)
        assert work.backtest("--quiet").status == 0


def facts(work) -> dict:
    (file,) = work.folder.glob("runs/*/facts.json")
    return json.loads(file.read_text(encoding="utf-8"))


BREAKS_LATER = """\
    def fit(self, X, y):
        if {when}:
            raise MemoryError("too many rows")
        return super().fit(X, y)
"""


def test_an_estimator_that_fails_in_the_middle_leaves_the_old_model_in_service(work):
    estimator(BREAKS_LATER.format(when="600 < len(X) < 700"))(work)
    done = work.backtest("--quiet")
    assert done.status == 0, done.err
    assert "1 failed" in done.out
    told = facts(work)
    assert [model["status"] for model in told["models"]] == [
        "promoted", "promoted", "failed", "promoted",
    ]  # fmt: skip
    assert told["coverage"]["unanswered"] == 0
    failed = next(each for each in told["decisions"] if each["kind"] == "failed")
    assert "the model before it goes on" in failed["words"]
    assert "MemoryError: too many rows" in failed["words"]
    assert "system.py" in failed["evidence"]["traceback"]
    assert "raise MemoryError" in failed["evidence"]["traceback"]


def test_an_estimator_whose_first_fit_fails_serves_from_the_first_that_succeeds(work):
    estimator(BREAKS_LATER.format(when="len(X) < 500"))(work)
    done = work.backtest("--quiet")
    assert done.status == 0, done.err
    told = facts(work)
    assert [model["status"] for model in told["models"]] == ["failed", *["promoted"] * 3]
    assert told["coverage"]["unanswered"] > 0
    assert "unanswered" in done.out
    failed = next(each for each in told["decisions"] if each["kind"] == "failed")
    assert "no model serves yet" in failed["words"]


def test_a_metric_that_a_week_does_not_have_is_words_in_that_week(work):
    lines = (work.folder / "deliveries.csv").read_text(encoding="utf-8").splitlines()
    sent = (work.folder / "parcels.csv").read_text(encoding="utf-8").splitlines()[1:]
    calm = {line.split(",")[0] for line in sent if "2025-02-08" <= line[-19:-9] <= "2025-02-15"}
    told = [line.replace(",yes,", ",no,") if line.split(",")[0] in calm else line for line in lines]
    (work.folder / "deliveries.csv").write_text("\n".join(told) + "\n", encoding="utf-8")
    work.spoil('metric="log_loss"', 'metric="auc"')
    done = work.backtest("--quiet")
    assert done.status == 0, done.err
    without = [slot for slot in facts(work)["series"][0]["slots"] if slot["value"] is None]
    assert len(without) == 1
    assert without[0]["why"]
    assert facts(work)["series"][0]["total"]["value"] is not None


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("backtest", "system.py:nightly"), ("no system 'nightly'", "never, system")),
        (("backtest", "sistem.py"), ("no file sistem.py", "Did you mean 'system.py'?")),
        (("why", "system.py", "77777"), ("no request '77777'", "900 requests", "0, 1, 2")),
        (("why", "system.py", "7", "wait"), ("no feature 'wait'", "Did you mean 'weight'?")),
        (("reproduce", "system.py", "feed"), ("No model has the id 'feed'", "models: ")),
        (("ingest", "system.py", "parcles"), ("no table 'parcles'", "Did you mean 'parcel'?")),
        (("quarantine", "show", "system.py", "1:1"), ("1:1", "asof quarantine list")),
        (("quarantine", "release", "system.py", "1:1", "--set", "weight"), ("COLUMN=VALUE",)),
        (("backtest", "system.py", "--drws", "9"), ("--drws", "--draws")),
        (("backtest", "system.py", "--out", "."), ("deliveries.csv", "--out report")),
    ],
)
def test_a_command_that_asks_for_what_is_not_there(work, command, says):
    if command[0] in ("why", "reproduce"):
        assert work.backtest("--quiet").status == 0
    if command[0] == "quarantine":
        assert work.asof("ingest", "system.py").status == 0
    done = work.asof(*command)
    well_told(done, USAGE)
    for words in says:
        assert words in done.err, done.err
    assert (work.folder / "deliveries.csv").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("status",), ("models",), ("train",), ("promote", "abc"), ("rollback",), ("why", "7"),
        ("reproduce", "abc"), ("backup", "copy"), ("quarantine list",), ("quarantine show", "1:1"),
        ("quarantine release", "1:1"), ("token list",), ("token revoke", "cron"),
    ],
)  # fmt: skip
def test_who_looks_at_a_system_that_keeps_nothing_is_told_so_and_makes_nothing(work, command):
    name, *more = command
    done = work.asof(*name.split(), "system.py", *more)
    well_told(done, USAGE)
    assert "parcels has no store yet: nothing was loaded" in done.err
    assert "asof ingest" in done.err
    assert not (work.folder / ".asof").exists()
    assert not (work.folder / "copy").exists()


def test_a_row_in_quarantine_that_is_still_bad_stays_there(work):
    spoil_first_weight(work)
    assert work.asof("ingest", "system.py").status == 0
    done = work.asof("quarantine", "list", "system.py")
    assert done.out.splitlines()[-1] == "1 row in quarantine."
    name = done.out.split()[0]
    again = work.asof("quarantine", "release", "system.py", name)
    well_told(again, REFUSED)
    assert "weight is below 0" in again.err
    assert "--set" in again.err
    assert work.asof("quarantine", "list", "system.py").out == done.out
    mended = work.asof("quarantine", "release", "system.py", name, "--set", "weight=2.5")
    assert mended.status == 0
    assert work.asof("quarantine", "list", "system.py").out == "0 rows in quarantine.\n"


def spoil_first_weight(work) -> None:
    path: Path = work.folder / "parcels.csv"
    head, first, *rest = path.read_text(encoding="utf-8").splitlines()
    number, shop, _, sent = first.split(",")
    path.write_text("\n".join([head, f"{number},{shop},-3,{sent}", *rest]) + "\n", encoding="utf-8")
