"""What the loop knows between messages: a fold of the messages taken so far."""

from __future__ import annotations

from dataclasses import dataclass, replace

from asof.engine.messages import (
    Deferred,
    Message,
    Promoted,
    Trained,
    TrainingBegan,
    TrainingFailed,
)


@dataclass(frozen=True, slots=True)
class State:
    """The model in service, the training under way, and what waits for it.

    `trained_at` is the trigger of the last training that began, `training` that of the one under
    way. `begun` counts trainings.
    """

    serving: str | None = None
    training: int | None = None
    waiting: str | None = None
    trained_at: int | None = None
    begun: int = 0

    def after(self, message: Message) -> State:
        """The state after one more message."""
        match message:
            case TrainingBegan(at=at):
                return replace(self, training=at, trained_at=at, waiting=None, begun=self.begun + 1)
            case Trained() | TrainingFailed():
                return replace(self, training=None)
            case Deferred(reason=reason):
                return replace(self, waiting=reason)
            case Promoted(model=model):
                return replace(self, serving=model)
            case _:
                return self
