"""A request on its way to its handler, and what a handler is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import msgspec

from asof.faces.http.gate import Flight
from asof.faces.http.problems import Refusal, Reply
from asof.faces.http.rsgi import Head, Scope, Wire
from asof.stores.tokens import Scope as May


class Call(msgspec.Struct, eq=False):
    """One request: its head, its body to be read, and the parts of its path that vary."""

    scope: Scope
    head: Head
    wire: Wire
    flight: Flight | None
    parameters: Mapping[str, str]

    def header(self, name: str) -> str | None:
        """A header of ours.

        Raises:
            Refusal: it is not ASCII, and would pass for one that was not sent.
        """
        told = self.head.get(name)
        if told is None and name in self.head:
            raise Refusal(400, f"The header {name} is not ASCII.", mend="Send printable ASCII.")
        return told

    def query(self, allowed: Collection[str]) -> Mapping[str, str]:
        """The query's parameters, each once.

        Raises:
            Refusal: one is not known or stands there twice.
        """
        text = self.scope.query_string
        if not text:
            return {}
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
        except ValueError as error:  # not UTF-8, or too many
            raise Refusal(
                400, "The query cannot be read.", found=str(error), mend="Percent-encode UTF-8."
            ) from error
        found = dict(pairs)
        unknown = [name for name in found if name not in allowed]
        if unknown or len(found) < len(pairs):
            listed = ", ".join(sorted(allowed)) or "none"
            raise Refusal(
                400,
                f"The query has '{unknown[0]}'." if unknown else "The query says a thing twice.",
                found=f"known: {listed}",
                mend="Leave it out.",
            )
        return found


Handler = Callable[[Call], Awaitable[Reply]]


async def _nothing(call: Call) -> Reply:
    del call
    raise Refusal(404, "There is nothing here.", found="", mend="/openapi.json lists what is.")


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint: its method, its path as it is counted under, and its handler.

    `scope` is what a token must allow (None: any token), `secured` False lets everybody in.
    `weighs`: it counts against the bound of requests under way. `inference`: errors are told as
    the Open Inference Protocol wants them. `missing` is the status of a `UsageError`.
    """

    method: str
    endpoint: str
    handler: Handler = _nothing
    scope: May | None = None
    secured: bool = True
    weighs: bool = False
    inference: bool = False
    missing: int = 404
