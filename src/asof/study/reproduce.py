"""Reproduce: ask the same question again, fit again, and compare (LAW 1d)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from asof.compute.estimator import Fitted, predict
from asof.declare.system import System
from asof.engine.fitting import fit_one
from asof.engine.history import History, history_of
from asof.errors import UsageError
from asof.stores.store import Store


@dataclass(frozen=True)
class Reproduced:
    """A model beside its second fit: equal means equal predictions, to the bit, on every request.

    `rows` are those of the training set, which is asked for again as of `trigger` and `offset`.
    `differing` counts the requests with another prediction, `largest` is the largest difference.
    """

    model: str
    name: str
    trigger: int
    offset: int
    rows: int
    requests: int
    differing: int
    largest: float
    reason: str = ""

    @property
    def equal(self) -> bool:
        """Whether the second fit is the same model."""
        return not self.reason and self.differing == 0

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {**asdict(self), "equal": self.equal}

    def words(self) -> str:
        """The finding in a sentence."""
        if self.reason:
            return f"{self.name} ({self.model}) could not be fitted again: {self.reason}"
        if self.equal:
            return (
                f"{self.name} ({self.model}) fitted again on the same {self.rows:,} rows gives "
                f"the same prediction for all {self.requests:,} requests."
            )
        return (
            f"{self.name} ({self.model}) fitted again differs on {self.differing:,} of "
            f"{self.requests:,} requests, by {self.largest:.3g} at most."
        )


def reproduce(system: System[Any], store: Store, identity: str) -> Reproduced:
    """Fit a registered model again from the tables as they were, and compare it.

    Raises:
        UsageError: there is no such model, or it is another declaration's.
    """
    fitted, record = store.models.get(identity, fingerprint=system.fingerprint)
    kept = dict(record.metadata)
    if kept.get("fingerprint") != system.fingerprint:
        raise UsageError(
            f"Model {record.id} was fitted for another declaration.",
            found=f"{kept.get('fingerprint', 'a study')}, this system is {system.fingerprint}",
            mend="Name the variant that it belongs to (FILE:NAME), or restore the declaration.",
        )
    history = history_of(system, store, offset=int(kept["offset"]))
    rows = history.training_rows(record.moment)
    again = fit_one(
        system.model,
        history.training.matrix,
        rows,
        history.outcomes.value[rows],
        system.task,
        record.moment,
    )
    told = (record.id, str(kept["name"]), record.moment, int(kept["offset"]), len(rows))
    if again.fitted is None:
        return Reproduced(*told, 0, 0, 0.0, again.reason)
    return Reproduced(*told, *_compared(fitted, again.fitted, history))


def _compared(first: Fitted, second: Fitted, history: History) -> tuple[int, int, float]:
    """Requests, how many are answered differently, and the largest difference."""
    asked = history.serving.matrix
    apart = np.abs(predict(first, asked) - predict(second, asked))
    return len(apart), int((apart != 0).sum()), float(apart.max(initial=0.0))
