"""How long a server takes to be ready again after it was killed.

The system is `windowed` of serving.py: 20,000 requests with their outcomes, 40,000 visits, a model
of 200 trees. Rows come in over HTTP and are acknowledged; then the server is killed (SIGKILL) and
started as its users start it. Seconds are from the start of the process to its readiness, imports
and the check of the model included; CPU seconds are of all its processes.

    behind    so many rows were journalled behind the last snapshot
    fresh     a snapshot was taken of all of them

    python benchmarks/restart.py --rows 1000000
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from serving import CUSTOMERS, cpu_seconds, generate

PORT = 8473
HOST = f"http://127.0.0.1:{PORT}"
BODY = 10_000
NEVER = 1e9


@contextmanager
def started(folder: Path, seal_every: float) -> Iterator[tuple[float, float]]:
    """A server that is killed at the end; its seconds and CPU seconds until it was ready."""
    begun = time.monotonic()
    with (folder / "restart.log").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "asof", "up", f"{folder / 'system.py'}:windowed", "--port",
             str(PORT), "--seal-every", str(seal_every), "--queue", "4096"],
            stdout=out, stderr=out, start_new_session=True, cwd=folder,
        )  # fmt: skip
    try:
        while not ready():
            if process.poll() is not None:
                raise SystemExit((folder / "restart.log").read_text()[-2000:])
            time.sleep(0.01)
        yield time.monotonic() - begun, cpu_seconds(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ready() -> bool:
    try:
        with urllib.request.urlopen(f"{HOST}/v2/health/ready", timeout=5):
            return True
    except OSError:
        return False


def visit(rows: int) -> None:
    """Visits of the last minutes, in bodies of JSON lines; all are acknowledged."""
    random = np.random.default_rng(2)
    for first in range(0, rows, BODY):
        count = min(BODY, rows - first)
        now = datetime.now(UTC)
        lines = [
            json.dumps(
                {"customer": customer, "amount": amount,
                 "visited_at": (now - timedelta(seconds=ago)).isoformat()}
            )
            for customer, amount, ago in zip(
                random.integers(0, CUSTOMERS, count).tolist(),
                np.round(random.lognormal(3, 1, count), 2).tolist(),
                (random.random(count) * 600).tolist(),
                strict=True,
            )
        ]  # fmt: skip
        body = "\n".join(lines).encode()
        request = urllib.request.Request(f"{HOST}/v1/events/visit", body)
        with urllib.request.urlopen(request, timeout=120) as told:
            found = json.load(told)
        if found["rows"] != count:
            raise SystemExit(f"Of {count} rows the server took {found}.")


def snapshots(folder: Path) -> set[str]:
    place = folder / ".asof" / "windowed" / "snapshots"
    return {each.name for each in place.glob("[0-9]*")} if place.exists() else set()


def take_snapshot(folder: Path) -> None:
    """Let a server run until it has taken one more snapshot than there were."""
    with started(folder, 1.0):
        visit(1)  # without news there is nothing to keep
        before = snapshots(folder)
        while snapshots(folder) <= before:
            time.sleep(0.1)
        time.sleep(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        generate(folder)
        take_snapshot(folder)
        with started(folder, NEVER):
            visit(asked.rows)
        print(f"{'':8}{'seconds':>9}{'CPU s':>8}")
        for name in ("behind", "fresh"):
            for _ in range(asked.times):
                with started(folder, NEVER) as (seconds, cpu):
                    print(f"{name:8}{seconds:9.2f}{cpu:8.2f}", flush=True)
            take_snapshot(folder)


if __name__ == "__main__":
    main()
