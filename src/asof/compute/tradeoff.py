"""Trade-offs: which options no other beats, and which to take under a budget.

An option is what it loses against the best that could be had, what it costs, and how much it
demands of whoever runs it. All three are better when smaller; nothing here weighs one against
another, that is for the budget to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Rule = Literal["max_loss", "max_cost", "both", "keeps", "shown"]

KEEP = 0.9
"""Without a budget: the share of what is at stake that the easiest option has to keep."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to do it.

    `loss` is the paired difference to the reference, `at_most` the upper end of its 95% interval;
    positive is worse, whatever the metric. `cost` is what was measured, `demand` a rank of how much
    it asks of its operation: runs a day, say.
    """

    name: str
    loss: float
    at_most: float
    cost: float
    demand: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The option to take, by which rule, or None where the budget leaves none.

    `limit` is the loss that the rule allowed, None where it allowed any.
    """

    name: str | None
    rule: Rule
    limit: float | None


@dataclass(frozen=True, slots=True)
class Turn:
    """From a loss of `limit` on (inclusive), `name` is the easiest option that keeps within it."""

    limit: float
    name: str


def front(options: Sequence[Option]) -> list[str]:
    """The options that no other beats in loss, cost or demand without being behind in another.

    >>> front([Option("a", 0, 0, 1, 2), Option("b", .1, .2, 1, 1), Option("c", .2, .3, 1, 1)])
    ['a', 'b']
    """
    return [each.name for each in options if not any(_beats(other, each) for other in options)]


def _beats(one: Option, other: Option) -> bool:
    ours, theirs = (one.loss, one.cost, one.demand), (other.loss, other.cost, other.demand)
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def choose(
    options: Sequence[Option],
    *,
    worth: float | None = None,
    model_worth: float | None = None,
    max_loss: float | None = None,
    max_cost: float | None = None,
) -> Choice:
    """The option to take.

    With `max_loss` it is the easiest to run of those whose loss is shown to be within it (the upper
    end of the interval is); with `max_cost` alone the one that loses least of those within it; with
    both the easiest of those within both. Without a budget it is the easiest that keeps `KEEP` of
    `worth`, what freshness is worth; where that was not shown (None), the easiest that is shown to
    keep `KEEP` of `model_worth`, what the model is worth: not to see a loss in wide intervals is
    not to know that there is none. Nothing is chosen where neither is known.

    >>> two = [Option("online", 0, 0, 1, 9), Option("hourly", .01, .02, 1, 8)]
    >>> choose(two, max_loss=.02).name, choose(two, max_loss=.015).name
    ('hourly', 'online')
    >>> choose(two, worth=.11).name, choose(two, model_worth=.11).name, choose(two).name
    ('hourly', 'online', None)
    """
    within = [each for each in options if max_cost is None or each.cost <= max_cost]
    if max_loss is not None:
        rule: Rule = "max_loss" if max_cost is None else "both"
        return Choice(_easiest([o for o in within if o.at_most <= max_loss]), rule, max_loss)
    if max_cost is not None:
        least = min(within, key=lambda each: (each.loss, each.demand, each.cost), default=None)
        return Choice(least.name if least else None, "max_cost", None)
    if worth is not None:
        limit = (1 - KEEP) * worth
        return Choice(_easiest([o for o in options if o.loss <= limit]), "keeps", limit)
    if model_worth is None:
        return Choice(None, "shown", None)
    limit = (1 - KEEP) * model_worth
    return Choice(_easiest([o for o in options if o.at_most <= limit]), "shown", limit)


def turns(options: Sequence[Option]) -> list[Turn]:
    """How the choice changes as the loss that is allowed grows, from the least loss on.

    >>> two = [Option("online", 0, 0, 1, 9), Option("hourly", .01, .02, 1, 8)]
    >>> [(turn.limit, turn.name) for turn in turns(two)]
    [(0, 'online'), (0.02, 'hourly')]
    """
    found: list[Turn] = []
    for limit in sorted({each.at_most for each in options if math.isfinite(each.at_most)}):
        name = choose(options, max_loss=limit).name
        if name is not None and (not found or found[-1].name != name):
            found.append(Turn(limit, name))
    return found


def _easiest(options: Sequence[Option]) -> str | None:
    """The least demand; of equal ones the least loss, then the least cost."""
    easy = min(options, key=lambda each: (each.demand, each.loss, each.cost), default=None)
    return easy.name if easy else None
