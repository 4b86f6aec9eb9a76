"""The facts of a comparison of policies: what its report says, as data; JSON out, no drawing.

Moments are int64 microseconds UTC, spans microseconds. Values and differences are in the user's
metric; the cost of a policy is the CPU seconds of its fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from asof.study.facts import Facts, Figure, MethodFact

How = Literal["lattice", "replay"]
Verdict = Literal["no difference shown", "the same", "not identifiable"]


@dataclass(frozen=True, slots=True)
class Unit:
    """What looks are counted in: `size` `word`s from one to the next ("week")."""

    word: str
    size: int

    def span(self, looks: int) -> str:
        """A number of looks in words.

        >>> Unit("week", 1).span(1), Unit("week", 2).span(2)
        ('one week', '4 weeks')
        """
        number = looks * self.size
        return f"one {self.word}" if number == 1 else f"{number:,} {self.word}s"

    def every(self, looks: int) -> str:
        """A schedule in words.

        >>> Unit("day", 1).every(3), Unit("day", 1).every(1)
        ('every 3 days', 'every day')
        """
        return f"every {self.word}" if looks * self.size == 1 else f"every {self.span(looks)}"


@dataclass(frozen=True, slots=True)
class PolicyFact:
    """One policy or variant: its fits and their cost, its figure, and its paired difference.

    `difference` is this one minus the policy that the facts call `beside`, on the same requests.
    `how` says whether it was walked on the lattice or replayed in full. `why` says why there is no
    figure.
    """

    name: str
    family: str
    how: How
    fits: int
    cost: float
    total: Figure
    difference: Figure | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One policy of the many: its cost, its figure, and what it lost against the best."""

    name: str
    family: str
    fits: int
    cost: float
    value: float


@dataclass(frozen=True, slots=True)
class HindsightFact:
    """The best life with a number of retrainings; `looks` are those at which it trains.

    `judged` is the value of the same looks with another seed of the estimator, None without one.
    """

    retrainings: int
    value: float
    cost: float
    looks: tuple[int, ...]
    judged: float | None = None


@dataclass(frozen=True, slots=True)
class HalfFact:
    """A policy in the first half of the life and in the second.

    `regret` is what it lost in the second half against the policy that was best there. `role` is
    "winner" for the one that was best in the first half, else "".
    """

    name: str
    role: str
    first: float
    second: float
    regret: float
    other_seed: float | None = None


@dataclass(frozen=True, slots=True)
class FreshnessFact:
    """What a model loses by its age: the paired difference to the fresh one, in `pairs` cells."""

    age: int
    span: int
    pairs: int
    difference: Figure


@dataclass(frozen=True, slots=True)
class AdviceFact:
    """The policy to run, beside the periodic one with the best figure.

    `verdict` is about the advised one; `cost_share` is its cost over that of the other.
    """

    name: str
    looks: int | None
    beside: str
    difference: Figure | None
    cost_share: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class LatticeFact:
    """What was computed: fits and predictions, those that were kept from before, and memory."""

    fits: int
    reused: int
    failed: int
    predicted: int
    memory: int
    cpu_a_row: float
    fit_rows: int
    seeds: int


@dataclass(frozen=True, slots=True)
class Comparison(Facts):
    """Which retraining policy: everything that the report says.

    `trouble` says why there is nothing to compare, and is empty otherwise. `first_half` and
    `second_half` are the numbers of looks in them. `families` counts the walked policies.
    """

    unit: Unit
    looks: int
    requests: int
    days: int
    lattice: LatticeFact
    families: tuple[tuple[str, int], ...]
    beside: str
    named: tuple[PolicyFact, ...]
    variants: tuple[PolicyFact, ...]
    points: tuple[Point, ...]
    frontier: tuple[Point, ...]
    hull: tuple[HindsightFact, ...]
    hindsight: tuple[HindsightFact, ...]
    halves: tuple[HalfFact, ...]
    first_half: int
    second_half: int
    freshness: tuple[FreshnessFact, ...]
    slope: float | None
    advice: AdviceFact | None
    method: MethodFact
    notes: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def policies(self) -> int:
        """How many policies were walked."""
        return sum(number for _, number in self.families)
