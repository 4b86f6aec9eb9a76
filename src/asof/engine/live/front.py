"""The front of a running system: rows and requests are taken in, answers are given and recorded.

Everything here happens on the event loop's thread: what comes is taken in the order in which it
comes, each with a later stamp, and all that waits is answered in one turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec

from asof.compute.online.requests import Asked
from asof.compute.online.table import Taken, Values, picked
from asof.declare.kept import ALWAYS
from asof.engine.clock import Stamps
from asof.engine.live.answers import Answer, Receipt, Row, SetApart
from asof.engine.live.core import Core
from asof.engine.live.intake import Came, Good, Intake
from asof.engine.live.journalled import DECIDED, payload, predicted
from asof.engine.live.serving import Reply
from asof.engine.messages import Message
from asof.errors import (
    AsofError,
    DataRefused,
    NotReady,
    Overloaded,
    RequestRefused,
    StoreError,
    UsageError,
)
from asof.stores.encoded import encode
from asof.stores.live import LiveJournal
from asof.stores.predictions import PREDICTED, encode_predictions

ROWS = "rows_arrived"
_BEHIND = 60_000_000
"""Microseconds by which stamps may run ahead of a clock that fell back (LAW 1f)."""

_TURN = 32
"""Requests answered in one turn of the loop: enough to share its costs, a few milliseconds."""


@dataclass(slots=True, eq=False)
class Job:
    """Requests that came together, and who waits for their answers."""

    rows: Sequence[Row]
    explain: bool
    durable: bool
    future: asyncio.Future[list[Answer]]
    answers: dict[int, Answer] = field(default_factory=dict[int, Answer])

    def fail(self, error: Exception) -> None:
        """Tell who waits that there is no answer."""
        if not self.future.done():
            self.future.set_exception(error)


@dataclass
class Counts:
    """What came since the start."""

    rows: int = 0
    requests: int = 0
    answers: int = 0
    fallback: int = 0
    quarantined: int = 0
    refused: int = 0


class Front:
    """Takes rows and requests, and answers; the part of a running system that is all speed."""

    def __init__(
        self,
        core: Core,
        journal: LiveJournal,
        stamps: Stamps,
        *,
        queue: int,
        backlog: int,
        ids: Mapping[str, str],
    ) -> None:
        self.core = core
        self.counts = Counts()
        self._journal = journal
        self._stamps = stamps
        self._queue = queue
        self._backlog = backlog
        self._ids = ids
        self._doors = {name: Intake(table) for name, table in core.tables.items()}
        self._jobs: list[Job] = []
        self._loop = asyncio.get_running_loop()
        self._key_names = frozenset(core.asked.keys)
        columns = [spec.name for spec in core.asked.row.columns_]
        self._key = picked([columns.index(name) for name in core.asked.keys])
        self.sampled: Callable[[Sequence[Reply], int], None] | None = None

    # --- the log of the loop -------------------------------------------------------------------

    def append(self, message: Message) -> None:
        """Journal a message of the loop; answers are journalled with what they say."""
        kind = type(message).__name__
        if kind in DECIDED:
            self._journal.append(kind, self._stamps.next(), payload(message, self._ids))

    # --- requests ------------------------------------------------------------------------------

    def submit(self, rows: Sequence[Row], *, explain: bool, durable: bool) -> Job:
        """Let requests wait for the next turn of the loop.

        Raises:
            Overloaded: too many wait already.
            NotReady: nothing will be recorded any more.
        """
        self.require_whole()
        if len(self._jobs) >= self._queue:
            self.counts.refused += 1
            raise Overloaded(
                "Too many requests wait already.",
                found=f"{len(self._jobs):,} waiting",
                mend="Come again in a second, or start more servers.",
            )
        job = Job(rows, explain, durable, self._loop.create_future())
        self._jobs.append(job)
        self.counts.requests += len(rows)
        return job

    def held(self, rows: Sequence[Row], *, explain: bool, durable: bool) -> Job:
        """Requests that wait for their moment, in a rehearsal."""
        self.require_whole()
        self.counts.requests += len(rows)
        return Job(rows, explain, durable, self._loop.create_future())

    @property
    def waiting(self) -> int:
        """How many jobs wait for the next turn."""
        return len(self._jobs)

    def turn(self) -> None:
        """Answer what waits, as of now: as much as is quick, and at least one job.

        What comes meanwhile, and is perhaps to be turned away, must not wait for long.
        """
        rows = count = 0
        while count < len(self._jobs) and rows < _TURN:
            rows += len(self._jobs[count].rows)
            count += 1
        jobs, self._jobs = self._jobs[:count], self._jobs[count:]
        try:
            self._answer_all(jobs)
        except Exception as error:  # noqa: BLE001  whatever it is, it is told to who waits
            for job in jobs:
                job.fail(error)

    def _answer_all(self, jobs: Sequence[Job]) -> None:
        asked: list[Asked] = []
        kept: list[tuple[Job, int]] = []
        came: list[Good] = []
        keyed = [(job, keys) for job in jobs if (keys := self._keys_of(job, came)) is not None]
        if not keyed:
            return
        if came:
            self._hand_in(came)
        at = self._stamps.next()
        self.core.pass_timers(at)
        for job, keys in keyed:
            found = self.core.ask(keys, at)
            known = [one for one in found if one is not None]
            if len(known) < len(found):
                job.fail(unknown(self.core, keys[found.index(None)]))
                continue
            asked += known
            kept.append((job, len(known)))
        if asked:
            self._answer(asked, kept, at)

    def _answer(self, asked: Sequence[Asked], kept: Sequence[tuple[Job, int]], at: int) -> None:
        try:
            replies = self.core.answer(asked)
        except AsofError as error:
            self._answer_singly(asked, kept, at, error)
            return
        first = 0
        recorded, ages = self.recording, self.ages(replies[0].as_of)
        waiting: list[Job] = []
        for job, count in kept:
            for i, reply in enumerate(replies[first : first + count]):
                job.answers[i] = self.told(reply, ages, explain=job.explain, recorded=recorded)
            first += count
            waiting.append(job)
        self.record(replies, at, waiting)

    def _answer_singly(
        self, asked: Sequence[Asked], kept: Sequence[tuple[Job, int]], at: int, error: AsofError
    ) -> None:
        """Answer each job by itself: one that cannot be answered does not take the others along."""
        if len(kept) == 1:
            kept[0][0].fail(error)
            return
        first = 0
        for job, count in kept:
            self._answer(asked[first : first + count], [(job, count)], at)
            first += count

    def record(self, replies: Sequence[Reply], at: int, jobs: Sequence[Job]) -> None:
        """Journal answers, and give them to who waits: at once, or when they are durable."""
        before = self._journal.offset
        durable = [job for job in jobs if job.durable]

        def recorded(error: BaseException | None) -> None:
            for job in durable:
                if isinstance(error, AsofError):
                    job.fail(error)
                else:
                    finish(job)

        self._journal.append(
            PREDICTED,
            at,
            {"answers": len(replies)},
            encode_predictions(predicted(replies, before)),
            on_durable=recorded if durable else None,
        )
        self.counts.answers += len(replies)
        self.counts.fallback += sum(reply.fallback for reply in replies)
        for job in jobs:
            if not job.durable:
                finish(job)
        if self.sampled is not None:
            self.sampled(replies, before)

    @property
    def recording(self) -> bool:
        """Whether answers are being recorded."""
        return not self._journal.failing

    def ages(self, as_of: int) -> Mapping[str, float | None]:
        """By source the seconds since the newest row that features see became known."""
        return {
            name: None if newest is None or newest == ALWAYS else max(0, as_of - newest) / 1e6
            for name, newest in self.core.serving.features.newest().items()
        }

    def told(
        self, reply: Reply, ages: Mapping[str, float | None], *, explain: bool, recorded: bool
    ) -> Answer:
        """A reply as the door tells it."""
        names = self.core.serving.features.names
        return Answer(
            request=reply.asked.name,
            prediction=reply.prediction,
            model=reply.model.id,
            at=reply.asked.fired,
            as_of=reply.as_of,
            fallback=reply.fallback,
            recorded=recorded,
            ages=ages,
            features=dict(zip(names, reply.features, strict=True)) if explain else None,
        )

    def _keys_of(self, job: Job, came: list[Good]) -> list[Values] | None:
        """The keys that a job asks about; rows that are handed in go to `came`."""
        if job.future.done():  # the client has left
            return None
        keys: list[Values] = []
        new: list[Good] = []
        try:
            for row in job.rows:
                key, handed_in = self._asked_by(row)
                keys.append(key)
                if handed_in is not None:
                    new.append(handed_in)
        except AsofError as error:
            job.fail(_in_place(error, len(keys), len(job.rows)))
            return None
        came += new
        return keys

    def key_of(self, row: Row) -> Values:
        """The key that a request asks about; a row that is handed in is taken first.

        Raises:
            RequestRefused: the row breaks its contract, or names no key.
        """
        key, handed_in = self._asked_by(row)
        if handed_in is not None:
            self._hand_in([handed_in])
        return key

    def _hand_in(self, rows: Sequence[Good]) -> None:
        """Let rows that came with questions count, as one message."""
        placed = (
            rows if len(rows) == 1 else [row._replace(position=i) for i, row in enumerate(rows)]
        )
        self.apply(self.core.asked.name, Came(placed, ()), handed_in=True)

    def _asked_by(self, row: Row) -> tuple[Values, Good | None]:
        """The key that a request asks about, and its row where it says more than is known."""
        if len(row) == len(self._key_names) and row.keys() == self._key_names:
            return self._bare_key(row), None
        good = self._doors[self.core.asked.name].plain(row) or self._looked_at(row)
        key = self._key(good.values)
        return key, None if self.core.requests.table.row(key) == good.values else good

    def _looked_at(self, row: Row) -> Good:
        """The row of a request by the whole contract, which says what is wrong."""
        table = self.core.asked
        try:
            came = self._doors[table.name].look(row)
        except DataRefused as error:
            raise RequestRefused(
                error.what, found=error.found, mend=error.mend, where=error.where
            ) from error
        if came.aside:
            raise RequestRefused(
                f"The request breaks the contract of {table.row.__name__}.",
                found="; ".join(came.aside[0].reasons),
                mend="Send the row mended; its columns are in /openapi.json.",
                where=table.row.declared_,
            )
        return came.good[0]

    def _bare_key(self, row: Row) -> Values:
        key = self._doors[self.core.asked.name].key(row)
        if key is None:
            raise RequestRefused(
                f"The request names no key of {self.core.asked.name}.",
                found=", ".join(f"{name}={value!r}" for name, value in row.items()),
                mend="Give every column of the key a value of its type.",
                where=self.core.asked.row.declared_,
            )
        return key

    # --- rows ----------------------------------------------------------------------------------

    def door(self, source: str) -> Intake:
        """The door of a table.

        Raises:
            UsageError: there is no such table.
        """
        found = self._doors.get(source)
        if found is None:
            raise UsageError(
                f"There is no source '{source}'.",
                found=f"sources: {', '.join(sorted(self._doors))}",
                mend="Send rows to one of these.",
            )
        return found

    def require_whole(self) -> None:
        """Raise where the journal broke: no answer would ever be recorded (LAW 8b)."""
        broken = self._journal.broken
        if broken is not None:
            raise NotReady(broken.what, found=broken.found, mend=broken.mend)

    def require_room(self) -> None:
        """Raise where rows cannot be taken now: the journal fails or lies far behind."""
        self.require_whole()
        health = self._journal.health
        if health.failing:
            raise StoreError(
                "Rows cannot be made durable now.", found=health.failing,
                mend="Make room on the disk; what was acknowledged is safe.",
            )  # fmt: skip
        if health.backlog > self._backlog:
            self.counts.refused += 1
            raise Overloaded(
                "The journal lies behind.", found=f"{health.backlog:,} bytes wait to be written",
                mend="Come again in a second.",
            )  # fmt: skip
        if self._stamps.ahead() > _BEHIND:
            raise Overloaded(
                "The clock fell back, and stamps have run too far ahead of it.",
                found=f"{self._stamps.ahead() / 1e6:,.0f} s ahead",
                mend="Set the clock right, or wait until it has caught up.",
                retry_after=60,
            )

    def apply(
        self,
        source: str,
        came: Came,
        *,
        key: str | None = None,
        mark: str | None = None,
        handed_in: bool = False,
        on_durable: Callable[[BaseException | None], None] | None = None,
    ) -> int:
        """Journal the rows of a message and let them count; the message's offset.

        A row that is handed in with a question is known now, by whatever clock its times are.
        """
        stamp = self._stamps.next()
        accepted = self._stamps.accepted
        known = [accepted if handed_in else max(good.available, accepted) for good in came.good]
        content = encode(
            [
                (*good.values, at, good.available if good.available < at else None, good.withdrawn)
                for good, at in zip(came.good, known, strict=True)
            ],
            None if not came.aside else [good.position for good in came.good],
        )
        offset = self._journal.append(
            ROWS, stamp, counted(came, mark), content, source=source, key=key, aside=came.aside,
            on_durable=on_durable,
        )  # fmt: skip
        self.core.put(
            source,
            [
                Taken(at, offset, good.position, good.values, good.withdrawn)
                for good, at in zip(came.good, known, strict=True)
            ],
        )
        self.counts.rows += len(came.good) + len(came.aside)
        self.counts.quarantined += len(came.aside)
        return offset


def finish(job: Job) -> None:
    """Give a job's answers to who waits for them."""
    if not job.future.done():
        job.future.set_result([job.answers[i] for i in range(len(job.answers))])


