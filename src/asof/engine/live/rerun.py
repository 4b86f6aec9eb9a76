"""A life run again from its own journal: the same messages in must give the same messages out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asof.compute.online.features import taken_rows
from asof.compute.online.requests import Asked
from asof.compute.online.table import Taken, Values
from asof.declare.kept import RECORDED
from asof.declare.system import System
from asof.engine.live.core import Core
from asof.engine.live.inherited import inherited, ready_to_serve
from asof.engine.live.journalled import DECIDED, InLife, Past, message_of, payload
from asof.engine.live.serving import Served
from asof.engine.messages import (
    BEGAN,
    LookByHand,
    Message,
    PromotedByHand,
    Trained,
    TrainingBegan,
    TrainingFailed,
)
from asof.errors import UsageError
from asof.stores.journal import Message as Journalled
from asof.stores.store import Store

Answered = tuple[str, int, int, float, str, bool]
"""Of an answer: request, moment, moment of its features, prediction, model, fallback."""


@dataclass(frozen=True)
class Rerun:
    """Hashes of what a life said, in its journal and when it is run again from it."""

    journal: str
    again: str
    answers: int
    decisions: int
    first_difference: str = ""

    @property
    def equal(self) -> bool:
        """Whether the two are the same to the last bit."""
        return self.journal == self.again


class _Said:
    """What was said so far: its hash, and each thing for the first difference."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, what: Any) -> None:
        self.lines.append(json.dumps(what, sort_keys=True, default=str))

    @property
    def hash(self) -> str:
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()


def rerun(system: System[Any], store: Store) -> Rerun:
    """Run the life of a store again, from its beginning to the last message.

    Where the declaration was changed that is the life of the last one.

    Raises:
        UsageError: no life was lived on the store, or the last one by another declaration.
        StoreError: a table or a model is gone.
    """
    messages = store.journal.read(kinds=[BEGAN, *DECIDED])
    began = next((one for one in reversed(messages) if one.kind == BEGAN), None)
    if began is None:
        raise UsageError("No life was lived on this store.", mend="Start one: asof up SYSTEM")
    past = Past()
    for one in messages:
        if one.offset <= began.offset:
            past.take(one)
    if past.fingerprint != system.fingerprint:
        raise UsageError(
            "The life on this store is that of another declaration.",
            found=f"fingerprint {past.fingerprint}, this one's is {system.fingerprint}",
            mend="Run the one again that was lived by, or start this one: asof up SYSTEM",
        )
    later = [one for one in messages if one.offset > began.offset]
    return _Rerun(system, store, began, past).run(later)


class _Rerun:
    def __init__(self, system: System[Any], store: Store, began: Journalled, past: Past) -> None:
        self._system = system
        self._store = store
        self._began = began
        self._past = past
        self._then, self._now = _Said(), _Said()
        self._answers = self._decisions = 0
        self._keys: dict[str, Values] = {}
        self.core = Core(system, self, self, _ignored)
        self._rows = _rows_after(system, store, began.offset)
        self._predicted = _predictions_after(store, began.offset)

    # What the core is given.

    def append(self, message: Message) -> None:
        if type(message).__name__ in DECIDED:
            self._now.say(payload(message, self._past.ids))

    def served(self, name: str, since: int) -> Served:
        one = InLife(name, self._past.ids[name], since)
        return ready_to_serve(self._system, self._store, one)

    def run(self, messages: Sequence[Journalled]) -> Rerun:
        start = int(self._began.payload["start"])
        before = {
            name: self._store.rows(table, offset=self._began.offset)
            for name, table in self.core.tables.items()
        }
        self.core.begin(before, start, life=self._past)
        run = self.core.serving.as_of(start)
        for model in inherited(self._system, self._store, self._past.served, run).models:
            self.core.serving.promote(model)
        decided = {one.offset: one for one in messages if one.kind in DECIDED}
        # What was sealed and pruned is not in the journal any more; its offset is with its rows.
        for offset in sorted({*decided, *self._rows, *self._predicted}):
            if offset in decided:
                self._decided(decided[offset])
            elif offset in self._predicted:
                self._answered(self._predicted[offset])
            else:
                self._took(*self._rows[offset])
        difference = next(
            (
                f"{was} in the journal, {now} when run again"
                for was, now in zip(self._then.lines, self._now.lines, strict=False)
                if was != now
            ),
            "",
        )
        return Rerun(self._then.hash, self._now.hash, self._answers, self._decisions, difference)

    def _took(self, table: str, rows: Sequence[Taken]) -> None:
        self.core.put(table, rows)
        requests = self.core.requests
        if table == self.core.asked.name and not requests.ticking:
            for row in rows:
                key = requests.key_of(row.values)
                self._keys[requests.name(key)] = key

    def _decided(self, one: Journalled) -> None:
        self._past.take(one)
        message = message_of(one)
        self._then.say(dict(one.payload))
        self._decisions += 1
        if isinstance(message, PromotedByHand):  # while no server ran, looks were not taken either
            self.core.loop.take(message)
            return
        if isinstance(message, LookByHand):
            self.core.look_by_hand(message.at, message.reason)
            return
        if isinstance(message, Trained | TrainingFailed):
            self.core.expect_due(message.at)
            self.core.finish(message)
        self.core.pass_timers(message.at)

    def _answered(self, told: Sequence[Answered]) -> None:
        wanted = {name: fired for name, fired, *_ in told}
        fired = {one.name: one for one in self.core.expect_due(told[-1][1])}
        asked: list[Asked] = []
        for name, at in wanted.items():
            one = fired.get(name)
            if one is None or one.fired != at:
                one = self._asked(name, at)
            if one is not None:
                asked.append(one)
        for reply in self.core.answer(asked) if asked else ():
            self._now.say(
                [
                    reply.asked.name, reply.asked.fired, reply.as_of, reply.prediction.hex(),
                    reply.model.id, reply.fallback,
                ]
            )  # fmt: skip
        for name, at, as_of, prediction, model, fallback in told:
            self._then.say([name, at, as_of, prediction.hex(), model, fallback])
        self._answers += len(told)

    def _asked(self, name: str, at: int) -> Asked | None:
        """A request as asked at a moment; None where its row is not known: a full disk took it."""
        key = self._keys.get(name)
        if key is None:
            try:
                key = self.core.requests.named(name)
            except KeyError:
                return None
        return self.core.ask([key], at)[0]


def _ignored(_: TrainingBegan) -> None:
    """A fit that began is not made again: what became of it stands in the journal."""


def _rows_after(
    system: System[Any], store: Store, offset: int
) -> Mapping[int, tuple[str, list[Taken]]]:
    """By offset the rows of each message."""
    found: dict[int, tuple[str, list[Taken]]] = {}
    for table in system.tables:
        for row in taken_rows(table, store.rows(table, after=offset)):
            found.setdefault(row.recorded, (table.name, []))[1].append(row)
    return found


def _predictions_after(store: Store, offset: int) -> dict[int, list[Answered]]:
    """By offset the answers of each message."""
    found: dict[int, list[Answered]] = {}
    told = store.predictions(after=offset).select(
        RECORDED, "request", "fired", "as_of", "prediction", "model", "fallback"
    )
    for recorded, *answer in told.iter_rows():
        found.setdefault(recorded, []).append(tuple(answer))
    return found
