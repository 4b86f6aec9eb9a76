"""Orders of a shop, with everything that a batch run may get wrong.

Orders are known two days ahead, one in five only hours; some are corrected (another shop, another
moment, before or after they were asked) and some withdrawn. Visits have no key and come late, with
nulls; prices have a key and corrections that move their moment; shops are a reference table. The
features look into the orders themselves, ahead and behind, by one key, two, or none.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from lightgbm import LGBMClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import asof
from asof import Col, Key, Moment, Time, days, hours

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 40
SHOPS = ("ahorn", "birke", "eiche", None)


class Order(asof.Row):
    order_id: Key[int]
    shop: Col[str | None]
    weight: Col[float] = asof.col(ge=0)
    express: Col[bool]
    gone: Col[bool]
    told_at: Moment
    sent_at: Time


class Delivery(asof.Row):
    order_id: Key[int]
    shop: Col[str | None]
    late: Col[bool]
    came_at: Time


class Visit(asof.Row):
    shop: Col[str | None]
    express: Col[bool]
    spent: Col[float | None]
    kind: Col[str | None]
    seen_at: Moment
    visited_at: Time


class Price(asof.Row):
    price_id: Key[int]
    shop: Col[str]
    price: Col[float]
    note: Col[str]
    told_at: Moment
    valid_at: Time


class Shop(asof.Row):
    shop: Key[str]
    floors: Col[int]
    town: Col[str]


orders = asof.source(Order, "orders.parquet", available=Order.told_at, withdrawn=Order.gone)
deliveries = asof.source(Delivery, "deliveries.parquet", lag=hours(1))
visits = asof.source(Visit, "visits.parquet", available=Visit.seen_at)
prices = asof.source(Price, "prices.parquet", available=Price.told_at)
shops = asof.reference(Shop, "shops.parquet")

seen = visits.same(Order.shop)
costs = prices.same(Order.shop)
mine = orders.same(Order.shop)
features = asof.features(
    Order,
    weight=Order.weight,
    express=Order.express,
    shop=Order.shop,
    hour=Order.sent_at.local("Europe/Berlin").hour(),
    seen=seen.last(days(3), days(9)).of(
        asof.stats(n=asof.count(), spent=asof.sum(Visit.spent), mean=asof.mean(Visit.spent),
                   spread=asof.std(Visit.spent), top=asof.max(Visit.spent),
                   kinds=asof.distinct(Visit.kind))
    ),
    kind=seen.last(days(9)).latest(Visit.kind),
    both=visits.same(Order.shop, Order.express).last(days(5)).mean(Visit.spent),
    rich=visits.where(Visit.spent > 4).same(Order.shop).last(days(5)).count(),
    everyone=visits.all(Order).last(days(1)).count(),
    price=costs.last(days(20)).latest(Price.price),
    price_age=costs.last(days(20)).since_known().in_hours(),
    before=mine.last(days(4)).mean(Order.weight),
    coming=mine.next(days(1)).count(),
    others=orders.all(Order).next(hours(36)).sum(Order.weight),
    floors=shops.same(Order.shop).get(Shop.floors),
    town=shops.same(Order.shop).get(Shop.town),
)  # fmt: skip

trees = LGBMClassifier(
    n_estimators=15, num_leaves=6, deterministic=True, force_col_wise=True, n_jobs=1,
    random_state=0, verbose=-1,
)  # fmt: skip
lines = make_pipeline(
    SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression()
)
system = asof.System(
    "orders",
    requests=orders,
    at=Order.sent_at,
    features=features,
    label=asof.outcome(deliveries.same(Order.order_id), Delivery.late, wait=days(2)),
    model=trees,
    retraining=asof.every(days(7)),
    serving=asof.batch_predictions(days(1), ahead=hours(30)),
    start=BEGIN + timedelta(days=12),
    until=BEGIN + timedelta(days=DAYS),
)
numbers = asof.features(
    Order, weight=Order.weight, coming=mine.next(days(1)).count(),
    mean=seen.last(days(9)).mean(Visit.spent),
)  # fmt: skip
linear = system.but(model=lines, features=numbers)


def write(folder: Path, *, many: int = 900) -> None:
    """The files of the shop."""
    chance = random.Random(7)
    told, came = [], []
    for number in range(many):
        sent = BEGIN + timedelta(minutes=chance.randrange(DAYS * 1440))
        ahead = timedelta(hours=chance.choice((48, 48, 48, 48, 5)))
        weight, express = round(chance.expovariate(0.5), 2), chance.random() < 0.3
        row = {
            "order_id": number, "shop": chance.choice(SHOPS), "weight": weight,
            "express": express, "gone": False, "told_at": sent - ahead, "sent_at": sent,
        }  # fmt: skip
        told.append(row)
        late = weight + 3 * (row["shop"] == "ahorn") + chance.random() > 3
        taken = timedelta(hours=chance.uniform(5, 40))
        came.append({"order_id": number, "shop": row["shop"], "late": late,
                     "came_at": sent + taken})  # fmt: skip
        if chance.random() < 0.2:
            moved = timedelta(hours=chance.choice((-30, -3, 0, 9, 40)))
            later = {**row, "shop": chance.choice(SHOPS), "sent_at": sent + moved}
            told.append({**later, "told_at": sent + timedelta(hours=chance.uniform(-20, 6))})
        if chance.random() < 0.05:
            told.append(
                {**row, "gone": True, "told_at": sent - timedelta(hours=chance.choice((2, 30)))}
            )
    _write(folder / "orders.parquet", told, "told_at")
    _write(folder / "deliveries.parquet", came, "came_at")
    walked = []
    for _ in range(2 * many):
        at = BEGIN + timedelta(minutes=chance.randrange(DAYS * 1440))
        walked.append({
            "shop": chance.choice(SHOPS), "express": chance.random() < 0.5,
            "spent": chance.choice((None, round(chance.gauss(4, 2), 2))),
            "kind": chance.choice(("new", "old", "odd", None)),
            "seen_at": at + timedelta(hours=chance.choice((0, 0, 7, 50))), "visited_at": at,
        })  # fmt: skip
    _write(folder / "visits.parquet", walked, "seen_at")
    asked = []
    for number in range(120):
        at = BEGIN + timedelta(minutes=chance.randrange(DAYS * 1440))
        row = {"price_id": number, "shop": chance.choice(SHOPS[:3]), "note": "first",
               "price": float(chance.randrange(90)), "told_at": at, "valid_at": at}  # fmt: skip
        asked.append(row)
        for change in range(chance.choice((0, 0, 1, 2))):
            row = {**row, "told_at": at + timedelta(days=4 * change + 1),
                   "valid_at": at + timedelta(days=chance.choice((-25, 0, 3))),
                   "note": chance.choice(("first", "second"))}  # fmt: skip
            asked.append(row)
    _write(folder / "prices.parquet", asked, "told_at")
    pl.DataFrame(
        {"shop": ["ahorn", "birke"], "floors": [3, 1], "town": ["Ulm", "Bonn"]}
    ).write_parquet(folder / "shops.parquet")


def _write(path: Path, rows: list[dict[str, object]], by: str) -> None:
    pl.DataFrame(rows, infer_schema_length=None).sort(by, maintain_order=True).write_parquet(path)
