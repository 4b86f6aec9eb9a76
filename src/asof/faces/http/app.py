"""The HTTP face: a request in, an answer out, and what is told when something is wrong."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any

from asof.declare.system import System
from asof.engine.clock import elapsed
from asof.engine.live.answers import Live
from asof.errors import AsofError, Overloaded
from asof.faces.http import problems
from asof.faces.http.body import linger
from asof.faces.http.calls import Call, Route
from asof.faces.http.gate import Gate
from asof.faces.http.guard import Guard
from asof.faces.http.handlers import Handlers
from asof.faces.http.measures import Measures
from asof.faces.http.options import Options, is_loopback
from asof.faces.http.problems import Refusal, Reply
from asof.faces.http.routes import Routes
from asof.faces.http.rsgi import ProtocolClosed, Scope, Wire

LOG = logging.getLogger("asof.http")
LINGER_SECONDS = 5.0
_NOWHERE = Route("", "other", secured=False)


class App:
    """Answers HTTP requests with a running system; an RSGI application.

    `ip` is the address that is listened on.
    """

    def __init__(self, live: Live, system: System[Any], options: Options, *, ip: str) -> None:
        self.gate = Gate(options, lambda: live.waited)
        self.guard = Guard(options.tokens(), loopback=is_loopback(ip))
        self.measures = Measures()
        self._routes = Routes(Handlers(live, system, options, self.gate, self.measures))
        self._full = {
            inference: problems.reply(self.gate.full, inference=inference)
            for inference in (False, True)
        }

    async def __call__(self, scope: Scope, wire: Wire) -> None:
        """Answer one request."""
        began = elapsed()
        route, flight, unread = _NOWHERE, None, False
        try:
            route, parameters = self._routes.find(scope.path, scope.method)
            if route.weighs:
                if self.gate.turns_away():
                    self._turn_away(wire, route, began)
                    return
                flight = self.gate.enter(wire, began)
            head = scope.headers
            if route.secured:
                self.guard.admit(head, route.scope)
            reply = await route.handler(Call(scope, head, wire, flight, parameters))
        except asyncio.CancelledError:
            if flight is None or not (flight.late or flight.left):
                raise
            if flight.left:
                self.measures.left += 1
                return
            reply = self._told(_too_late(), route)
        except ProtocolClosed:  # the client left before its body was here
            self.measures.left += 1
            return
        except AsofError as error:
            unread = isinstance(error, Refusal) and error.unread
            reply = self._told(error, route)
        except Exception:
            identity = secrets.token_hex(6)
            LOG.exception("%s %s failed, id %s", scope.method, scope.path, identity)
            reply = problems.unforeseen(identity, inference=route.inference)
        finally:
            if flight is not None:
                self.gate.leave(flight)
        wire.response_bytes(*reply)
        self.measures.passed(route.endpoint, reply[0], elapsed() - began)
        if unread:
            await self._linger(wire)

    def _turn_away(self, wire: Wire, route: Route, began: float) -> None:
        """Answer 503, with no work but that: under overload this is most of what is done."""
        reply = self._full[route.inference]
        wire.response_bytes(*reply)
        self.measures.passed(route.endpoint, reply[0], elapsed() - began)

    def _told(self, error: AsofError, route: Route) -> Reply:
        if error is self.gate.full:
            return self._full[route.inference]
        if isinstance(error, Overloaded):
            self.gate.turned_away += 1
        return problems.reply(error, inference=route.inference, missing=route.missing)

    @staticmethod
    async def _linger(wire: Wire) -> None:
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                await linger(wire)
        except (TimeoutError, ProtocolClosed):
            return  # it was told why; who goes on sending is not listened to


def _too_late() -> Refusal:
    return Refusal(
        408,
        "The deadline of the request has passed.",
        found="it was not answered in time",
        mend="Allow more with Asof-Deadline-Ms, or ask for less at a time.",
        headers=[("connection", "close")],
    )
