"""What each endpoint does: out of HTTP, into the engine, and back. No logic of its own."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, TypeVar

import msgspec

from asof.declare.place import nearest
from asof.declare.system import System
from asof.engine.clock import elapsed
from asof.engine.live.answers import Live
from asof.errors import NotReady
from asof.faces.http import wire
from asof.faces.http.body import read
from asof.faces.http.calls import Call
from asof.faces.http.gate import Flight, Gate
from asof.faces.http.measures import CONTENT_TYPE, Exposition, Measures
from asof.faces.http.oip import LENGTH, Model, server_metadata
from asof.faces.http.openapi import document
from asof.faces.http.options import Options
from asof.faces.http.problems import Headers, Refusal, Reply
from asof.faces.http.rows import Envelope, Reader, unfit, unreadable

T = TypeVar("T", bound=msgspec.Struct)
JSON: Headers = [("content-type", "application/json")]
KEY_LENGTH = 255
_FLAGS = {"true": True, "false": False}
_PREDICT = ("durable", "explain")


class Handlers:
    """The endpoints of one running system."""

    def __init__(
        self, live: Live, system: System[Any], options: Options, gate: Gate, measures: Measures
    ) -> None:
        self.name = system.name
        self.sources = [table.name for table in system.tables]
        self._live = live
        self._options = options
        self._gate = gate
        self._measures = measures
        asked = system.asked
        self._asked = Reader(asked.row, limit=options.rows)
        self._taken = {table.name: Reader(table.row, limit=options.rows) for table in system.tables}
        self._model = Model(system.name, asked.row.columns_, self._asked)
        self._openapi = document(system, options)
        self._server = server_metadata()
        about = {
            "version": version("asof"), "system": system.name, "fingerprint": system.fingerprint,
        }  # fmt: skip
        self._exposition = Exposition(measures, gate, live, about)

    # --- asking -----------------------------------------------------------------------------------

    async def predict(self, call: Call) -> Reply:
        """Answer requests."""
        explain = durable = False
        query = call.query(_PREDICT)
        if query:
            explain, durable = _explained(query), _flag(query, "durable")
        body = await read(call.head, _flight(call), self._gate, limit=self._options.body_bytes)
        rows = self._asked.asked(body)
        _keep_deadline(call)
        answers = await self._live.predict(
            rows, explain=explain, durable=durable, alone=self._gate.alone
        )
        self._measures.answered(answers)
        return 200, JSON, wire.answers(self.name, answers)

    async def infer(self, call: Call) -> Reply:
        """Answer requests that come as tensors."""
        call.query(())
        self._require_model(call)
        header = call.header(LENGTH)
        body = await self._body(call)
        inference, rows = self._model.read(body, header, limit=self._options.rows)
        _keep_deadline(call)
        answers = await self._live.predict(rows, alone=self._gate.alone)
        self._measures.answered(answers)
        return self._model.reply(inference, answers, answers[0].model)

    async def why(self, call: Call) -> Reply:
        """The rows that a feature of a request saw."""
        query = call.query(("request", "feature"))
        for name in ("request", "feature"):
            if not query.get(name):
                raise Refusal(
                    400, f"The query has no {name}.", field=name,
                    mend="Ask /v1/why?request=...&feature=...",
                )  # fmt: skip
        found = await self._live.why(query["request"], query["feature"])
        return 200, JSON, wire.encode(found)

    # --- handing in -------------------------------------------------------------------------------

    async def events(self, call: Call) -> Reply:
        """Take rows of a source."""
        call.query(())
        source = call.parameters["source"]
        reader = self._taken.get(source)
        if reader is None:
            raise Refusal(
                404, f"There is no source '{source}'.", found=f"sources: {', '.join(self._taken)}",
                mend=nearest(source, list(self._taken)) or "Send to one of them.",
            )  # fmt: skip
        key = _idempotency_key(call)
        rows = reader.taken(await self._body(call))
        _keep_deadline(call)
        _flight(call).held = True
        receipt = await self._live.take(source, rows, key=key)
        return (200 if receipt.repeated else 201), JSON, wire.receipt(receipt)

    async def release(self, call: Call) -> Reply:
        """Take a row out of quarantine."""
        order = await self._order(call, _RELEASING)
        _keep_deadline(call)
        _flight(call).held = True
        return 200, JSON, wire.released(await self._live.release(order.row, order.set))

    # --- by hand ----------------------------------------------------------------------------------

    async def train(self, call: Call) -> Reply:
        """Begin to fit a model."""
        order = await self._order(call, _TRAINING)
        return 202, JSON, wire.began(await self._live.train(order.reason))

    async def promote(self, call: Call) -> Reply:
        """Put a model into service."""
        order = await self._order(call, _PROMOTION)
        await self._live.promote(order.version, order.reason)
        return 200, JSON, _DONE

    async def rollback(self, call: Call) -> Reply:
        """Put the model before into service."""
        order = await self._order(call, _ROLLBACK)
        await self._live.rollback(order.reason)
        return 200, JSON, _DONE

    async def clock(self, call: Call) -> Reply:
        """Move a rehearsal's clock."""
        order = await self._order(call, _TICK)
        at = wire.microseconds(order.at)
        _flight(call).ends = float("inf")  # a tick waits for the model that is due at it (LAW 8c)
        await self._live.tick(at, rows=order.rows, requests=order.requests)
        return 200, JSON, _DONE

    # --- looking ----------------------------------------------------------------------------------

    async def status(self, call: Call) -> Reply:
        """Health in figures."""
        call.query(())
        return 200, JSON, wire.encode(self._live.status())

    async def decisions(self, call: Call) -> Reply:
        """The last decisions."""
        last = _number(call.query(("last",)), "last", default=100, most=10_000)
        found = [_timed(decision) for decision in self._live.decisions(last=last)]
        return 200, JSON, wire.encode({"decisions": found})

    async def metrics(self, call: Call) -> Reply:
        """Figures for Prometheus."""
        del call  # scrapers may send parameters of their own
        return 200, [("content-type", CONTENT_TYPE)], self._exposition.text()

    async def openapi(self, call: Call) -> Reply:
        """This description."""
        call.query(())
        return 200, JSON, self._openapi

    # --- the Open Inference Protocol --------------------------------------------------------------

    async def server(self, call: Call) -> Reply:
        """What serves."""
        call.query(())
        return 200, JSON, self._server

    async def alive(self, call: Call) -> Reply:
        """That it answers at all."""
        call.query(())
        return 200, JSON, b'{"live":true}'

    async def ready(self, call: Call) -> Reply:
        """Whether requests are answered and recorded."""
        call.query(())
        self._require_ready()
        return 200, JSON, b'{"ready":true}'

    async def model(self, call: Call) -> Reply:
        """What the model takes and gives."""
        call.query(())
        self._require_model(call)
        return 200, JSON, self._model.metadata(self._serving())

    async def model_ready(self, call: Call) -> Reply:
        """Whether the model answers."""
        call.query(())
        self._require_model(call)
        self._require_ready()
        return 200, JSON, wire.encode({"name": self.name, "ready": True})

    # --- shared -----------------------------------------------------------------------------------

    async def _body(self, call: Call) -> bytes:
        return await read(call.head, _flight(call), self._gate, limit=self._options.body_bytes)

    async def _order(self, call: Call, decoder: msgspec.json.Decoder[T]) -> T:
        call.query(())
        body = await self._body(call)
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            names = decoder.type.__struct_fields__
            wanted = Envelope(names, _WANTED[decoder.type])
            raise unfit(str(error), names, wanted) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable(error, body) from error

    def _serving(self) -> str | None:
        serving = self._live.status()["model"]
        return None if serving is None else str(serving)

    def _require_ready(self) -> None:
        ready, reason = self._live.ready()
        if not ready:
            raise NotReady("The system is not ready.", found=reason)

    def _require_model(self, call: Call) -> None:
        name = call.parameters["model"]
        if name != self.name:
            raise Refusal(
                404, f"There is no model '{name}'.", found=f"models: {self.name}",
                mend=f"Ask /v2/models/{self.name}.",
            )  # fmt: skip
        wanted = call.parameters.get("version")
        if wanted is not None and wanted != (serving := self._serving()):
            raise Refusal(
                404, f"Version '{wanted}' is not in service.", found=f"in service: {serving}",
                mend="Leave the version out to ask the one in service.",
            )  # fmt: skip


