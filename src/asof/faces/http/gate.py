"""How much is taken on at a time, how long it may take, and for whom: the bounds of the work.

Beyond a bound a request is answered 503 before any work is done for it. How much may wait is a
matter of time, not of number: a thousand requests of one row are answered within a tenth of a
second, and ten of ten thousand rows are not. One timer looks over the requests under way: it gives
up what is past its deadline, and what nobody waits for any more. So a request that is answered at
once pays for neither.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from asof.engine.clock import elapsed
from asof.errors import Overloaded
from asof.faces.http.options import Options
from asof.faces.http.rsgi import Wire

LOOK = 0.02
"""Seconds between looks at what is under way: deadlines are kept to within it."""
WATCH = 0.05
"""Seconds after which a request is slow enough to ask whether its client is still there."""
FEW = 8
"""So many requests are never turned away for what waits before them."""
SWITCH = 0.0001
"""Seconds for which one thread may keep Python to itself while several requests are under way.

What reads the network is a thread of its own that needs Python for each request that comes, and
under overload to turn most of them away. A request that is alone is answered sooner, and cheaper,
where nobody interrupts it.
"""


class Flight(msgspec.Struct, eq=False):
    """One request under way.

    `ends` is when it is given up (seconds on the clock of `elapsed`), `late` and `left` say that
    it was, because of its deadline or because its client has left. `held` keeps it from being
    given up: rows that are on their way into the journal are taken, whoever waits.
    """

    wire: Wire
    task: asyncio.Task[Any] | None
    ends: float
    began: float
    size: int = 0
    held: bool = False
    late: bool = False
    left: bool = False
    reading: bool = False
    watch: asyncio.Task[None] | None = None

    def give_up(self) -> None:
        """Stop working on it."""
        if self.task is not None and not self.held:
            self.task.cancel()


class Gate:
    """The requests under way, within their bounds."""

    def __init__(self, options: Options, waited: Callable[[], float]) -> None:
        """`waited` tells how many seconds the request has waited that is to be answered next."""
        self._options = options
        self._waited = waited
        self._longest = min(options.max_wait, options.deadline / 2)
        self._usual = sys.getswitchinterval()
        self.flights: set[Flight] = set()
        self.pending_bytes = 0
        self.turned_away = 0
        self._timer: asyncio.TimerHandle | None = None
        self.full = Overloaded(
            "Too many requests are under way.",
            found=f"{options.at_once} at once, or one of them waits for {self._longest:g} s",
            mend="Come again after the seconds of Retry-After.",
        )

    @property
    def alone(self) -> bool:
        """Whether one request is under way, and no other."""
        return len(self.flights) == 1

    def turns_away(self) -> bool:
        """Whether as much as may be is under way; the request that was to come is counted."""
        many = len(self.flights)
        if many < self._options.at_once and (many < FEW or self._waited() <= self._longest):
            return False
        self.turned_away += 1
        return True

    def enter(self, wire: Wire, began: float) -> Flight:
        """Take a request on that is not turned away."""
        flight = Flight(wire, asyncio.current_task(), began + self._options.deadline, began)
        self.flights.add(flight)
        if len(self.flights) == 2:
            sys.setswitchinterval(SWITCH)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK, self._look)
        return flight

    def leave(self, flight: Flight) -> None:
        """A request is done with."""
        self.flights.discard(flight)
        if len(self.flights) == 1:
            sys.setswitchinterval(self._usual)
        self.pending_bytes -= flight.size
        if flight.watch is not None:
            flight.watch.cancel()

    def hold(self, flight: Flight, size: int) -> None:
        """Take account of bytes of a body.

        Raises:
            Overloaded: the bodies under way hold as much memory as they may.
        """
        if self.pending_bytes + size > self._options.pending_bytes:
            self.turned_away += 1
            # One instance for all: without this it would drag the frames of all of them along.
            raise self.full.with_traceback(None)
        self.pending_bytes += size
        flight.size += size

    def close(self) -> None:
        """Give up everything that may be given up, and stop looking."""
        for flight in [*self.flights]:
            flight.late = True
            flight.give_up()
        if self._timer is not None:
            self._timer.cancel()
        sys.setswitchinterval(self._usual)

    def _look(self) -> None:
        now = elapsed()
        for flight in self.flights:
            if flight.reading:  # the time for its work begins when it is all here
                flight.ends = max(flight.ends, now + self._options.deadline)
            slow = flight.reading and now >= flight.began + self._options.body_seconds
            if slow or now >= flight.ends:
                flight.late = True
                flight.give_up()
            elif flight.watch is None and now - flight.began >= WATCH and not flight.reading:
                flight.watch = asyncio.ensure_future(_watch(flight))
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(LOOK, self._look) if self.flights else None


async def _watch(flight: Flight) -> None:
    """Give a request up when its client leaves."""
    await flight.wire.client_disconnect()
    flight.left = True
    flight.give_up()
