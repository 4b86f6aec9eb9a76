"""A shop whose truth is known: its customers, orders, refunds, promotions and hourly demand.

`python simulate.py` writes the files that `shop.py` declares into `data/` beside this file, and
into `data/truth/` what no shop could know, for those who want to check what was foretold.
Everything follows from one seed. What is true, and what there is to be learnt, stands in README.md.
"""

import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

BERLIN = "Europe/Berlin"
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
MINUTE = 60_000_000  # microseconds, as all times here
HOUR = 60 * MINUTE
DAY = 24 * HOUR
CITIES = {"berlin": 30.0, "hamburg": 18.0, "munich": 14.0, "bonn": 5.0}  # units an hour
CATEGORIES = ("books", "games", "shoes", "tools")
KINDS = {"regular": 1 / 10, "occasional": 1 / 70}  # orders a day
REGULARS = 0.35
RETURNED = {"books": 0.04, "games": 0.10, "shoes": 0.35, "tools": 0.08}  # share of orders
AWAY = 30 * DAY  # after a refund a customer stays away for so long ...
LOYAL = 0.4  # ... but for this share of the orders
CANCELLED = 0.06
CORRECTED = 0.10
GUESTS = 0.04
LIFT = 0.8  # a promotion sells so much more
WEEKDAY = (0.9, 0.9, 1.0, 1.0, 1.2, 1.5, 0.6)


@dataclass(frozen=True)
class World:
    """The tables of a shop, by the name of their file, and what is true of it."""

    tables: dict[str, pl.DataFrame]
    truth: dict[str, pl.DataFrame]


@dataclass(frozen=True)
class _Told:
    """An order as it was told: at first, corrected, or taken back."""

    order_id: int
    customer: str | None
    city: str
    category: str
    amount: float | None
    cancelled: bool
    at: int
    known: int


@dataclass(frozen=True)
class _Paid:
    """Money paid back for an order."""

    at: int
    order_id: int
    buyer: str
    amount: float


def simulate(seed: int = 0, *, customers: int = 400, days: int = 300) -> World:
    """A shop's life of `days` days from 1 January 2025."""
    chance = np.random.default_rng(seed)
    people = _people(chance, customers)
    orders, refunds = _orders(chance, people, days)
    promotions = _promotions(chance, days)
    demand, expected = _demand(chance, promotions, days)
    closes = (
        demand.group_by("city", _midnight("hour").alias("day"))
        .agg(pl.col("units").sum())
        .sort("day", "city")
        .filter(pl.col("day") < _moment([days * DAY]).item() - pl.duration(days=1))
    )
    cities = pl.DataFrame({"city": list(CITIES), "shops": [9, 6, 5, 1]})
    tables = {
        "customers": people.select("customer", "kind", "city"),
        "cities": cities,
        "orders": orders,
        "refunds": refunds,
        "promotions": promotions,
        "demand": demand,
        "closes": closes,
    }
    return World(tables, {"customers": people, "demand": expected})


def write(world: World, folder: Path) -> None:
    """Write a world's files: Parquet, but promotions as a person would type them."""
    for target, tables in (
        (folder / "data", world.tables),
        (folder / "data" / "truth", world.truth),
    ):
        part = target.with_name(f".{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for name, table in tables.items():
            if name == "promotions":
                wall = pl.selectors.datetime().dt.convert_time_zone(BERLIN)
                typed = wall.dt.strftime("%Y-%m-%d %H:%M")
                table.with_columns(typed).write_csv(part / "promotions.csv")
            else:
                table.write_parquet(part / f"{name}.parquet")
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)


def _moment(at: Sequence[int] | np.ndarray | pl.Series) -> pl.Series:
    """Microseconds since the first day as moments in UTC."""
    begin = int(FIRST.timestamp()) * 1_000_000
    return (pl.Series(at).cast(pl.Int64) + begin).cast(pl.Datetime("us", "UTC"))


def _midnight(column: str) -> pl.Expr:
    """Berlin's midnight at or before a moment."""
    local = pl.col(column).dt.convert_time_zone(BERLIN)
    return local.dt.truncate("1d").dt.convert_time_zone("UTC")


def _people(chance: np.random.Generator, customers: int) -> pl.DataFrame:
    """Customers with their own rate of orders a day, spread about that of their kind."""
    regular = chance.random(customers) < REGULARS
    mean = np.where(regular, KINDS["regular"], KINDS["occasional"])
    return pl.DataFrame(
        {
            "customer": [f"c{number:04}" for number in range(customers)],
            "kind": np.where(regular, "regular", "occasional").tolist(),
            "city": chance.choice(list(CITIES), customers, p=[0.45, 0.27, 0.2, 0.08]).tolist(),
            "favourite": chance.choice(CATEGORIES, customers).tolist(),
            "rate": mean * chance.gamma(6.0, 1 / 6.0, customers),
        }
    )