_TRAINING = msgspec.json.Decoder(wire.Training)
_RELEASING = msgspec.json.Decoder(wire.Releasing)
_PROMOTION = msgspec.json.Decoder(wire.Promotion)
_ROLLBACK = msgspec.json.Decoder(wire.Rollback)
_TICK = msgspec.json.Decoder(wire.Tick)
_DONE = wire.encode(wire.Done())
_WANTED: Mapping[type, str] = {
    wire.Promotion: 'Send {"version": ID, "reason": WORDS}: the id of a fitted model, as asof '
    "models lists them, and if you like why.",
    wire.Releasing: 'Send {"row": NAME, "set": {COLUMN: VALUE}}: the name as asof quarantine list '
    "shows it, and if needed the values that mend it.",
    wire.Rollback: 'Send {"reason": WORDS}, or {}.',
    wire.Training: 'Send {"reason": WORDS}, or {}.',
    wire.Tick: 'Send {"at": MOMENT, "rows": N, "requests": N}: RFC 3339, and whole numbers.',
}
"""What the orders want in their bodies."""


def _flight(call: Call) -> Flight:
    if call.flight is None:
        raise TypeError("a route that reads a body weighs")
    return call.flight


def _keep_deadline(call: Call) -> None:
    """Shorten the deadline to what the request allows, counted from its head's arrival.

    Raises:
        Refusal: it is no number, or has passed.
    """
    told = call.header("asof-deadline-ms")
    if told is None:
        return
    if not (told.isascii() and told.isdigit() and len(told) <= 9):
        raise Refusal(
            400, "The deadline is not a number.", found=f"Asof-Deadline-Ms: {told[:40]}",
            mend="Send whole milliseconds from when the request is sent.",
        )  # fmt: skip
    flight = _flight(call)
    flight.ends = min(flight.ends, flight.began + int(told) / 1000)
    passed = elapsed() - flight.began
    if passed * 1000 >= int(told):
        raise Refusal(
            408, "The deadline of the request has passed.",
            found=f"{passed * 1000:.1f} ms have passed, {told} were allowed",
            mend="Allow more with Asof-Deadline-Ms.",
        )  # fmt: skip


