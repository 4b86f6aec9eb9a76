"""Time is an argument: nothing but engine/clock.py asks what time it is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

READS = re.compile(
    r"\b(?:datetime|date)\.(?:now|utcnow|today)\b"
    r"|\btime\.(?:time|monotonic|perf_counter|process_time|sleep)"
    r"|\b(?:CURRENT_TIMESTAMP|CURRENT_DATE|func\.now|getrusage|os\.times)\b"
    r"|datetime64\(['\"](?:now|today)"
)


def reads(path: Path) -> Iterator[str]:
    """The places in which a module asks for the time, its own words about it apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"{node.lineno}: {a.name}" for a in node.names if a.name == "time")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield f"{node.lineno}: from time"
        elif isinstance(node, ast.Attribute | ast.Call) and READS.search(ast.unparse(node)):
            yield f"{node.lineno}: {ast.unparse(node)}"


def test_only_the_clock_reads_the_time(root: Path):
    package = root / "src" / "asof"
    clock = package / "engine" / "clock.py"
    found = {
        str(path.relative_to(package)): places
        for path in package.rglob("*.py")
        if path != clock and (places := list(reads(path)))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from time import monotonic",
        "import datetime\n\nNOW = datetime.datetime.now(tz=datetime.UTC)",
        "from datetime import UTC, datetime\n\nNOW = datetime.now(tz=UTC)",
        "from datetime import date\n\nTODAY = date.today()",
    ],
)
@pytest.mark.parametrize(
    ("name", "allowed"),
    [("src/asof/engine/loop.py", False), ("src/asof/engine/clock.py", True)],
)
def test_the_linter_knows_the_rule(root: Path, line: str, name: str, allowed: bool):
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [ruff, "check", "--select=TID251", "--no-cache", f"--stdin-filename={name}", "-"],
        cwd=root, input=line + "\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ("TID251" in done.stdout) is not allowed, done.stdout
