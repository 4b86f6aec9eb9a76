"""Walk retraining policies over a lattice: when each trains, which model serves when.

All policies walk at once, look by look, in whole columns; the rules are those by which a replayed
life decides (LAW 5c, 7a): at a look, what was known before it; one training at a time; a trigger
that comes during a training is taken up at the first look at or after its end, which is then the
trigger. A policy trains when any of its rules says so:

- a schedule: looks that are given, such as every fourth;
- volume: so many labels have become mature since the last training;
- performance: of the labels of the model in service, the mean signal of the last `window` looks
  that brought any lies by `rise` above that of the first `window` looks;
- cost: the signal above that first level, summed over the labels since, reaches `budget`;
- shift (a yardstick): the distance between the look of the last training and this one, by a
  measure of predictions or features, reaches `distance`. It reads no label.

The signal is the loss, or with `skill` the loss less that of a constant prediction: a season that
is hard for everybody does not look like ageing then.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from asof.compute.lattice import Cells, Floats, Ints

Bools = NDArray[np.bool_]

NONE = np.inf
"""A threshold that is never reached: the rule is off."""


@dataclass(frozen=True, eq=False)
class Policies:
    """P policies, a column a parameter; each array has the length P.

    `schedule` is a row of the schedules given to `walk`, -1 for none; `measure` a distance.
    """

    schedule: Ints
    volume: Floats
    skill: Bools
    window: Ints
    rise: Floats
    budget: Floats
    measure: Ints
    distance: Floats

    def __len__(self) -> int:
        return len(self.schedule)

    def take(self, rows: slice) -> Self:
        """Some of the policies."""
        return type(self)(*(getattr(self, each.name)[rows] for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Rules:
    """One policy. See the module on what its rules mean; what is left out is off."""

    schedule: int = -1
    volume: float = NONE
    skill: bool = False
    window: int = 1
    rise: float = NONE
    budget: float = NONE
    measure: int = 0
    distance: float = NONE


def policies(rules: list[Rules]) -> Policies:
    """Policies as columns.

    >>> len(policies([Rules(), Rules(volume=500)]))
    2
    """
    return Policies(
        np.array([each.schedule for each in rules], dtype=np.int64),
        np.array([each.volume for each in rules], dtype=np.float64),
        np.array([each.skill for each in rules], dtype=np.bool_),
        np.array([each.window for each in rules], dtype=np.int64),
        np.array([each.rise for each in rules], dtype=np.float64),
        np.array([each.budget for each in rules], dtype=np.float64),
        np.array([each.measure for each in rules], dtype=np.int64),
        np.array([each.distance for each in rules], dtype=np.float64),
    )


@dataclass(frozen=True, eq=False)
class World:
    """What policies walk in: K looks, at each of which a model was fitted.

    `schedules` bool[s, K] are the looks of each schedule; `matured` int64[K] how many labels there
    were as of each look; `distances` float64[d, K, K] how far look k lies from the training at
    look i by each measure; `takes` microseconds from a trigger to the end of its training.
    """

    cells: Cells
    schedules: Bools
    matured: Ints
    distances: Floats
    takes: int


@dataclass(frozen=True, eq=False)
class Walked:
    """What became of each policy.

    `trained` bool[P, K] says at which looks it trained, `served` int64[P, K] which model served in
    each cell (-1: none yet), `loss` float64[P, K] its summed loss there, 0 where nothing served.
    """

    trained: Bools
    served: Ints
    loss: Floats

    @property
    def total(self) -> Floats:
        """The summed loss of each policy, float64[P]."""
        return np.asarray(self.loss.sum(axis=1))


_CHUNK = 1000  # policies that walk side by side: their columns stay in the cache


def walk(world: World, found: Policies) -> Walked:
    """Walk the policies. The first model is trained at the first look, by all of them."""
    size = (len(found), len(world.cells))
    trained, served = np.zeros(size, dtype=np.bool_), np.full(size, -1, dtype=np.int64)
    for at in range(0, len(found), _CHUNK):
        rows = slice(at, at + _CHUNK)
        trained[rows], served[rows] = _Walk(world, found.take(rows)).run()
    return Walked(trained, served, losses(world.cells, served))


def losses(cells: Cells, served: Ints) -> Floats:
    """The summed loss in each cell of lives that were served so, float64[P, K]."""
    found = cells.loss[np.maximum(served, 0), np.arange(len(cells))]
    return np.where(served >= 0, found, 0.0)


class _Walk:
    """The state of P policies between looks; all columns have the length P."""

    def __init__(self, world: World, found: Policies) -> None:
        size, looks = len(found), len(world.cells)
        self.world, self.found, self.rows = world, found, np.arange(size)
        self.trained_at = np.zeros(size, dtype=np.int64)
        self.model = np.full(size, -1, dtype=np.int64)
        self.ready = np.full(size, np.iinfo(np.int64).min)
        self.waiting = np.zeros(size, dtype=np.bool_)
        self.trained = np.zeros((size, looks), dtype=np.bool_)
        self.served = np.full((size, looks), -1, dtype=np.int64)
        self.watch = _Watch(size, looks) if _watches(found) else None

    def run(self) -> tuple[Bools, Ints]:
        for look in range(len(self.world.cells)):
            if self.watch is not None:
                self._learn(self.watch, look)
            self._decide(look)
            self.served[:, look] = self.model
        return self.trained, self.served

    def _decide(self, look: int) -> None:
        busy = self.ready > self.world.cells.looks[look]
        wanted = self._wanted(look) if look else np.ones(len(self.rows), dtype=np.bool_)
        trains = ~busy & (wanted | self.waiting)
        self.waiting |= busy & wanted
        self.waiting &= ~trains
        self.trained[:, look] = trains
        self.trained_at[trains] = look
        self.ready[trains] = self.world.cells.looks[look] + self.world.takes
        if self.world.cells.fitted[look]:
            self.model[trains] = look
        if self.watch is not None:
            self.watch.restart(trains, look)

    def _wanted(self, look: int) -> Bools:
        found, world = self.found, self.world
        wanted = np.zeros(len(found), dtype=np.bool_)
        if len(world.schedules):
            wanted |= (found.schedule >= 0) & world.schedules[found.schedule, look]
        wanted |= world.matured[look] - world.matured[self.trained_at] >= found.volume
        if len(world.distances):
            apart = world.distances[found.measure, self.trained_at, look]
            wanted |= apart >= found.distance
        if self.watch is not None:
            wanted |= self.watch.wants(found, look)
        return wanted

    def _learn(self, watch: _Watch, look: int) -> None:
        """Take in the labels that this look is the first to know, of the model in service."""
        cells = self.world.cells
        watch.carry(look)
        for pair in range(cells.pair_start[look], cells.pair_start[look + 1]):
            cell = int(cells.pair_cell[pair])
            model = self.served[:, cell]
            counts = (model >= 0) & (model == self.model)
            signal = cells.pair_loss[np.maximum(model, 0), pair]
            signal = signal - np.where(self.found.skill, cells.pair_prior[pair], 0.0)
            watch.add(look, np.where(counts, signal, 0.0), counts * cells.pair_count[pair])


def _watches(found: Policies) -> bool:
    return bool(np.isfinite(found.rise).any() or np.isfinite(found.budget).any())


class _Watch:
    """Labels of the model in service, summed look by look.

    `sums[:, k]` and `counts[:, k]` hold what was known up to look k - 1; `since` is the look of
    the last training, `begun` the first look after it that brought labels, -1 until there is one.
    """

    def __init__(self, size: int, looks: int) -> None:
        self.sums = np.zeros((size, looks + 1))
        self.counts = np.zeros((size, looks + 1), dtype=np.int64)
        self.since = np.zeros(size, dtype=np.int64)
        self.begun = np.full(size, -1, dtype=np.int64)
        self.rows = np.arange(size)

    def carry(self, look: int) -> None:
        self.sums[:, look + 1] = self.sums[:, look]
        self.counts[:, look + 1] = self.counts[:, look]

    def add(self, look: int, signal: Floats, count: Ints) -> None:
        self.sums[:, look + 1] += signal
        self.counts[:, look + 1] += count

    def restart(self, trains: Bools, look: int) -> None:
        self.since[trains] = look + 1
        self.begun[trains] = -1

    def wants(self, found: Policies, look: int) -> Bools:
        arrived = (self.begun < 0) & (self.counts[:, look + 1] > self.counts[self.rows, self.since])
        self.begun[arrived] = look
        settled = self.begun + found.window  # one past the looks of the first level
        judged = (self.begun >= 0) & (look + 1 > settled)
        until = np.minimum(settled, look + 1)
        level = self._mean(self.since, until)
        recent = self._mean(np.maximum(look + 1 - found.window, self.since), look + 1)
        signal = self.sums[:, look + 1] - self.sums[self.rows, until]
        count = self.counts[:, look + 1] - self.counts[self.rows, until]
        above = (recent - level >= found.rise) | (signal - level * count >= found.budget)
        found_now: Bools = judged & above
        return found_now

    def _mean(self, start: Ints, stop: Ints | int) -> Floats:
        count = self.counts[self.rows, stop] - self.counts[self.rows, start]
        signal = self.sums[self.rows, stop] - self.sums[self.rows, start]
        mean: Floats = signal / np.where(count > 0, count, np.nan)
        return mean
