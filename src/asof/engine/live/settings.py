"""How a system runs, as whoever starts it says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How a system runs.

    `address` is where its doors are; `stream` is the moment (us UTC) at which a rehearsal's clock
    begins, None for the real clock; `within` bounds in seconds how long an answer may be
    unrecorded; `queue` and `backlog` bound what may wait (bodies of requests; bytes of the
    journal); `seal_every` is in seconds; a fit may take `fit_seconds` and `fit_memory` bytes; one
    of `check_every` answers is computed again.
    """

    address: str
    stream: int | None = None
    within: float = 0.05
    queue: int = 2048
    backlog: int = 64_000_000
    seal_every: float = 300.0
    fit_seconds: float = 6 * 3600.0
    fit_memory: int = 8 * 2**30
    check_every: int = 1000
