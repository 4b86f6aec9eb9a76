"""The only place that reads the time.

Replay and live differ in nothing but the clock: in a replay the moment is that of the message in
hand, live it is now.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from asof.errors import AsofError


def now() -> int:
    """Microseconds since 1970-01-01 UTC by the machine's clock."""
    return time.time_ns() // 1000


def elapsed() -> float:
    """Seconds on a clock that only moves on, for progress lines."""
    return time.monotonic()


@dataclass
class CpuMeter:
    """CPU seconds added up over the stretches that were measured.

    Those of the whole process, or of the measuring thread alone, where others work beside it.
    """

    seconds: float = 0.0
    of_thread: bool = False

    @contextmanager
    def measured(self) -> Generator[None]:
        """Count what runs inside the `with` block."""
        read = time.thread_time if self.of_thread else time.process_time
        begun = read()
        try:
            yield
        finally:
            self.seconds += read() - begun


def cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    import resource

    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Stamps(Protocol):
    """Moments given to messages as they are taken, each later than the last (LAW 1f)."""

    @property
    def last(self) -> int:
        """The last moment that was given."""
        ...

    @property
    def accepted(self) -> int:
        """The moment from which the rows of the message that was taken last are known at least."""
        ...

    def next(self) -> int:
        """The moment of the message that is taken now."""
        ...

    def ahead(self) -> int:
        """By how many microseconds stamps run ahead of the clock, which has fallen back."""
        ...


class RealStamps:
    """Stamps by the machine's clock; where it falls back they run ahead of it."""

    def __init__(self, last: int) -> None:
        self.last = last

    @property
    def accepted(self) -> int:
        """The stamp of the message itself."""
        return self.last

    def next(self) -> int:
        """The moment of the message that is taken now."""
        self.last = max(now(), self.last + 1)
        return self.last

    def ahead(self) -> int:
        """By how many microseconds stamps run ahead of the clock."""
        return max(0, self.last - now())


class StreamStamps:
    """Stamps of a rehearsal, whose clock is its stream (LAW 8c)."""

    def __init__(self, last: int, tick: int) -> None:
        self.last = last
        self.tick = tick

    @property
    def accepted(self) -> int:
        """The tick: rows of one stretch come over several connections, in any order."""
        return self.tick

    def next(self) -> int:
        """The moment of the message that is taken now: that of the tick, or just after the last."""
        self.last = max(self.tick, self.last + 1)
        return self.last

    def ahead(self) -> int:
        """A stream has no clock to run ahead of."""
        return 0


class ClockWentBack(AsofError):
    """A message came with a moment before the last one."""


@dataclass
class ReplayedClock:
    """A clock that stands at the message in hand, and never goes back."""

    at: int = field(default=-(2**63))

    def move(self, at: int) -> int:
        """Move on to a moment, which is returned."""
        if at < self.at:
            raise ClockWentBack(
                "A message is earlier than the one before it.", found=f"{at} < {self.at}"
            )
        self.at = at
        return at
