"""A table as rows come: which version of each key is visible, told as rows shown and withdrawn.

A version becomes two deltas, withdraw the old and show the new (LAW 2b), in the order of
(availability, recorded, position). What says the same as the version before it is no version.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Protocol

import msgspec

from asof.compute.table import Versions
from asof.declare.rows import time_of
from asof.declare.sources import Source
from asof.declare.tables import Table

Values = tuple[Any, ...]
"""A row: the values of the declared columns in their order; moments are microseconds, null None."""

_LEAST = 4096
"""Fewer rows are kept as they are, whether anything can see them or not."""


def picked(places: Sequence[int]) -> Callable[[Values], Values]:
    """What takes the values at some places out of a row, as a row.

    >>> picked([2, 0])(("a", "b", "c")), picked([1])(("a", "b", "c")), picked([])(("a",))
    (('c', 'a'), ('b',), ())
    """
    if len(places) > 1:
        return itemgetter(*places)
    if not places:
        return lambda _: ()
    only = places[0]
    return lambda values: (values[only],)


class Taken(msgspec.Struct, frozen=True, order=True):
    """A row as it was taken; sorts in the order of 2b."""

    available_at: int
    recorded: int
    position: int
    values: Values
    withdrawn: bool = False


class Shown(Protocol):
    """Something that looks at the visible rows of a table."""

    @property
    def reach(self) -> int | None:
        """How far back in event time it looks, in microseconds; None for any distance."""
        ...

    def load(self, found: Versions, moment: int) -> None:
        """Begin with these visible versions; the identity of each is its place among them."""
        ...

    def show(self, identity: int, values: Values, known_from: int) -> None:
        """A row is visible after `known_from`."""
        ...

    def withdraw(self, identity: int, values: Values, moment: int) -> None:
        """A row that was shown is not visible after `moment`."""
        ...


class OnlineTable:
    """The visible versions of a table as of a moment that only moves on.

    >>> import asof
    >>> class Sensor(asof.Row):
    ...     name: asof.Key[str]
    ...     value: asof.Col[float]
    ...     read_at: asof.Time
    >>> table = OnlineTable(asof.source(Sensor), ())
    >>> table.put([Taken(10, 1, 0, ("a", 5.0, 8)), Taken(20, 2, 0, ("a", 7.0, 8))])
    >>> [(at, table.advance(at).row(("a",))) for at in (10, 20, 21)]
    [(10, None), (20, ('a', 5.0, 8)), (21, ('a', 7.0, 8))]
    """

    def __init__(self, table: Table[Any], looked_at_by: Sequence[Shown]) -> None:
        names = [spec.name for spec in table.row.columns_]
        time = time_of(table.row)
        # What is said again at another moment is not another version: when is not what.
        when = table.available if isinstance(table, Source) else None
        self.table = table
        self.newest: int | None = None
        self._keys = [names.index(name) for name in table.keys]
        self._key = picked(self._keys)
        self._content = [
            i
            for i, name in enumerate(names)
            if name not in table.keys and (name != when or name == time)
        ]
        self._time = None if time is None else names.index(time)
        self._looked_at_by = tuple(looked_at_by)
        self._current: dict[Values, tuple[int, Values]] = {}
        self._coming: list[Taken] = []
        self._shown = 0
        self._prune_at = _LEAST

    @property
    def reach(self) -> int | None:
        """How far back anything looks at its rows; None for any distance."""
        reaches = [one.reach for one in self._looked_at_by]
        known = [reach for reach in reaches if reach is not None]
        return max(known) if reaches and len(known) == len(reaches) else None

    def put(self, rows: Iterable[Taken]) -> None:
        """Take rows; each counts from the first moment after its availability."""
        for row in rows:
            heapq.heappush(self._coming, row)

    @property
    def next_change(self) -> int | None:
        """The availability of the next row that waits, if any."""
        return self._coming[0].available_at if self._coming else None

    def advance(self, moment: int) -> OnlineTable:
        """Move on to what is visible as of a moment: rows available before it."""
        coming = self._coming
        while coming and coming[0].available_at < moment:
            self._apply(heapq.heappop(coming))
        return self

    def step(self) -> None:
        """Apply the next row that waits, and no more."""
        self._apply(heapq.heappop(self._coming))

    def forget(self, key: Values) -> None:
        """Let a key be unknown, where nothing looks at its rows any more."""
        self._current.pop(key, None)

    def drop(self, key: Values) -> None:
        """Let a key be unknown to all that looks at its rows."""
        known = self._current.pop(key, None)
        if known is not None:
            for one in self._looked_at_by:
                one.withdraw(*known, self.newest or 0)

    def thin(self, holds: Callable[[Values], bool]) -> None:
        """Forget the rows of which something does not hold, once they may be many.

        Only where nothing looks at its rows.
        """
        if len(self._current) > self._prune_at:
            self._current = {key: known for key, known in self._current.items() if holds(known[1])}
            self._prune_at = max(_LEAST, 2 * len(self._current))

    def _prune(self, moment: int) -> None:
        """Forget the rows that nothing sees from a moment on, as a start does (see `load`)."""
        if self._time is not None and (reach := self.reach) is not None:
            since, time = moment - reach, self._time
            self._current = {
                key: known for key, known in self._current.items() if known[1][time] >= since
            }
        self._prune_at = max(_LEAST, 2 * len(self._current))

    def row(self, key: Values) -> Values | None:
        """The visible version of a key, if there is one."""
        found = self._current.get(key)
        return None if found is None else found[1]

    def rows(self) -> Sequence[Values]:
        """All visible rows of a table with keys."""
        return [values for _, values in self._current.values()]

    def load(self, found: Versions, moment: int) -> None:
        """Begin with the versions that are visible as of `moment`, in place of what is here."""
        if self._time is not None and self.reach is not None:
            # What nobody can see again need not be known: a correction would only hide it.
            found = found.where(found.event_time >= moment - self.reach)
        for one in self._looked_at_by:
            one.load(found, moment)
        self._shown = len(found)
        self.newest = int(found.known_from.max()) if len(found) else None
        self._current = {}
        if self._keys:
            rows = found.frame.rows()
            keys = found.frame.select(self.table.keys).rows()
            self._current = {key: (i, rows[i]) for i, key in enumerate(keys)}

    def _apply(self, row: Taken) -> None:
        if self.newest is None or row.available_at > self.newest:
            self.newest = row.available_at
        if not self._keys:
            self._show(row)
            return
        key = self._key(row.values)
        known = self._current.get(key)
        if known is not None:
            identity, values = known
            if not row.withdrawn and self._same(values, row.values):
                return
            for one in self._looked_at_by:
                one.withdraw(identity, values, row.available_at)
            del self._current[key]
        if not row.withdrawn:
            self._current[key] = (self._show(row), row.values)
            if self._looked_at_by and len(self._current) > self._prune_at:
                self._prune(row.available_at)

    def _same(self, known: Values, coming: Values) -> bool:
        return all(known[i] == coming[i] for i in self._content)

    def _show(self, row: Taken) -> int:
        identity = self._shown
        self._shown += 1
        for one in self._looked_at_by:
            one.show(identity, row.values, row.available_at)
        return identity
