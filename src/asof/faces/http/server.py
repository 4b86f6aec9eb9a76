"""Runs the HTTP face in the loop that it is called from, and stops without dropping a request."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from asof.declare.system import System
from asof.engine.live.answers import Live
from asof.errors import AsofError
from asof.faces.http.app import App
from asof.faces.http.options import Options, address

LOG = logging.getLogger("asof.http")
_LEAVE_LOGGING: dict[str, Any] = {
    "incremental": True,
    "root": {},
    "formatters": {},
    "handlers": {},
    "loggers": {},
}
"""Keeps Granian from setting up logging anew for the whole process, ours and the user's too."""
LAST = 2.0
"""Seconds for the rest once everything that may be given up was given up."""
RENEW = 1.0
"""Seconds after which a token that was made or revoked is known."""


async def serve(
    live: Live,
    system: System[Any],
    options: Options | None = None,
    *,
    started: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT (or a cancellation), then finish what was taken on.

    `started` is called when the port is open. A second signal does not hurry it: `drain` of the
    options bounds the wait.

    Raises:
        UsageError: the address cannot be listened on, or must not be without tokens.
    """
    options = options or Options()
    ip = address(options)
    app = App(live, system, options, ip=ip)
    server = _server(app, options, ip)
    stop = asyncio.Event()
    with ExitStack() as undo:
        _on_signals(stop, undo)
        serving = asyncio.create_task(server.serve())
        renewing = asyncio.create_task(_renew(app, options))
        undo.callback(renewing.cancel)
        stopping = asyncio.create_task(stop.wait())
        undo.callback(stopping.cancel)
        if started is not None:
            undo.callback(asyncio.create_task(_tell(started, ip, options.port)).cancel)
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _drain(server, serving, app, options)
    if not stop.is_set():
        raise AsofError(
            "The server has stopped by itself.", found=f"nothing listens on {ip}:{options.port}",
            mend="Start it again; its log may tell more.",
        )  # fmt: skip


def _server(app: App, options: Options, ip: str) -> Server:
    return Server(
        app,
        address=ip,
        port=options.port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=options.connections,
        backpressure=options.connections,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(options.header_seconds * 1000), max_buffer_size=64 * 1024
        ),
        log_enabled=False,
        log_dictconfig=_LEAVE_LOGGING,
    )


def _on_signals(stop: asyncio.Event, undo: ExitStack) -> None:
    """Stop on the signals that ask for it; where there are none (a thread, Windows) do without."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except (NotImplementedError, RuntimeError, ValueError):
            return
        undo.callback(loop.remove_signal_handler, number)


async def _drain(server: Server, serving: asyncio.Task[None], app: App, options: Options) -> None:
    """Take nothing more on, and finish what was taken on, within its time."""
    if not serving.done():
        server.stop()  # type: ignore[no-untyped-call]
        done, _ = await asyncio.wait({serving}, timeout=options.drain)
        if not done:
            LOG.warning("%d requests were given up on stopping", len(app.gate.flights))
    app.gate.close()
    await asyncio.wait({serving}, timeout=LAST)
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


async def _tell(started: Callable[[], None], ip: str, port: int) -> None:
    """Tell that the port is open, once a connection comes through: Granian has no hook for it."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(ip, ip)  # noqa: S104  compared, not bound
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(here, port)
            writer.close()
            started()
            return
        await asyncio.sleep(0.005)


async def _renew(app: App, options: Options) -> None:
    """Keep the tokens as they are in the store."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(RENEW)
        try:
            app.guard.renew(await loop.run_in_executor(None, options.tokens))
        except AsofError as error:  # the ones that are known hold on
            LOG.warning("tokens could not be read: %s", error)
