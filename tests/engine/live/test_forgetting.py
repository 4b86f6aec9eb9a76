"""What a system that runs holds does not grow with the days that it has run."""

from __future__ import annotations

import random
from array import array
from collections import deque
from datetime import UTC, datetime
from types import FunctionType, MethodType

import msgspec
import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression

import asof
from asof import Col, Key, Time, days, hours
from asof.compute.matrix import Matrix
from asof.compute.online import requests, table, windows
from asof.compute.online.fired import FiredKeys
from asof.compute.online.table import Taken
from asof.compute.runtime import choose
from asof.engine.fitting import fit_one
from asof.engine.live import outlook
from asof.engine.live.asking import unknown
from asof.engine.live.core import Core
from asof.engine.live.serving import Served
from asof.engine.messages import MessageLog, Trained
from asof.stores.encoded import Layout
from asof.units import DAY, HOUR

START = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
A_DAY = 120


class Order(asof.Row):
    order_id: Key[int]
    customer: Col[str]
    amount: Col[float]
    at: Time


class Click(asof.Row):
    customer: Col[str]
    page: Col[str]
    at: Time


class Done(asof.Row):
    order_id: Key[int]
    value: Col[float]
    at: Time


orders, clicks, done = asof.source(Order), asof.source(Click), asof.source(Done)
mine = orders.same(Order.customer).last(hours(12))
looked = clicks.same(Order.customer).last(hours(6))
FEATURES = asof.features(
    Order,
    amount=Order.amount,
    mine=mine.sum(Order.amount).or_else(0.0),
    last=mine.latest(Order.amount).or_else(0.0),
    clicks=looked.count(),
    done=done.all(Order).last(days(1)).mean(Done.value).or_else(0.0),
)
ONLINE = asof.System(
    "orders",
    requests=orders,
    at=Order.at,
    features=FEATURES,
    label=asof.outcome(done.same(Order.order_id), Done.value, wait=hours(20)),
    model=LinearRegression(),
    retraining=asof.every(days(2)),
    start=datetime(2025, 1, 1, tzinfo=UTC),
)
SYSTEMS = {
    "online": ONLINE,
    "batch": ONLINE.but(
        serving=asof.batch_predictions(asof.every(hours(1)), ahead=hours(2), otherwise=0.5)
    ),
    "after_labels": ONLINE.but(retraining=asof.after(labels=300)),
}


class Life:
    """Days full of orders, each with what belongs to it, asked again and again, late and early."""

    def __init__(self, system):
        values = np.arange(40.0).reshape(8, 5)
        fit = fit_one(
            LinearRegression(), Matrix(tuple(n for n, _ in FEATURES.columns), values, {}),
            np.arange(8), values[:, 0], "regression", 0,
        )  # fmt: skip
        self.runtime = choose(fit.fitted, Matrix(fit.fitted.names, values, {}))
        self.trained = []
        self.core = Core(system, MessageLog(), self, self.trained.append)
        self.core.loop._log = self  # what is decided goes into a journal, on a disk
        empty = {t.name: pl.DataFrame(schema=Layout.of(t.row).schema) for t in system.tables}
        self.core.begin(empty, START)
        self.core.begin_life(START)
        self.number = self.offset = 0
        self.chance = random.Random(3)

    def append(self, message):
        pass

    def served(self, name, since):
        return Served(name, name, since, self.runtime)

    def put(self, name, at, *values):
        self.offset += 1
        self.core.put(name, [Taken(at, self.offset, 0, values)])

    def until(self, moment):
        self.core.pass_timers(moment)
        for began in self.trained:
            self.core.finish(Trained(moment, began.model, began.at, 8))
        self.trained.clear()
        self.core.pass_timers(moment)
        self.core.expect_due(moment)
        self.core.tidy()

    def day(self, number):
        """One day; the customers of each are others."""
        core, step = self.core, DAY // A_DAY
        for i in range(A_DAY):
            at = START + number * DAY + i * step
            self.until(at)
            self.number += 1
            who = f"c{number}-{i % 11}"
            self.put("click", at, who, f"page {i % 5}", at)
            planned = at + (HOUR if i % 7 == 0 else 0)
            self.put("order", at, self.number, who, float(i), planned)
            if i % 5:
                asked = core.ask([(self.number,)], at + 2)
                core.answer([one for one in asked if one is not None])
            early = self.number - A_DAY // 2
            if i % 3 and early > 0:
                self.put("done", at + 3, early, float(i), at)
            over = self.number - 2 * A_DAY
            if over > 0 and i % 4 == 0:  # its label is in: it comes again, is corrected, is asked
                self.put("order", at + 4, over, who, -1.0, at - 2 * DAY)
                self.put("done", at + 4, over, -1.0, at)
                asked = core.ask([(over,)], at + 5)
                core.answer([one for one in asked if one is not None])
        self.until(START + (number + 1) * DAY)


