"""What must type-check, what must not, and that run time says the same in words.

The cases lie in `cases/`; a line marked `# E` has to be an error of both checkers, and no other.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import asof
from asof.errors import DeclarationError

CASES = Path(__file__).with_name("cases")
BIN = Path(sys.executable).parent
Places = set[tuple[str, int]]


def marked() -> Places:
    return {
        (path.name, number)
        for path in CASES.glob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if line.endswith("# E")
    }


def by_mypy(cache: Path) -> Places:
    done = subprocess.run(
        [BIN / "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", "--no-error-summary",
         "--hide-error-context", *sorted(path.name for path in CASES.glob("*.py"))],
        cwd=CASES, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(r"^([^:\n]+):(\d+): error:", done.stdout, flags=re.MULTILINE)
    return {(Path(name).name, int(number)) for name, number in found}


def by_pyright(folder: Path) -> Places:
    root = CASES.parents[2]
    for path in CASES.glob("*.py"):  # pyright reads no files beside its settings
        (folder / path.name).write_bytes(path.read_bytes())
    settings = {
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "include": ["."],
        "extraPaths": [str(root / "src"), "."],
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [BIN / "pyright", "--outputjson", f"--pythonpath={sys.executable}", "-p", folder],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {
        (Path(item["file"]).name, item["range"]["start"]["line"] + 1)
        for item in json.loads(done.stdout)["generalDiagnostics"]
        if item["severity"] == "error"
    }


@pytest.mark.parametrize("checker", [by_mypy, by_pyright], ids=["mypy", "pyright"])
def test_the_checkers_find_the_mistakes_and_nothing_else(
    checker: Callable[[Path], Places], tmp_path: Path
):
    found, expected = checker(tmp_path), marked()
    assert len(expected) >= 18
    assert sorted(found - expected) == [], "flagged, though right"
    assert sorted(expected - found) == [], "passed, though wrong"


@pytest.fixture(scope="module")
def mistakes() -> ModuleType:
    sys.path.insert(0, str(CASES))
    try:
        import mistakes  # the cases are one folder of scripts, as a user's are
    finally:
        sys.path.remove(str(CASES))
    return mistakes


NAMES = [
    match.group(1)
    for match in re.finditer(r"^def (\w+)\(", (CASES / "mistakes.py").read_text(), re.MULTILINE)
]


@pytest.mark.parametrize("name", NAMES)
def test_run_time_says_the_same_in_words(mistakes: ModuleType, name: str):
    """A declaration error with its cure and the place in the user's file.

    What Python itself refuses (a keyword or an attribute that is not there) may stay Python's.
    """
    with pytest.raises((DeclarationError, TypeError, AttributeError)) as caught:
        getattr(mistakes, name)()
    error = caught.value
    if isinstance(error, DeclarationError):
        assert error.mend, str(error)
        assert re.fullmatch(r"mistakes\.py:\d+", error.where), str(error)
    else:
        assert re.search(r"keyword.*argument|has no attribute", str(error)), str(error)


def test_what_type_checks_is_a_system(mistakes: ModuleType):
    declared = sys.modules["declared"]
    assert declared.system.fingerprint != declared.nightly.fingerprint
    assert declared.about.names[:3] == ("hotel", "nights", "a_night")


def test_neither_equality_nor_truth_is_silently_something_else(mistakes: ModuleType):
    price = sys.modules["declared"].Booking.price
    for wrong in (lambda: price == 5, lambda: price != 5, lambda: 0 < price < 5, lambda: not price):
        with pytest.raises(DeclarationError) as caught:
            wrong()
        assert caught.value.where.startswith("test_typing.py:")


def test_the_package_says_that_it_is_typed():
    assert Path(asof.__file__).with_name("py.typed").is_file()