def _idempotency_key(call: Call) -> str | None:
    key = call.header("idempotency-key")
    if key is None or 0 < len(key) <= KEY_LENGTH:
        return key
    raise Refusal(
        400, "The Idempotency-Key cannot be kept.", found=f"{len(key):,} characters",
        mend=f"Send one of 1 to {KEY_LENGTH} characters, such as a UUID.",
    )  # fmt: skip


def _explained(query: Mapping[str, str]) -> bool:
    if query.get("explain", "features") != "features":
        raise Refusal(
            400, "Only features can be explained.", found=f"explain={query['explain'][:40]}",
            mend="Ask with explain=features.", field="explain",
        )  # fmt: skip
    return "explain" in query


def _flag(query: Mapping[str, str], name: str) -> bool:
    told = query.get(name, "false")
    if told not in _FLAGS:
        raise Refusal(
            400, f"{name} is true or false.", found=f"{name}={told[:40]}",
            mend=f"Ask with {name}=true.", field=name,
        )  # fmt: skip
    return _FLAGS[told]


def _number(query: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    told = query.get(name)
    if told is None:
        return default
    if told.isascii() and told.isdigit() and len(told) <= 9 and 1 <= int(told) <= most:
        return int(told)
    raise Refusal(
        400, f"{name} is a number from 1 to {most:,}.", found=f"{name}={told[:40]}",
        mend=f"Ask with {name}={default}.", field=name,
    )  # fmt: skip


def _timed(decision: Mapping[str, Any]) -> Mapping[str, Any]:
    """A decision with its moment as RFC 3339."""
    at = decision.get("moment")
    return {**decision, "moment": wire.moment(at)} if isinstance(at, int) else decision
