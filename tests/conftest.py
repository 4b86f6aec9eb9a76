"""What several tests need: the repository, the reference figures, the flights."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# Shared and slow machines: examples are counted, not timed.
settings.register_profile("asof", deadline=None, print_blob=True)
settings.load_profile("asof")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of figures computed by independent code: ASOF_REFERENCE or ../shared/reference."""
    named = os.environ.get("ASOF_REFERENCE")
    folder = Path(named) if named else ROOT.parent / "shared" / "reference"
    if not (folder / "flights_features_online.parquet").is_file():
        pytest.skip(f"no reference figures in {folder}: set ASOF_REFERENCE to their folder")
    return folder


@pytest.fixture(scope="session")
def flights_folder() -> Path:
    """The example of the flights, its data fetched."""
    pytest.importorskip("lightgbm", reason="the flights need lightgbm: pip install 'asof[demo]'")
    folder = ROOT / "examples" / "flights"
    runpy.run_path(str(folder / "fetch.py"))["fetch"]()
    return folder
