"""Studies that are stopped in the middle: what they say is kept, and what the next run does."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from own_process import PATIENCE, command, environment

from asof.stores.store import Store

COMMANDS = {
    "gap": ("gap", "system.py", "--draws", "20"),
    "compare": ("compare", "system.py", "--draws", "20", "--every", "2"),  # more fits than 4
    "serving": ("serving", "system.py", "--draws", "20", "--features", "6h", "--predictions", ""),
}


def kept(folder: Path) -> int:
    """How many fits the store holds."""
    with Store(folder / ".asof" / "parcels") as store:
        return len({model.metadata["fit"] for model in store.models.list()})


def begun(folder: Path) -> int:
    return len((folder / "fitting").read_text()) if (folder / "fitting").exists() else 0


def stopped(folder: Path, *arguments: str) -> tuple[int, str]:
    """Stop a command once some of its fits are kept; its status and what it said on stderr."""
    process = subprocess.Popen(
        command(*arguments), cwd=folder, env=environment(SLOW="0.7"), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while len([p for p in folder.glob(".asof/parcels/models/*") if p.suffix != ".part"]) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert out == ""
    return process.returncode, err


@pytest.mark.parametrize("name", sorted(COMMANDS))
@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_was_computed_is_kept_and_used(slow, name: str, workers: str):
    arguments = (*COMMANDS[name], "--workers", workers)
    status, err = stopped(slow.folder, *arguments)
    assert status == 130, err
    assert "Traceback" not in err
    assert "Exception" not in err
    told = re.search(r"Interrupted: (\d+) fits? (?:is|are) kept", err)
    assert told is not None, err
    assert "what is kept is not computed a second time" in err
    assert not (slow.folder / "runs").exists()
    before, there = begun(slow.folder), kept(slow.folder)
    assert 2 <= int(told[1]) <= there  # the last may have been kept before it was told

    assert slow.asof(*arguments, "-q").status == 0
    again = begun(slow.folder) - before
    (slow.folder / "fitting").unlink()
    assert kept(slow.folder) == there + again
    assert slow.asof(*arguments, "-q").status == 0
    assert begun(slow.folder) == 0


def test_before_a_fit_is_done_nothing_is_said_to_be_kept(slow):
    process = subprocess.Popen(
        command("gap", "system.py"), cwd=slow.folder, env=environment(SLOW="30"), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while not begun(slow.folder):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=25)  # less than one fit takes
    assert process.returncode == 130
    assert "Interrupted before a fit was done." in err
    assert kept(slow.folder) == 0
