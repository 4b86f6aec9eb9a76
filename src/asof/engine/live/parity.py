"""Parity, checked as it runs: a sample of the vectors that were served is computed again in batch.

By construction the two are equal, for they are the same kernel over the same rows. What differs
is explained: rows that came after the answer and count from before it (arrival), or a fault.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from asof.compute.matrix import recode
from asof.compute.requests import Requests
from asof.engine.history import History
from asof.engine.live.child import Child, ChildFailed
from asof.engine.live.fit import Declared, live_history
from asof.engine.live.serving import Reply
from asof.engine.registry import fitted_for
from asof.errors import StoreError
from asof.stores.store import Store

_KEPT = 256
"""Vectors that wait for a check; the oldest give way."""


class Sample(NamedTuple):
    """An answer to be computed again."""

    request: str
    fired: int
    offset: int
    model: str
    vector: Sequence[float]


class Difference(NamedTuple):
    """A served value that a batch does not give: of which feature, and why."""

    request: str
    feature: str
    served: float
    computed: float
    why: str


class Parity:
    """Samples answers, and has them computed again in another process."""

    def __init__(self, declared: Declared, directory: Path, child: Child, every: int) -> None:
        self.checked = 0
        self.differing = 0
        self.why: Counter[str] = Counter()
        self.failed = ""
        self._declared = declared
        self._directory = directory
        self._child = child
        self._every = every
        self._seen = 0
        self._samples: deque[Sample] = deque(maxlen=_KEPT)
        self._last: deque[Difference] = deque(maxlen=20)

    def sample(self, replies: Sequence[Reply], offset: int) -> None:
        """Keep every so many of the answers."""
        for reply in replies[-self._seen % self._every :: self._every]:
            if not reply.fallback:
                self._samples.append(
                    Sample(
                        reply.asked.name, reply.asked.fired, offset, reply.model.id, reply.vector
                    )
                )
        self._seen += len(replies)

    async def check(self, durable: Callable[[], None]) -> None:
        """Compute again what was sampled since the last check.

        `durable` waits until all that came up to now is so: the other process sees nothing else,
        and would take what answers saw for what they could not see.
        """
        if not self._samples:
            return
        samples = list(self._samples)
        self._samples.clear()
        try:
            await asyncio.to_thread(durable)
        except StoreError as error:
            self.failed = f"{error.what} {error.found}"
            return
        try:
            found: list[Difference] = await self._child.run(
                computed_again, self._declared, self._directory, samples
            )
        except ChildFailed as error:
            self.failed = f"{error.what} {error.found}"
            return
        self.failed = ""
        self.checked += len(samples)
        self.differing += len({one.request for one in found})
        self.why.update(one.why for one in found)
        self._last.extend(found)

    def told(self) -> Mapping[str, Any]:
        """How many were checked, how many differ and why, and the last of them."""
        return {
            "checked": self.checked,
            "differing": self.differing,
            "why": dict(self.why),
            "failed": self.failed,
            "last": [one._asdict() for one in self._last],
        }


def computed_again(
    declared: Declared, directory: Path, samples: Sequence[Sample]
) -> list[Difference]:
    """The values of samples that a batch over the tables does not give."""
    system = declared()
    with Store(directory) as store:
        head = store.journal.head()
        until = max(sample.fired for sample in samples) + 1
        now = live_history(system, store, until=until, offset=head)
        found: list[Difference] = []
        for sample in samples:
            names, apart = _apart(store, now, sample)
            if not apart:
                continue
            then = live_history(system, store, until=until, offset=sample.offset)
            again = _apart(store, then, sample)[1]
            found += [
                Difference(
                    sample.request, names[i], served, value, "fault" if i in again else "arrival"
                )
                for i, (served, value) in apart.items()
            ]
    return found


def _apart(
    store: Store, history: History, sample: Sample
) -> tuple[tuple[str, ...], dict[int, tuple[float, float]]]:
    """By place the values served and computed that differ; all of them for an unknown request."""
    fitted, _ = fitted_for(history.system, store, sample.model)
    if sample.request not in history.places:
        return fitted.names, {0: (sample.vector[0], float("nan"))}
    one = history.requests.take(np.array([history.places[sample.request]]))
    asked = Requests(one.frame, one.keys, one.at, np.array([sample.fired]), one.moments)
    values = recode(history.seen(asked).matrix, fitted.categories)[0]
    served = np.array(sample.vector)
    differ = np.flatnonzero(~((values == served) | (np.isnan(values) & np.isnan(served))))
    return fitted.names, {int(i): (float(served[i]), float(values[i])) for i in differ}
