"""The fits of a running system: each in another process, and what became of it told to the loop."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from asof.engine.live.child import Child, Limits
from asof.engine.live.fit import Declared, FitAsked, FitDone, fit_as_of
from asof.engine.messages import TrainingBegan
from asof.errors import AsofError
from asof.stores.live import LiveJournal

Made = Callable[[TrainingBegan, str], Awaitable[None]]
"""Told of a model in the registry, before the end of its fit is."""
Ended = Callable[[TrainingBegan, FitDone], None]


class LiveFits:
    """Fits under way, of the declaration with a fingerprint.

    `takes` is the declared duration in microseconds (LAW 5c). `fitted` and `failed` count those
    that ended; `failing` says why the last of them failed, if it did.
    """

    def __init__(
        self,
        declared: Declared,
        directory: Path,
        limits: Limits,
        journal: LiveJournal,
        made: Made,
        ended: Ended,
        *,
        takes: int,
        fingerprint: str,
    ) -> None:
        self.fitted = self.failed = 0
        self.failing = ""
        self._declared = declared
        self._directory = directory
        self._journal = journal
        self._made = made
        self._ended = ended
        self._takes = takes
        self._fingerprint = fingerprint
        self._child = Child("fit", limits)
        self._under_way: dict[str, tuple[TrainingBegan, asyncio.Task[None]]] = {}

    def begin(self, began: TrainingBegan) -> None:
        """Fit as of a trigger, of what is journalled by now."""
        task = asyncio.get_running_loop().create_task(self._fit(began, self._journal.offset))
        self._under_way[began.model] = (began, task)

    async def _fit(self, began: TrainingBegan, offset: int) -> None:
        asked = FitAsked(began.model, began.at, offset, self._fingerprint)
        try:
            await asyncio.to_thread(self._journal.flush)
            done: FitDone = await self._child.run(fit_as_of, self._declared, self._directory, asked)
            if done.id is not None:
                await self._made(began, done.id)
        except AsofError as error:
            notes = "\n".join(getattr(error, "__notes__", []))
            done = FitDone(None, 0, 0.0, f"{error.what} {error.found}", notes)
        except Exception as error:  # noqa: BLE001  whatever it is, the decision says it
            told = f"{type(error).__name__}: {error}"
            done = FitDone(None, 0, 0.0, told, "".join(traceback.format_exception(error)))
        del self._under_way[began.model]
        self.fitted += done.id is not None
        self.failed += done.id is None
        self.failing = done.reason
        self._ended(began, done)

    @property
    def under_way(self) -> int:
        """How many are being fitted."""
        return len(self._under_way)

    def due(self) -> int | None:
        """When the first of those under way is due."""
        began = [began.at for began, _ in self._under_way.values()]
        return min(began) + self._takes if began else None

    async def finished(self) -> None:
        """Wait until the first of those under way has ended."""
        tasks = [task for _, task in self._under_way.values()]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    def cancel(self) -> None:
        """Wait for none of them any more; they are taken up at the next start."""
        for _, task in self._under_way.values():
            task.cancel()

    def close(self) -> None:
        """End the process."""
        self._child.close()
