"""Retail lines without a key, with cancellations and missing customers, dates written day first."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

SYSTEM = '''\
"""Will the customer of an order buy again within two weeks?"""

from datetime import time

import polars as pl
from lightgbm import LGBMClassifier

import asof
from asof import Col, Key, Time, days

LONDON = "Europe/London"


class Line(asof.Row):
    """One line of an invoice; a cancellation has a negative quantity."""

    invoice: Col[str]
    item: Col[str]
    quantity: Col[int]
    price: Col[float] = asof.col(ge=0)
    customer: Col[str | None]
    sold_at: Time


class Order(asof.Row):
    """An invoice as a whole."""

    invoice: Key[str]
    customer: Col[str | None]
    total: Col[float]
    lines: Col[int]
    country: Col[str]
    sold_at: Time


def lines_of(file: pl.DataFrame) -> pl.DataFrame:
    return file.with_columns(
        pl.col("date").str.to_datetime("%d/%m/%Y %H:%M").alias("sold_at"),
    )


def orders_of(file: pl.DataFrame) -> pl.DataFrame:
    lines = lines_of(file).filter(~pl.col("invoice").str.starts_with("C"))
    return lines.group_by("invoice", maintain_order=True).agg(
        pl.col("customer", "country", "sold_at").first(),
        total=(pl.col("quantity").cast(float) * pl.col("price").cast(float)).sum(),
        lines=pl.len(),
    )


lines = asof.source(Line, "lines.csv", prepare=lines_of, zone=LONDON)
orders = asof.source(Order, "lines.csv", prepare=orders_of, zone=LONDON)

customer = orders.same(Order.customer)
bought = lines.where(Line.quantity > 0).same(Order.customer)
sent_back = lines.where(Line.quantity < 0).same(Order.customer)
features = asof.features(
    Order,
    total=Order.total,
    lines=Order.lines,
    country=Order.country,
    weekday=Order.sold_at.local(LONDON).weekday(),
    orders=customer.last(days(14), days(60)).count(),
    spent=bought.last(days(60)).sum(Line.quantity * Line.price),
    items=bought.last(days(60)).distinct(Line.item),
    sent_back=sent_back.last(days(60)).count(),
    since=customer.last(days(365)).since().in_days(),
)

system = asof.System(
    "buys-again",
    requests=orders,
    at=Order.sold_at,
    features=features,
    label=asof.happens(customer, within=days(14), wait=days(1)),
    model=LGBMClassifier(n_estimators=30, num_leaves=7, verbose=-1),
    metric="auc",
    train=asof.sliding(days(90)),
    retraining=asof.weekly(0, time(6, 0), zone=LONDON),
    baselines=(asof.rate(Order.country),),
)
'''


def write(folder: Path) -> None:
    """Half a year of a shop's lines."""
    chance, rows = random.Random(2), []
    zeal = {f"{12000 + n}": chance.betavariate(1, 5) for n in range(250)}
    names, weights = list(zeal), list(zeal.values())
    for number in range(2600):
        sold = datetime(2010, 12, 1, 8, tzinfo=UTC) + timedelta(minutes=100 * number)
        customer = "" if chance.random() < 0.25 else chance.choices(names, weights)[0]
        country = chance.choice(["United Kingdom", "France", "EIRE"])
        rows += [
            [
                f"{536365 + number}", f"i{chance.randrange(60)}", chance.randint(1, 12),
                round(chance.lognormvariate(0.7, 0.6), 2), customer, country, sold,
            ]
            for _ in range(chance.randint(1, 5))
        ]  # fmt: skip
        if customer and chance.random() < 0.1:
            last = rows[-1]
            back = sold + timedelta(hours=chance.uniform(1, 90))
            rows.append([f"C{last[0]}", last[1], -last[2], *last[3:6], back])
    rows.sort(key=lambda row: row[-1])
    head = ["invoice", "item", "quantity", "price", "customer", "country", "date"]
    with (folder / "lines.csv").open("w", newline="") as file:
        told = [[*row[:-1], row[-1].strftime("%d/%m/%Y %H:%M")] for row in rows]
        csv.writer(file).writerows([head, *told])


def rows(stranger) -> list[dict]:
    with (stranger.folder / "lines.csv").open() as file:
        found = list(csv.DictReader(file))
    for row in found:
        wall = datetime.strptime(row["date"], "%d/%m/%Y %H:%M")  # noqa: DTZ007  a wall time
        row["at"] = wall.replace(tzinfo=ZoneInfo("Europe/London")).astimezone(UTC)
    return found


def test_days_are_read_first(stranger):
    (order,) = [table for table in stranger.facts["sources"] if table["name"] == "order"]
    first = datetime.fromtimestamp(order["earliest"] / 1e6, UTC)
    assert (first.month, first.day) == (12, 1)
    assert order["rows"] == 2600


def test_a_missing_customer_matches_nothing(stranger):
    file = rows(stranger)
    nobody = {row["invoice"] for row in file if not row["customer"]}
    answers = stranger.answers
    labels = dict(answers.select("request", "label").iter_rows())
    anonymous = [request for request in labels if request in nobody]
    assert len(anonymous) > 200
    assert all(labels[request] is None for request in anonymous)
    told = stranger.features(anonymous[0])
    assert {told[name] for name in ("orders_14d", "spent", "items", "sent_back", "since")} == {None}


def test_features_and_labels_of_some_customers(stranger):
    file = rows(stranger)
    answers = stranger.answers.filter(stranger.answers["label"].is_not_null())
    customers = {row["invoice"]: row["customer"] for row in file}
    moments = {row["invoice"]: row["at"] for row in file}
    sales = {i: at for i, at in moments.items() if not i.startswith("C")}
    for request, label in answers[::120].select("request", "label").iter_rows():
        who, at = customers[request], moments[request]
        ours = [row for row in file if row["customer"] == who]
        window = [r for r in ours if at - timedelta(days=60) <= r["at"] < at]
        bought = [r for r in window if int(r["quantity"]) > 0]
        told = stranger.features(request)
        spent = sum(int(r["quantity"]) * float(r["price"]) for r in bought)
        assert abs((told["spent"] or 0.0) - spent) < 1e-9
        assert told["items"] == len({r["item"] for r in bought})
        assert told["sent_back"] == len(window) - len(bought)
        again = [
            i for i, moment in sales.items()
            if customers[i] == who and i != request and at <= moment < at + timedelta(days=14)
        ]  # fmt: skip
        assert label == float(bool(again))


def test_what_is_said(stranger):
    facts = stranger.facts
    assert "AUC, higher is better" in stranger.said
    assert "rate by country" in stranger.said
    assert facts["zone"] == "Europe/London"
    assert stranger.reproduces_every_model() == facts["cost"]["fits"]
