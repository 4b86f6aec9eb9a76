"""Fits and predictions that are kept by content: asked for again, they cost nothing.

A fit is named by everything that its bits hang on: estimator and parameters, features, training
rows, label, versions of the libraries. Studies that need many fits (policies, gaps, serving modes)
share them through here, and what was computed before an interruption is there afterwards.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import get_ident
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from asof.compute.effort import Unit
from asof.compute.estimator import Fitted, predict
from asof.compute.matrix import Matrix
from asof.declare.fingerprint import canonical
from asof.declare.metrics import Task
from asof.engine.fitting import fit_one, libraries
from asof.engine.history import History
from asof.engine.steps.train import Fit
from asof.engine.work import Work
from asof.stores.models import Model
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

    @property
    def unit(self) -> Unit:
        """What the fit is as a piece of work."""
        return Unit("fit", float(len(self.rows) * trees(self.model)))


def trees(model: Any) -> int:
    """How many trees an estimator, or a step of it, grows; 1 where it does not say.

    >>> from sklearn.ensemble import RandomForestClassifier
    >>> trees(RandomForestClassifier(n_estimators=50))
    50
    """
    said: Mapping[str, object] = model.get_params() if hasattr(model, "get_params") else {}
    found = (v for name, v in said.items() if name.rpartition("__")[2] == "n_estimators")
    return max([1, *(value for value in found if isinstance(value, int))])


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


_PREDICTION = 0.13
"""What a prediction costs in training rows, to tell what is begun first (LightGBM)."""


class KeptFits:
    """Fits and predictions of one store, kept by content.

    Fitted models go to the store's registry, predictions to files in `predictions/` beside it.
    What is done, and what was there already, is told to `work`.
    """

    def __init__(
        self, store: Store, *, workers: int | None = None, work: Work | None = None
    ) -> None:
        self._store = store
        self._folder = store.directory / "predictions"
        self._workers = workers or os.cpu_count() or 1
        self.work = Work() if work is None else work

    @cached_property
    def _models(self) -> dict[str, Model]:
        """The model of each fit that is kept."""
        models = self._store.models.list()
        return {str(model.metadata["fit"]): model for model in models if "fit" in model.metadata}

    def has(self, training: Training) -> bool:
        """Whether a fit is kept."""
        return training.key in self._models

    def took(self, training: Training) -> float | None:
        """CPU seconds that a kept fit took when it was made; None where nobody noted it."""
        model = self._models.get(training.key)
        seconds: object = None if model is None else model.metadata.get("cpu_seconds")
        return seconds if isinstance(seconds, float) else None

    def needed(self, asks: Sequence[Ask]) -> list[Unit]:
        """The work that the asks are: fits that are not kept, each once, and predictions."""
        fits: dict[str, Unit] = {}
        found: list[Unit] = []
        for ask in asks:
            if missing := self._missing(ask):
                found.append(Unit("predict", missing))
                if not self.has(ask.training):
                    fits[ask.training.key] = ask.training.unit
        return [*fits.values(), *found]

    def answers(self, asks: Sequence[Ask]) -> list[Answered]:
        """Answers to all asks, in their order; those that cost most are begun first.

        An estimator's failure is an answer. What is computed is kept at once.
        """
        from joblib import Parallel, delayed  # pyright: ignore[reportUnknownVariableType]
        from threadpoolctl import threadpool_limits

        weight = [self._weight(ask) for ask in asks]
        order = sorted(range(len(asks)), key=lambda i: -weight[i])
        job: Any = delayed(self._one)  # pyright: ignore[reportUnknownVariableType]
        with threadpool_limits(1):
            workers: Any = Parallel(
                n_jobs=self._workers, backend="threading", return_as="generator_unordered"
            )
            results: Any = workers(job(i, asks[i]) for i in order)
            answered = dict(cast("Iterator[tuple[int, Answered]]", results))
        return [answered[index] for index in range(len(asks))]

    def _missing(self, ask: Ask) -> int:
        """How many of the predictions that are asked for are not kept."""
        kept = self._kept(ask)
        return len(ask.positions) if kept is None else int(np.isnan(kept[ask.positions]).sum())

    def _weight(self, ask: Ask) -> float:
        """What an ask costs, in training rows or their worth."""
        missing = self._missing(ask)
        if not missing:
            return 0.0
        return _PREDICTION * missing + (0 if self.has(ask.training) else len(ask.training.rows))

    def _one(self, index: int, ask: Ask) -> tuple[int, Answered]:
        kept = self._kept(ask)
        if kept is None:
            kept = np.full(len(ask.asked.values), np.nan)
        missing = ask.positions[np.isnan(kept[ask.positions])]
        if not len(missing):
            self.work.kept(ask.training.key)
            return index, Answered(kept[ask.positions], 0.0, 0.0, False, 0)
        fitted, fit_cpu, failure = self._fitted(ask.training)
        if fitted is None:
            nothing = np.full(len(ask.positions), np.nan)
            return index, Answered(nothing, fit_cpu, 0.0, True, 0, failure)
        with self.work.doing(Unit("predict", len(missing))) as meter:
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
        if training.key in self._models:
            self.work.kept(training.key)
            return self._store.models.get(self._models[training.key].id)[0], 0.0, ""
        with self.work.doing(training.unit):
            found = fit_one(
                training.model,
                training.seen,
                training.rows,
                training.label,
                training.task,
                training.moment,
            )
        if found.fitted is not None:
            record = {
                "fit": training.key,
                "rows": len(training.rows),
                "name": "study",
                "cpu_seconds": found.cpu_seconds,
            }
            self._models[training.key] = self._store.models.put(
                found.fitted, moment=training.moment, metadata=record
            )
            self.work.fitted(training.key)
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
        part = path.with_suffix(f".{os.getpid()}.{get_ident()}.part")
        predictions.tofile(part)
        part.replace(path)
