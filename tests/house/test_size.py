"""Small modules: what grows past the limit is split by noun."""

from __future__ import annotations

from pathlib import Path

import pytest

LIMIT = 500


@pytest.mark.parametrize("folder", ["src", "tests", "examples", "benchmarks"])
def test_no_module_is_longer_than_the_limit(root: Path, folder: str):
    lengths = {
        str(path.relative_to(root)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (root / folder).rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > LIMIT} == {}
