"""A server under three times what it can do: what it takes is answered in time, the rest at once.

The server (asof up) has core 0, the load core 1. Capacity is what comes back from as many clients
as keep it busy and wait for each answer; then requests come at a rate, whether or not answers do
(an open loop, each latency counted from when the request was due). Each request asks about known
rows by their keys; the model is LightGBM (200 trees, 31 leaves, 20 columns), every answer is
journalled. With one row a request most of the work is HTTP's, which a 503 takes too.

    python benchmarks/overload.py --seconds 30
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import uvloop

COLUMNS = 20
TRAINED, OPEN = 20_000, 2_000
PORT = 8472
HOST = f"http://127.0.0.1:{PORT}"
MOST_CONNECTIONS = 900
"""Fewer than the server takes: what waits for a connection is late here, and counted."""

SYSTEM = f'''
"""Is it bought?"""

from datetime import UTC, datetime

from lightgbm import LGBMClassifier

import asof
from asof import Col, Key, Time, days


class Asked(asof.Row):
    asked_id: Key[int]
{"".join(f"    x{i}: Col[float]" + chr(10) for i in range(COLUMNS))}    asked_at: Time


class Outcome(asof.Row):
    asked_id: Key[int]
    bought: Col[bool]
    told_at: Time


asked = asof.source(Asked, "asked.parquet")
outcomes = asof.source(Outcome, "outcomes.parquet")
system = asof.System(
    "overload",
    requests=asked,
    at=Asked.asked_at,
    features=asof.features(Asked, {", ".join(f"x{i}=Asked.x{i}" for i in range(COLUMNS))}),
    label=asof.outcome(outcomes.same(Asked.asked_id), Outcome.bought, wait=days(2)),
    model=LGBMClassifier(n_estimators=200, num_leaves=31, verbose=-1),
    retraining=asof.never(),
    start=datetime(2024, 1, 1, tzinfo=UTC),
)
'''


def generate(folder: Path) -> None:
    """A history to learn from, and requests that wait for their label."""
    random = np.random.default_rng(1)
    (folder / "system.py").write_text(SYSTEM, encoding="utf-8")
    now = datetime.now(UTC)
    many = TRAINED + OPEN
    ages = np.concatenate([5 + 25 * random.random(TRAINED), random.random(OPEN)])
    asked = pl.DataFrame(
        {
            "asked_id": np.arange(many),
            **{f"x{i}": random.normal(size=many) for i in range(COLUMNS)},
            "asked_at": [now - timedelta(days=age) for age in ages.tolist()],
        }
    )
    asked.write_parquet(folder / "asked.parquet")
    told = asked.head(TRAINED).select(
        "asked_id",
        bought=pl.col("x0") + pl.col("x1") * pl.col("x2") > random.normal(size=TRAINED),
        told_at=pl.col("asked_at") + timedelta(days=1),
    )
    told.write_parquet(folder / "outcomes.parquet")


# --- the load -------------------------------------------------------------------------------------


class Connection(asyncio.Protocol):
    """One connection: a request on its way at a time."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.due = self.sent = 0.0
        self.busy = False
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        """It is open."""
        self.transport = transport
        self.load.idle(self)

    def send(self, due: float) -> None:
        """Send a request that was due at a moment."""
        self.due, self.sent, self.busy = due, time.monotonic(), True
        self.transport.write(self.load.request())

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        received = self.received = self.received + data
        head = received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = received.find(b"content-length: ") + 16
        if len(received) < head + 4 + int(received[at : received.find(b"\r", at)]):
            return
        self.received, self.busy = b"", False
        now = time.monotonic()
        self.load.answered(int(received[9:12]), now - self.due, now - self.sent)
        self.load.idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed; with it the request on its way, if any."""
        del exc
        self.load.lost += self.busy


class Load:
    """Requests as fast as answers come (`rate` 0), or so many a second."""

    def __init__(self, connections: int, rate: float, seconds: float, rows: int) -> None:
        self.rate, self.seconds, self.most, self.rows = rate, seconds, connections, rows
        self.free: deque[Connection] = deque()
        self.waiting: deque[float] = deque()
        self.latencies: dict[int, list[float]] = {}
        self.since_sent: dict[int, list[float]] = {}
        self.sent = self.lost = 0
        self.going = True

    def request(self) -> bytes:
        """The next request."""
        self.sent += 1
        first = self.sent * self.rows
        keys = (TRAINED + (first + i) % OPEN for i in range(self.rows))
        body = b'{"requests":[%b]}' % b",".join(b'{"asked_id":%d}' % key for key in keys)
        return (
            b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )

    def answered(self, status: int, seconds: float, since_sent: float) -> None:
        """Note an answer: how late it is, and how long the server had for it."""
        self.latencies.setdefault(status, []).append(seconds)
        self.since_sent.setdefault(status, []).append(since_sent)

    def idle(self, connection: Connection) -> None:
        """A connection is free: for what waits, or, in a closed loop, for the next."""
        if self.waiting:
            connection.send(self.waiting.popleft())
        elif self.going and not self.rate:
            connection.send(time.monotonic())
        else:
            self.free.append(connection)

    async def open(self, count: int) -> None:
        """Open connections."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", PORT)

    async def run(self) -> dict[str, Any]:
        """Send for the seconds that were asked for; what came back."""
        await self.open(self.most)
        begun = time.monotonic()
        due = 0
        while (passed := time.monotonic() - begun) < self.seconds:
            while self.rate and due < passed * self.rate:
                moment = begun + due / self.rate
                if self.free:
                    self.free.popleft().send(moment)
                else:
                    self.waiting.append(moment)
                due += 1
            await asyncio.sleep(0.001)
        self.going = False
        took = time.monotonic() - begun
        left = len(self.waiting)
        self.waiting.clear()
        await asyncio.sleep(1.0)
        return {
            "seconds": took, "due": due or self.sent, "sent": self.sent, "unsent": left,
            "lost": self.lost,
            "answers": {
                str(status): {
                    "count": len(found), "p50": float(np.quantile(found, 0.5)),
                    "p99": float(np.quantile(found, 0.99)), "max": max(found),
                    "sent_p99": float(np.quantile(self.since_sent[status], 0.99)),
                }
                for status, found in self.latencies.items()
            },
        }  # fmt: skip


