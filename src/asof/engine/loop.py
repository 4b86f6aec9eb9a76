"""The loop: one message after another, each journalled, folded into the state, handed to steps.

What a step returns goes through the same door: at once if it is about the moment in hand, else
when its moment has come. A training that takes thirty minutes is a message due in thirty minutes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from asof.engine.messages import Message
from asof.engine.state import State

Step = Callable[[State, Message], Iterable[Message]]
"""From the state after a message, and the message, to further messages."""


class Log(Protocol):
    """Where messages are kept."""

    def append(self, message: Message) -> None:
        """Keep a message before anything is done about it."""
        ...


class Clock(Protocol):
    """What stands at the moment of the message in hand."""

    def move(self, at: int) -> int:
        """Move on to a moment."""
        ...


class Loop:
    """Takes messages in the order of the law: by moment, then rank, then as they were put."""

    def __init__(self, steps: Sequence[Step], log: Log, clock: Clock) -> None:
        self.state = State()
        self._steps = steps
        self._log = log
        self._clock = clock
        self._due: list[tuple[int, int, int, Message]] = []
        self._put = 0

    def put(self, message: Message) -> None:
        """Let a message be taken when its moment has come."""
        heapq.heappush(self._due, (message.at, message.rank, self._put, message))
        self._put += 1

    @property
    def next_due(self) -> int | None:
        """The moment of the next message that waits, if any."""
        return self._due[0][0] if self._due else None

    def run(self, before: int) -> None:
        """Take all messages whose moment is before a given one, and what they lead to."""
        while self._due and self._due[0][0] < before:
            self.take(heapq.heappop(self._due)[3])

    def take(self, message: Message) -> None:
        """Take a message now, whatever else is due; what it leads to waits for its turn."""
        self._clock.move(message.at)
        self._log.append(message)
        self.state = self.state.after(message)
        for step in self._steps:
            for reply in step(self.state, message):
                self.put(reply)
