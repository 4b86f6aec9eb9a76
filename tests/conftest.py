"""What several tests need: the repository, the reference figures, the flights."""

from __future__ import annotations

import errno
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

sys.path.insert(0, str(ROOT / "tests"))  # the oracle and the small worlds, for all that need them

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


@pytest.fixture
def disk_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Makes a real disk of a size such as "64m"; where none can be made the test is skipped."""
    mounted: list[Path] = []

    def make(size: str) -> Path:
        place = tmp_path_factory.mktemp("disk")
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        can = shutil.which("mount") is not None
        if not can or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("mounting a small disk needs root on Linux")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="session")
def fill() -> Callable[[Path], Path]:
    """Takes all the room that there is on a disk; the file that does."""

    def take_all(disk: Path) -> Path:
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while file.write(b"x" * size):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
        return ballast

    return take_all


@pytest.fixture(scope="session")
def flights_folder() -> Path:
    """The example of the flights, its data fetched."""
    pytest.importorskip("lightgbm", reason="the flights need lightgbm: pip install 'asof[demo]'")
    folder = ROOT / "examples" / "flights"
    runpy.run_path(str(folder / "fetch.py"))["fetch"]()
    return folder
