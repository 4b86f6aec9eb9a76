"""What the loop is told: frozen facts, each about one moment, each carrying a batch.

    what happens          Look, Requested
    what steps answer     TrainingBegan, Trained, TrainingFailed, Deferred, Promoted, Predicted
    what people decide    LookByHand, PromotedByHand

Batches are ranges of the tables, so that a message of a million rows is as small as one of one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any


class Rank(IntEnum):
    """What comes first at one moment (LAW 2a): what was due, then looks, then requests."""

    DUE = 0
    LOOK = 1
    REQUEST = 2


@dataclass(frozen=True, slots=True)
class Message:
    """A fact about the moment `at`, in microseconds since 1970-01-01 UTC."""

    at: int

    @property
    def rank(self) -> Rank:
        """Its place among the messages of one moment."""
        return Rank.DUE


@dataclass(frozen=True, slots=True)
class Look(Message):
    """A moment at which decisions are taken; `scheduled` names what is due, "" for the grid."""

    scheduled: str

    @property
    def rank(self) -> Rank:
        """After what was due at the moment."""
        return Rank.LOOK


@dataclass(frozen=True, slots=True)
class LookByHand(Look):
    """Somebody asks for a model as of the moment: a look like a scheduled one, for a reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Requested(Message):
    """Requests `first` to `last` (exclusive) were asked, the last of them at the moment `at`."""

    first: int
    last: int

    @property
    def rank(self) -> Rank:
        """After the looks of the moment: a model of T serves a request of T."""
        return Rank.REQUEST


@dataclass(frozen=True, slots=True)
class Predicted(Message):
    """Requests `first` to `last` were answered by `model`, `fallback` of them without it."""

    first: int
    last: int
    model: str
    fallback: int


@dataclass(frozen=True, slots=True)
class TrainingBegan(Message):
    """A model is trained on what was mature at the moment, for a reason."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class Trained(Message):
    """The model of the training that began at `trigger` is ready."""

    model: str
    trigger: int
    rows: int


@dataclass(frozen=True, slots=True)
class TrainingFailed(Message):
    """The training that began at `trigger` gave no model; the traceback or the reason says why."""

    model: str
    trigger: int
    reason: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Promoted(Message):
    """A model is in service from the moment on."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class PromotedByHand(Promoted):
    """Somebody put a model into service; `back`: in place of what was promoted after it."""

    back: bool


@dataclass(frozen=True, slots=True)
class Deferred(Message):
    """A trigger came while a training was under way: it is taken up at the first look after it."""

    reason: str


IN_WORDS = {
    "TrainingBegan": "training of {model} began: {reason}",
    "Trained": "{model} is trained on {rows:,} rows",
    "TrainingFailed": "{model} could not be trained: {reason}",
    "Promoted": "{model} serves: {reason}",
    "PromotedByHand": "{model} serves: {reason}",
    "Deferred": "a training waits: {reason}",
}
"""What a decision says, by its kind: to be formatted with what the message holds."""

BEGAN = "life_began"
"""The journal's message that a life on a server began: from there on no replay says what served.

It holds `start`, the `fingerprint` of the declaration that is lived from there on, and in `serving`
the name of the model of before that can answer for it, if there is one.
"""


class MessageLog:
    """Messages in the order in which they were taken, and a hash of them all."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._hash = hashlib.sha256()

    def append(self, message: Message) -> None:
        """Keep a message."""
        self.messages.append(message)
        self._hash.update(line(message).encode())

    @property
    def hash(self) -> str:
        """Hexadecimal digits that are equal for equal runs."""
        return self._hash.hexdigest()


def line(message: Message) -> str:
    """The message as one line of JSON."""
    content: dict[str, Any] = {"kind": type(message).__name__, **asdict(message)}
    return json.dumps(content, sort_keys=True) + "\n"
