"""How long work will take: from what it is known to be, and what has been measured of it.

Work is cut into units of a kind, each with a size that its cost is proportional to and that is
known beforehand: rows times trees of a fit, rows of predictions, cells of features. What a kind
costs is measured as units are done, and what is measured of one tells of those to come. Shares of
*units* mislead: the fits of a life grow with it, and those that cost most are begun first.

Costs are CPU seconds; how fast a clock goes beside them (cores, neighbours on the machine) is
measured apart, for what runs side by side and what does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["fit", "predict", "answer", "features", "figures"]

SIDE_BY_SIDE: frozenset[Kind] = frozenset({"fit", "predict"})
"""Kinds of which several units run at once."""

USUAL: Mapping[Kind, float] = {
    "fit": 2.8e-7, "predict": 4e-6, "answer": 5e-6, "features": 9e-8, "figures": 4.5e-6,
}  # fmt: skip
"""CPU seconds that a unit of size 1 usually takes, until some of its kind have been measured."""

_PARTS = 3
"""So many fits of different sizes tell what a fit costs beside what each row adds."""

_MOST = 0.95
"""A unit that has begun is never taken to be nearer to its end than this."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of work and its size, a count that its cost is proportional to.

    A fit has rows times trees, predictions and answers rows, features rows times columns, figures
    the cells of what they are made from.
    """

    kind: Kind
    size: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What a unit took, or has taken so far: CPU seconds."""

    unit: Unit
    seconds: float


@dataclass(frozen=True, slots=True)
class Effort:
    """Where work stands.

    `done` are units that are over, `begun` those under way with the seconds since, `ahead` those
    to come; `lanes` is how many run side by side. `clock` says how many seconds passed while units
    of either sort ran: (side by side, one after the other).
    """

    done: Sequence[Spent]
    begun: Sequence[Spent]
    ahead: Sequence[Unit]
    lanes: int
    clock: tuple[float, float]


def left(effort: Effort) -> float | None:
    """Seconds until all is done, None while nothing tells what the fits to come cost.

    >>> fits = [Spent(Unit("fit", 100.0), 2.0), Spent(Unit("fit", 200.0), 4.0)]
    >>> left(Effort(fits, [], [Unit("fit", 300.0)], lanes=1, clock=(6.0, 0.0)))
    6.0
    >>> left(Effort(fits, [], [Unit("fit", 150.0)] * 4, lanes=2, clock=(3.0, 0.0)))
    6.0
    """
    known = costs(effort.done)
    waiting = [*effort.ahead, *(each.unit for each in effort.begun)]
    if "fit" not in known and any(each.kind == "fit" for each in waiting):
        return None
    return _wanted(effort, known, wide=True) + _wanted(effort, known, wide=False)


def share(effort: Effort) -> float:
    """The part of all the work that is done, by its cost: 0 to 1.

    >>> fits = [Spent(Unit("fit", 100.0), 2.0)]
    >>> share(Effort(fits, [], [Unit("fit", 300.0)], lanes=1, clock=(2.0, 0.0)))
    0.25
    """
    known = costs(effort.done)
    past = sum(each.seconds for each in effort.done) + sum(_past(e, known) for e in effort.begun)
    waiting = [*effort.ahead, *(each.unit for each in effort.begun)]
    whole = sum(each.seconds for each in effort.done) + sum(_cost(each, known) for each in waiting)
    return min(past / whole, 1.0) if whole else 1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a unit of some kind costs: seconds once, and seconds for each of its size."""

    once: float
    each: float

    def of(self, unit: Unit) -> float:
        """CPU seconds that a unit is expected to take."""
        return self.once + self.each * unit.size


def costs(done: Iterable[Spent]) -> dict[Kind, Cost]:
    """What each kind has been seen to cost.

    Where units of a kind had sizes enough, a line through their seconds, which neither begins
    below zero nor falls; else seconds by size.

    >>> costs([Spent(Unit("predict", 10.0), 1.0), Spent(Unit("predict", 30.0), 3.0)])["predict"]
    Cost(once=0.0, each=0.1)
    """
    kinds: dict[Kind, list[Spent]] = {}
    for spent in done:
        kinds.setdefault(spent.unit.kind, []).append(spent)
    return {kind: _line(units) for kind, units in kinds.items()}


def _line(units: Sequence[Spent]) -> Cost:
    sizes, seconds = [u.unit.size for u in units], [u.seconds for u in units]
    n, total = len(units), sum(seconds)
    plain = Cost(0.0, total / sum(sizes)) if sum(sizes) else Cost(total / n, 0.0)
    if len(set(sizes)) < _PARTS:
        return plain
    middle, level = sum(sizes) / n, total / n
    slope = sum((x - middle) * (y - level) for x, y in zip(sizes, seconds, strict=True))
    slope /= sum((x - middle) ** 2 for x in sizes)
    if slope < 0:
        return Cost(level, 0.0)
    return plain if level < slope * middle else Cost(level - slope * middle, slope)


def _cost(unit: Unit, known: Mapping[Kind, Cost]) -> float:
    found = known.get(unit.kind)
    return USUAL[unit.kind] * unit.size if found is None else found.of(unit)


def _past(spent: Spent, known: Mapping[Kind, Cost]) -> float:
    """CPU seconds that a unit under way has behind it."""
    return min(spent.seconds, _MOST * _cost(spent.unit, known))


def _wanted(effort: Effort, known: Mapping[Kind, Cost], *, wide: bool) -> float:
    """Seconds by the clock that the rest of one sort takes."""
    lanes = effort.lanes if wide else 1
    ahead = [_cost(u, known) for u in effort.ahead if (u.kind in SIDE_BY_SIDE) == wide]
    begun = [each for each in effort.begun if (each.unit.kind in SIDE_BY_SIDE) == wide]
    past = [_past(each, known) for each in begun]
    ahead += [_cost(b.unit, known) - p for b, p in zip(begun, past, strict=True)]
    if not ahead:
        return 0.0
    gone = sum(s.seconds for s in effort.done if (s.unit.kind in SIDE_BY_SIDE) == wide) + sum(past)
    clock = effort.clock[0 if wide else 1]
    slow = clock * lanes / gone if gone > 0 and clock > 0 else 1.0
    return slow * max(sum(ahead) / lanes, *ahead)
