"""A system that runs: front, fits, sealing and checks around one core, by one clock."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from asof.compute.online.features import taken_rows
from asof.compute.schedule import microseconds
from asof.declare.system import System
from asof.engine.clock import RealStamps, Stamps, StreamStamps, elapsed, now
from asof.engine.live.answers import Answer, Begun, Figure, Receipt, Release, Row
from asof.engine.live.by_hand import train
from asof.engine.live.carried import carried
from asof.engine.live.child import Child, Limits
from asof.engine.live.core import Core
from asof.engine.live.figures import figures
from asof.engine.live.fit import Declared, FitDone
from asof.engine.live.fits import LiveFits
from asof.engine.live.front import Front
from asof.engine.live.inherited import Kept, inherited, kept, ready_to_serve
from asof.engine.live.journalled import DECIDED, InLife, Past
from asof.engine.live.parity import Parity
from asof.engine.live.releasing import Releasing
from asof.engine.live.sealing import Sealing
from asof.engine.live.serving import Served
from asof.engine.live.settings import Settings
from asof.engine.live.snapshot import before, read_before
from asof.engine.live.stream import Stream
from asof.engine.live.taking import Taking
from asof.engine.live.telling import Beside, Telling, waits_for
from asof.engine.live.watch import LOG, Watch
from asof.engine.messages import BEGAN, Look, Message, Trained, TrainingBegan, TrainingFailed
from asof.engine.replay import ENOUGH
from asof.engine.service import ByHand, to_promote, to_roll_back
from asof.engine.steps.decide import START
from asof.errors import StoreError, UsageError
from asof.stores.live import LiveJournal
from asof.stores.records import LIVE_FROM
from asof.stores.store import Store

_LOOK = 0.2
"""Seconds between looks at the time and the journal: a failure lasts longer than that."""

_MUCH, _WORK, _BREATH = 128, 0.004, 0.0008
"""While more bodies than that wait: seconds of answering at a stretch, and of the pause after."""


Why = Callable[[str, str], Mapping[str, Any]]
"""Explains a feature of a request from the store."""


class Running:
    """A running system; see `asof.engine.live.answers.Live`, whose terms it keeps."""

    def __init__(
        self,
        system: System[Any],
        declared: Declared,
        store: Store,
        journal: LiveJournal,
        settings: Settings,
        why: Why,
    ) -> None:
        self.system = system
        self._why = why
        self._declared = declared
        self._store = store
        self._journal = journal
        self._settings = settings
        self._past = Past.of(store.journal)
        self._stamps = self._new_stamps()
        self._ids = self._past.ids
        self._loaded: dict[str, Served] = {}
        self._unfit = self._strange = self._ended = ""
        self._told_of: list[Message] = []
        self._tasks: set[asyncio.Task[None]] = set()
        limits = Limits(settings.fit_seconds, settings.fit_memory)
        self._fits = LiveFits(
            declared, store.directory, limits, journal, self._made, self._fit_ended,
            takes=system.training_takes.microseconds, fingerprint=system.fingerprint,
        )  # fmt: skip
        self._sealer = Child("sealing", Limits(3600.0, settings.fit_memory))
        self._parity = Parity(declared, store.directory, self._sealer, settings.check_every)
        self._sealing = Sealing(declared, store.directory, self._sealer, journal)
        self._reload = False
        self.core = self._new_core()
        self.front = Front(
            self.core, journal, self._stamps,
            queue=settings.queue, backlog=settings.backlog, ids=self._ids,
        )  # fmt: skip
        self.front.sampled = self._parity.sample
        self._taking = Taking(self.front, journal, self._refused)
        self._releasing = Releasing(store, self.front, journal, self._stamps, self._refused)
        self._stream = (
            Stream(self.front, self._stamps, self._fits.due, self._fits.finished)
            if isinstance(self._stamps, StreamStamps)
            else None
        )
        self._turning = False
        self._watch = Watch()
        beside = Beside(self._parity, self._sealing, self._fits)
        self._telling = Telling(
            system, self.front, journal, self._stamps, self._past, beside, store
        )
        self._pause, self._breathed = threading.Event(), 0.0

    # --- beginning and end ---------------------------------------------------------------------

    def _new_stamps(self) -> Stamps:
        last, stream = self._past.last, self._settings.stream
        if stream is None:
            return RealStamps(last)
        return StreamStamps(max(last, stream), max(last, stream))

    def _new_core(self) -> Core:
        return Core(self.system, self, self, self._fits.begin)

    def begin(self) -> None:
        """Take up the life where the journal left it; nothing is lost that was acknowledged."""
        past, at = self._past, self._now()
        self._store.records.fix(LIVE_FROM, at)
        run = self.core.serving.as_of(at)
        with ThreadPoolExecutor(1) as beside:  # models are made ready meanwhile
            reading = beside.submit(kept, self.system, self._store)
            found = inherited(self.system, self._store, past.served, run)
            snapshot = reading.result()
        self._unfit, self._strange = found.damaged, found.strange
        for model in found.models:
            self.core.serving.promote(model)
        if past.start is not None and past.fingerprint != self.system.fingerprint:
            # Another declaration is another life: it begins with a training of its own.
            self._note_start(max(at, past.last))
        self._read(at, snapshot)
        if past.state.training is not None:
            trigger = past.state.training
            self._fits.begin(TrainingBegan(trigger, f"m{past.state.begun}", "taken up again"))
        if past.start is None:
            self._begin_at_once(at)
        self._run(self._keep_time())
        self._run(self._keep_sealing())

    def _read(self, at: int, since: Kept | None) -> None:
        """Build the state from a snapshot and what came since, or from all tables."""
        past = self._past
        core = self.core
        core.outlook.hold()
        self._run(self._carry(core, since))
        if since is None:
            stored = {name: self._store.rows(table) for name, table in core.tables.items()}
            ahead = self._store.predictions(at=at)  # what was asked before its moment has fired
            core.begin(stored, at, life=past, past=before(self.system, stored, at, ahead))
            return
        found = since.snapshot
        core.begin(
            {name: found.frames[f"rows.{name}"] for name in core.tables},
            int(found.facts["moment"]),
            life=past,
            past=read_before(self.system, found.frames),
        )
        for name in since.later:
            table = core.tables[name]
            core.put(name, taken_rows(table, self._store.rows(table, after=found.offset)))
        core.expect_due(at)

    async def _carry(self, core: Core, since: Kept | None) -> None:
        """Let the score go on where it was; answers do not wait for it."""
        found = None if since is None else since.snapshot
        core.outlook.take_up(await asyncio.to_thread(carried, self.system, self._store, found))

    def _begin_at_once(self, at: int) -> None:
        """Begin the life as declared; where nothing is, now if history has labels enough.

        The look at which it could have begun (LAW 7c) has passed before the server was there.
        """
        start = self.system.start
        if start is not None:
            self._begin_life(max(at, microseconds(start)))
        elif self._stream is None and self.core.labels.matured(at) >= ENOUGH:
            self._begin_life(at)

    def _begin_life(self, at: int) -> None:
        self._note_start(at)
        self.core.begin_life(at)

    def _note_start(self, at: int) -> None:
        model = self.core.serving.model
        told = {
            "start": at,
            "fingerprint": self.system.fingerprint,
            "serving": None if model is None else model.name,
        }
        self._past.began(told)
        self.core.loop.state = self._past.state
        self._journal.append(BEGAN, self._stamps.next(), told)

    def _refused(self) -> None:
        """Rows that are not durable must not count: build the state anew when there is room."""
        self._reload = True

    def _rebuild(self) -> None:
        """Build the state anew from what is durable: rows that were refused must not count."""
        try:
            self._journal.flush()
        except StoreError:
            return  # it fails again; the next look comes back to it
        self._reload = False
        models = self.core.serving.models
        self.core = self.front.core = self._new_core()
        self._read(self._stamps.next(), kept(self.system, self._store))
        for model in models:
            self.core.serving.promote(model)
        for message in self._told_of:
            self.core.finish(message)

    async def close(self) -> None:
        """End: what waits is answered and written, a fit is taken up at the next start."""
        for task in self._tasks:
            task.cancel()
        self._fits.cancel()
        while self.front.waiting:
            self.front.turn()
        await asyncio.to_thread(self._fits.close)
        await asyncio.to_thread(self._sealer.close)

    def _now(self) -> int:
        stamps = self._stamps
        if isinstance(stamps, RealStamps):
            return max(now(), stamps.last)  # where the clock fell back stamps run ahead of it
        return max(stamps.last, stamps.accepted)

    def _run(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._has_ended)

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        """What keeps time, or seals, never ends by itself: if it does, that is told."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("a part of the server has ended", exc_info=error)
            self._ended = f"{type(error).__name__}: {error}"

    # --- what the core is given ----------------------------------------------------------------

    def append(self, message: Message) -> None:
        """Journal a message of the loop (the log of the core); answers are journalled as such."""
        if type(message).__name__ not in DECIDED:
            return
        if isinstance(message, Look) and message.scheduled == START and self._past.start is None:
            self._note_start(message.at)
        if message in self._told_of:
            self._told_of.remove(message)
        self.front.append(message)
        self._past.decided(message)
        self._watch.decided(message, self._ids)

    def served(self, name: str, since: int) -> Served:
        """The model of a name of this life, ready to predict (the registry of the core)."""
        found = self._loaded.pop(name, None)
        model = replace(self._serve(name) if found is None else found, since=since)
        self._unfit = ""  # what could not be served has a successor
        return model

    def _serve(self, name: str) -> Served:
        return ready_to_serve(self.system, self._store, InLife(name, self._ids[name], 0))

    # --- fits ----------------------------------------------------------------------------------

    async def _made(self, began: TrainingBegan, identity: str) -> None:
        """A fit is in the registry: have it ready for its promotion."""
        self._ids[began.model] = identity
        self._loaded[began.model] = await asyncio.to_thread(self._serve, began.model)

    def _fit_ended(self, began: TrainingBegan, done: FitDone) -> None:
        ready = began.at + self.system.training_takes.microseconds
        # Later than every request that the model before it has answered.
        at = ready if self._stream is not None else max(self._stamps.next(), ready)
        message: Message = (
            TrainingFailed(at, began.model, began.at, done.reason, done.traceback)
            if done.id is None
            else Trained(at, began.model, began.at, done.rows)
        )
        self._told_of.append(message)
        self.core.finish(message)
        if self._stream is None and at > self._now():
            self._watch.fitted(began.model, done.reason, at)
        if self._stream is None and self._journal.broken is None:
            self.core.pass_timers(self._now())

    # --- time ----------------------------------------------------------------------------------

    async def _keep_time(self) -> None:
        """Take what is decided when its time comes, asked or not."""
        while self._stream is None:
            due = self.core.next_timer
            wait = _LOOK if due is None else min(_LOOK, max(0.0, (due - self._now()) / 1e6))
            await asyncio.sleep(max(wait, 0.001))
            if self._journal.broken is not None:
                self._watch.looked(self.ready(), self._stamps)
                return  # nothing is decided that is not recorded; readiness says so
            if (due := self.core.next_timer) is not None and due <= self._now():
                self.core.pass_timers(self._now())
            self.core.expect_due(self._now())
            self.core.tidy()
            self._watch.looked(self.ready(), self._stamps)
            if self._journal.health.failing:
                self._reload = True  # rows that came with requests may have been refused too
            elif self._reload:
                self._rebuild()

    async def _keep_sealing(self) -> None:
        """Move the journal into the tables, take snapshots, and check parity, again and again."""
        while True:
            await asyncio.sleep(self._settings.seal_every)
            await self._sealing.seal()
            self._watch.sealed(self._sealing.failed)
            await self._parity.check(self._journal.flush)
            self._watch.checked(self._parity)

    # --- the doors -----------------------------------------------------------------------------

    async def predict(
        self,
        rows: Sequence[Row],
        *,
        explain: bool = False,
        durable: bool = False,
        alone: bool = False,
    ) -> Sequence[Answer]:
        """Answer requests; see `Live.predict`."""
        if self._stream is not None:
            return await self._predict_in_stream(rows, explain=explain, durable=durable)
        job = self.front.submit(rows, explain=explain, durable=durable)
        if alone:
            self.front.turn()
        elif not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._turn)
        return await job.future

    @property
    def waited(self) -> float:
        """How long what is answered next has waited; see `Live.waited`."""
        return self.front.waited

    def _turn(self) -> None:
        self.front.turn()
        self._turning = self.front.waiting > 0
        if self._turning:
            self._breathe()
            asyncio.get_running_loop().call_soon(self._turn)

    def _breathe(self) -> None:
        """Let the thread that reads the network have Python now and then while much waits.

        It needs it for every request that comes, also for those that are turned away.
        """
        if self.front.waiting > _MUCH and elapsed() - self._breathed > _WORK:
            self._pause.wait(_BREATH)
            self._breathed = elapsed()

    async def _predict_in_stream(
        self, rows: Sequence[Row], *, explain: bool, durable: bool
    ) -> Sequence[Answer]:
        if self._stream is None:
            raise TypeError("no stream")
        job = self.front.held(rows, explain=explain, durable=durable)
        self._stream.hold(job, [self.front.key_of(row) for row in rows])
        await self._stream.came()
        return await job.future

    async def take(self, source: str, rows: Sequence[Row], *, key: str | None = None) -> Receipt:
        """Take rows of a source; see `Live.take`."""
        found = await self._taking.take(source, rows, key=key)
        if self._stream is not None:
            await self._stream.came()
        return found

    async def release(self, row: str, mended: Mapping[str, Any]) -> Release:
        """Take a row out of quarantine; see `Live.release`."""
        return await self._releasing.release(row, mended)

    async def tick(self, at: int, *, rows: int, requests: int) -> None:
        """Move a rehearsal's clock; see `Live.tick`."""
        if self._stream is None:
            raise UsageError(
                "The system runs by the real clock, which nobody moves.",
                mend="Start it with --rehearsal to move its clock.",
            )
        if self.core.start is None:
            self._begin_life(self._stream.at)
        await self._stream.tick(at, rows=rows, requests=requests)

    async def why(self, request: str, feature: str) -> Mapping[str, Any]:
        """The rows that a feature saw; see `Live.why`."""
        await asyncio.to_thread(self._journal.flush)
        return await asyncio.to_thread(self._why, request, feature)

    async def train(self, reason: str) -> Begun:
        """Begin to fit a model on what is mature now; see `Live.train`."""
        self.front.require_whole()
        # A rehearsal's moment is its tick: what is asked at it is asked after it (LAW 2a, 8c).
        at = self._stamps.next() if self._stream is None else self._stream.at
        return train(self.core, at, reason)

    async def settled(self) -> None:
        """Take what is due by now, and wait until no model is being fitted."""
        self.core.pass_timers(self._now())
        while self.core.loop.state.training is not None:
            self.front.require_whole()
            await asyncio.sleep(_LOOK)

    async def promote(self, model: str, reason: str) -> None:
        """Put a model of the registry into service by hand; nothing if it is there already."""
        decided = await asyncio.to_thread(to_promote, self._store, self.system, model, reason)
        serving = self.core.serving.model
        if serving is None or serving.id != decided.record.id:
            await self._by_hand(decided)

    async def rollback(self, reason: str) -> None:
        """Put the model that served before into service again."""
        await asyncio.to_thread(self._journal.flush)
        await self._by_hand(await asyncio.to_thread(to_roll_back, self._store, self.system, reason))

    async def _by_hand(self, decided: ByHand) -> None:
        self.front.require_whole()
        name = decided.named(self._ids)
        self._ids[name] = decided.record.id
        self._loaded[name] = await asyncio.to_thread(self._serve, name)
        at = self._stamps.next()
        self.core.finish(decided.message(at, name))
        self.core.pass_timers(at)

    # --- what is told --------------------------------------------------------------------------

    def ready(self) -> tuple[bool, str]:
        """Whether requests are answered and recorded; see `Live.ready`."""
        if self._unfit or self._ended:
            return False, self._unfit or self._ended
        if (broken := self._journal.broken) is not None:
            return False, f"requests are not answered: {broken}"
        if self.core.serving.model is None:
            why = self._strange or waits_for(self.core)
            return False, f"no model is in service yet: {why}"
        if failing := self._journal.health.failing:
            return False, f"answers are not recorded: {failing}"
        return True, ""

    def status(self) -> Mapping[str, Any]:
        """How the system does, in figures; see `Live.status`."""
        return self._telling.status(self.ready(), at=self._now())

    def figures(self) -> Sequence[Figure]:
        """What only the engine can count; see `Live.figures`."""
        return figures(self.status())

    def decisions(self, *, last: int = 100) -> Sequence[Mapping[str, Any]]:
        """The last decisions, oldest first."""
        return self._telling.decisions(last)


@contextlib.asynccontextmanager
async def running(
    system: System[Any], declared: Declared, directory: Path, settings: Settings, why: Why
) -> AsyncGenerator[Running]:
    """Run a system on its stores until the block ends.

    Raises:
        StoreError: another server runs on the stores, or they cannot be written.
    """
    loop = asyncio.get_running_loop()
    with (
        Store(directory) as store,
        store.live(
            system.tables,
            address=settings.address,
            started=now(),
            elapsed=elapsed,
            within=settings.within,
            call=loop.call_soon_threadsafe,
        ) as journal,
    ):
        live = Running(system, declared, store, journal, settings, why)
        live.begin()
        try:
            yield live
        finally:
            await live.close()
            await asyncio.to_thread(journal.flush)
