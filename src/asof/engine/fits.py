"""Fits side by side: each a pure function of the history as of its trigger, one thread a fit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Self, cast

from asof.engine.fitting import fit_one
from asof.engine.history import History
from asof.engine.kept import KeptFits, Training, training
from asof.engine.steps.train import Fit


class Fits:
    """Fits as of triggers, some of which are known beforehand and then run side by side.

    Use it as a context manager: within it every library is held to one thread. With `kept` a fit
    that is kept already is not run again, and one that is run is kept.
    """

    def __init__(
        self, history: History, *, workers: int | None = None, kept: KeptFits | None = None
    ) -> None:
        self._history = history
        self._kept = kept
        self._workers = workers or os.cpu_count() or 1
        self._planned: list[int] = []
        self._running: Iterator[Fit] | None = None
        self._ready: dict[int, Fit] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        from threadpoolctl import threadpool_limits

        # One thread a fit, whatever library it calls: several threads in one cost more than they
        # bring, and one gives the same bits anywhere.
        self._stack.enter_context(threadpool_limits(1))
        return self

    def __exit__(self, *_: object) -> None:
        close = getattr(self._running, "close", None)
        if close is not None:  # fits that were planned and not taken up
            close()
        self._running = None
        self._stack.close()

    def plan(self, triggers: Sequence[int]) -> None:
        """Say which triggers will come, in their order."""
        self._planned = list(triggers)

    def fit(self, trigger: int) -> Fit:
        """The fit as of a trigger; a failure is an answer too."""
        if trigger not in self._ready and trigger in self._planned:
            self._collect(trigger)
        found = self._ready.pop(trigger, None)
        return self._alone(trigger) if found is None else found

    def _collect(self, trigger: int) -> None:
        if self._running is None:
            self._running = self._start()
        for found in self._running:
            self._ready[found.trigger] = found
            if found.trigger == trigger:
                return

    def _start(self) -> Iterator[Fit]:
        if self._workers == 1 or len(self._planned) == 1:
            return (self._alone(trigger) for trigger in self._planned)
        return self._side_by_side()

    def _alone(self, trigger: int) -> Fit:
        return self._run(training(self._history, trigger))

    def _run(self, asked: Training) -> Fit:
        if self._kept is not None:
            return self._kept.fit(asked)
        return fit_one(asked.model, asked.seen, asked.rows, asked.label, asked.task, asked.moment)

    def _side_by_side(self) -> Iterator[Fit]:
        """Threads share the features and start at once; compiled fits run without Python's lock."""
        from joblib import Parallel, delayed  # pyright: ignore[reportUnknownVariableType]

        workers: Any = Parallel(n_jobs=self._workers, backend="threading", return_as="generator")
        job: Any = delayed(self._run)  # pyright: ignore[reportUnknownVariableType]
        results: Any = workers(job(training(self._history, at)) for at in self._planned)
        return cast("Iterator[Fit]", results)