def counted(came: Came, mark: str | None = None) -> dict[str, Any]:
    """What the journal keeps beside the rows of a message, for its receipt and for its repetition.

    `mark` is what the rows were, if they came under an idempotency key.
    """
    told: dict[str, Any] = {
        "rows": len(came.good) + len(came.aside),
        "quarantined": [[one.position, list(one.reasons)] for one in came.aside],
    }
    return told if mark is None else {**told, "mark": mark}


def marked(rows: Sequence[Row]) -> str:
    """What rows are as they were sent, in a few characters."""
    return blake2b(msgspec.json.encode(rows), digest_size=8).hexdigest()


def require_same(told: Mapping[str, Any], key: str, mark: str | None) -> None:
    """Raise where an idempotency key comes again with other rows: they would be lost silently."""
    if told.get("mark", mark) != mark:
        raise DataRefused(
            "The Idempotency-Key was used for other rows.",
            found=f"'{key[:40]}' came before with {int(told['rows']):,} rows that were not these",
            mend="Send other rows under a key of their own; the same rows again under the same.",
        )


def receipt(source: str, offset: int, told: Mapping[str, Any], *, repeated: bool) -> Receipt:
    """What the sender of rows is told."""
    return Receipt(
        source,
        offset,
        int(told["rows"]),
        tuple(SetApart(position, tuple(why)) for position, why in told["quarantined"]),
        repeated=repeated,
    )


def _in_place(error: AsofError, position: int, of: int) -> AsofError:
    """The same error, with the place of the request among those that came together."""
    if of == 1:
        return error
    found = f"request {position} of the body, counted from 0"
    return type(error)(
        error.what, found=f"{found}; {error.found}" if error.found else found, mend=error.mend
    )


def unknown(core: Core, key: Values) -> RequestRefused:
    """Why a key alone cannot be asked about: its row never came, or is not held any more."""
    named = ", ".join(f"{n}={v!r}" for n, v in zip(core.asked.keys, key, strict=False))
    if core.requests.has_fired(key):
        return RequestRefused(
            f"The row of {core.asked.name} with {named} is not held any more.",
            found="its label has long been known: the request is over",
            mend="Send the whole row with the request to ask about it again.",
        )
    return RequestRefused(
        f"No row of {core.asked.name} with {named} is known.",
        mend=f"Send the whole row with the request, or before it to /v1/events/{core.asked.name}.",
    )
