"""Figures of lives over one set of requests: level, paired difference, value of freshness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from asof.compute.interval import Estimate, estimate, paired
from asof.compute.lattice import Ints
from asof.study.compare.facts import FreshnessFact
from asof.study.compare.gather import Gathered
from asof.study.facts import Figure
from asof.study.periods import civil_days

Floats = NDArray[np.float64]

PAIRS = 15
"""An age seen in fewer cells than these has no figure: it would be that of a few odd weeks."""

_AGES = (1, 2, 3, 4, 6, 8, 10, 13, 17, 22, 26, 30, 40, 52, 70, 91, 120, 180, 365)


@dataclass(frozen=True, eq=False)
class Judge:
    """Reads the figures of lives over the scored requests of a lattice."""

    found: Gathered
    zone: str
    draws: int

    @cached_property
    def day(self) -> Ints:
        """The civil day of each scored request."""
        plan = self.found.plan
        return civil_days(plan.history.requests.fired[plan.rows], self.zone)

    def total(self, p: Floats) -> Figure:
        """The metric of a life, with its interval."""
        return Figure.of(self.estimate(p))

    def estimate(self, p: Floats) -> Estimate:
        """The metric of a life, with how its interval was made."""
        y = self.found.plan.label
        return estimate(self.found.metric, y, p, self.day, draws=self.draws)

    def difference(self, p: Floats, beside: Floats) -> Figure:
        """The metric of one life minus that of another, on the same requests."""
        return self.among(np.arange(len(p)), p, beside)

    def among(self, rows: Ints, p: Floats, beside: Floats) -> Figure:
        """The same on some of the requests."""
        y = self.found.plan.label[rows]
        figures = paired(
            self.found.metric, y, beside[rows], p[rows], self.day[rows], draws=self.draws
        )
        return Figure.of(figures)


def freshness(judge: Judge) -> tuple[FreshnessFact, ...]:
    """What models lose by their age, in looks: each beside the fresh model of the same cell."""
    found = judge.found
    looks, fitted = found.plan.looks, found.lattice.fitted
    edges = np.append(found.plan.first, len(found.plan.rows))
    full = np.diff(edges) > 0
    fresh = found.served(_serving(fitted, np.arange(len(looks))))
    facts: list[FreshnessFact] = []
    for age in (each for each in _AGES if each < len(looks)):
        later = np.arange(age, len(looks))
        cells = later[full[later] & fitted[later] & fitted[later - age]]
        if len(cells) < PAIRS:
            continue
        serving = _serving(fitted, np.maximum(np.arange(len(looks)) - age, 0))
        inside = np.zeros(len(looks), dtype=np.bool_)
        inside[cells] = True
        rows = np.flatnonzero(np.repeat(inside, np.diff(edges)))
        difference = judge.among(rows, found.served(serving), fresh)
        span = int(np.mean(looks[cells] - looks[cells - age]))
        facts.append(FreshnessFact(age, span, len(cells), difference))
    return tuple(facts)


def _serving(fitted: NDArray[np.bool_], wanted: Ints) -> Ints:
    """The wanted models, in the place of one that failed the first: its cells are left out."""
    return np.where(fitted[wanted], wanted, 0)


def slope(facts: tuple[FreshnessFact, ...]) -> float | None:
    """What a look of age costs: the least-squares line through no difference at no age.

    Each age counts with its pairs.
    """
    seen = [(each.age, each.difference.value, each.pairs) for each in facts]
    pairs = [(age, value, weight) for age, value, weight in seen if value is not None]
    if not pairs:
        return None
    age, value, weight = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    return float((weight * age * value).sum() / (weight * age * age).sum())
