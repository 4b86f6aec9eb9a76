"""The command: one document on stdout, the rest on stderr, and what it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asof.errors import UsageError
from asof.faces.compare import Options, run
from asof.faces.study import Face

DECLARED = '''
"""Will a visit be a yes?"""

from datetime import UTC, datetime

from sklearn.linear_model import LogisticRegression

import asof
from asof import Col, Key, Time, days, hours


class Visit(asof.Row):
    visit_id: Key[int]
    x: Col[float]
    z: Col[float]
    seen_at: Time


class Result(asof.Row):
    visit_id: Key[int]
    yes: Col[bool]
    known_at: Time


visits = asof.source(Visit, "visits.csv", lag=-days(2))
results = asof.source(Result, "results.csv")
system = asof.System(
    "told", requests=visits, at=Visit.seen_at,
    features=asof.features(Visit, x=Visit.x, z=Visit.z),
    label=asof.outcome(results.same(Visit.visit_id), Result.yes, wait=hours(29)),
    model=LogisticRegression(),
    retraining=asof.every(days(10)),
    until=datetime(2025, 5, 10, tzinfo=UTC),
)
fewer = system.but(retraining=asof.never())
'''
USUAL = Options(every=None, approval=0.0, seeds=1, quick=False, draws=100, workers=1)


@pytest.fixture
def file(folder: Path) -> Iterator[Path]:
    path = folder / "told_visits.py"
    path.write_text(DECLARED, encoding="utf-8")
    yield path
    sys.modules.pop("told_visits", None)


def test_a_table_and_where_the_report_is(file: Path, capsys, tmp_path: Path) -> None:
    references = [str(file), f"{file}:fewer"]
    run(Face(references[0], quiet=True, out=str(tmp_path / "report")), references[1:], USUAL)
    out, err = capsys.readouterr()
    assert err == ""
    assert "every 10 days" in out
    assert "fewer" in out
    assert "report.html" in out
    there = {each.name for each in (tmp_path / "report").iterdir()}
    assert there == {"report.html", "facts.json", "frontier.svg"}


def test_json_is_one_document(file: Path, capsys, tmp_path: Path) -> None:
    run(Face(str(file), as_json=True, out=str(tmp_path / "report")), [], USUAL)
    out, err = capsys.readouterr()
    assert json.loads(out)["system"] == "told"
    assert "lattice of " in err
    assert " MB" in err


def test_nothing_to_compare_is_said_and_is_no_failure(file: Path, capsys, tmp_path: Path) -> None:
    seldom = Options(every=200.0, approval=0.0, seeds=1, quick=False, draws=100, workers=1)
    run(Face(str(file), quiet=True, out=str(tmp_path / "report")), [], seldom)
    assert "needs at least 3" in " ".join(capsys.readouterr().out.split())


def test_what_it_refuses(file: Path, tmp_path: Path) -> None:
    still = Options(every=0.0, approval=0.0, seeds=1, quick=False, draws=100, workers=1)
    with pytest.raises(UsageError, match="never move on"):
        run(Face(str(file), as_json=True, quiet=True), [], still)
    other = tmp_path / "other.py"
    other.write_text(DECLARED, encoding="utf-8")
    with pytest.raises(UsageError, match="another folder"):
        run(Face(str(file), as_json=True, quiet=True), [str(other)], USUAL)
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(UsageError, match="other files"):
        run(Face(str(file), as_json=True, quiet=True, out=str(tmp_path)), [], USUAL)
