"""How answers turn out: predictions joined with their labels as these become known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asof.compute.metric import metric
from asof.compute.online.labels import Labelled
from asof.compute.online.requests import Asked
from asof.declare.system import System
from asof.engine.live.serving import Reply
from asof.errors import MetricUndefined

LAST = 10_000
"""Labelled answers that the figure rests on."""


class Carried(NamedTuple):
    """What was answered before a start: by request where no label is known, and what was scored.

    `scored` holds labels, and the predictions beside them, the newest last.
    """

    given: Mapping[str, float]
    scored: NDArray[np.float64]


class Outlook:
    """The metric over the last answers whose label is known; the first answer is scored (4b)."""

    def __init__(self, system: System[Any]) -> None:
        self._metric = metric(system.measured)
        self._given: dict[str, float | None] = {}
        self._scored, self._count = np.empty((2, LAST)), 0
        self._figures: tuple[int, float | None, str] = (-1, None, "")
        self.labelled = 0
        self.never_came = 0
        self._held: list[Labelled] | None = None

    def hold(self) -> None:
        """Let labels wait: what was answered before the start is still being read."""
        self._held = []

    def take_up(self, carried: Carried) -> None:
        """Go on from what was answered and scored before the start."""
        self._count = count = min(carried.scored.shape[1], LAST)
        self._scored[:, :count] = carried.scored[:, -count:] if count else 0.0
        for name, prediction in carried.given.items():
            if name in self._given:  # before what was answered since: the first is scored
                self._given[name] = prediction
        held, self._held = self._held, None
        self.told(held or ())

    def expect(self, asked: Iterable[Asked]) -> None:
        """Labels are waited for."""
        for one in asked:
            self._given.setdefault(one.name)

    def answered(self, replies: Sequence[Reply]) -> None:
        """Remember answers until their labels are known; what is asked after that is not scored."""
        given = self._given
        for reply in replies:
            name = reply.asked.name
            if name in given and given[name] is None:
                given[name] = reply.prediction

    def told(self, news: Iterable[Labelled]) -> None:
        """Score the answers whose labels are known now."""
        if self._held is not None:
            self._held += news
            return
        for labelled in news:
            given = self._given.pop(labelled.asked.name, None)
            if labelled.value != labelled.value:  # NaN differs from itself
                self.never_came += 1
            else:
                self.labelled += 1
                if given is not None:
                    self._scored[:, self._count % LAST] = labelled.value, given
                    self._count += 1

    def figures(self) -> Mapping[str, Any]:
        """The figure and how many answers it rests on; null with the reason where there is none."""
        if self._figures[0] != self._count:
            self._figures = (self._count, *self._measured())
        _, value, why_none = self._figures
        return {
            "metric": self._metric.name, "value": value, "answers": min(self._count, LAST),
            "labelled": self.labelled, "never_came": self.never_came, "why_none": why_none,
        }  # fmt: skip

    def _measured(self) -> tuple[float | None, str]:
        labels, given = self._scored[:, : min(self._count, LAST)]
        try:
            return self._metric.value(labels, given), ""
        except MetricUndefined as error:
            return None, str(error)
