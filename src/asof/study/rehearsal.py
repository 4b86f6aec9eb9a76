"""A rehearsal judged: what a running system did, beside the backtest of the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from asof.compute.schedule import moment
from asof.declare.system import System
from asof.engine.history import history_of
from asof.engine.live.journalled import DECIDED, message_of
from asof.engine.live.rerun import Rerun, rerun
from asof.engine.messages import Message
from asof.engine.replay import Replayed, replay
from asof.engine.steps.decide import RETRAIN
from asof.stores.store import Store

TOLERANCE = 1e-9
"""Predictions that differ by more than this differ."""

Given = Mapping[str, tuple[float, str]]
"""By request the prediction that a client was given, and the registry's id of its model."""


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal showed.

    `requests` were asked by the backtest of the same rows, `answered` of them by the server, and
    `differing` in another way; `largest` is the largest difference of two predictions. `first`
    says what differs first.
    """

    system: str
    requests: int
    answered: int
    differing: int
    largest: float
    decisions: int
    decisions_differ: int
    first: str
    rerun: Rerun

    @property
    def equal(self) -> bool:
        """Whether the server did what the backtest does, and its journal gives it again."""
        return (
            self.requests == self.answered
            and not self.differing
            and not self.decisions_differ
            and self.rerun.equal
        )

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {**asdict(self), "equal": self.equal, "rerun_equal": self.rerun.equal}

    def lines(self) -> list[str]:
        """The same in sentences."""
        told = [
            f"The server answered {self.answered:,} of {self.requests:,} requests, "
            + (
                f"each as the backtest of the same rows does, to {self.largest:.1g}."
                if not self.differing and self.answered == self.requests
                else f"{self.differing:,} in another way than the backtest of the same rows."
            ),
            f"It took {self.decisions:,} decisions, "
            + (
                "the same in the same order."
                if not self.decisions_differ
                else f"{self.decisions_differ:,} of which the backtest does not take so."
            ),
            "Its journal, run again, gives "
            + (f"the same hash: {self.rerun.again[:12]}." if self.rerun.equal else "another hash."),
        ]
        return told + [f"The first difference: {self.first}" for _ in (1,) if self.first]


def judge(
    system: System[Any], store: Store, given: Given, start: int, stop: int, ids: Mapping[str, str]
) -> Rehearsed:
    """Compare what a server answered and decided with the backtest of the rows that it took.

    `ids` are the registry's by the names of the life's models.
    """
    history = history_of(system.but(start=moment(start), until=moment(stop)), store)
    life = replay(history)
    answered, differing, largest, first = _answers(life, given, ids)
    # A life ends with its last request; the server has gone on to `stop`, and may have trained.
    last = int(history.requests.fired[life.last - 1])
    kept = map(message_of, store.journal.read(kinds=list(DECIDED)))
    lived = [message for message in kept if message.at <= last]
    then, now = _decided(lived), _decided(life.log.messages)
    apart = sum(was != is_ for was, is_ in zip(then, now, strict=False)) + abs(len(then) - len(now))
    if apart and not first:
        first = next(
            (
                f"{was}, the backtest: {is_}"
                for was, is_ in zip(then, now, strict=False)
                if was != is_
            ),
            f"{len(then)} decisions, the backtest takes {len(now)}",
        )
    again = rerun(system, store)
    if not again.equal and not first:
        first = again.first_difference
    asked = int((life.models[life.first : life.last] >= 0).sum())
    return Rehearsed(
        system.name, asked, answered, differing, largest, len(then), apart, first, again
    )


def _answers(life: Replayed, given: Given, ids: Mapping[str, str]) -> tuple[int, int, float, str]:
    names = life.history.names
    answered = differing = 0
    largest, first = 0.0, ""
    for i in range(life.first, life.last):
        if life.models[i] < 0:
            continue
        told = given.get(names[i])
        if told is None:
            first = first or f"request {names[i]} was not answered"
            continue
        answered += 1
        prediction, model = told
        apart = abs(prediction - float(life.predictions[i]))
        largest = max(largest, apart)
        wanted = ids.get(f"m{life.models[i]}")
        if apart > TOLERANCE or np.isnan(apart) or model != wanted:
            differing += 1
            first = first or (
                f"request {names[i]}: {prediction:.17g} by {model}, "
                f"the backtest {float(life.predictions[i]):.17g} by {wanted}"
            )
    return answered, differing, largest, first


def _decided(messages: Sequence[Message]) -> list[tuple[str, ...]]:
    """Messages of a life that decide something, in words."""
    found: list[tuple[str, ...]] = []
    for message in messages:
        kind = type(message).__name__
        if kind not in DECIDED or getattr(message, "scheduled", RETRAIN) == "":
            continue
        told = asdict(message)
        found.append((kind, *(f"{name}={value}" for name, value in told.items())))
    return found
