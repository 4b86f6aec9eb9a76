"""Imports run one way, and no contract is bent."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path


def test_the_import_contracts_hold(root: Path):
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint, "--no-cache"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_no_contract_has_a_list_of_exceptions(root: Path):
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    for contract in settings["contracts"]:
        exceptions = {key for key in contract if key.startswith(("ignore", "exhaustive_ignores"))}
        assert not exceptions, contract["name"]
