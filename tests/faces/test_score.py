"""`asof score`, `status`, `promote` and `rollback` as commands: words, files, how they leave."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from asof.errors import ExitCode
from asof.stores.server import serve

AS_OF = "2025-02-20T00:00Z"


@pytest.fixture
def lived(work):
    """The parcels, known thirty hours ahead, and a life of theirs."""
    work.spoil('"parcels.csv", zone="UTC"', '"parcels.csv", zone="UTC", lag=-hours(30)')
    assert work.backtest("-q").status == ExitCode.DONE
    return work


def test_the_requests_of_a_day_are_answered_into_a_file(lived):
    done = lived.asof("score", "system.py", "--as-of", AS_OF, "--out", "day.csv")
    assert done.status == ExitCode.DONE
    assert done.out.startswith("16 requests answered as of 2025-02-20 00:00 UTC by m3 (")
    assert "in service: m3 on" in done.out
    assert done.out.rstrip().endswith("predictions  day.csv")
    assert "rows 16/16" in done.err
    rows = pl.read_csv("day.csv")
    assert rows.columns == ["request", "parcel_id", "as_of", "model", "prediction", "reason"]
    assert rows.height == 16
    assert rows["prediction"].is_between(0, 1).all()
    assert rows["as_of"][0] == "2025-02-20T00:00:00Z"


def test_where_nothing_is_known_ahead_it_says_so_and_keeps_what_it_fitted(work):
    assert work.backtest("-q").status == ExitCode.DONE  # parcels are known when they are sent
    done = work.asof(
        "score", "system.py", "--as-of", AS_OF, "--fit", "--ahead", "1min", "--out", "day.csv", "-q"
    )
    assert done.status == ExitCode.DONE
    lines = done.out.splitlines()
    assert lines[0].startswith("Nothing is asked within ")
    assert "--requests FILE" in lines[0]
    name, _, kept = lines[1].partition(" is kept, fitted on ")
    assert kept.endswith(" rows.")
    identity = name.partition("(")[2].rstrip(")")
    promoted = work.asof("promote", "system.py", identity)
    assert promoted.status == ExitCode.DONE
    assert identity in promoted.out


def test_a_file_of_requests_is_separated_as_those_of_the_source(work):
    work.spoil('"parcels.csv", zone="UTC"', '"parcels.csv", zone="UTC", separator=";"')
    file = work.folder / "parcels.csv"
    file.write_text(file.read_text().replace(",", ";"))
    assert work.asof("ingest", "system.py").status == ExitCode.DONE
    asked = ("--requests", "parcels.csv", "--as-of", AS_OF, "--fit", "--out", "all.parquet", "-q")
    done = work.asof("score", "system.py", *asked, "--json")
    assert done.status == ExitCode.DONE, done.err
    assert json.loads(done.out)["predicted"] == 900


def test_json_is_one_document_with_what_was_asked(lived):
    done = lived.asof(
        "score", "system.py", "--as-of", AS_OF, "--ahead", "12h", "--out", "day.parquet",
        "--json", "-q",
    )  # fmt: skip
    told = json.loads(done.out)
    assert done.err == ""
    assert (told["as_of"], told["ahead_seconds"]) == ("2025-02-20T00:00:00Z", 43_200)
    assert told["rows"] == told["predicted"] == pl.read_parquet("day.parquet").height == 8
    assert told["rows_per_second"] > 0
    assert told["model"] == pl.read_parquet("day.parquet")["model"][0]


def test_a_file_of_requests_and_why_rows_are_not_answered(lived):
    Path("asked.csv").write_text(
        "parcel_id,shop,weight,sent_at\n1,a,2.5,2025-02-20 10:00:00\n2,b,-1,2025-02-20 10:00:00\n"
        "3,b,1,2025-02-19 10:00:00\n",
        encoding="utf-8",
    )
    done = lived.asof(
        "score", "system.py", "--requests", "asked.csv", "--as-of", AS_OF, "--out", "out.csv", "-q"
    )
    assert done.status == ExitCode.DONE
    assert "1 row not answered: weight is below 0: 1." in done.out
    assert "1 row asked for a moment before that" in done.out
    assert pl.read_csv("out.csv")["reason"].to_list() == [None, "weight is below 0", None]


def test_prepare_is_offered_and_applied(lived):
    lived.spoil("lag=-hours(30)", "lag=-hours(30), prepare=named")
    lived.spoil(
        "class Parcel(asof.Row)",
        "def named(file):\n    return file.rename({'kilos': 'weight'}, strict=False)\n\n\n"
        "class Parcel(asof.Row)",
    )
    Path("asked.csv").write_text(
        "parcel_id,shop,kilos,sent_at\n1,a,2.5,2025-02-20 10:00:00\n", encoding="utf-8"
    )
    asked = ("score", "system.py", "--requests", "asked.csv", "--as-of", AS_OF, "--fit",
             "--out", "out.csv", "-q")  # fmt: skip
    done = lived.asof(*asked)
    assert done.status == ExitCode.REFUSED
    assert "--prepare puts the file through the source's prepare= first" in done.err
    assert "columns: parcel_id, shop, kilos, sent_at" in done.err
    assert not Path("out.csv").exists()
    assert lived.asof(*asked, "--prepare").status == ExitCode.DONE
    assert pl.read_csv("out.csv")["prediction"].null_count() == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--as-of", "2025-02-20T00:00", "--out", "p.csv"), "Write it with its offset"),
        (("--as-of", AS_OF, "--out", "p.xlsx"), "says no format to write in"),
        (("--as-of", AS_OF, "--out", "p.csv", "--ahead", "soon"), "Write --ahead 1d."),
        (("--as-of", AS_OF, "--out", "p.csv", "--requests", "no.csv"), "There is no file no.csv"),
        (("--as-of", AS_OF, "--out", "p.csv", "--model", "abc", "--fit"), "Leave one out."),
        (("--as-of", "2025-01-02T00:00Z", "--out", "p.csv"), "No model of parcels is in service"),
        (("--as-of", AS_OF), "--out"),
    ],
)  # fmt: skip
def test_mistakes_of_usage_say_what_to_write(lived, options: tuple[str, ...], words: str):
    done = lived.asof("score", "system.py", "-q", *options)
    assert done.status == ExitCode.USAGE
    assert words in done.err
    assert not Path("p.csv").exists()


def test_now_makes_the_store_live_and_says_so(lived):
    asked = ("score", "system.py", "--requests", "parcels.csv", "--out", "now.parquet", "-q")
    first = lived.asof(*asked)
    assert "The store is live from " in first.out
    assert "The store is live from " not in lived.asof(*asked).out
    assert "Live since " in lived.asof("status", "system.py").out


def test_a_model_is_promoted_and_rolled_back_by_hand(lived):
    known = json.loads(lived.asof("models", "system.py", "--json").out)["models"]
    first, last = known[0]["id"], known[-1]["id"]
    before = lived.asof("status", "system.py").out
    assert f"m4 ({last}) is in service since 2025-02-22 00:00 UTC:" in before
    assert "900 rows of 1 load" in before
    done = lived.asof("promote", "system.py", first, "--reason", "the last is odd")
    assert done.out == (
        f"m1 ({first}) is in service from now on: promoted by hand: the last is odd.\n"
    )
    assert "is in service already" in lived.asof("promote", "system.py", first).out
    told = json.loads(lived.asof("status", "system.py", "--json").out)
    assert told["in_service"]["id"] == first
    assert [each["name"] for each in told["promotions"]] == ["m1", "m2", "m3", "m4", "m1"]
    scored = lived.asof(
        "score", "system.py", "--requests", "parcels.csv", "--out", "now.csv", "--json", "-q"
    )
    assert json.loads(scored.out)["model"] == first
    assert "rolled back by hand from m1" in lived.asof("rollback", "system.py").out
    assert json.loads(lived.asof("status", "system.py", "--json").out)["in_service"]["id"] == last


def test_there_must_be_something_to_promote_or_to_go_back_to(work):
    assert work.asof("ingest", "system.py").status == ExitCode.DONE
    assert "No model is in service: asof backtest" in work.asof("status", "system.py").out
    assert work.asof("rollback", "system.py").status == ExitCode.USAGE
    done = work.asof("promote", "system.py", "abc")
    assert done.status == ExitCode.USAGE
    assert "No model has the id 'abc'" in done.err


def test_a_server_that_does_not_answer_is_named(lived):
    directory = lived.folder / ".asof" / "parcels"
    with serve(directory, address="http://127.0.0.1:9", started=0):
        done = lived.asof("status", "system.py")
    assert done.status == ExitCode.ANSWER_IS_NO
    assert "does not answer" in done.err
    assert "http://127.0.0.1:9" in done.err


PEAK = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
import asof
sys.path.insert(0, {folder!r})
from system import system
asof.score(system, requests=Path({rows!r}), as_of=datetime(2025, 2, 20, tzinfo=UTC),
           out=Path("out.parquet"), workers=2)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak(folder: Path, rows: Path) -> int:
    """The most megabytes that a process held that answered a file."""
    program = PEAK.format(folder=str(folder), rows=str(rows))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "growth"), [("parquet", 0.4), ("csv", 0.9)])
def test_memory_does_not_grow_with_the_requests(lived, suffix: str, growth: float):
    """Ten times the rows, a little more memory: they are never held at once.

    A text is mapped into memory as it is read, and counted as such.
    """
    small, large = (lived.folder / f"{name}.{suffix}" for name in ("small", "large"))
    sent = datetime(2025, 2, 20, 11, tzinfo=UTC)
    for path, many in ((small, 250_000), (large, 2_500_000)):
        number = pl.int_range(many, eager=True)
        rows = pl.DataFrame({"parcel_id": number}).with_columns(
            shop=pl.lit("a"), weight=(number % 97) / 7, sent_at=pl.lit(sent)
        )
        if suffix == "csv":
            rows.with_columns(sent_at=pl.lit("2025-02-20T11:00:00Z")).write_csv(path)
        else:
            rows.write_parquet(path, row_group_size=100_000)
    few, many = peak(lived.folder, small), peak(lived.folder, large)
    assert many < (1 + growth) * few
    out = pl.scan_parquet(lived.folder / "out.parquet")
    assert out.select(pl.len()).collect().item() == 2_500_000
