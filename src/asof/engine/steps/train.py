"""Train: fit a model on what was mature at its trigger; it is ready when it is said to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from asof.compute.estimator import Fitted
from asof.engine.messages import Message, Trained, TrainingBegan, TrainingFailed
from asof.engine.state import State
from asof.units import Duration


@dataclass(frozen=True)
class Fit:
    """What became of one training: a model, or why there is none. CPU in seconds."""

    trigger: int
    rows: int
    fitted: Fitted | None
    cpu_seconds: float
    reason: str = ""
    traceback: str = ""


class Trainer(Protocol):
    """Fits models as of a moment."""

    def fit(self, trigger: int) -> Fit:
        """Fit on the requests that were mature at `trigger`. A failure is an answer too."""
        ...


class Train:
    """Answers a training that began with the model, or with why there is none."""

    def __init__(self, trainer: Trainer, takes: Duration) -> None:
        self._trainer = trainer
        self._takes = takes.microseconds
        self.fits: dict[str, Fit] = {}

    def __call__(self, _state: State, message: Message) -> Iterator[Message]:
        """Answer `TrainingBegan`."""
        if not isinstance(message, TrainingBegan):
            return
        fit = self._trainer.fit(message.at)
        self.fits[message.model] = fit
        ready = message.at + self._takes
        if fit.fitted is None:
            yield TrainingFailed(ready, message.model, message.at, fit.reason, fit.traceback)
        else:
            yield Trained(ready, message.model, message.at, fit.rows)
