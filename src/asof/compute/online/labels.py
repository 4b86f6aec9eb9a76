"""Labels as they become known: what became of each request, as of its due time (LAW 6)."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.online.features import OnlineFeatures
from asof.compute.online.requests import Asked
from asof.compute.online.table import Taken
from asof.compute.outcomes import looked_back
from asof.compute.scalar import compiled
from asof.declare.expressions import Column, Expression
from asof.declare.labels import Label
from asof.declare.sources import Ticks
from asof.declare.system import System
from asof.declare.tables import Table
from asof.declare.windows import Aggregate, Lookup


class Labelled(NamedTuple):
    """A request whose label is known, or known to have never come (NaN), and since when."""

    asked: Asked
    value: float
    ripe: int


class OnlineLabels:
    """The labels of requests, each taken when it is due."""

    def __init__(
        self, system: System[Any], tables: Mapping[str, Table[Any]], places: Mapping[str, int]
    ) -> None:
        label = system.label
        self._happens = label.happens
        self._wait = None if label.constant_wait is None else label.constant_wait.microseconds
        self._due = None if label.due is None else compiled([("due", label.due)], places)
        self._seen = OnlineFeatures(
            [("label", _fact(label))],
            tables,
            system.asked.name,
            ticks=isinstance(system.requests, Ticks),
        )
        self.table = label.joined.table
        self._names = None if isinstance(system.requests, Ticks) else _only_one(label, system)
        self._pending: list[tuple[int, int, Asked]] = []
        self._put = 0
        self._settled = 0
        self._ripe: list[int] = []
        self._moment: int | None = None
        self._news: list[Labelled] = []

    def begin(
        self, stored: Mapping[str, pl.DataFrame], moment: int, ripe: NDArray[np.int64]
    ) -> None:
        """Begin as of a moment; `ripe` says since when the labels known before it are known."""
        self._pending, self._ripe, self._moment = [], ripe.tolist(), moment
        self._settled = 0
        self._seen.load(stored, moment)

    def put(self, table: str, rows: Iterable[Taken]) -> None:
        """Take rows of a table, if labels are told by it."""
        self._seen.put(table, rows)

    def expect(self, asked: Iterable[Asked]) -> None:
        """Wait for the labels of requests."""
        for one in asked:
            self._put += 1
            heapq.heappush(self._pending, (self._due_of(one), self._put, one))

    def _due_of(self, asked: Asked) -> int:
        if self._wait is not None:
            return asked.at + self._wait
        if self._due is None:
            raise TypeError("a label without a wait has a due time")
        return int(self._due(asked.row)[0])

    @property
    def next_due(self) -> int | None:
        """The first moment as of which another request is mature."""
        return self._pending[0][0] + 1 if self._pending else None

    def advance(self, moment: int) -> None:
        """Take the labels of the requests that are mature as of a moment, in order of due times.

        What is due before it was asked is looked up when it was asked.
        """
        while self._pending and self._pending[0][0] < moment:
            due, _, asked = heapq.heappop(self._pending)
            # Available at the due time counts (6a): a view sees what is before its moment.
            at = due + 1 if self._moment is None else max(due + 1, self._moment)
            self._moment = at
            value = self._value(self._seen.ask([asked.row], [at])[0][0])
            ripe = max(asked.fired, due)
            if not math.isnan(value):
                insort(self._ripe, ripe)
            self._news.append(Labelled(asked, value, ripe))

    def news(self) -> list[Labelled]:
        """What became known since this was last asked."""
        found, self._news = self._news, []
        return found

    def _value(self, told: Any) -> float:
        if told is None:
            return math.nan
        return float(told > 0) if self._happens else float(told)

    def matured(self, at: int) -> int:
        """How many requests have a label that is mature as of a moment, none that is settled."""
        self.advance(at)
        return self._settled + bisect_left(self._ripe, at)

    def settle(self, moment: int) -> None:
        """Keep of what was mature as of a moment the number alone; none earlier is asked about."""
        count = bisect_left(self._ripe, moment)
        self._settled += count
        del self._ripe[:count]

    @property
    def names(self) -> Sequence[tuple[str, str]] | None:
        """Columns of the request's key and those that equal them in the row that tells its label.

        In the order of the request's key; None where a row may tell the label of several requests.
        """
        return self._names

    def forget(self, asked: Asked) -> None:
        """Forget the row that told the label of a request, if it tells no other's."""
        if self._names is not None:
            told = dict(zip([own for _, own in self._names], asked.key, strict=True))
            self._seen.tables[self.table.name].drop(tuple([told[n] for n in self.table.keys]))

    @property
    def waiting(self) -> int:
        """How many requests wait for their label."""
        return len(self._pending)


def _only_one(label: Label[Any], system: System[Any]) -> list[tuple[str, str]] | None:
    """See `OnlineLabels.names`."""
    pairs = [(each.name, own) for own, each in label.joined.pairs if isinstance(each, Column)]
    told = dict(pairs)
    if label.span is not None or len(pairs) != len(label.joined.pairs):
        return None
    keys = system.asked.keys
    return [(key, told[key]) for key in keys] if sorted(told) == sorted(keys) else None


def _fact(label: Label[Any]) -> Expression[Any, Any]:
    """The label as a fact about the requested row, seen from just after its due time."""
    if label.span is None:
        return Lookup(label.joined, label.value)
    if not isinstance(label.value, Aggregate) or label.constant_wait is None:
        raise TypeError("a label of a window is an aggregate with a wait")
    return looked_back(label.value, label.constant_wait)
