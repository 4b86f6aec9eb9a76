"""What can be set when a server is started, with its defaults."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asof.errors import UsageError
from asof.stores.tokens import Token

MB = 1024 * 1024


def _no_tokens() -> Sequence[Token]:
    return ()


@dataclass(frozen=True, slots=True)
class Options:
    """Where a server listens, and what it takes.

    `body_bytes` and `rows` bound one request. `max_wait` (seconds; at most half the deadline) is
    for how long one may wait to be answered, `at_once` how many are under way at the same time,
    `pending_bytes` the bodies that they hold together: while one of these is exceeded, what comes
    is answered 503 at once. `deadline` (seconds) is when work that takes too long is given up,
    unless a request sets an earlier one. `header_seconds` is how long a client may take for the
    head of a request, `body_seconds` for its body. `connections` are served at a time, the rest
    wait in the kernel. `drain` (seconds) is how long a stopping server finishes what it has taken.
    `tokens` is asked every second who may do what; without tokens only loopback is served.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    body_bytes: int = 8 * MB
    rows: int = 10_000
    max_wait: float = 0.1
    at_once: int = 1024
    pending_bytes: int = 64 * MB
    deadline: float = 10.0
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    connections: int = 1024
    drain: float = 30.0
    tokens: Callable[[], Sequence[Token]] = _no_tokens


def address(options: Options) -> str:
    """The IP address to listen on.

    Raises:
        UsageError: the name is not known, the port is taken, or others than this machine could
            come in and there is no token.
    """
    try:
        found = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"{options.host}:{options.port} is no address to listen on.",
            found=str(error),
            mend="Use 127.0.0.1 for this machine alone, 0.0.0.0 for all its addresses.",
        ) from error
    family, _, _, _, where = found[0]
    ip = str(where[0])
    if not is_loopback(ip) and not options.tokens():
        raise UsageError(
            f"Without a token a server listens on this machine alone, not on {options.host}.",
            found="no tokens: anybody on the network could ask and hand in rows",
            mend="Make one first: asof token add SYSTEM --name NAME --scope predict",
        )
    _require_free(family, ip, options.port)
    return ip


def is_loopback(ip: str) -> bool:
    """Whether an address is reached from this machine alone."""
    return ipaddress.ip_address(ip).is_loopback


def _require_free(family: int, ip: str, port: int) -> None:
    """Refuse a port that somebody listens on.

    Granian shares ports between processes (SO_REUSEPORT): a second server would take a part of
    the first one's connections, and nobody would be told.
    """
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError as error:
            raise UsageError(
                f"Port {port} of {ip} cannot be listened on.",
                found=error.strerror or str(error),
                mend="Stop who listens there, or take another: --port",
            ) from error
