"""`asof gap` as a command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asof.faces.cli import main


@pytest.fixture
def declared(front: Path) -> Iterator[Path]:
    path = front / "declared.py"
    lines = [
        '"""Will a visit be a sale?"""',
        "import shopfront",
        "",
        "system = shopfront.system()",
        "",
    ]
    path.write_text("\n".join(lines))
    yield path
    sys.modules.pop("declared", None)


def left(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    return int(leaving.value.code or 0)


def test_it_prints_and_writes(
    declared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    status = left(["gap", str(declared), "--quick", "--draws", "50", "--out", str(out), "-q"])
    told = capsys.readouterr()
    assert status == 0
    assert told.out.startswith(("The notebook promised a log loss of ", "No difference is shown"))
    assert "A quick look at 2 of 7 weeks, whole, with 3 folds" in told.out
    assert f"asof gap {declared}" in told.out
    assert not told.err
    assert (out / "report.html").is_file()
    assert json.loads((out / "facts.json").read_text())["question"] == "Will a visit be a sale?"


def test_a_quick_look_does_not_replace_the_whole(
    declared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert left(["gap", str(declared), "--quick", "--draws", "50", "-q"]) == 0
    capsys.readouterr()
    written = [page.parent.name for page in (declared.parent / "runs").glob("*/report.html")]
    assert any(name.endswith("-gap-quick") for name in written)
    assert not any(name.endswith("-gap") for name in written)


def test_json_is_one_document(declared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert left(["gap", str(declared), "--quick", "--draws", "50", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["quick"] is True
    assert "done 100%" in told.err


def test_a_gap_over_the_limit_is_a_no(declared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = ["gap", str(declared), "--quick", "--draws", "50", "-q", "--limit"]
    assert left([*quick, "0.0001"]) == 1
    assert "more log loss than the stated limit" in capsys.readouterr().err
    assert left([*quick, "0.5"]) == 0
