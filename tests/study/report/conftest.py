"""The seeded lives, to every test of the report."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import example_facts

from asof.study.facts import Life


@pytest.fixture(params=sorted(example_facts.LIVES))
def any_life(request: pytest.FixtureRequest) -> Life:
    """Each of the lives in turn."""
    return example_facts.LIVES[request.param]()
