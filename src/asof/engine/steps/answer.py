"""Answer: each request by the model in service, or by the declared fallback (LAW 5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from asof.compute.estimator import Fitted, predict
from asof.compute.matrix import Matrix
from asof.engine.clock import CpuMeter
from asof.engine.messages import Message, Predicted, Promoted, Requested
from asof.engine.state import State
from asof.engine.steps.train import Fit

Floats = NDArray[np.float64]

BLOCK = 1024
"""Estimators are always asked about so many rows, the last block filled up with its last row.

Linear algebra rounds the last bit of a row by how many rows come with it, and whether it is one of
the odd ones at the end; an answer may not depend on how requests are cut into messages. In blocks
of one size, a multiple of every processor's vector, a row gives the same bits at any place.
"""


class Asked(Protocol):
    """The requests, as far as they have to be answered."""

    def __len__(self) -> int:
        """How many requests there are."""
        ...

    def features(self, first: int, last: int) -> Matrix:
        """Features of the requests `first` to `last`, as serving sees them."""
        ...

    def covered(self, first: int, last: int) -> NDArray[np.bool_]:
        """Which of them serving can know: the others get the fallback."""
        ...

    def predicted_at(self, first: int, last: int) -> NDArray[np.int64] | None:
        """The moments of the runs that predicted them; None where each is predicted when asked."""
        ...


class Answer:
    """Predicts batches of requests and keeps the predictions, in the order of the requests.

    `predictions` is NaN for requests that were never answered, `models` -1 for them.
    """

    def __init__(self, asked: Asked, fits: Mapping[str, Fit], otherwise: float | None) -> None:
        self._asked = asked
        self._fits = fits
        self._otherwise = otherwise
        self.predictions: Floats = np.full(len(asked), np.nan)
        self.models: NDArray[np.int32] = np.full(len(asked), -1, dtype=np.int32)
        self.fallback: NDArray[np.bool_] = np.zeros(len(asked), dtype=np.bool_)
        self.meter = CpuMeter(of_thread=True)
        self._promoted: list[tuple[int, str]] = []

    def __call__(self, state: State, message: Message) -> Iterator[Message]:
        """Answer `Requested`; remember which model was in service when."""
        if isinstance(message, Promoted):
            self._promoted.append((message.at, message.model))
        elif isinstance(message, Requested) and state.serving is not None:
            for first, last, model in self._stretches(message):
                yield self._answered(message.at, first, last, model)

    def _stretches(self, asked: Requested) -> Iterator[tuple[int, int, str]]:
        """Requests and the model that answers them: that of their run, or the one in service.

        Those of a run before the first model have no prediction; its model stands for the mean.
        """
        runs = self._asked.predicted_at(asked.first, asked.last)
        if runs is None:
            yield asked.first, asked.last, self._promoted[-1][1]
            return
        since = np.array([at for at, _ in self._promoted], dtype=np.int64)
        serving = np.searchsorted(since, runs, side="right") - 1
        edges = [0, *(np.flatnonzero(np.diff(serving)) + 1).tolist(), len(serving)]
        for first, last in pairwise(edges):
            number = int(serving[first])
            if number < 0:
                self.fallback[asked.first + first : asked.first + last] = True
            yield asked.first + first, asked.first + last, self._promoted[max(number, 0)][1]

    def _answered(self, at: int, first: int, last: int, model: str) -> Predicted:
        fitted = self._fits[model].fitted
        if fitted is None:
            raise TypeError(f"{model} was promoted without having been fitted")
        covered = self._asked.covered(first, last) & ~self.fallback[first:last]
        with self.meter.measured():
            self.predictions[first:last] = self._predict(fitted, first, last, covered)
        self.models[first:last] = int(model[1:])
        self.fallback[first:last] = ~covered
        return Predicted(at, first, last, model, int((~covered).sum()))

    def _predict(self, fitted: Fitted, first: int, last: int, covered: NDArray[np.bool_]) -> Floats:
        otherwise = fitted.training_mean if self._otherwise is None else self._otherwise
        found = np.full(last - first, otherwise, dtype=np.float64)
        features = self._asked.features(first, last)
        rows = np.flatnonzero(covered)
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            filled = np.pad(part, (0, BLOCK - len(part)), mode="edge")
            found[part] = predict(fitted, features.take(filled))[: len(part)]
        return found
