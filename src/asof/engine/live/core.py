"""The running system without its doors: rows, requests, timers and models in, messages out.

It reads no clock and writes no disk: the same messages in give the same messages out, live, in a
rehearsal, and when a journal is run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from asof.compute.evaluate import TICK
from asof.compute.online.labels import OnlineLabels
from asof.compute.online.requests import Asked, OnlineRequests
from asof.compute.online.table import Taken, Values
from asof.compute.schedule import moments
from asof.declare.kept import ALWAYS
from asof.declare.schedules import AfterLabels, Periodic, Schedule, parts_of
from asof.declare.system import System
from asof.engine.live.journalled import Past
from asof.engine.live.outlook import Outlook
from asof.engine.live.serving import LiveServing, Reply, Served
from asof.engine.live.snapshot import Before, before
from asof.engine.loop import Log, Loop, Step
from asof.engine.messages import (
    Look,
    LookByHand,
    Message,
    Promoted,
    Trained,
    TrainingBegan,
    TrainingFailed,
)
from asof.engine.replay import ENOUGH
from asof.engine.state import State
from asof.engine.steps.decide import BY_HAND, RETRAIN, START, Decide
from asof.units import DAY, MINUTE

_AHEAD = (MINUTE, DAY, 40 * DAY)
"""So far ahead the next moment of a schedule is looked for: no schedule is longer."""


class Registry(Protocol):
    """Where fitted models are."""

    def served(self, name: str, since: int) -> Served:
        """The model of that name, ready to predict."""
        ...


@dataclass
class LiveClock:
    """The greatest moment that a message was about; looks may be taken up late (LAW 5c)."""

    at: int = -(2**63)

    def move(self, at: int) -> int:
        """Move on to a moment, never back."""
        self.at = max(self.at, at)
        return at


class Core:
    """A system as it runs. Moments are microseconds since 1970-01-01 UTC.

    `train` is told of each training that begins; what becomes of it comes back through `finish`.
    """

    def __init__(
        self,
        system: System[Any],
        log: Log,
        registry: Registry,
        train: Callable[[TrainingBegan], None],
    ) -> None:
        self.system = system
        self.tables = {table.name: table for table in system.tables}
        self.asked = system.asked
        self.serving = LiveServing(system, self.tables)
        self.requests = OnlineRequests(system)
        places = {spec.name: i for i, spec in enumerate(self.asked.row.columns_)}
        self.labels = OnlineLabels(system, self.tables, places | {TICK: len(places)})
        self._tells = self._told_by()
        self.outlook = Outlook(system)
        self._registry = registry
        self._train = train
        self._over: list[Asked] = []
        self._scheduled: dict[str, int] = {}
        self._decide = decide = Decide(system.retraining, self.labels, system.looks)
        self.clock = LiveClock()
        steps: list[Step] = [decide, self._looked, self._began, self._promoted]
        self.loop = Loop(steps, log, self.clock)
        self.start: int | None = None
        self._after_labels = any(isinstance(p, AfterLabels) for p in parts_of(system.retraining))

    def _told_by(self) -> list[int] | None:
        """Where the key of a request stands in the row that tells its label, and no other's."""
        if self.labels.names is None:
            return None
        columns = [spec.name for spec in self.labels.table.row.columns_]
        return [columns.index(own) for _, own in self.labels.names]

    # --- beginning -----------------------------------------------------------------------------

    def begin(
        self,
        stored: Mapping[str, pl.DataFrame],
        moment: int,
        *,
        life: Past | None = None,
        past: Before | None = None,
    ) -> None:
        """Begin as of a moment with the rows of all tables as the store keeps them.

        `life` is what was decided so far, if anything was, `past` what happened before the moment
        (default: what the rows say).
        """
        known = before(self.system, stored, moment) if past is None else past
        self.serving.begin(stored, moment)
        self.requests.begin(stored[self.asked.name], moment, known.fired)
        self.labels.begin(self._untold(stored, known), moment, known.ripe)
        self._expect(known.open)
        self.clock.move(moment)
        if life is not None:
            self._take_up(life)

    def _untold(self, stored: Mapping[str, pl.DataFrame], known: Before) -> dict[str, pl.DataFrame]:
        """The rows of all tables but for those that told a label which is known."""
        names, table = self.labels.names, self.labels.table.name
        if names is None:
            return dict(stored)
        own = [own for _, own in names]
        schema = pl.Schema({name: stored[table].schema[name] for name in own})
        open_ = pl.DataFrame([asked.key for asked in known.open], schema=schema, orient="row")
        fired = pl.DataFrame(known.fired.get_columns(), schema=own).cast(schema)
        told = fired.join(open_, on=own, how="anti")
        rest = stored[table].join(told, on=own, how="anti", maintain_order="left")
        return {**stored, table: rest}

    def _take_up(self, life: Past) -> None:
        """Go on where a life was left: looks that were missed are taken up late (LAW 5c)."""
        self.loop.state = life.state
        if life.start is None:
            return
        if START not in life.looked:
            self.begin_life(life.start)
            return
        self.start = life.start
        for kind in (RETRAIN, ""):
            self._schedule(life.looked.get(kind, life.start), kind)
        if isinstance(life.latest, Look | Trained | TrainingFailed):
            for reply in self._decide(life.state, life.latest):  # it was cut off from its message
                self.loop.put(reply)
        if life.twice is not None and self._after_labels:
            self.loop.put(Look(life.twice, ""))
        if life.again is not None and not isinstance(life.latest, Trained | TrainingFailed):
            grid = self.system.looks.microseconds
            self.loop.put(Look(-(-life.again // grid) * grid, ""))

    # --- what comes in -------------------------------------------------------------------------

    def put(self, table: str, rows: Sequence[Taken]) -> None:
        """Take rows of a table."""
        self.serving.put(table, rows)
        self.labels.put(table, self._telling(rows) if table == self.labels.table.name else rows)
        if table == self.asked.name:
            self.requests.put(rows)

    def _telling(self, rows: Sequence[Taken]) -> Sequence[Taken]:
        """The rows that may tell a label: of one that is known none is used any more (LAW 6a)."""
        tells = self._tells
        if tells is None:
            return rows
        over = self.requests.is_over
        return [row for row in rows if not over(tuple([row.values[i] for i in tells]))]

    def finish(self, message: Message) -> None:
        """Take what became of a training: `Trained` or `TrainingFailed`."""
        self.loop.put(message)

    def ask(self, keys: Sequence[Values], moment: int) -> list[Asked | None]:
        """The requests of some keys as asked at a moment; None where a key is not known."""
        due = {one.key: one for one in self.expect_due(moment + 1)}
        return [self._asked(key, moment, due.get(key)) for key in keys]

    def _asked(self, key: Values, moment: int, due: Asked | None) -> Asked | None:
        """A request as asked at a moment; one that has not fired yet does so by it (LAW 4b).

        `due` is the request itself where it has just fired.
        """
        if due is not None:
            return due if due.fired == moment else self.requests.again(due, moment)
        found = self.requests.ask(key, moment)
        if found is not None and self.requests.fire(key):
            self._expect([found])
        return found

    def _expect(self, asked: Sequence[Asked]) -> None:
        """Wait for the labels of requests."""
        self.requests.open(asked)
        self.labels.expect(asked)
        self.outlook.expect(asked)

    def expect_due(self, before: int) -> list[Asked]:
        """The requests that fire before a moment: their labels are waited for."""
        found = self.requests.due(before)
        if found:
            self._expect(found)
        self._learn(before)
        return found

    def _learn(self, at: int) -> None:
        """Take the labels that are known as of a moment."""
        self.labels.advance(at)
        if news := self.labels.news():
            self.outlook.told(news)
            self._over += [labelled.asked for labelled in news]

    def tidy(self) -> None:
        """Forget what no later question needs, of requests that are over: their labels are in.

        Not while some are being asked: what is handed in late is over as soon as it has fired.
        """
        for asked in self._over:
            self.requests.close(asked)
            self.labels.forget(asked)
        self._over = []
        self.requests.tidy()
        self.serving.tidy(self.clock.at)
        trained = self.loop.state.trained_at
        if not self._after_labels:
            self.labels.settle(self.clock.at)
        elif trained is not None:
            self.labels.settle(trained)

    def answer(self, asked: Sequence[Asked]) -> list[Reply]:
        """Answer requests by the model in service, after all that is due at their moment (2a)."""
        at = asked[-1].fired
        self.loop.run(at + 1)
        self.clock.move(at)
        replies = self.serving.answer(asked)
        self.outlook.answered(replies)
        return replies

    # --- time ----------------------------------------------------------------------------------

    @property
    def next_timer(self) -> int | None:
        """The next moment at which something is decided, if it is known."""
        due = self.loop.next_due
        if self.start is None and self._startable is not None:
            return self._startable if due is None else min(due, self._startable)
        return due

    @property
    def _startable(self) -> int | None:
        """The next look at which the life may begin."""
        grid = self.system.looks.microseconds
        return -(-self.clock.at // grid) * grid

    def take(self, due: int) -> None:
        """Take what is decided at a moment; requests that fire before it must have been taken."""
        self._learn(due)
        if self.start is None and due == self._startable:
            self.clock.move(due + 1)
            if self.labels.matured(due) >= ENOUGH:
                self.begin_life(due)
        self.loop.run(due + 1)

    def pass_timers(self, until: int) -> None:
        """Take what is decided up to a moment, included; it waits for nothing."""
        while (due := self.next_timer) is not None and due <= until:
            self.expect_due(due)
            self.take(due)

    def look_by_hand(self, at: int, reason: str) -> None:
        """Look as of a moment whether to train, for somebody asks for it: a decision like any.

        What is due by the moment must have been taken.
        """
        self.loop.put(LookByHand(at, BY_HAND, reason))
        self.pass_timers(at)

    def begin_life(self, at: int) -> None:
        """Train the first model as of a moment: the life begins (LAW 7c)."""
        self.start = at
        self.loop.put(Look(at, START))
        self._schedule(at, RETRAIN)
        self._schedule(at, "")

    def _schedule(self, after: int, kind: str) -> None:
        """Put the next look of a kind into the loop, if there is one."""
        if self.start is None:
            return
        if kind == RETRAIN:
            found = _following(self.system.retraining, after, self.start)
        elif self._after_labels:
            found = _following(Periodic(self.system.looks), after, 0)
        else:
            return
        if found is not None and found > self._scheduled.get(kind, ALWAYS):
            self._scheduled[kind] = found
            self.loop.put(Look(found, kind))

    # --- steps ---------------------------------------------------------------------------------

    def _looked(self, _state: State, message: Message) -> Iterable[Message]:
        """After a look comes the next of its kind."""
        if isinstance(message, Look) and message.scheduled in (RETRAIN, ""):
            self._schedule(message.at, message.scheduled)
        return ()

    def _began(self, _state: State, message: Message) -> Iterable[Message]:
        """A training that began is somebody else's work; its end comes through `finish`."""
        if isinstance(message, TrainingBegan):
            self._train(message)
        return ()

    def _promoted(self, _state: State, message: Message) -> Iterable[Message]:
        if isinstance(message, Promoted):
            self.serving.promote(self._registry.served(message.model, message.at))
        return ()


def _following(schedule: Schedule, after: int, anchor: int) -> int | None:
    """The first moment of a schedule after another, if a clock tells it."""
    for ahead in _AHEAD:
        found = moments(schedule, after + 1, after + ahead, anchor=anchor)
        if len(found):
            return int(found[0])
    return None