def held(root):
    """How many things hang on something, but for the keys that fired: those are counted apart."""
    seen, waiting, count, fired = set(), [root], 0, 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | FunctionType | asof.System | Life):
            continue
        seen.add(id(one))
        match one:
            case FiredKeys():
                fired += len(one)
            case np.ndarray():
                count += one.size
            case array():
                count += len(one)
            case pl.DataFrame():
                count += one.height
            case dict():
                count += len(one)
                waiting += [*one.keys(), *one.values()]
            case list() | tuple() | set() | frozenset() | deque():
                count += len(one)
                waiting += one
            case msgspec.Struct():
                count += len(one.__struct_fields__)
                waiting += [getattr(one, name) for name in one.__struct_fields__]
            case MethodType():
                waiting.append(one.__self__)
            case _:
                waiting += vars(one).values() if hasattr(one, "__dict__") else ()
    return count, fired


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_is_held_does_not_grow_with_the_days(name, monkeypatch):
    monkeypatch.setattr(table, "_LEAST", 64)
    monkeypatch.setattr(windows, "_LEAST", 64)
    monkeypatch.setattr(requests, "_HELD", 50)
    monkeypatch.setattr(outlook, "LAST", 50)
    life = Life(SYSTEMS[name])
    counted = []
    for day in range(24):
        life.day(day)
        counted.append(held(life.core))
    early, late = counted[6:12], counted[18:24]
    early_mean, late_mean = (np.mean([n for n, _ in some]) for some in (early, late))
    assert late_mean <= 1.012 * early_mean, [n for n, _ in counted]
    assert late[-1][1] - early[-1][1] == 12 * A_DAY, "that a request fired is known for ever"
    assert life.core.labels.matured(life.core.clock.at) > 20 * A_DAY / 2
    assert not life.core.requests.is_over((life.number,))
    assert life.core.requests.is_over((1,))


def test_fired_keys_are_a_set():
    chance = random.Random(1)
    for draw in (
        lambda: (chance.choice([-2, -1, 0, 1, 2**62, -(2**63), 2**63 - 1, chance.randrange(99)]),),
        lambda: (chance.choice("abc"), chance.choice([-2, -1, 1, 1.0, None, True])),
    ):
        first = [draw() for _ in range(40)]
        fired, wanted = FiredKeys(first), set(map(repr, first))
        for _ in range(200):
            key = draw()
            assert (key in fired) == (repr(key) in wanted)
            if chance.random() < 0.5:
                fired.add(key)
                wanted.add(repr(key))
        assert len(fired) == len(wanted)


def test_a_frame_of_fired_keys_is_the_same_set():
    numbers = [5, -1, 2**63 - 1, -(2**63), 5]
    for frame in (
        pl.DataFrame({"id": numbers}),
        pl.DataFrame({"id": ["a", "b", "a"]}),
        pl.DataFrame({"id": numbers, "place": ["a", "b", "a", None, "a"]}),
    ):
        fired = FiredKeys(frame)
        assert len(fired) == frame.unique().height
        assert all(key in fired for key in frame.rows())
        assert not any((*key[:-1], 7) in fired for key in frame.rows())
    assert len(FiredKeys(pl.DataFrame(schema={"id": pl.Int64}))) == 0


def test_what_is_not_held_any_more_is_told_from_what_never_came(monkeypatch):
    monkeypatch.setattr(requests, "_HELD", 2)
    life = Life(SYSTEMS["online"])
    for day in range(2):
        life.day(day)
    assert life.core.ask([(1,)], START + 2 * DAY + 1) == [None]
    gone, never = unknown(life.core, (1,)), unknown(life.core, (10**9,))
    assert "order_id=1 is not held any more" in gone.what
    assert "the request is over" in gone.found
    assert "No row of order with order_id=1000000000 is known" in never.what
    life.put("order", START + 2 * DAY + 1, 1, "c", 5.0, START)
    (asked,) = life.core.ask([(1,)], START + 2 * DAY + 2)
    assert asked is not None
    assert len(life.core.answer([asked])) == 1
    life.core.tidy()
