"""The HTTP server that Asof stands on, in the same loop, reading a body and answering bytes."""

import asyncio
import sys
from typing import Any

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

HEADERS = [("content-type", "application/json")]
BODY = (
    b'{"model":"plain","answers":[{"request":"1000000","prediction":0.5123456789012345,'
    b'"version":"9f31c2d07a5e","at":"2026-01-02T10:00:00.000131Z",'
    b'"as_of":"2026-01-02T10:00:00.000131Z","fallback":false,"recorded":true,"ages":{}}]}'
)


async def app(_: Any, wire: Any) -> None:
    await wire()
    wire.response_bytes(200, HEADERS, BODY)


server = Server(
    app,
    address="127.0.0.1",
    port=int(sys.argv[1]),
    interface=Interfaces.RSGI,
    http=HTTPModes.http1,
    websockets=False,
    log_enabled=False,
)
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(server.serve())
