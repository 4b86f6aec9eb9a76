"""Small worlds, each measured once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
sys.path.insert(0, str(Path(__file__).parent))

import shopfront

from asof.study.gap.gap import Gap, gap


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a shop front whose sales are told six hours late."""
    return shopfront.written(tmp_path_factory.mktemp("front"), *shopfront.tables(length=75))


@pytest.fixture(scope="session")
def skewed(front: Path) -> Gap:
    """Its gap, trained fresh and served stale."""
    return gap(shopfront.system(serving=shopfront.nightly("fresh")), base=front, draws=200)


@pytest.fixture(scope="session")
def online(front: Path) -> Gap:
    """Its gap, online."""
    return gap(shopfront.system(), base=front, draws=200)
