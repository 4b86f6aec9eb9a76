"""Which columns a declaration reads: no more than it names, and no fewer than decide."""

from __future__ import annotations

import pytest

import asof
from asof.compute.needed import needed_columns
from asof.declare.features import Features


class Visit(asof.Row):
    visit: asof.Key[int]
    guest: asof.Col[str]
    at: asof.Time


class Order(asof.Row):
    guest: asof.Col[str]
    dish: asof.Col[str]
    price: asof.Col[float]
    tip: asof.Col[float]
    table: asof.Col[int]
    ordered: asof.Time


class Guest(asof.Row):
    guest: asof.Key[str]
    town: asof.Col[str]
    since: asof.Col[int]


class Fixed:
    def fit(self, X: object, y: object) -> Fixed:
        return self

    def predict(self, X: object) -> object:
        raise NotImplementedError


visits, orders = asof.source(Visit), asof.source(Order)
guests = asof.reference(Guest)
theirs = orders.same(Visit.guest)
EVERYTHING = {"guest", "dish", "price", "tip", "table", "ordered"}


def read(features: Features[Visit], **more: object) -> dict[str, set[str]]:
    system = asof.System(
        "meals",
        visits,
        Visit.at,
        features=features,
        label=asof.outcome(theirs.next(asof.hours(2)).sum(Order.price), wait=asof.hours(1)),
        model=Fixed(),
    ).but(**more)  # type: ignore[arg-type]
    return {name: set(columns) for name, columns in needed_columns(system).items()}


def test_of_rows_without_a_key_only_what_is_named():
    found = read(asof.features(Visit, n=theirs.last(asof.days(1)).count()))
    assert found == {
        "visit": {"visit", "guest", "at"},  # the asked rows whole
        "order": {"guest", "price", "ordered"},  # the label's value too
    }


def test_conditions_and_values_made_of_columns_count():
    tipped = orders.where(Order.dish.equals("soup")).same(Visit.guest).last(asof.days(1))
    found = read(asof.features(Visit, part=tipped.mean(Order.tip / Order.price)))
    assert found["order"] == {"guest", "dish", "price", "tip", "ordered"}


@pytest.mark.parametrize("statistic", ["latest", "first", "latest_known"])
def test_where_content_decides_which_row_is_latest_it_is_read(statistic: str):
    window = theirs.last(asof.days(1))
    found = read(asof.features(Visit, last=getattr(window, statistic)(Order.tip)))
    assert found["order"] == EVERYTHING


def test_rows_with_a_key_are_read_whole_for_versions_are_compared_in_all_they_say():
    town = guests.same(Visit.guest).get(Guest.town)
    assert read(asof.features(Visit, town=town))["guest"] == {"guest", "town", "since"}


def test_a_yardstick_reads_too():
    yardstick = asof.persistence(theirs, Order.tip)
    found = read(asof.features(Visit, n=theirs.last(asof.days(1)).count()), baselines=(yardstick,))
    assert found["order"] == EVERYTHING