def load(connections: int, rate: float, seconds: float, rows: int = 1) -> dict[str, Any]:
    """Run a load in a process of its own, on the other core."""
    line = [sys.executable, __file__, "--load"]
    line += [str(connections), str(rate), str(seconds), str(rows)]
    done = subprocess.run(["taskset", "-c", "1", *line], check=True, capture_output=True)
    return json.loads(done.stdout)


# --- the server -----------------------------------------------------------------------------------


def ask(path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(HOST + path, data, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def start(folder: Path, deadline: float) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "asof", "up", str(folder / "system.py"), "--port", str(PORT),
            "--deadline", str(deadline), "-q"]  # fmt: skip
    server = subprocess.Popen(
        ["taskset", "-c", "0", *line],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=sys.stderr,
    )
    while server.poll() is None:
        try:
            if ask("/v1/status")["model"]:
                return server
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def resident(server: subprocess.Popen[bytes]) -> float:
    return psutil.Process(server.pid).memory_info().rss / 2**20


def measure(folder: Path, seconds: float, times: float, deadline: float, rows: int) -> None:
    generate(folder)
    server = start(folder, deadline)
    try:
        load(64, 0, 3, rows)  # warm
        # Enough clients to keep it busy, and fewer than it turns away.
        capacity = load(200, 0, min(seconds, 10), rows)
        answered = capacity["answers"]["200"]
        able = answered["count"] / capacity["seconds"]
        print(f"capacity             {able:,.0f}/s of {rows} row(s) at 200 clients, p99 "
              f"{told(answered['p99'])}")  # fmt: skip
        before = resident(server)
        found = load(MOST_CONNECTIONS, times * able, seconds, rows)
        after = resident(server)
        given, refused = found["answers"]["200"], found["answers"].get("503", {"count": 0})
        rate = given["count"] / found["seconds"]
        others = {s: a["count"] for s, a in found["answers"].items() if s not in ("200", "503")}
        print(f"asked                {found['due'] / found['seconds']:,.0f}/s, {times:g} times as "
              f"much, for {found['seconds']:.0f} s; {found['unsent']:,} not sent")  # fmt: skip
        print(f"answered             {rate:,.0f}/s, {rate / able:.2f} of capacity")
        print(f"  p50, p99           {told(given['p50'])}, {told(given['p99'])}; "
              f"the deadline is {told(deadline)}; p99 since it was sent "
              f"{told(given['sent_p99'])}")  # fmt: skip
        if refused["count"]:
            print(f"503                  {refused['count'] / found['seconds']:,.0f}/s, p50 "
                  f"{told(refused['p50'])}, p99 {told(refused['p99'])}")  # fmt: skip
        print(f"other answers        {others or 'none'}, broken connections {found['lost']}")
        print(f"memory               {before:,.0f} MB before, {after:,.0f} MB after, "
              f"{after - before:+,.0f}")  # fmt: skip
        time.sleep(1.0)
        afterwards = load(8, 0, 3)["answers"]
        print(f"afterwards           {afterwards['200']['count'] / 3:,.0f}/s at 8 clients, p99 "
              f"{told(afterwards['200']['p99'])}; {', '.join(sorted(afterwards))}")  # fmt: skip
        status = ask("/v1/status")
        kept = {name: status["journal"][name] for name in ("backlog", "failing", "lost")}
        print(f"status               ready {status['ready']}, journal {kept}")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def told(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--times", type=float, default=3.0)
    parser.add_argument("--deadline", type=float, default=1.0, help="seconds, as asof up takes it")
    parser.add_argument("--rows", type=int, default=20, help="rows that each request asks about")
    parser.add_argument("--load", nargs=4, type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        number, asked_rate, length, many = options.load
        found = Load(int(number), asked_rate, length, int(many))
        print(json.dumps(uvloop.run(found.run())))
    else:
        with tempfile.TemporaryDirectory() as place:
            measure(Path(place), options.seconds, options.times, options.deadline, options.rows)
