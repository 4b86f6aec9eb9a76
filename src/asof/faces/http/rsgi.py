"""What we use of Granian's RSGI objects, with types: it ships none for a request's scope."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Protocol

from granian import rsgi

ProtocolClosed: type[Exception] = rsgi.ProtocolClosed  # type: ignore[attr-defined]  # pyright: ignore[reportPrivateImportUsage]
"""The client left before its body was here."""


class Head(Protocol):
    """The headers of a request; names in lower case."""

    def get(self, key: str, default: str | None = None) -> str | None:
        """The value of a header."""
        ...

    def __contains__(self, key: str) -> bool: ...


class Scope(Protocol):
    """The head of a request."""

    proto: str
    method: str
    path: str
    query_string: str

    @property
    def headers(self) -> Head:
        """Its headers."""
        ...


class Wire(Protocol):
    """One request's body to be read, and its answer to be written."""

    def __call__(self) -> Awaitable[bytes]:
        """The whole body."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def client_disconnect(self) -> Awaitable[None]:
        """Returns when the client has left."""
        ...

    def response_bytes(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Answer."""
        ...
