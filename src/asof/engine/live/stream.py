"""A rehearsal: the clock is the stream, which moves it tick by tick (LAW 8c).

Between two ticks rows and requests come in any order and over any number of connections. A tick
says how many have come before it, waits for them, and then everything up to it happens in order:
requests are answered at the moment at which their row fires, looks are taken, and a model that is
due is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from asof.compute.online.requests import Asked
from asof.compute.online.table import Values
from asof.engine.clock import StreamStamps
from asof.engine.live.answers import Answer
from asof.engine.live.asking import Job, unknown
from asof.engine.live.front import Front
from asof.errors import AsofError, UsageError


class Stream:
    """Drives a front by ticks.

    `due` gives the first moment at which a fit under way is due, `finished` waits for it.
    """

    def __init__(
        self,
        front: Front,
        stamps: StreamStamps,
        due: Callable[[], int | None],
        finished: Callable[[], Awaitable[None]],
    ) -> None:
        self._front = front
        self._stamps = stamps
        self._due = due
        self._finished = finished
        self._held: dict[Values, list[tuple[Job, int]]] = {}
        self._parts: dict[Job, dict[int, Answer]] = {}
        self._came = asyncio.Condition()
        self._ticking = asyncio.Lock()

    @property
    def at(self) -> int:
        """The moment at which the clock stands."""
        return self._stamps.tick

    async def came(self) -> None:
        """Tell a tick that waits that something came."""
        async with self._came:
            self._came.notify_all()

    def hold(self, job: Job, keys: Sequence[Values]) -> None:
        """Keep the requests of a job until their rows fire."""
        for i, key in enumerate(keys):
            self._held.setdefault(key, []).append((job, i))

    async def tick(self, at: int, *, rows: int, requests: int) -> None:
        """Move the clock to `at`, once so many rows and requests have come in all."""
        if at < self._stamps.tick:
            raise UsageError(
                "A tick is earlier than the one before it.", found=f"{at} < {self._stamps.tick}",
                mend="Ticks move on: send them in the order of their moments.",
            )  # fmt: skip
        async with self._ticking:
            counts = self._front.counts
            async with self._came:
                await self._came.wait_for(
                    lambda: counts.rows >= rows and counts.requests >= requests
                )
            await self._advance(at)
            self._stamps.tick = at
            self._left(at)
            self._front.core.tidy()

    async def _advance(self, at: int) -> None:
        core = self._front.core
        while True:
            timer, fitted = core.next_timer, self._due()
            coming = [moment for moment in (timer, fitted) if moment is not None and moment <= at]
            limit = min([at, *coming])
            self._answer(core.expect_due(limit))
            if not coming:
                return
            if fitted is not None and fitted == limit:
                await self._finished()
                continue
            core.take(limit)

    def _answer(self, asked: Sequence[Asked]) -> None:
        """Answer those of the requests that fired for which somebody waits."""
        first: dict[Values, Asked] = {}  # who waits hears of the first, should a row fire again
        for one in asked:
            if self._key(one) in self._held:
                first.setdefault(self._key(one), one)
        if first:
            self._reply(list(first.values()))

    def _key(self, asked: Asked) -> Values:
        """The key of the asked row, without the moment of a tick."""
        return asked.key[: len(self._front.core.asked.keys)]

    def _reply(self, wanted: Sequence[Asked]) -> None:
        waiting = [self._held.pop(self._key(one)) for one in wanted]
        try:
            replies = self._front.core.answer(wanted)
        except AsofError as error:
            for jobs in waiting:
                for job, _ in jobs:
                    self._fail(job, error)
            return
        whole: list[tuple[Job, list[Answer]]] = []
        recorded = self._front.recording
        for reply, jobs in zip(replies, waiting, strict=True):
            ages = self._front.ages(reply.as_of)
            for job, i in jobs:
                parts = self._parts.setdefault(job, {})
                parts[i] = self._front.told(reply, ages, explain=job.explain, recorded=recorded)
                if len(parts) == len(job.rows):
                    del self._parts[job]
                    whole.append((job, [parts[place] for place in range(len(parts))]))
        self._front.record(replies, self._stamps.next(), whole)

    def _left(self, at: int) -> None:
        """What is asked again is answered as of the tick; what nobody knows is refused."""
        core = self._front.core
        again: list[Asked] = []
        for key in [key for key in self._held if core.requests.has_fired(key)]:
            found = core.requests.ask(key, at)
            if found is not None:
                again.append(found)
        if again:
            self._reply(again)
        for key in [key for key in self._held if core.requests.table.row(key) is None]:
            for job, _ in self._held.pop(key):
                self._fail(job, unknown(core, key))

    def _fail(self, job: Job, error: AsofError) -> None:
        self._parts.pop(job, None)
        job.fail(error)
