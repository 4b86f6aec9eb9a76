"""Python's search for cycles of garbage, arranged for a command, and for a server.

A command imports hundreds of thousands of objects that live as long as it does. Python looks for
garbage among them some hundred times while they come, and once more, all of them, at its end: for a
short command that is a fifth of its time. It first looks when about as many have come as the
imports of a command that fits a model bring, and seldom from then on.

A server holds much for long. Python looks through everything that it holds whenever that has grown
by a quarter: with the rows of a system in memory that is a stall of a fifth of a second and more,
in which no request is answered. A server's rows are no garbage: what was there at its start or has
been looked through once is left out of later searches, which then take as long as what is new, a
few milliseconds. Once nobody asks, all is looked through.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Self

FIRST = (500_000, 20, 20)
"""New objects before the first search of a command: what it imports is no garbage."""
RARELY = (50_000, 20, 20)
"""New objects before a search from then on, and how many before an older generation."""
OFTEN = (10_000, 5, 2)
"""New objects before a search of what is new, and how many of those before an older generation is
searched too: with the 700 of a short script the requests under way are gone through for nothing,
and with more than a hundred thousand a search would be felt.
"""
QUIET = 5.0
"""Seconds without work after which all is looked through: whoever asks meanwhile waits."""
AT_LATEST = 720
"""So often in a row (an hour) it is put off because somebody asks; then who asks waits once."""


@contextmanager
def rarely() -> Generator[None]:
    """Search seldom while a command runs; what is held at its end goes with it, unsearched.

    >>> with rarely():
    ...     _ = gc.collect()
    ...     gc.get_threshold() == RARELY
    True
    """
    before = gc.get_threshold()
    gc.set_threshold(*FIRST)
    gc.callbacks.append(_searches)
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        gc.callbacks.remove(_searches)
        gc.set_threshold(*before)


def _searches(phase: str, _: object) -> None:
    """The first search is under way: the next ones come sooner, unless a server says when."""
    if phase == "start" and gc.get_threshold() == FIRST:
        gc.set_threshold(*RARELY)


class Collector:
    """Keeps the search short while the block runs, for the whole process.

    >>> with Collector():
    ...     held = [[] for _ in range(1000)]
    ...     _ = gc.collect()
    ...     gc.get_freeze_count() >= 1000  # they are not looked through again
    True
    """

    def __init__(self) -> None:
        self._before = gc.get_threshold()

    def __enter__(self) -> Self:
        self._before = gc.get_threshold()
        gc.set_threshold(*OFTEN)
        gc.callbacks.append(self._searched)
        gc.freeze()  # a search now would only keep whoever waits for the start
        gc.collect()  # of nothing: see below
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._searched)
        gc.set_threshold(*self._before)
        gc.unfreeze()

    def search(self) -> None:
        """Look through everything that is held."""
        gc.unfreeze()
        gc.collect()
        gc.collect()  # of nothing now: the next search begins when little has come, not a quarter

    @staticmethod
    def _searched(phase: str, about: dict[str, Any]) -> None:
        """Leave out of later searches what one of all generations has just looked through."""
        if phase == "stop" and about["generation"] == 2:
            gc.freeze()

    async def keep(self, done: Callable[[], object]) -> None:
        """Look through everything whenever work was done and then nobody asked for a while.

        `done` tells what was done so far; that it differs is all that is looked at.
        """
        import asyncio

        searched = last = done()
        put_off = 0
        while True:
            await asyncio.sleep(QUIET)
            now = done()
            if now != searched and (now == last or put_off >= AT_LATEST):
                self.search()
                searched, put_off = now, 0
            elif now != last:
                put_off += 1
            last = now
