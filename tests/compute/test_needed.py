"""Which columns a declaration reads: no more than it names, and no fewer than decide."""

from __future__ import annotations

import pytest
from meals import Fixed, Order, Visit, orders, system, theirs

import asof
from asof.compute.needed import needed_columns
from asof.declare.features import Features


class Guest(asof.Row):
    guest: asof.Key[int]
    town: asof.Col[str]
    since: asof.Col[int]


guests = asof.reference(Guest)
EVERYTHING = {"guest", "dish", "price", "tip", "table", "ordered"}


def read(features: Features[Visit], **changes: object) -> dict[str, set[str]]:
    found = needed_columns(system(features, **changes))
    return {name: set(of.columns) for name, of in found.items()}


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


def test_numbers_that_are_only_compared_are_told_from_those_that_are_computed_with():
    class Course(asof.Row):
        seat: asof.Col[int]
        turn: asof.Col[int]
        guest: asof.Col[str]
        served: asof.Time

    class Call(asof.Row):
        call: asof.Key[int]
        seat: asof.Col[int]
        guest: asof.Col[str]
        at: asof.Time

    courses, calls = asof.source(Course), asof.source(Call)
    at_seat = courses.same(Call.seat).last(asof.days(1))
    of_guest = courses.same(Call.guest).last(asof.days(1))

    def compared(features: Features[Call]) -> frozenset[str]:
        seats = asof.System(
            "seats",
            calls,
            Call.at,
            features=features,
            label=asof.outcome(
                courses.same(Call.seat).next(asof.hours(1)).sum(Course.turn), wait=asof.hours(1)
            ),
            model=Fixed(),
        )
        found = needed_columns(seats)
        assert not found["call"].compared  # the asked rows are whole
        return found["course"].compared

    assert compared(asof.features(Call, n=at_seat.count())) == {"seat"}
    assert compared(asof.features(Call, n=at_seat.count(), m=of_guest.count())) == {"seat"}
    assert not compared(asof.features(Call, n=at_seat.count(), m=of_guest.max(Course.seat)))
    # Content decides between equal moments: compared too.
    assert compared(asof.features(Call, m=at_seat.latest(Course.turn))) == {"seat"}