def _orders(
    chance: np.random.Generator, people: pl.DataFrame, days: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Orders with their corrections and withdrawals, and the refunds of orders sent back."""
    placed: list[_Told] = []
    refunds: list[_Paid] = []
    for customer, _, city, favourite, rate in people.rows():
        at: float = 0.0
        away_until: float = -1.0
        while (at := at + chance.exponential(DAY / float(rate))) < days * DAY:
            if at < away_until and chance.random() > LOYAL:
                continue
            order = _Told(
                order_id=len(placed),
                customer=None if chance.random() < GUESTS else customer,
                city=city,
                category=favourite if chance.random() < 0.6 else str(chance.choice(CATEGORIES)),
                amount=round(float(chance.lognormal(3.4, 0.7)), 2),
                cancelled=bool(chance.random() < CANCELLED),
                at=int(at) // MINUTE * MINUTE,
                known=int(at) // MINUTE * MINUTE + int(chance.exponential(3)) * MINUTE,
            )
            placed.append(order)
            if not order.cancelled and chance.random() < RETURNED[order.category]:
                back = int(at + chance.uniform(3, 14) * DAY) // MINUTE * MINUTE
                away_until = back + AWAY
                refunds.append(_Paid(back, order.order_id, customer, order.amount or 0.0))
    by_time = np.argsort([order.at for order in placed], kind="stable")
    number = {int(old): new for new, old in enumerate(by_time)}  # orders are numbered by time
    told = [version for order in placed for version in _versions(chance, order)]
    orders = pl.DataFrame([vars(version) for version in told]).with_columns(
        pl.col("order_id").replace_strict(number)
    )
    return _ordered(orders), _refunded(chance, refunds, number)


def _versions(chance: np.random.Generator, order: _Told) -> list[_Told]:
    """An order as it was told: what is true last, unless it was cancelled after that."""
    last = replace(order, cancelled=False)
    versions: list[_Told] = []
    if chance.random() < CORRECTED:  # the first version lacks or mistakes something
        lacking = chance.random() < 0.5
        versions.append(replace(last, amount=None) if lacking else replace(last, category="books"))
        last = replace(last, known=last.known + int(chance.uniform(1, 72) * HOUR))
    versions.append(last)
    if order.cancelled:
        later = last.known + int(chance.uniform(0.2, 48) * HOUR)
        versions.append(replace(last, cancelled=True, known=later))
    return versions


def _ordered(orders: pl.DataFrame) -> pl.DataFrame:
    """One row a version, as they became known."""
    told = orders.sort("known", "order_id")
    return told.select(
        "order_id", "customer", "city", "category", "amount", "cancelled",
        ordered_at=_moment(told["at"]), known_at=_moment(told["known"]),
    )  # fmt: skip


def _refunded(
    chance: np.random.Generator, refunds: list[_Paid], number: dict[int, int]
) -> pl.DataFrame:
    """Refunds, booked in the office one to twelve days after they were paid."""
    refunds = sorted(refunds, key=lambda refund: refund.at)
    whole = chance.random(len(refunds)) < 0.7
    amounts = np.array([refund.amount for refund in refunds])
    paid = np.array([refund.at for refund in refunds], dtype=np.int64)
    booked = paid + (chance.uniform(1, 12, len(paid)) * DAY).astype(np.int64)
    return pl.DataFrame(
        {
            "refund_id": np.arange(len(refunds)),
            "order_id": [number[refund.order_id] for refund in refunds],
            "buyer": [refund.buyer for refund in refunds],
            "refunded": np.round(amounts * np.where(whole, 1.0, 0.5), 2),
            "whole": whole,
            "refunded_at": _moment(paid),
            "booked_at": _moment(booked),
        }
    )


def _promotions(chance: np.random.Generator, days: int) -> pl.DataFrame:
    """Promotions of one Berlin day in one city, announced one to two weeks ahead."""
    rows = [
        (city, day, chance.uniform(7, 14))
        for day in range(1, days)
        for city in CITIES
        if chance.random() < 0.12
    ]
    begin = pl.Series([day for _, day, _ in rows])
    local = pl.Series(_moment(begin * DAY)).dt.replace_time_zone(None)
    starts = local.dt.replace_time_zone(BERLIN).dt.convert_time_zone("UTC")
    ahead = pl.Series([int(ahead * DAY) // MINUTE * MINUTE for _, _, ahead in rows])
    return pl.DataFrame(
        {
            "promotion_id": [f"p{number:03}" for number in range(len(rows))],
            "place": [city for city, _, _ in rows],
            "starts_at": starts,
            "announced_at": starts - ahead.cast(pl.Duration("us")),
        }
    )


def _demand(
    chance: np.random.Generator, promotions: pl.DataFrame, days: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Units sold an hour and city, with gaps, and the expected units of every hour."""
    hours = pl.DataFrame({"hour": _moment(np.arange(days * 24) * HOUR)})
    local = pl.col("hour").dt.convert_time_zone(BERLIN)
    grid = hours.join(pl.DataFrame({"city": list(CITIES)}), how="cross").with_columns(
        day=_midnight("hour"), of_day=local.dt.hour(), weekday=local.dt.weekday()
    )
    promoted = promotions.select(city="place", day="starts_at", promoted=pl.lit(1.0))
    grid = grid.join(promoted, on=["city", "day"], how="left", maintain_order="left")
    base = grid["city"].replace_strict(CITIES, return_dtype=pl.Float64).to_numpy()
    daily = np.array(WEEKDAY)[grid["weekday"].to_numpy() - 1]
    hourly = np.maximum(0.05, np.sin((grid["of_day"].to_numpy() - 6) / 16 * math.pi))
    lift = 1 + LIFT * grid["promoted"].fill_null(0.0).to_numpy()
    expected = base * daily * hourly * lift
    units = chance.poisson(expected).astype(np.float64)
    told = grid.select("city", "hour", pl.Series("units", units), pl.Series("expected", expected))
    gap = pl.Series(chance.random(told.height) < 0.01)  # a till that was off: nothing to be counted
    return told.filter(~gap).drop("expected"), told.drop("units")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    here = Path(__file__).resolve().parent
    write(simulate(*numbers[:1]), here)
    print(f"a shop's files are in {here / 'data'}, what is true of it in truth/ below")
