"""The front of a running system: rows and requests are taken in, answers are given and recorded.

Everything here happens on the event loop's thread: what comes is taken in the order in which it
comes, each with a later stamp, and all that waits is answered in one turn.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from asof.compute.online.requests import Asked
from asof.compute.online.table import Taken, Values
from asof.declare.kept import ALWAYS
from asof.engine.clock import Stamps, elapsed
from asof.engine.live.answers import Answer, Row
from asof.engine.live.asking import Asking, Job, unknown
from asof.engine.live.core import Core
from asof.engine.live.intake import Came, Good, Intake
from asof.engine.live.journalled import payload, predicted
from asof.engine.live.receipts import counted
from asof.engine.live.serving import Reply
from asof.engine.messages import Message
from asof.errors import AsofError, NotReady, Overloaded, StoreError, UsageError
from asof.stores.encoded import encode
from asof.stores.live import LiveJournal
from asof.stores.predictions import PREDICTED, encode_predictions

ROWS = "rows_arrived"
_BEHIND = 60_000_000
"""Microseconds by which stamps may run ahead of a clock that fell back (LAW 1f)."""

_LAST = 10_000
"""Answers of which is remembered how far from their moment they were asked."""

_TURN = 64
"""Requests answered in one turn of the loop: enough to share its costs, a few milliseconds."""


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
        self.rows, self.aside = Counter[str](), Counter[str]()  # by source, since the start
        self.apart = deque[int](maxlen=_LAST)  # us between asking and the moment asked about (4b)
        self._journal = journal
        self._stamps = stamps
        self._queue = queue
        self._backlog = backlog
        self._ids = ids
        self._doors = {name: Intake(table) for name, table in core.tables.items()}
        self._jobs: list[Job] = []
        self._loop = asyncio.get_running_loop()
        self._asking = Asking(core.asked, self._doors[core.asked.name])
        self.sampled: Callable[[Sequence[Reply], int], None] | None = None

    # --- the log of the loop -------------------------------------------------------------------

    def append(self, message: Message) -> None:
        """Journal what the loop decided."""
        kind = type(message).__name__
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

    @property
    def waited(self) -> float:
        """Seconds for which the job has waited that is answered next; 0 where none waits."""
        return elapsed() - self._jobs[0].came if self._jobs else 0.0

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
        keyed: list[tuple[Job, list[Values]]] = []
        came: list[Good] = []
        for job in jobs:
            if job.future.done():  # the client has left
                continue
            try:
                keys, new = self._asking.read(job.rows, self.core.requests.table, len(came))
            except AsofError as error:
                job.fail(error)
                continue
            keyed.append((job, keys))
            came += new
        if not keyed:
            return
        if came:
            self._hand_in(came)
        at = self._stamps.next()
        self.core.pass_timers(at)
        asked, kept = self._known(keyed, at)
        if asked:
            self._answer(asked, kept, at)

    def _known(
        self, keyed: Sequence[tuple[Job, list[Values]]], at: int
    ) -> tuple[list[Asked], list[tuple[Job, int]]]:
        """The requests of jobs as asked at a moment, and how many each job has."""
        found = self.core.ask([key for _, keys in keyed for key in keys], at)
        asked: list[Asked] = []
        kept: list[tuple[Job, int]] = []
        first = 0
        for job, keys in keyed:
            mine = found[first : first + len(keys)]
            first += len(keys)
            known = [one for one in mine if one is not None]
            if len(known) < len(mine):
                job.fail(unknown(self.core, keys[mine.index(None)]))
                continue
            asked += known
            kept.append((job, len(known)))
        return asked, kept

    def _answer(self, asked: Sequence[Asked], kept: Sequence[tuple[Job, int]], at: int) -> None:
        try:
            replies = self.core.answer(asked)
        except AsofError as error:
            self._answer_singly(asked, kept, at, error)
            return
        first = 0
        recorded, ages = self.recording, self.ages(replies[0].as_of)
        given: list[tuple[Job, list[Answer]]] = []
        for job, count in kept:
            mine = replies[first : first + count]
            first += count
            told = [self.told(one, ages, explain=job.explain, recorded=recorded) for one in mine]
            given.append((job, told))
        self.record(replies, at, given)

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

    def record(
        self, replies: Sequence[Reply], at: int, given: Sequence[tuple[Job, Sequence[Answer]]]
    ) -> None:
        """Journal answers, and give them to who waits: at once, or when they are durable."""
        before = self._journal.offset
        durable = [one for one in given if one[0].durable]
        self._journal.append(
            PREDICTED,
            at,
            {"answers": len(replies)},
            encode_predictions(predicted(replies, before)),
            on_durable=_when_durable(durable) if durable else None,
        )
        self.counts.answers += len(replies)
        self.apart.extend([abs(reply.asked.fired - reply.asked.at) for reply in replies])
        self.counts.fallback += sum([reply.fallback for reply in replies])
        for job, answers in given:
            if not job.durable:
                job.finish(answers)
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
        asked = reply.asked
        features = None
        if explain:
            features = dict(zip(self.core.serving.features.names, reply.features, strict=True))
        return Answer(
            asked.name, reply.prediction, reply.model.id, asked.fired, reply.as_of,
            reply.fallback, recorded, ages, features,
        )  # fmt: skip

    def key_of(self, row: Row) -> Values:
        """The key that a request asks about; a row that is handed in is taken first.

        Raises:
            RequestRefused: the row breaks its contract, or names no key.
        """
        (key,), new = self._asking.read([row], self.core.requests.table)
        if new:
            self._hand_in(new)
        return key

    def _hand_in(self, rows: Sequence[Good]) -> None:
        """Let rows that came with questions count, as one message."""
        self.apply(self.core.asked.name, Came(rows, ()), handed_in=True)

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
            on_durable=on_durable, more=handed_in,
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
        self.rows[source] += len(came.good) + len(came.aside)
        self.aside[source] += len(came.aside)
        return offset


def _when_durable(
    given: Sequence[tuple[Job, Sequence[Answer]]],
) -> Callable[[BaseException | None], None]:
    """Give answers to who waits until they are recorded."""

    def recorded(error: BaseException | None) -> None:
        for job, answers in given:
            if isinstance(error, AsofError):
                job.fail(error)
            else:
                job.finish(answers)

    return recorded
