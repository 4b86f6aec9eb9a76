"""The last refresh that was ready when a request was asked (LAW 5a)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asof.compute.schedule import moments
from asof.declare.kept import ALWAYS
from asof.declare.policies import BatchFeatures, BatchPredictions

Times = NDArray[np.int64]

_LONGEST = 40 * 86_400_000_000
"""No schedule is longer than a month: so far back there is a refresh before any request."""


class Refreshes:
    """The refreshes of a serving mode; those that were looked up once are known.

    >>> import asof
    >>> nightly = Refreshes(asof.batch_features(asof.days(1), takes=asof.hours(2)))
    >>> day, hour = 86_400_000_000, 3_600_000_000
    >>> nightly.last(3 * day + hour) // day, nightly.last(3 * day + 2 * hour) // day
    (2, 3)
    """

    def __init__(self, serving: BatchFeatures | BatchPredictions) -> None:
        self._schedule = serving.schedule
        self._takes = serving.takes.microseconds
        self._known: Times = np.empty(0, dtype=np.int64)
        self._from = self._upto = 0

    def last(self, at: int) -> int:
        """The moment of the refresh that a request of a moment sees; `ALWAYS` where none was."""
        self._cover(at, at)
        place = int(np.searchsorted(self._known, at - self._takes, side="right")) - 1
        return int(self._known[place]) if place >= 0 else ALWAYS

    def each(self, at: Times) -> Times:
        """The same for many moments."""
        self._cover(int(at.min()), int(at.max()))
        last = np.searchsorted(self._known, at - self._takes, side="right") - 1
        return np.where(last >= 0, self._known[np.maximum(last, 0)], ALWAYS)

    def _cover(self, first: int, last: int) -> None:
        """Know all refreshes that requests from `first` to `last` may see."""
        if self._from <= first - _LONGEST and last < self._upto:
            return
        self._from, self._upto = first - 2 * _LONGEST, last + _LONGEST
        self._known = moments(self._schedule, self._from, self._upto)
