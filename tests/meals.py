"""A small declared world: guests who visit, and what they order. Orders have no key."""

from __future__ import annotations

import asof
from asof.declare.features import Features


class Visit(asof.Row):
    visit: asof.Key[int]
    guest: asof.Col[int]
    at: asof.Time


class Order(asof.Row):
    guest: asof.Col[int]
    dish: asof.Col[str]
    price: asof.Col[float | None]
    tip: asof.Col[float]
    table: asof.Col[int]
    ordered: asof.Time


class Fixed:
    """An estimator that is never fitted."""

    def fit(self, X: object, y: object) -> Fixed:
        return self

    def predict(self, X: object) -> object:
        raise NotImplementedError


visits = asof.source(Visit, "visits.parquet", zone="UTC")
orders = asof.source(Order, "orders.parquet", zone="UTC")
theirs = orders.same(Visit.guest)


def system(features: Features[Visit], **changes: object) -> asof.System[Visit]:
    """What a guest spends within two hours of a visit."""
    return asof.System(
        "meals",
        visits,
        Visit.at,
        features=features,
        label=asof.outcome(theirs.next(asof.hours(2)).sum(Order.price), wait=asof.hours(1)),
        model=Fixed(),
    ).but(**changes)  # type: ignore[arg-type]
