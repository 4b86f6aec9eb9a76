"""`asof up` as a process on a system of its own; none is left behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import parcels_up


@pytest.fixture
def begin(tmp_path):
    """Start `asof up` on the system in a folder (default: one of the test's own)."""
    started = []

    def begin(*options, folder=None, **more):
        place = tmp_path if folder is None else folder
        if not (place / "system.py").exists():
            parcels_up.write(place)
        up = parcels_up.start(place, *options, **more)
        started.append(up)
        return up

    yield begin
    for up in started:
        if up.process.poll() is None:
            up.kill()
        up.client.close()
