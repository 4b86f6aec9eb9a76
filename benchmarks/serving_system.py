"""The systems of serving.py: 20 numbers of the request, or 12 and 8 facts about its customer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lightgbm import LGBMClassifier

import asof
from asof import Col, Key, Time, days

COLUMNS = 20


class Asked(asof.Row):
    """What is asked about: numbers of its own, and a customer with a past."""

    asked_id: Key[int]
    customer: Col[int]
    x0: Col[float]
    x1: Col[float]
    x2: Col[float]
    x3: Col[float]
    x4: Col[float]
    x5: Col[float]
    x6: Col[float]
    x7: Col[float]
    x8: Col[float]
    x9: Col[float]
    x10: Col[float]
    x11: Col[float]
    x12: Col[float]
    x13: Col[float]
    x14: Col[float]
    x15: Col[float]
    x16: Col[float]
    x17: Col[float]
    x18: Col[float]
    x19: Col[float]
    asked_at: Time


class Outcome(asof.Row):
    """What became of it."""

    asked_id: Key[int]
    bought: Col[bool]
    told_at: Time


class Visit(asof.Row):
    """A visit of a customer."""

    customer: Col[int]
    amount: Col[float]
    visited_at: Time


asked = asof.source(Asked, "asked.parquet")
outcomes = asof.source(Outcome, "outcomes.parquet")
visits = asof.source(Visit, "visits.parquet")
past = visits.same(Asked.customer)
spent = asof.stats(
    n=asof.count(), mean=asof.mean(Visit.amount), top=asof.max(Visit.amount),
    spread=asof.std(Visit.amount),
)  # fmt: skip


def own(count: int) -> dict[str, Any]:
    """The first numbers of the request itself."""
    return {f"x{number}": getattr(Asked, f"x{number}") for number in range(count)}


plain = asof.System(
    "plain",
    requests=asked,
    at=Asked.asked_at,
    features=asof.features(Asked, **own(COLUMNS)),
    label=asof.outcome(outcomes.same(Asked.asked_id), Outcome.bought, wait=days(2)),
    model=LGBMClassifier(n_estimators=200, num_leaves=31, verbose=-1),
    retraining=asof.never(),
    start=datetime(2024, 1, 1, tzinfo=UTC),
)
windowed = plain.but(
    name="windowed",
    features=asof.features(Asked, **own(12), spent=past.last(days(7), days(30)).of(spent)),
)
