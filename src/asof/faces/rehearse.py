"""`asof rehearse`: stream history through a running server, and compare it with the backtest."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import aiohttp
import click
import numpy as np
import polars as pl

from asof.compute.schedule import moment
from asof.declare.system import System
from asof.engine.clock import elapsed
from asof.engine.rehearsal import Disturbed, Script, Turn, script
from asof.errors import AsofError, ExitCode, UsageError
from asof.faces.console import print_json
from asof.faces.project import Project, project
from asof.faces.up import load_declared
from asof.stores.server import running as running_server
from asof.stores.store import Store
from asof.study.rehearsal import Given, judge
from asof.units import HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STARTS = 120.0
"""Seconds that a server may take to come up."""


@dataclass(frozen=True)
class Pace:
    """How a stream is sent.

    `speed` is how many times faster than life (0: as fast as it goes), over `connections`, in
    bodies of one to `batch` rows.
    """

    speed: float
    connections: int
    batch: int
    seed: int


@dataclass
class Sent:
    """What was sent so far, and the answers."""

    rows: int = 0
    requests: int = 0
    given: dict[str, tuple[float, str]] = field(default_factory=dict[str, tuple[float, str]])


def run(
    reference: str, first: int | None, last: int, pace: Pace, by: Disturbed, *, as_json: bool,
    quiet: bool,
) -> None:  # fmt: skip
    """Run the command."""
    found = project(reference)
    with Store(found.store) as held:
        load_declared(found, held, quiet=quiet)
        stored = {table.name: held.rows(table) for table in found.system.tables}
    running = running_server(found.rehearsal)
    if running is None:
        if first is None:
            raise UsageError(
                "Nobody runs a rehearsal of this system, and no start is given.",
                mend="Give one: --from 2024-03-01T00:00Z; or start one: asof up --rehearsal.",
            )
        with _server(reference, first, quiet=quiet) as process:
            address = asyncio.run(_up(found, process))
            told = _stream(found, address, stored, first, last, pace, by, quiet=quiet)
    else:
        told = _stream(found, running.address, stored, None, last, pace, by, quiet=quiet)
    given, start, ids = told
    if running is not None:
        click.echo(f"{len(given):,} requests were answered; the server goes on.", err=True)
        return
    with Store(found.rehearsal) as store:
        result = judge(found.system, store, given, start, last, ids)
    if as_json:
        print_json(result.to_dict())
    else:
        for line in result.lines():
            click.echo(line)
    if not result.equal:
        sys.exit(ExitCode.ANSWER_IS_NO)


@contextmanager
def _server(reference: str, start: int, *, quiet: bool) -> Generator[subprocess.Popen[bytes]]:
    """A server of our own, stopped when the rehearsal is over."""
    command = [
        sys.executable, "-m", "asof", "up", reference, "--fresh", "--port", str(_free_port()),
        "--rehearsal", moment(start).isoformat(), *(["-q"] if quiet else []),
    ]  # fmt: skip
    process = subprocess.Popen(command, env=os.environ)  # noqa: S603  our own
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _up(found: Project, process: subprocess.Popen[bytes]) -> str:
    """Wait until the server says where it is and answers."""
    begun = elapsed()
    while elapsed() - begun < _STARTS and process.poll() is None:
        server = running_server(found.rehearsal)
        if server is not None and await _alive(server.address):
            return server.address
        await asyncio.sleep(0.1)
    raise AsofError(
        "The server did not come up.", found=f"exit status {process.poll()}",
        mend="Start it by hand to see why: asof up SYSTEM --rehearsal MOMENT",
    )  # fmt: skip


async def _alive(address: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{address}/v2/health/live") as reply,
        ):
            return reply.status == 200
    except aiohttp.ClientConnectionError:
        return False


def _stream(
    found: Project,
    address: str,
    stored: Mapping[str, pl.DataFrame],
    first: int | None,
    last: int,
    pace: Pace,
    by: Disturbed,
    *,
    quiet: bool,
) -> tuple[Given, int, Mapping[str, str]]:
    async def whole() -> tuple[Given, int, Mapping[str, str]]:
        # One more than asked for: the tick must get through while all others wait for it.
        connector = aiohttp.TCPConnector(limit=pace.connections + 1)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(address, connector=connector, timeout=timeout) as session:
            status = await _get(session, "/v1/status")
            at = _microseconds(status["now"]) if first is None else first
            told = script(found.system, stored, at, last, by)
            counts = status["counts"]
            sender = Sender(session, found.system, pace, Sent(counts["rows"], counts["requests"]))
            await sender.send(told, quiet=quiet)
            status = await _get(session, "/v1/status")
            return sender.sent.given, at, status["models"]

    return asyncio.run(whole())


class Sender:
    """Sends a script turn by turn."""

    def __init__(
        self, session: aiohttp.ClientSession, system: System[Any], pace: Pace, sent: Sent
    ) -> None:
        self.sent = sent
        self._session = session
        self._pace = pace
        self._chance = np.random.default_rng(pace.seed)
        self._moments = {
            table.name: [spec.name for spec in table.row.columns_ if spec.type is datetime]
            for table in system.tables
        }
        self._columns = {
            table.name: [spec.name for spec in table.row.columns_] for table in system.tables
        }
        self._asked = system.asked.name

    async def send(self, told: Script, *, quiet: bool) -> None:
        """Send everything; a line of progress a simulated day."""
        begun, day = elapsed(), -1
        for turn in told.turns(HOUR):
            await self._turn(turn)
            if self._pace.speed:
                ahead = (turn.at - told.start) / 1e6 / self._pace.speed - (elapsed() - begun)
                await asyncio.sleep(max(0.0, ahead))
            if not quiet and (turn.at - told.start) // (24 * HOUR) != day:
                day = (turn.at - told.start) // (24 * HOUR)
                click.echo(
                    f"rehearsal at {moment(turn.at):%Y-%m-%d %H:%M} UTC, "
                    f"{self.sent.rows:,} rows, {len(self.sent.given):,} answers",
                    err=True,
                )

    async def _turn(self, turn: Turn) -> None:
        """Rows and requests over all connections in any order, then the tick."""
        bodies = [
            (f"/v1/events/{name}", name, part)
            for name, rows in turn.rows.items()
            for part in self._cut(rows)
        ]
        keys = turn.keys.drop("fired_")
        asks = [("/v1/predict", self._asked, part) for part in self._shared(keys)]
        work = [self._hand_in(*body) for body in bodies]
        self.sent.rows += sum(part.height for _, _, part in bodies)
        self.sent.requests += keys.height
        # A connection that waits for answers is not free before the tick: rows go first.
        await asyncio.gather(*work)
        waiting = [asyncio.ensure_future(self._ask(*ask)) for ask in asks]
        tick = {
            "at": moment(turn.at).isoformat(), "rows": self.sent.rows,
            "requests": self.sent.requests,
        }  # fmt: skip
        try:
            await self._post("/v1/clock", tick)
        except BaseException:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            raise
        await asyncio.gather(*waiting)

    def _cut(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Parts of random length, in a random order."""
        parts: list[pl.DataFrame] = []
        first = 0
        while first < rows.height:
            length = int(self._chance.integers(1, self._pace.batch + 1))
            parts.append(rows[first : first + length])
            first += length
        order: list[int] = self._chance.permutation(len(parts)).tolist()
        return iter([parts[i] for i in order])

    def _shared(self, keys: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Parts of random length, no more than there are connections: each waits for the tick."""
        most = min(self._pace.connections, keys.height)
        if not most:
            return
        edges = self._chance.integers(0, keys.height + 1, int(self._chance.integers(0, most)))
        cuts = sorted({0, *edges.tolist(), keys.height})
        yield from (keys[first:last] for first, last in pairwise(cuts))

    async def _hand_in(self, path: str, table: str, part: pl.DataFrame) -> None:
        await self._post(path, self._rows(table, part))

    async def _ask(self, path: str, table: str, part: pl.DataFrame) -> None:
        told = await self._post(path, {"requests": self._rows(table, part)})
        for answer in told["answers"]:
            self.sent.given.setdefault(answer["request"], (answer["prediction"], answer["version"]))

    def _rows(self, table: str, part: pl.DataFrame) -> Sequence[Mapping[str, Any]]:
        columns = [name for name in self._columns[table] if name in part.columns]
        moments = [name for name in self._moments[table] if name in columns]
        return [
            row | {name: _iso(row[name]) for name in moments if row[name] is not None}
            for row in part.select(columns).iter_rows(named=True)
        ]

    async def _post(self, path: str, body: Any) -> Any:
        async with self._session.post(path, json=body) as reply:
            told = await reply.json(content_type=None)
            if reply.status >= 300:
                parts = (told.get("title"), told.get("detail"), told.get("id"))
                raise AsofError(
                    f"The server refused {path}.",
                    found=f"{reply.status}: {' '.join(str(part) for part in parts if part)}",
                    mend=str(told.get("mend") or ""),
                )
            return told


async def _get(session: aiohttp.ClientSession, path: str) -> Any:
    async with session.get(path) as reply:
        return await reply.json(content_type=None)


def _iso(at: int) -> str:
    return (_EPOCH + timedelta(microseconds=at)).isoformat()


def _microseconds(told: str) -> int:
    return (datetime.fromisoformat(told) - _EPOCH) // timedelta(microseconds=1)
