"""Decide: at looks whether to train, at a finished training whether to promote (LAW 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from asof.declare.schedules import AfterLabels, Never, Schedule, parts_of
from asof.engine.messages import (
    Deferred,
    Look,
    LookByHand,
    Message,
    Promoted,
    Trained,
    TrainingBegan,
    TrainingFailed,
)
from asof.engine.state import State
from asof.units import Duration

START = "start"
RETRAIN = "retraining"
BY_HAND = "by hand"


class Labels(Protocol):
    """What a decision may know of labels as of a moment."""

    def matured(self, at: int) -> int:
        """How many requests have a label that is mature as of `at`."""
        ...


class Decide:
    """Trains when the declared policy asks for it and promotes what was trained."""

    def __init__(self, retraining: Schedule, labels: Labels, grid: Duration) -> None:
        self._after = [p.labels for p in parts_of(retraining) if isinstance(p, AfterLabels)]
        self._retrains = not isinstance(retraining, Never)
        self._labels = labels
        self._grid = grid.microseconds

    def __call__(self, state: State, message: Message) -> Iterator[Message]:
        """Answer looks and finished trainings."""
        if isinstance(message, Look):
            yield from self._look(state, message)
        elif isinstance(message, Trained | TrainingFailed):
            if isinstance(message, Trained):
                yield Promoted(message.at, message.model, _promoted(state))
            if state.waiting is not None:
                yield Look(-(-message.at // self._grid) * self._grid, "")

    def _look(self, state: State, look: Look) -> Iterator[Message]:
        reason = self._reason(state, look)
        if reason is None:
            return
        if state.training is not None:
            if state.waiting is None:
                yield Deferred(look.at, reason)
            return
        yield TrainingBegan(look.at, f"m{state.begun + 1}", reason)

    def _reason(self, state: State, look: Look) -> str | None:
        """Why to train at a look, or None."""
        if isinstance(look, LookByHand):
            return look.reason
        if look.scheduled == START:
            return "the life starts" if state.begun == 0 else "the declaration is another now"
        if state.begun == 0:
            return None
        if state.waiting is not None and state.training is None:
            return f"{state.waiting}, taken up after the training before"
        if not self._retrains:
            return None
        if look.scheduled == RETRAIN:
            return "scheduled"
        return self._enough(state, look)

    def _enough(self, state: State, look: Look) -> str | None:
        if not self._after or state.trained_at is None:
            return None
        new = self._labels.matured(look.at) - self._labels.matured(state.trained_at)
        wanted = min(self._after)
        return f"{new:,} new labels, {wanted:,} asked for" if new >= wanted else None


def _promoted(state: State) -> str:
    return "the first model" if state.serving is None else "promoted as declared: at once"
