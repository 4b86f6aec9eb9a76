"""Requests as their rows come: when each fires, and with which version of its row (LAW 4)."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from asof.compute.evaluate import POLARS, TICK
from asof.compute.online.features import load
from asof.compute.online.fired import FiredKeys
from asof.compute.online.table import OnlineTable, Taken, Values, picked
from asof.compute.requests import Requests, names
from asof.compute.scalar import compiled
from asof.compute.schedule import moments
from asof.compute.table import Versions
from asof.declare.sources import Ticks
from asof.declare.system import System

_AHEAD = 40 * 86_400_000_000
"""So far ahead the moments of ticks are looked up at a time; no schedule is longer."""

_HELD = 65_536
"""So many requests that are over can still be asked about by their keys alone."""


class Asked(msgspec.Struct, frozen=True):
    """A request: its name, its key, its row (the tick's moment last), when it was to be and is."""

    name: str
    key: Values
    row: Values
    at: int
    fired: int


class OnlineRequests:
    """The requests of a system as the rows that they are about come in."""

    def __init__(self, system: System[Any]) -> None:
        requests = system.requests
        self._ticks = requests if isinstance(requests, Ticks) else None
        asked = system.asked
        columns = [spec.name for spec in asked.row.columns_]
        places = {name: i for i, name in enumerate([*columns, TICK])}
        self._schema = {spec.name: spec for spec in asked.row.columns_}
        self._keys = tuple(asked.keys)
        self._key = picked([places[key] for key in self._keys])
        self._at = compiled([("at", system.asked_at)], places)
        self._fires: list[tuple[int, int, Values, int, int]] = []
        self._put = 0
        self._identity: dict[Values, int] = {}
        self._fired = FiredKeys()
        self._open: set[Values] = set()
        self._over: deque[Values] = deque()
        self._tick: int | None = None
        self._named: dict[str, Values] = {}
        self.table = OnlineTable(asked, () if self._ticks is not None else (self,))

    reach = None

    def begin(self, stored: pl.DataFrame, moment: int, fired: pl.DataFrame) -> None:
        """Begin as of a moment, with the keys that have fired before it."""
        self._fires, self._identity, self._fired = [], {}, FiredKeys(fired)
        self._open, self._over = set(), deque()
        load(self.table, stored, moment)
        self._tick = self._next_tick(moment)

    def _next_tick(self, since: int) -> int | None:
        if self._ticks is None:
            return None
        found = moments(self._ticks.schedule, since, since + _AHEAD)
        return int(found[0]) if len(found) else None

    # --- what is shown by the table ------------------------------------------------------------

    def load(self, found: Versions, moment: int) -> None:
        """Begin with these visible versions."""
        del moment
        for identity, (values, known) in enumerate(
            zip(found.frame.rows(), found.known_from.tolist(), strict=True)
        ):
            self.show(identity, values, known)

    def show(self, identity: int, values: Values, known_from: int) -> None:
        """A version is visible: it fires when its time comes, unless another takes its place."""
        key = self._key(values)
        if key in self._fired:
            if key not in self._open:
                self._over.append(key)
            return
        self._identity[key] = identity
        self._put += 1
        at = self._at(values)[0]
        heapq.heappush(self._fires, (max(at, known_from), self._put, key, identity, at))

    def withdraw(self, identity: int, values: Values, moment: int) -> None:
        """A version is not visible any more: it does not fire."""
        del moment
        key = self._key(values)
        if self._identity.get(key) == identity:
            del self._identity[key]

    # --- asking --------------------------------------------------------------------------------

    def put(self, rows: Iterable[Taken]) -> None:
        """Take rows of the table that requests are about."""
        self.table.put(rows)

    @property
    def next_due(self) -> int | None:
        """The next moment at which something may fire."""
        coming = [self.table.next_change, self._fires[0][0] if self._fires else None, self._tick]
        return min((at for at in coming if at is not None), default=None)

    def due(self, before: int) -> list[Asked]:
        """The requests that fire before a moment, in order."""
        found: list[Asked] = []
        fires, table = self._fires, self.table
        while True:
            fire = fires[0][0] if fires else before
            change = table.next_change
            if self._tick is not None and self._tick <= fire and self._tick < before:
                found += self._ticked(self._tick)
                self._tick = self._next_tick(self._tick + 1)
            elif fire < before and (change is None or fire <= change):
                asked = self._fire()
                if asked is not None:
                    found.append(asked)
            elif change is not None and change < before:
                # One at a time: a row whose time has passed fires as it is taken (LAW 2a).
                table.step()
            else:
                return found

    def _fire(self) -> Asked | None:
        """The request that is next, unless it has fired or another version took its place."""
        fires, _, key, identity, at = heapq.heappop(self._fires)
        if self._identity.get(key) != identity or not self._fired.add(key):
            return None
        row = self.table.row(key)
        if row is None:
            raise TypeError(f"{key} fires and is not visible")
        return Asked(self._name(key), key, row, at, fires)

    def _ticked(self, tick: int) -> Iterator[Asked]:
        self.table.advance(tick)
        for values in sorted(self.table.rows(), key=self._key):
            key = (*self._key(values), tick)
            yield Asked(self._name(key), key, (*values, tick), tick, tick)

    def ask(self, key: Values, moment: int) -> Asked | None:
        """The request of a key as asked at a moment, after what is `due` by then; None: unknown.

        A row that is available exactly then is handed in with the question (LAW 4a).
        """
        row = self.table.row(key)
        if row is None:
            return None
        if self._ticks is None:
            return Asked(self._name(key), key, row, self._at(row)[0], moment)
        found = moments(self._ticks.schedule, moment - _AHEAD, moment + 1)
        if not len(found):
            return None
        tick = int(found[-1])
        whole = (*key, tick)
        return Asked(self._name(whole), whole, (*row, tick), tick, moment)

    def again(self, fired: Asked, moment: int) -> Asked | None:
        """The same as `ask`, of a request that was `due` before."""
        if self.table.row(fired.key) is fired.row:
            return Asked(fired.name, fired.key, fired.row, fired.at, moment)
        return self.ask(fired.key, moment)

    def fire(self, key: Values) -> bool:
        """The request of a known key has fired from now on; whether it had not before."""
        return self._ticks is None and self._fired.add(key)

    def open(self, asked: Iterable[Asked]) -> None:
        """The labels of requests are waited for: their rows are held."""
        if self._ticks is None:
            self._open.update([one.key for one in asked])

    def close(self, asked: Asked) -> None:
        """A request is over: its row is held for a while; that it fired is remembered."""
        if self._ticks is None:
            self._open.discard(asked.key)
            self._identity.pop(asked.key, None)
            self._over.append(asked.key)

    def tidy(self) -> None:
        """Forget the rows of the requests that were over first, but for a stated number."""
        while len(self._over) > _HELD:
            key = self._over.popleft()
            if key not in self._open:
                self.table.forget(key)

    def is_over(self, key: Values) -> bool:
        """Whether the request of a key has fired and its label is known."""
        return key in self._fired and key not in self._open

    @property
    def ticking(self) -> bool:
        """Whether moments ask, and not rows."""
        return self._ticks is not None

    def has_fired(self, key: Values) -> bool:
        """Whether the request of a key has fired."""
        return key in self._fired

    def named(self, name: str) -> Values:
        """The key of a known request by its name."""
        if name not in self._named:
            width = len(self._keys)
            keys = [self._key(values) for values in self.table.rows()]
            ticks = () if self._tick is None else (self._tick,)
            self._named = {self._name((*key, *ticks)): key[:width] for key in keys}
        return self._named[name]

    def key_of(self, values: Values) -> Values:
        """The key in a row."""
        return self._key(values)

    def name(self, key: Values) -> str:
        """What the request of a key is called, without the moment of a tick."""
        return self._name(key)

    def _name(self, key: Values) -> str:
        """What a request is called: see `compute.requests.names`."""
        if len(key) == 1 and type(key[0]) in (int, str):
            return str(key[0])
        keys = (*self._keys, TICK)[: len(key)]
        specs = self._schema
        times = tuple(n for n in keys if n == TICK or specs[n].type is datetime)
        schema: Any = {n: POLARS[int if n in times else specs[n].type] for n in keys}
        frame = pl.DataFrame([key], schema=schema, orient="row")
        nothing: Any = ()
        return str(names(Requests(frame, keys, nothing, nothing, times))[0])
