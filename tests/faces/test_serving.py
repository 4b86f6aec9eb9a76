"""`asof serving` as a command: what it prints, writes, and leaves with."""

from __future__ import annotations

import json
import shutil
import sys
from importlib import import_module
from pathlib import Path

import pytest

from asof.errors import ExitCode
from asof.faces.cli import _run

HERE = Path(__file__).parents[1] / "study" / "serving"
sys.path.insert(0, str(HERE))
LISTS = ("--features", "nightly", "--predictions", "", "--draws", "100", "--workers", "1")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("world")
    import_module("modes_world").write(folder)
    shutil.copy(HERE / "modes_world.py", folder / "small.py")
    return str(folder / "small.py")


def test_facts_on_stdout_and_a_report(file: str, capsys: pytest.CaptureFixture[str]):
    assert _run(["serving", file, *LISTS]) == ExitCode.DONE
    said = capsys.readouterr()
    assert said.out.startswith("Features refreshed every night lose .")
    assert "Answer with online features." in said.out
    assert "done" in said.err
    pages = list(Path(file).parent.glob("runs/small-world-serving/report.html"))
    assert len(pages) == 1
    assert str(pages[0]) in said.out.replace("\n", "")


def test_json_is_one_document(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = str(tmp_path / "there")
    assert _run(["serving", file, *LISTS, "--json", "-q", "--out", out]) == ExitCode.DONE
    said = capsys.readouterr()
    assert said.err == ""
    assert json.loads(said.out) == json.loads((tmp_path / "there" / "facts.json").read_text())


def test_nothing_within_the_budget_is_a_no(file: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        _run(["serving", file, *LISTS, "-q", "--max-cost", "0"])
    assert left.value.code == ExitCode.ANSWER_IS_NO
    assert "No mode is within the budget" in capsys.readouterr().out


def test_what_is_no_schedule_is_a_mistake_of_usage(file: str, capsys: pytest.CaptureFixture[str]):
    assert _run(["serving", file, "--features", "hourly"]) == ExitCode.USAGE
    assert "Write --features 1h,6h,nightly." in capsys.readouterr().err


def test_one_class_is_words_and_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    import_module("modes_world").write(tmp_path, outcome="no")
    shutil.copy(HERE / "modes_world.py", tmp_path / "alike.py")
    assert _run(["serving", str(tmp_path / "alike.py"), *LISTS, "-q"]) == ExitCode.DONE
    assert "has no log loss to compare" in capsys.readouterr().out
