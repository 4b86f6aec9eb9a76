"""The command as a process of its own: signals, full disks, closed streams, strange terminals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from own_process import PATIENCE, command, environment


def run(*arguments: str, **more) -> subprocess.CompletedProcess:
    options = {"capture_output": True, "text": True, "timeout": PATIENCE} | more
    return subprocess.run(command(*arguments), check=False, **options)


def answers(folder: Path) -> pl.DataFrame:
    (file,) = folder.glob("runs/*/predictions.parquet")
    return pl.read_parquet(file)


def test_ctrl_c_in_the_middle_leaves_nothing_half_done(slow, tmp_path_factory):
    undisturbed = tmp_path_factory.mktemp("undisturbed")
    for name in ("system.py", "parcels.csv", "deliveries.csv"):
        shutil.copy(slow.folder / name, undisturbed / name)
    slow.asof("backtest", str(undisturbed / "system.py"), "-q", "--draws", "9")
    (slow.folder / "fitting").unlink()  # what the undisturbed one noted

    process = subprocess.Popen(
        command("backtest", "system.py", "--draws", "9"),
        cwd=slow.folder, env=environment(SLOW="30"), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while not (slow.folder / "fitting").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=25)  # less than one fit takes
    assert process.returncode == 130, err
    assert "Interrupted" in err
    assert "Traceback" not in err
    assert not out
    assert not (slow.folder / "runs").exists()
    assert not list(slow.folder.rglob("*.part"))

    done = slow.asof("backtest", "system.py", "-q", "--draws", "9")
    assert done.status == 0, done.err
    assert answers(slow.folder).equals(answers(undisturbed))


def test_ctrl_c_when_all_is_said_says_nothing_more():
    program = """
import atexit, signal, sys
from asof.faces.cli import main
atexit.register(signal.raise_signal, signal.SIGINT)
main(sys.argv[1:])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("asof, version")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", [("backtest", "-q", "--json"), ("check",)])
def test_a_full_disk_behind_stdout(work, arguments):
    name, *options = arguments
    with Path("/dev/full").open("w") as full:
        done = run(
            name, "system.py", *options,
            capture_output=False, stdout=full, stderr=subprocess.PIPE,
        )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "No space left on device" in done.stderr
    assert "standard output" in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_for_the_report(work, small_disk):
    filled = small_disk / "ballast"
    with filled.open("wb") as file:
        file.write(b"x" * (shutil.disk_usage(small_disk).free - 8192))
    done = work.backtest("-q", "--out", str(small_disk / "report"))
    assert done.status == 3, done.err
    assert "The disk is full: could not write the report." in done.err
    assert str(small_disk) in done.err
    assert [each.name for each in small_disk.iterdir()] == ["ballast"]
    filled.unlink()
    done = work.backtest("-q", "--out", str(small_disk / "report"))
    assert done.status == 0, done.err
    assert (small_disk / "report" / "report.html").exists()


@pytest.fixture
def small_disk(disk_of):
    return disk_of("1m")


def shell(line: str, patience: float = PATIENCE, **more: str) -> subprocess.CompletedProcess[bytes]:
    asof = f"{sys.executable} -m asof"
    return subprocess.run(
        line.replace("asof ", f"{asof} ", 1), shell=True, env=environment(**more),
        capture_output=True, timeout=patience, check=False,
    )  # fmt: skip


def test_closed_streams(work):
    done = shell("asof backtest system.py --draws 9 2>&-")
    assert done.returncode == 0
    assert b"served model" in done.stdout
    assert shell("asof models system.py >&- 2>&-").returncode == 0


def test_a_reader_that_leaves_early_is_no_error(work):
    done = shell("asof backtest system.py -q --draws 9 --json | head -n 1; exit ${PIPESTATUS[0]}")
    assert done.stdout == b"{\n"
    assert b"Error" not in done.stderr


def test_one_document_whatever_is_said_of_colour(work):
    done = shell(
        f"asof backtest system.py --draws 9 --json | {sys.executable} -m json.tool", FORCE_COLOR="1"
    )
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout
    assert json.loads(done.stdout)["system"] == "parcels"


def test_a_dumb_terminal_gets_whole_lines(work):
    done = shell("asof backtest system.py --draws 9", TERM="dumb")
    assert done.returncode == 0
    said = done.stdout + done.stderr
    assert b"\r" not in said
    assert b"\x1b" not in said
    assert b"fits 4/4" in done.stderr


@pytest.mark.parametrize("options", ["", " --json"])
def test_an_encoding_that_lacks_signs_is_no_error(work, options):
    work.spoil("Will a parcel be late?", "Kommt ein Paket spät → ja oder nein?")
    done = shell(f"asof backtest system.py --draws 9{options}", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    told = done.stdout.decode("ascii")
    if options:
        assert json.loads(told)["question"].startswith("Kommt ein Paket spät →")
    else:
        assert "served model" in told


def test_a_file_that_is_mended_within_the_second_is_read_anew(work):
    work.spoil("weight=Parcel.weight", "weight=Parcel.wieght")
    assert shell("asof check system.py", PYTHONDONTWRITEBYTECODE="").returncode == 2
    stood = work.file.stat()
    work.spoil("Parcel.wieght", "Parcel.weight")
    os.utime(work.file, ns=(stood.st_atime_ns, stood.st_mtime_ns))
    assert shell("asof check system.py", PYTHONDONTWRITEBYTECODE="").returncode == 0


def test_version_control_ignores_what_is_kept(work):
    assert shell("asof ingest system.py").returncode == 0
    assert (work.folder / ".asof" / ".gitignore").read_text(encoding="utf-8") == "*\n"


@pytest.mark.slow
def test_a_long_fit_is_not_silent(slow):
    done = shell("asof backtest system.py --draws 9 --workers 1", SLOW="32", patience=3 * PATIENCE)
    assert done.returncode == 0
    assert b"\r" not in done.stderr
    # Four fits of 32 s: a line after each, and at least one in the middle of each.
    assert done.stderr.count(b"\nfits ") + done.stderr.count(b"\nworking ") >= 8
