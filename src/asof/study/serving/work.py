"""How much work the replays of all modes are, and how much of it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asof.compute.schedule import moments
from asof.declare.system import System
from asof.engine.history import History
from asof.engine.kept import Progress
from asof.study.serving.modes import Mode

REQUEST = 0.33
"""What features and answer of a request cost in training rows (LightGBM, 87 features)."""


@dataclass
class Work:
    """Tells what is done, in training rows or their worth, mode after mode.

    `shared` of the `modes`, the last ones, take the fits of others. `fits` is what the fits of a
    mode cost, in the order of their triggers, `answers` what all its features and answers do. Once
    the fits of a mode were all kept from before, those of the modes to come are taken to be.
    """

    modes: int
    fits: list[float]
    answers: float
    progress: Progress | None
    shared: int = 0
    _done: float = 0.0
    _ahead: int = field(init=False)
    _kept: bool = False

    def __post_init__(self) -> None:
        self._ahead = self.modes

    def within(self, done: int, _planned: int, _moment: int) -> None:
        """So many fits of the mode in hand are done."""
        if not self._kept and self._ahead > self.shared:
            self._tell(sum(self.fits[:done]) + 0.5 * self.answers)

    def over(self, *, reused: bool) -> None:
        """The mode in hand is done; all its fits were kept from before, or not."""
        self._kept = reused
        self._done += self.answers + (0.0 if reused else sum(self.fits))
        self._ahead -= 1
        self._tell(0.0)

    def _tell(self, now: float) -> None:
        if self.progress is None:
            return
        anew = 0 if self._kept else max(0, self._ahead - self.shared)
        total = self._done + self._ahead * self.answers + anew * sum(self.fits)
        self.progress(min(self._done + now, total), total)


def work(
    system: System[Any],
    ground: History,
    start: int,
    modes: Sequence[Mode],
    progress: Progress | None,
) -> Work:
    """The work of replaying the modes of a life; one trained fresh takes the fits of online."""
    stop = int(ground.requests.fired[-1]) + 1
    length = system.train.length.microseconds if system.train.length is not None else None
    triggers = [start, *moments(system.retraining, start + 1, stop, anchor=start)]
    fits = [
        float(len(ground.outcomes.labelled(int(at), None if length is None else int(at) - length)))
        for at in triggers
    ]
    shared = sum(mode.kind == "skewed" for mode in modes)
    return Work(len(modes), fits, float(np.ceil(REQUEST * len(ground))), progress, shared)
