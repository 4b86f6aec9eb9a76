"""The policies that are walked: every kind, over a grid of its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from asof.compute.lattice import Cells
from asof.compute.schedule import moments
from asof.compute.walk import Rules
from asof.declare.schedules import Periodic, Schedule, Wall
from asof.study.compare.facts import Unit
from asof.units import DAY, HOUR, MINUTE

Times = NDArray[np.int64]
Bools = NDArray[np.bool_]

YARDSTICKS = ("shift of predictions", "shift of features")
"""Families that read no label: shown to be compared with, never advised (LAW 7e)."""

_PERIODS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 26, 35, 44, 52, 70, 91, 120, 180, 260, 365)
_OFFSETS = 8
_BACKUPS = (4, 8, 13)
_WINDOWS = (1, 2, 4, 8)
_STEPS = 14


@dataclass(frozen=True)
class Named:
    """A policy with its name and kind; `looks` is the period of a plain schedule."""

    name: str
    family: str
    rules: Rules
    looks: int | None = None


@dataclass(frozen=True)
class Family:
    """All policies, and the schedules (bool[s, K]) that their rules name."""

    policies: tuple[Named, ...]
    schedules: Bools


def unit_of(schedule: Schedule, looks: Times) -> Unit:
    """What looks are counted in.

    >>> from asof import days
    >>> unit_of(Periodic(days(14)), np.array([0]))
    Unit(word='week', size=2)
    """
    if isinstance(schedule, Wall):
        return Unit({"daily": "day", "weekly": "week", "monthly": "month"}[schedule.kind], 1)
    steps = np.unique(np.diff(looks))
    if isinstance(schedule, Periodic):
        steps = np.array([schedule.period.microseconds])
    if len(steps) == 1:
        for length, word in ((7 * DAY, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
            if steps[0] % length == 0:
                return Unit(word, int(steps[0] // length))
    return Unit("look", 1)


def families(
    cells: Cells, unit: Unit, zone: str, level: float, distances: NDArray[np.float64]
) -> Family:
    """All policies for these looks; rises are set against `level`, the loss of a constant."""
    made = _Made(cells, unit, zone, level)
    found = [
        *made.periodic(), *made.walled(), *made.volume(), *made.performance(), *made.cost(),
        *made.shift(distances),
    ]  # fmt: skip
    return Family(tuple(found), made.schedules)


class _Made:
    """Makes policies and notes their schedules."""

    def __init__(self, cells: Cells, unit: Unit, zone: str, level: float) -> None:
        self._cells, self._unit, self._zone, self._level = cells, unit, zone, level
        self._masks: list[Bools] = []

    @property
    def schedules(self) -> Bools:
        return np.array(self._masks, dtype=np.bool_).reshape(len(self._masks), len(self._cells))

    def _schedule(self, mask: Bools) -> int:
        for number, known in enumerate(self._masks):
            if np.array_equal(known, mask):
                return number
        self._masks.append(mask)
        return len(self._masks) - 1

    def _every(self, step: int, offset: int = 0) -> int:
        number = np.arange(len(self._cells))
        return self._schedule((number % step == offset) & (number > 0))

    def periodic(self) -> Iterator[Named]:
        yield Named("never", "never", Rules())
        for step in (each for each in _PERIODS if each < len(self._cells)):
            yield Named(self._unit.every(step), "periodic", Rules(schedule=self._every(step)), step)
            later = range(1, step) if step <= _OFFSETS else range(1, step, -(-step // _OFFSETS))
            for offset in later:
                name = f"{self._unit.every(step)}, first after {self._unit.span(offset)}"
                yield Named(name, "periodic", Rules(schedule=self._every(step, offset)))

    def walled(self) -> Iterator[Named]:
        """Months by the clock, at the first look on or after the day."""
        if self._unit.word in {"month", "look"}:
            return
        looks = self._cells.looks
        for day in (1, 8, 15, 22):
            due = moments(
                Wall("monthly", day, 0, 0, 0, self._zone), int(looks[0]) + 1, int(looks[-1]) + 1
            )
            mask = np.zeros(len(looks), dtype=np.bool_)
            mask[np.searchsorted(looks, due, side="left")] = True
            if mask.any():
                words = f"monthly, at the look on or after day {day}"
                yield Named(words, "wall clock", Rules(schedule=self._schedule(mask)))

    def _backed(self, found: Named) -> Iterator[Named]:
        """The policy alone, and with a schedule that trains at the latest."""
        yield found
        for step in (each for each in _BACKUPS if each < len(self._cells)):
            yield replace(
                found,
                name=f"{found.name}, and {self._unit.every(step)}",
                rules=replace(found.rules, schedule=self._every(step)),
            )

    def _a_look(self) -> float:
        """Labels that become known from one look to the next, on average."""
        return float(self._cells.count.sum()) / max(len(self._cells), 1)

    def volume(self) -> Iterator[Named]:
        most = self._a_look() * len(self._cells) / 2
        for number in np.unique(np.geomspace(max(self._a_look() / 2, 1), max(most, 2), 30).round()):
            yield from self._backed(
                Named(f"after {number:,.0f} labels", "volume", Rules(volume=float(number)))
            )

    def performance(self) -> Iterator[Named]:
        rises = self._level * np.geomspace(0.004, 0.4, _STEPS)
        for skill, window, rise in product((False, True), self._fitting_windows(), rises):
            what = "skill" if skill else "loss"
            name = f"{what} of {self._unit.span(window)} worse by {rise:.2g}"
            rules = Rules(skill=skill, window=window, rise=float(rise))
            yield from self._backed(Named(name, "performance", rules))

    def cost(self) -> Iterator[Named]:
        budgets = self._level * self._a_look() * np.geomspace(0.01, 3, _STEPS)
        for skill, window, budget in product((False, True), self._fitting_windows(), budgets):
            what = "skill" if skill else "loss"
            name = f"{what} lost since {self._unit.span(window)} adds up to {budget:.2g}"
            rules = Rules(skill=skill, window=window, budget=float(budget))
            yield from self._backed(Named(name, "cost-aware", rules))

    def shift(self, distances: NDArray[np.float64]) -> Iterator[Named]:
        later = np.triu_indices(len(self._cells), 1)
        for measure, family in enumerate(YARDSTICKS[: len(distances)]):
            seen = distances[measure][later]
            seen = seen[np.isfinite(seen)]
            if not len(seen):
                continue
            for distance in np.unique(np.quantile(seen, np.linspace(0.02, 0.98, 30))):
                name = f"{family} by {distance:.2g}"
                rules = Rules(measure=measure, distance=float(distance))
                yield Named(name, family, rules)

    def _fitting_windows(self) -> tuple[int, ...]:
        return tuple(each for each in _WINDOWS if 2 * each < len(self._cells))
