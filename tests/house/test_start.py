"""What is asked often, or waited for, is quick because it imports no engine it does not use."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

DEAR = {
    "deltalake", "duckdb", "jinja2", "joblib", "lightgbm", "numba", "numpy", "pandas", "polars",
    "pyarrow", "rich", "scipy", "sklearn", "sqlalchemy",
}  # fmt: skip
TELL_ALL = "import json, sys; print(json.dumps(list(sys.modules)))"
TELL = "import json, sys; print(json.dumps([name for name in sys.modules if '.' not in name]))"


def imported_by(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_vocabulary_imports_no_engine():
    names = "[name for name in asof.__all__ if name not in asof._STUDIES]"
    program = f"import asof; [getattr(asof, name) for name in {names}]; {TELL}"
    assert imported_by(program) & DEAR == set()


@pytest.mark.parametrize("arguments", [["--help"], ["backtest", "--help"], ["--version"]])
def test_help_imports_no_engine(arguments: list[str]):
    program = f"""
import sys
from asof.faces.cli import main
sys.argv = ["asof", *{arguments!r}]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
{TELL}
"""
    assert imported_by(program) & DEAR == set()


def test_a_status_imports_no_engine_but_the_store():
    program = f"import asof.faces.standing; {TELL}"
    assert imported_by(program) & (DEAR - {"numpy", "sqlalchemy"}) == set()


def test_a_server_imports_what_its_start_needs():
    """Who waits for it to be there again waits for imports first of all."""
    imported_by(f"import asof.faces.up; {TELL_ALL}")  # compiles, where nothing is compiled yet
    found = imported_by(f"import asof.faces.up; {TELL_ALL}")
    assert found & {"lightgbm", "pandas", "sklearn", "scipy.linalg", "scipy.stats", "rich"} == set()
    assert found & {"asof.study.why", "asof.study.backtest", "asof.study.report.terminal"} == set()
    assert found & {"asof.compute.window.batch", "numba.np.arrayobj"} == set()
