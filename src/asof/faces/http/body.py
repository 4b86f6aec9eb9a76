"""Bodies, read within their limits."""

from __future__ import annotations

from asof.faces.http.gate import Flight, Gate
from asof.faces.http.problems import Refusal
from asof.faces.http.rsgi import Head, Wire

LINGER = 64 * 1024 * 1024
"""Bytes of a refused body that are read past, so that its sender comes to read the answer."""


async def read(head: Head, flight: Flight, gate: Gate, *, limit: int) -> bytes:
    """The body of a request, not decoded.

    Its announced length is looked at before anything is read; one that comes in chunks is cut off
    at the limit.

    Raises:
        Refusal: it is too large, compressed, or cut short.
        Overloaded: the bodies under way hold as much memory as they may.
        RSGIProtocolClosed: the client left before it had sent it all.
    """
    encoding = head.get("content-encoding")
    if encoding is not None and encoding != "identity":
        raise Refusal(
            415, "The body is compressed.", found=f"Content-Encoding: {encoding}",
            mend="Send it as it is.", headers=[("accept-encoding", "identity")], unread=True,
        )  # fmt: skip
    announced = head.get("content-length")
    if announced is not None:
        size = int(announced)  # the server has refused what is no number
        if size > limit:
            raise _too_large(f"Content-Length: {size:,}", limit)
        gate.hold(flight, size)
        flight.reading = True
        body = await flight.wire()
        flight.reading = False
        return body
    if "transfer-encoding" not in head:  # the server drops a length that stands beside it
        return b""
    flight.reading = True
    body = await _chunks(flight, gate, limit)
    flight.reading = False
    return body


async def _chunks(flight: Flight, gate: Gate, limit: int) -> bytes:
    """A body in chunks.

    Granian ends it with one empty part, and hands out another before that where the transfer broke
    (or where trailers came, which we do not take): rows that were cut off must not be taken for
    all of them.
    """
    parts: list[bytes] = []
    size, empty = 0, 0
    async for part in flight.wire:
        size += len(part)
        if size > limit:
            raise _too_large(f"more than {limit:,} bytes in chunks", limit)
        gate.hold(flight, len(part))
        empty += not part
        parts.append(part)
    if empty != 1:
        raise Refusal(
            400,
            "The body is not whole.",
            found="its transfer in chunks broke off, or has trailers",
            mend="Send it again; with a Content-Length what is missing can be told.",
        )
    return b"".join(parts)


def _too_large(found: str, limit: int) -> Refusal:
    return Refusal(
        413, "The body is too large.", found=f"{found}; at most {limit:,} bytes are taken",
        mend="Send fewer rows at a time.", headers=[("connection", "close")], unread=True,
    )  # fmt: skip


async def linger(wire: Wire) -> None:
    """Read past a body that was refused.

    Closing at once would reset the connection while its sender still writes, and the answer that
    says why would be lost on the way.
    """
    size = 0
    async for part in wire:
        size += len(part)
        if size > LINGER:
            return
