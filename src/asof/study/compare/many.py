"""The many: all policies walked at once, their values, the frontier, and the two halves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from asof.compute.hindsight import Best, best_by_number, hull, served_by
from asof.compute.lattice import Cells, Ints
from asof.compute.walk import Walked, World, losses, policies, walk
from asof.study.compare.facts import HalfFact, HindsightFact, Point
from asof.study.compare.families import YARDSTICKS, Family, Named
from asof.study.compare.gather import Gathered

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Many:
    """All policies after their walk.

    `cost` float64[K] are the CPU seconds of a fit at each look. `other` are the losses of another
    seed, where there is one. Values are those of the metric if it is a mean, else of the loss by
    which policies decide.
    """

    found: Gathered
    world: World
    family: Family
    walked: Walked
    cost: Floats
    other: Cells | None = None

    @property
    def cells(self) -> Cells:
        """The lattice, cut at its promotions."""
        return self.world.cells

    @cached_property
    def split(self) -> int:
        """The first look of the second half."""
        return len(self.cells) // 2

    @cached_property
    def costs(self) -> Floats:
        """The CPU seconds of each policy's fits."""
        return np.asarray(self.walked.trained @ self.cost)

    @cached_property
    def fits(self) -> Ints:
        """How often each policy trained."""
        return np.asarray(self.walked.trained.sum(axis=1), dtype=np.int64)

    @cached_property
    def advisable(self) -> NDArray[np.bool_]:
        """Policies that may be chosen: yardsticks may not."""
        return np.array([each.family not in YARDSTICKS for each in self.family.policies])

    def mean(self, loss: Floats, part: slice = slice(None)) -> Floats:
        """Losses a cell, float64[..., K], as the metric over some of the cells."""
        mean = loss[..., part].sum(axis=-1) / self.cells.count[part].sum()
        return self.level(mean)

    def level(self, mean: Floats) -> Floats:
        """A mean loss as the metric says it."""
        lower = self.found.metric.lower_is_better or not self.found.exact
        return mean if lower else 1.0 - mean

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Each policy as a point of cost and quality, in the order of the policies."""
        values = self.mean(self.walked.loss)
        return tuple(
            Point(each.name, each.family, int(fits), float(cost), float(value))
            for each, fits, cost, value in zip(
                self.family.policies, self.fits, self.costs, values, strict=True
            )
        )

    def frontier(self) -> tuple[Point, ...]:
        """Policies that no cheaper or equally dear one beats, the cheapest first."""
        total = self.walked.total
        order = np.lexsort((total, self.costs))
        kept: list[Point] = []
        least = np.inf
        chosen: list[int] = order[self.advisable[order]].tolist()
        for index in chosen:
            if total[index] < least * (1 - 1e-12):
                least = total[index]
                kept.append(self.points[index])
        return tuple(kept)

    def index(self, name: str) -> int:
        """The place of the policy of a name."""
        return next(i for i, each in enumerate(self.family.policies) if each.name == name)

    def best(self) -> tuple[HindsightFact, ...]:
        """The best life with each number of retrainings."""
        return tuple(self._told(each) for each in best_by_number(self.cells, self.world.takes))

    def hull(self) -> tuple[HindsightFact, ...]:
        """The best lives at every price of a fit: no policy lies below the line through them."""
        return tuple(map(self._told, hull(self.cells, self.world.takes, self.cost)))

    def _told(self, best: Best) -> HindsightFact:
        served = served_by(best.trained, len(self.cells))
        judged = (
            None if self.other is None else float(self.mean(losses(self.other, served[None]))[0])
        )
        return HindsightFact(
            best.retrainings,
            float(self.level(np.array(best.loss / self.cells.count.sum()))),
            float(self.cost[list(best.trained)].sum()),
            best.trained,
            judged,
        )

    def halves(self, names: list[str]) -> tuple[HalfFact, ...]:
        """The winner of the first half, and the named policies, in both halves."""
        early, late = slice(None, self.split), slice(self.split, None)
        if not self.cells.count[early].sum() or not self.cells.count[late].sum():
            return ()
        first = np.where(self.advisable, self.walked.loss[:, early].sum(axis=1), np.inf)
        winner = int(np.lexsort((self.costs, first))[0])
        second = self.mean(self.walked.loss, late)
        chosen = [winner, *(self.index(name) for name in names)]
        return tuple(
            self._half(index, "winner" if index == winner else "", second)
            for index in dict.fromkeys(chosen)
        )

    def _half(self, index: int, role: str, second: Floats) -> HalfFact:
        late = slice(self.split, None)
        among = second[self.advisable]
        lower = self.found.metric.lower_is_better or not self.found.exact
        best = float(among.min() if lower else among.max())
        judged = None
        if self.other is not None:
            again = losses(self.other, self.walked.served[index][None])
            judged = float(self.mean(again, late)[0])
        return HalfFact(
            self.family.policies[index].name,
            role,
            float(self.mean(self.walked.loss[index], slice(None, self.split))),
            float(second[index]),
            abs(float(second[index]) - best),
            judged,
        )


def walk_all(
    found: Gathered, world: World, family: Family, cost: Floats, other: Cells | None
) -> Many:
    """Walk all policies of a family."""
    rules = policies([each.rules for each in family.policies])
    return Many(found, world, family, walk(world, rules), cost, other)


def plain(family: Family) -> list[tuple[int, Named]]:
    """The policies that one would write down first: never, and every so many looks."""
    chosen = enumerate(family.policies)
    return [(i, each) for i, each in chosen if each.looks is not None or each.family == "never"]
