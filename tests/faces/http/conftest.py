"""A server of the toy system on a port of its own, in a thread, and a plain client for it."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop

sys.path.insert(0, str(Path(__file__).parent))

import toy_live

from asof.faces.http.options import Options
from asof.faces.http.server import serve

PATIENCE = 30.0


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Door:
    """A server under test: the engine behind it, and ways to ask it."""

    live: toy_live.ToyLive
    host: str
    port: int
    token: str | None = None
    thread: threading.Thread | None = None
    stop: Callable[[], None] = field(default=lambda: None)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """One request on a connection of its own; what is not bytes is sent as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, data, sent | (headers or {}))
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, body, named)

    def predict(self, *rows: Any, query: str = "", **headers: str) -> Reply:
        return self.post(f"/v1/predict{query}", {"requests": list(rows)}, **headers)

    def raw(self, sent: bytes, *, cut: bool = False) -> bytes:
        """What comes back for exactly these bytes; `cut`: nothing more will come."""
        with socket.create_connection((self.host, self.port), timeout=PATIENCE) as connection:
            connection.sendall(sent)
            if cut:
                connection.shutdown(socket.SHUT_WR)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts)


Start = Callable[..., Door]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Start a server of the toy system; options as keywords, `slow` for the engine."""
    doors: list[Door] = []

    def begin(*, slow: float = 0.0, token: str | None = None, **options: Any) -> Door:
        options.setdefault("port", toy_live.free_port())
        live = toy_live.ToyLive(slow=slow)
        up, loops = threading.Event(), []
        failed: list[BaseException] = []

        async def run() -> None:
            loops.append((asyncio.get_running_loop(), asyncio.current_task()))
            await serve(live, toy_live.system, Options(**options), started=up.set)

        def work() -> None:
            try:
                uvloop.run(run())
            except asyncio.CancelledError:
                pass
            except Exception as error:  # noqa: BLE001  told to the test
                failed.append(error)
            finally:
                up.set()

        thread = threading.Thread(target=work)
        thread.start()
        assert up.wait(PATIENCE)
        if failed:
            thread.join()
            raise failed[0]
        loop, task = loops[0]
        host = options.get("host", "127.0.0.1")
        door = Door(live, "127.0.0.1" if host == "0.0.0.0" else host, options["port"], token)
        door.thread, door.stop = thread, lambda: loop.call_soon_threadsafe(task.cancel)
        doors.append(door)
        return door

    yield begin
    for door in doors:
        if door.thread is not None and door.thread.is_alive():
            door.stop()
            door.thread.join(PATIENCE)
            assert not door.thread.is_alive()


@pytest.fixture(scope="module")
def house(start: Start) -> Door:
    """One server with the defaults for all tests of a module."""
    return start()


@pytest.fixture
def door(house: Door) -> Door:
    """The server with the defaults, its engine as new."""
    vars(house.live).clear()
    house.live.__init__()
    return house
