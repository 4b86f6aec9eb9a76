"""Fits and predictions that are kept by content: asked for again, they cost nothing.

A fit is named by everything that its bits hang on: estimator and parameters, features, training
rows, label, versions of the libraries. Studies that need many fits (policies, gaps, serving modes)
share them through here, and what was computed before an interruption is there afterwards.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from asof.compute.estimator import Fitted, predict
from asof.compute.matrix import Matrix
from asof.declare.fingerprint import canonical
from asof.declare.metrics import Task
from asof.engine.clock import CpuMeter
from asof.engine.fitting import fit_one, libraries
from asof.engine.history import History
from asof.engine.steps.train import Fit
from asof.stores.store import Store

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Training:
    """What a model is fitted on: rows of `seen`, in their order, with their labels."""

    model: Any
    seen: Matrix
    rows: Positions
    label: Floats
    task: Task
    moment: int = 0

    @cached_property
    def key(self) -> str:
        """Names the fit by its content."""
        told = hashlib.blake2b(digest_size=16)
        told.update(canonical(self.model).encode())
        told.update(repr((self.task, self.seen.digest, libraries(self.model))).encode())
        told.update(np.ascontiguousarray(self.rows).data)
        told.update(np.ascontiguousarray(self.label).data)
        return told.hexdigest()


def training(history: History, moment: int) -> Training:
    """What a life trains on as of a moment."""
    rows = history.training_rows(moment)
    system = history.system
    return Training(
        system.model,
        history.training.matrix,
        rows,
        history.outcomes.value[rows],
        system.task,
        moment,
    )


@dataclass(frozen=True)
class Ask:
    """Predictions wanted of a model: for rows `positions` of `asked`."""

    training: Training
    asked: Matrix
    positions: Positions


@dataclass(frozen=True)
class Answered:
    """Predictions in the order of the positions, or why there are none.

    `fit_cpu` and `predict_cpu` are the seconds that it took now: 0 for what was kept.
    """

    predictions: Floats
    fit_cpu: float
    predict_cpu: float
    fitted_now: bool
    predicted_now: int
    failure: str = ""


Progress = Callable[[float, float], None]
"""Called with the work done and all the work, in training rows or their worth in predictions."""

_PREDICTION = 0.13
"""What a prediction costs in training rows, for estimates of the time left (LightGBM)."""


class KeptFits:
    """Fits and predictions of one store, kept by content.

    Fitted models go to the store's registry, predictions to files in `predictions/` beside it.
    """

    def __init__(self, store: Store, *, workers: int | None = None) -> None:
        self._store = store
        self._folder = store.directory / "predictions"
        self._workers = workers or os.cpu_count() or 1

    def answers(self, asks: Sequence[Ask], progress: Progress | None = None) -> list[Answered]:
        """Answers to all asks, in their order; those that cost most are begun first.

        An estimator's failure is an answer. What is computed is kept at once.
        """
        from joblib import Parallel, delayed  # pyright: ignore[reportUnknownVariableType]
        from threadpoolctl import threadpool_limits

        known = {model.metadata.get("fit") for model in self._store.models.list()}
        work = [self._work(ask, known) for ask in asks]
        order = sorted(range(len(asks)), key=lambda i: -work[i])
        answered: dict[int, Answered] = {}
        done = 0.0
        job: Any = delayed(self._one)  # pyright: ignore[reportUnknownVariableType]
        with threadpool_limits(1):
            workers: Any = Parallel(
                n_jobs=self._workers, backend="threading", return_as="generator_unordered"
            )
            results: Any = workers(job(i, asks[i]) for i in order)
            for index, found in cast("Iterator[tuple[int, Answered]]", results):
                answered[index] = found
                done += work[index]
                if progress is not None:
                    progress(done, sum(work))
        return [answered[index] for index in range(len(asks))]

    def _work(self, ask: Ask, known: set[Any]) -> float:
        kept = self._kept(ask)
        missing = len(ask.positions) if kept is None else int(np.isnan(kept[ask.positions]).sum())
        if not missing:
            return 0.0
        fit = 0 if ask.training.key in known else len(ask.training.rows)
        return fit + _PREDICTION * missing

    def _one(self, index: int, ask: Ask) -> tuple[int, Answered]:
        kept = self._kept(ask)
        if kept is None:
            kept = np.full(len(ask.asked.values), np.nan)
        missing = ask.positions[np.isnan(kept[ask.positions])]
        if not len(missing):
            return index, Answered(kept[ask.positions], 0.0, 0.0, False, 0)
        fitted, fit_cpu, failure = self._fitted(ask.training)
        if fitted is None:
            nothing = np.full(len(ask.positions), np.nan)
            return index, Answered(nothing, fit_cpu, 0.0, True, 0, failure)
        meter = CpuMeter(of_thread=True)
        with meter.measured():
            kept[missing] = predict(fitted, ask.asked.take(missing))
        self._keep(ask, kept)
        fresh = fit_cpu > 0
        return index, Answered(kept[ask.positions], fit_cpu, meter.seconds, fresh, len(missing))

    def fit(self, training: Training) -> Fit:
        """The fit of a training, 0 CPU seconds if it was kept; a failure is an answer too."""
        fitted, cpu_seconds, reason = self._fitted(training)
        return Fit(training.moment, len(training.rows), fitted, cpu_seconds, reason)

    def _fitted(self, training: Training) -> tuple[Fitted | None, float, str]:
        """The model, the CPU seconds that it took now, and why there is none."""
        for model in self._store.models.list():
            if model.metadata.get("fit") == training.key:
                return self._store.models.get(model.id)[0], 0.0, ""
        found = fit_one(
            training.model,
            training.seen,
            training.rows,
            training.label,
            training.task,
            training.moment,
        )
        if found.fitted is not None:
            record = {"fit": training.key, "rows": len(training.rows), "name": "study"}
            self._store.models.put(found.fitted, moment=training.moment, metadata=record)
        return found.fitted, found.cpu_seconds, found.reason

    def _path(self, ask: Ask) -> Path:
        return self._folder / f"{ask.training.key}-{ask.asked.digest}.f64"

    def _kept(self, ask: Ask) -> Floats | None:
        path = self._path(ask)
        # Plain doubles: NumPy's own format is read through Python's parser, which threads upset.
        kept = np.fromfile(path, dtype=np.float64) if path.exists() else None
        return kept if kept is not None and len(kept) == len(ask.asked.values) else None

    def _keep(self, ask: Ask, predictions: Floats) -> None:
        path = self._path(ask)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        predictions.tofile(part)
        part.replace(path)
