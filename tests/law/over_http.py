"""A running system in a rehearsal with its HTTP server before it, and a client that plays to it."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from cases import EPOCH

import asof
from asof.compute.estimator import fit
from asof.compute.matrix import Matrix
from asof.compute.schedule import moment as to_datetime
from asof.engine.live.child import Child, Limits
from asof.engine.live.running import running
from asof.engine.live.settings import Settings
from asof.engine.registry import model_record
from asof.engine.steps.train import Fit
from asof.faces.http.options import Options
from asof.faces.http.server import serve
from asof.stores.store import Store

PATIENCE = 60.0
UNDER_WAY = re.compile(r"^asof_requests_under_way (\S+)$", re.MULTILINE)
Json = dict[str, Any]


def iso(at: int) -> str:
    """A moment (us UTC) as it is sent."""
    return to_datetime(at).isoformat()


def microseconds(told: str) -> int:
    """A moment as it is told."""
    return (datetime.fromisoformat(told) - EPOCH) // timedelta(microseconds=1)


class KeptChild:
    """A process for fits that is left for the next system: starting it is most of what it costs."""

    def __init__(self) -> None:
        self._child = Child("fit", Limits(PATIENCE, 2**31))

    def __call__(self, name: str, limits: Limits) -> Any:
        return self if name == "fit" else Child(name, limits)

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await self._child.run(function, *arguments)

    def close(self) -> None:
        """The system that used it ends; the process stays."""

    def end(self) -> None:
        self._child.close()


@dataclass
class Refused(Exception):
    """An answer with a problem in it."""

    status: int
    problem: Json

    @property
    def words(self) -> str:
        return f"{self.problem['title']} {self.problem.get('found', '')}"


@dataclass
class Up:
    """A system that is up, and what was sent to it."""

    session: aiohttp.ClientSession
    rows: int = 0
    requests: int = 0
    waiting: list[asyncio.Task[None]] = field(default_factory=list)

    async def get(self, path: str) -> Any:
        async with self.session.get(path) as reply:
            assert reply.status == 200
            return await reply.json(content_type=None)

    async def post(self, path: str, body: Any, **headers: str) -> Any:
        async with self.session.post(path, json=body, headers=headers) as reply:
            told = await reply.json(content_type=None)
            if reply.status >= 300:
                raise Refused(reply.status, told)
            return told

    async def hand_in(self, source: str, rows: Sequence[Json], key: str | None = None) -> Json:
        """Hand rows in; the receipt."""
        headers = {} if key is None else {"Idempotency-Key": key}
        receipt: Json = await self.post(f"/v1/events/{source}", list(rows), **headers)
        if not receipt["repeated"]:
            self.rows += receipt["rows"]
        return receipt

    def ask(self, row: Json, answered: Callable[[Json | Refused], None]) -> None:
        """Ask about one request; the answer comes with a later tick."""
        self.requests += 1

        async def asking() -> None:
            try:
                told = await self.post("/v1/predict?explain=features", {"requests": [row]})
            except Refused as refused:
                answered(refused)
            else:
                answered(told["answers"][0])

        self.waiting.append(asyncio.create_task(asking()))

    async def tick(self, at: int) -> None:
        """Move the clock, once everything that was sent has come."""
        await self.post("/v1/clock", {"at": iso(at), "rows": self.rows, "requests": self.requests})
        await self.settle()

    async def settle(self) -> None:
        """Let the answers that were given come in: what is still under way waits for its moment."""
        async with self.session.get("/metrics") as reply:
            found = UNDER_WAY.search(await reply.text())
        assert found is not None
        held = int(float(found[1]))
        while len(coming := [task for task in self.waiting if not task.done()]) > held:
            await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
        for task in [task for task in self.waiting if task.done()]:
            self.waiting.remove(task)
            task.result()

    async def leave(self) -> None:
        """Wait no more for answers that did not come."""
        for task in self.waiting:
            task.cancel()
        await asyncio.gather(*self.waiting, return_exceptions=True)


@asynccontextmanager
async def up(
    system: asof.System[Any], declared: Callable[[], Any], folder: Path, at: int
) -> AsyncIterator[Up]:
    """A system that is up in a rehearsal whose clock stands at `at`, behind its HTTP doors."""
    settings = Settings("http://127.0.0.1", stream=at)
    async with running(system, declared, folder, settings, _no_why) as live:
        port = _free_port()  # no sooner: others look for ports too
        address = f"http://127.0.0.1:{port}"
        opened = asyncio.Event()
        options = Options(port=port, deadline=PATIENCE)
        serving = asyncio.create_task(serve(live, system, options, started=opened.set))
        opening = asyncio.create_task(opened.wait())
        await asyncio.wait({serving, opening}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if serving.done():
                serving.result()
            async with aiohttp.ClientSession(address) as session:
                client = Up(session)
                yield client
                await client.leave()
        finally:
            opening.cancel()
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


def _no_why(request: str, feature: str) -> Mapping[str, Any]:
    raise AssertionError("no case asks why")


def keep_fitted(system: asof.System[Any], folder: Path, label: tuple[float, ...] = (0, 1)) -> str:
    """Put the system's own estimator, fitted on two rows of nothing, into its registry: its id."""
    names = system.features.names
    nothing = Matrix(names, np.zeros((len(label), len(names))), {})
    fitted = fit(system.model, nothing, np.array(label, dtype=np.float64), system.task)
    record = model_record(system, "given", Fit(0, len(label), fitted, 0.0), 0)
    with Store(folder) as store:
        return store.models.put(fitted, moment=0, metadata=record).id


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
