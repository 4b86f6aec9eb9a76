"""Made-up studies, and a small world whose truth is known."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from asof.study.serving.facts import ServingFacts

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "report")]
STUDIES = import_module("example_modes").STUDIES


@pytest.fixture(params=sorted(STUDIES))
def study_facts(request: pytest.FixtureRequest) -> ServingFacts:
    """Each of the made-up studies in turn."""
    return STUDIES[request.param]()
