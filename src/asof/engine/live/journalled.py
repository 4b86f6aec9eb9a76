"""What a running system says and does, in the journal: messages, rows and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

from asof.engine.live.serving import Reply
from asof.engine.messages import (
    BEGAN,
    Deferred,
    Look,
    LookByHand,
    Message,
    Promoted,
    PromotedByHand,
    Trained,
    TrainingBegan,
    TrainingFailed,
)
from asof.engine.state import State
from asof.stores.journal import Journal
from asof.stores.journal import Message as Journalled

DECIDED: Mapping[str, type[Message]] = {
    kind.__name__: kind
    for kind in (
        Look,
        LookByHand,
        TrainingBegan,
        Trained,
        TrainingFailed,
        Deferred,
        Promoted,
        PromotedByHand,
    )
}
"""Messages of the loop that are journalled as such."""


def message_of(one: Journalled) -> Message:
    """A message of the loop, as it was before it was journalled."""
    kind = DECIDED[one.kind]
    return kind(**{item.name: one.payload[item.name] for item in fields(kind)})


class InLife(NamedTuple):
    """A model that was put into service: its name in the life, the registry's id, since when."""

    name: str
    id: str
    since: int


@dataclass
class Past:
    """What the journal says of a life: a fold of its messages.

    `fingerprint` is that of the declaration that is lived since `start`; what was lived before
    by another one is in `decisions` and `served` too. `ids` are the registry's by the names of the
    life, `looked` the last looks by what was scheduled, `served` the models that were promoted, in
    order.
    `latest` is the message of the loop that came last: what follows from it may be missing.
    `again` is when a training ended for which another waited, until that was looked at; `twice` is
    when that was, until the look of the grid at the same moment was taken.
    """

    state: State = field(default_factory=State)
    start: int | None = None
    fingerprint: str | None = None
    looked: dict[str, int] = field(default_factory=dict[str, int])
    latest: Message | None = None
    again: int | None = None
    twice: int | None = None
    ids: dict[str, str] = field(default_factory=dict[str, str])
    served: list[InLife] = field(default_factory=list[InLife])
    decisions: list[Message] = field(default_factory=list[Message])
    last: int = -(2**63)

    @classmethod
    def of(cls, journal: Journal) -> Past:
        """What a journal says up to now."""
        past = cls(last=journal.last_stamp())
        for chunk in journal.messages(kinds=[BEGAN, *DECIDED], content=False):
            for one in chunk:
                past.take(one)
        return past

    def take(self, one: Journalled) -> None:
        """Fold one message of the journal."""
        self.last = max(self.last, one.stamp)
        if one.kind == BEGAN:
            self.began(one.payload)
            return
        if one.kind not in DECIDED:
            return
        if (model := one.payload.get("id")) is not None:
            self.ids[one.payload["model"]] = model
        self.decided(message_of(one))

    def began(self, told: Mapping[str, Any]) -> None:
        """Fold the beginning of a life: what was scheduled and under way before is so no more."""
        self.start, self.fingerprint = int(told["start"]), told.get("fingerprint")
        self.state = State(serving=told.get("serving"), begun=self.state.begun)
        self.looked, self.latest, self.again, self.twice = {}, None, None, None

    def decided(self, message: Message) -> None:
        """Fold one message of the loop."""
        if type(message).__name__ not in DECIDED:
            return
        self.state = self.state.after(message)
        self.latest = message
        if isinstance(message, Look):
            self.looked[message.scheduled] = message.at
            if message.scheduled == "":
                waited = self.again is not None and message.at >= self.again
                self.again, self.twice = (None, message.at) if waited else (self.again, None)
            return
        if isinstance(message, Trained | TrainingFailed):
            self.again = message.at if self.state.waiting is not None else None
        if isinstance(message, Promoted):
            name = message.model
            self.served.append(InLife(name, self.ids.get(name, name), message.at))
        self.decisions.append(message)


def payload(message: Message, ids: Mapping[str, str]) -> dict[str, Any]:
    """A message of the loop as the journal keeps it, with the registry's id of its model."""
    told = asdict(message)
    model = told.get("model")
    return told if model is None or model not in ids else {**told, "id": ids[model]}


def predicted(replies: Sequence[Reply], offset: int) -> list[tuple[Any, ...]]:
    """The predictions of a batch as the store keeps them: tuples like `Prediction`s."""
    return [
        (
            (asked := reply.asked).name, asked.at, asked.fired, reply.as_of, offset,
            reply.model.id, reply.prediction, reply.fallback, None, None, reply.vector,
        )
        for reply in replies
    ]  # fmt: skip
