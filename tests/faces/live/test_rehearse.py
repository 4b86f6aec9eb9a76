"""A rehearsal over HTTP does what the backtest of the same rows does."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "shop"


@pytest.fixture(scope="module")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rehearsed")
    simulator = runpy.run_path(str(EXAMPLE / "simulate.py"))
    shutil.copy(EXAMPLE / "shop.py", folder)
    simulator["write"](simulator["simulate"](1, customers=70), folder)
    return folder


def rehearsed(folder: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "asof", "rehearse", f"shop.py:{name}", "--json", "-q", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.mark.parametrize("name", ["online", "system"])
def test_late_and_corrected_rows_over_several_connections(small_shop: Path, name: str) -> None:
    done = rehearsed(
        small_shop, name, "--from", "2025-06-02T00:00Z", "--to", "2025-07-07T00:00Z",
        "--late", "0.05", "--corrected", "0.05", "--batch", "20", "--connections", "4",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["equal"], told["first"]
    assert told["rerun_equal"]
    assert told["requests"] == told["answered"] > 20
    assert told["differing"] == told["decisions_differ"] == 0
    assert told["decisions"] >= 6, "a life of five weeks trains more than once"


def test_a_time_without_requests_is_told_in_words(small_shop: Path) -> None:
    done = rehearsed(
        small_shop, "online", "--from", "2035-06-02T00:00Z", "--to", "2035-06-03T00:00Z"
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Nothing is asked" in done.stderr
