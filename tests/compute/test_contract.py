"""Rows against their contract: single faults are set apart, wholesale ones refused in words."""

# ruff: noqa: DTZ001  wall times, without a zone, are what is tested
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asof
from asof.compute.contract import REASONS, check, require_most, require_volume
from asof.declare.kept import ALWAYS, AVAILABLE, POSITION, WITHDRAWN
from asof.errors import DataRefused
from asof.units import days, minutes

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
NOON_US = 1704110400 * 1_000_000


class Payment(asof.Row):
    payment_id: asof.Key[int]
    amount: asof.Col[float] = asof.col(ge=0, lt=1000)
    kind: asof.Col[str] = asof.col(one_of=("card", "cash"))
    code: asof.Col[str | None] = asof.col(matches=r"[A-Z]\d+")
    paid_at: asof.Time


payments = asof.source(Payment, lag=minutes(5))


def rows(n=3, **changed):
    made = {
        "payment_id": list(range(n)),
        "amount": [float(i) for i in range(n)],
        "kind": ["card"] * n,
        "code": ["A1"] * n,
        "paid_at": [NOON + timedelta(minutes=i) for i in range(n)],
    }
    return pl.DataFrame(made | changed, strict=False)


def reasons(checked):
    return dict(zip(checked.bad[POSITION], checked.bad[REASONS].to_list(), strict=True))


def test_good_rows_come_typed_with_their_availability():
    checked = check(rows(), payments)
    good = checked.good
    assert good.columns == [*(s.name for s in Payment.columns_), AVAILABLE, POSITION, WITHDRAWN]
    assert good["paid_at"].to_list() == [NOON_US + i * 60_000_000 for i in range(3)]
    assert (good[AVAILABLE] - good["paid_at"]).to_list() == [5 * 60_000_000] * 3
    assert good[POSITION].to_list() == [0, 1, 2]
    assert good.dtypes[:5] == [pl.Int64, pl.Float64, pl.String, pl.String, pl.Int64]
    assert (checked.read, checked.bad.height, checked.reasons, checked.dropped) == (3, 0, {}, ())


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("amount", [1.0, -1.0, 2.0], "amount is below 0"),
        ("amount", [1.0, 1000.0, 2.0], "amount is not below 1000"),
        ("amount", [1.0, None, 2.0], "amount is null"),
        ("amount", [1.0, float("nan"), 2.0], "amount is null"),
        ("amount", [1.0, float("inf"), 2.0], "amount is infinite"),
        ("amount", ["1", "one", "2"], "amount is not a number"),
        ("kind", ["card", "cheque", "cash"], "kind is not one of card, cash"),
        ("code", ["A1", "A1 ", None], "code does not match '[A-Z]\\\\d+'"),
        ("payment_id", [1, None, 3], "payment_id is null"),
        ("paid_at", ["2024-01-01T12:00Z", "noon", "2024-01-01T12:00Z"], "paid_at is not a time"),
        ("paid_at", [NOON, None, NOON], "paid_at is null"),
    ],
)
def test_a_row_that_breaks_its_contract_is_set_apart_with_the_reason(column, values, reason):
    checked = check(rows(**{column: values}), payments)
    assert reasons(checked) == {1: [reason]}
    assert checked.good[POSITION].to_list() == [0, 2]
    assert checked.reasons == {reason: 1}
    found = checked.bad[column][0]
    assert found == values[1] or values[1] != values[1], "the row is kept as it was found"


def test_a_row_may_have_several_reasons():
    checked = check(rows(amount=[-1.0, 1.0, 1.0], kind=["x", "card", "y"]), payments)
    assert reasons(checked) == {
        0: ["amount is below 0", "kind is not one of card, cash"],
        2: ["kind is not one of card, cash"],
    }
    assert checked.reasons == {"kind is not one of card, cash": 2, "amount is below 0": 1}


def test_texts_of_a_csv_are_taken_for_what_they_say():
    frame = rows().with_columns(pl.col("paid_at").dt.to_string("%Y-%m-%dT%H:%M:%SZ"))
    typed, told = check(rows(), payments), check(frame.cast(pl.String), payments)
    assert told.good.equals(typed.good)


def test_undeclared_columns_are_left_out_and_named():
    checked = check(rows().with_columns(extra=pl.lit(1)), payments)
    assert checked.dropped == ("extra",)
    assert "extra" not in checked.good.columns


def test_a_missing_column_is_refused_with_a_near_name():
    with pytest.raises(DataRefused) as caught:
        check(rows().rename({"amount": "amounts"}), payments)
    message = str(caught.value)
    assert "no column 'amount'" in message
    assert "Did you mean 'amounts'?" in message
    assert "test_contract.py:" in message


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("amount", ["a", "b", "c"], "should be a number"),
        ("payment_id", [True, False, True], "should be a whole number"),
        ("kind", [1.5, 2.5, 3.5], "should be a text"),
        ("paid_at", [1, 2, 3], "should be a time"),
        ("paid_at", ["01/02/2024"] * 3, "should be a time"),
    ],
)
def test_another_type_throughout_is_refused_with_an_example(column, values, words):
    with pytest.raises(DataRefused, match=words) as caught:
        check(rows(**{column: values}), payments)
    assert repr(values[0]) in caught.value.found
    assert "prepare=" in caught.value.mend


def test_times_without_a_zone_are_refused():
    naive = rows().with_columns(pl.col("paid_at").dt.replace_time_zone(None))
    for frame in (naive, naive.with_columns(pl.col("paid_at").dt.to_string("%Y-%m-%d %H:%M"))):
        with pytest.raises(DataRefused, match=r"paid_at has times without a zone") as caught:
            check(frame, payments)
        assert 'zone="UTC"' in caught.value.mend


def test_a_zone_hangs_the_clock():
    zoned = asof.source(Payment, zone="America/New_York")
    walls = [datetime(2013, 3, 10, 2, 30), datetime(2013, 11, 3, 1, 30), datetime(2013, 1, 1)]
    checked = check(rows(paid_at=walls), zoned)
    told = checked.good["paid_at"].cast(pl.Datetime("us")).dt.to_string("%H:%M").to_list()
    assert told == ["07:00", "05:30", "05:00"]
    assert (checked.never, checked.twice) == (1, 1)


def test_times_that_say_their_offset_need_no_zone_and_keep_it():
    zoned = asof.source(Payment, zone="America/New_York")
    assert check(rows(), zoned).good["paid_at"].equals(check(rows(), payments).good["paid_at"])


class Stop(asof.Row):
    stop_id: asof.Key[int]
    zone: asof.Col[str]
    at: asof.Time


def test_a_column_may_name_the_zone():
    stops = asof.source(Stop, zone=Stop.zone)
    frame = pl.DataFrame(
        {
            "stop_id": [1, 2, 3, 4],
            "zone": ["America/New_York", "Europe/Berlin", "Mars/Olympus", "Mars/Olympus"],
            "at": [*[datetime(2024, 1, 1)] * 3, None],
        }
    )
    checked = check(frame, stops)
    assert checked.good["at"].cast(pl.Datetime("us")).dt.hour().to_list() == [5, 23]
    assert reasons(checked) == {2: ["at is a wall time in an unknown zone"], 3: ["at is null"]}


class Order(asof.Row):
    order_id: asof.Key[int]
    size: asof.Col[float] = asof.col(ge=0)
    gone: asof.Col[bool]
    known_at: asof.Moment
    placed_at: asof.Time


def test_a_withdrawal_owes_only_its_key_and_times():
    orders = asof.source(Order, withdrawn=Order.gone, available=Order.known_at)
    frame = pl.DataFrame(
        {
            "order_id": [1, 1, None],
            "size": [1.0, None, None],
            "gone": [False, True, True],
            "known_at": [NOON, NOON + timedelta(hours=1), NOON],
            "placed_at": [NOON] * 3,
        }
    )
    checked = check(frame, orders)
    assert checked.good[WITHDRAWN].to_list() == [False, True]
    assert checked.good[AVAILABLE].to_list() == [NOON_US, NOON_US + 3_600_000_000]
    assert reasons(checked) == {2: ["order_id is null"]}


def test_a_negative_lag_is_known_ahead():
    ahead = asof.source(Payment, lag=-days(1))
    good = check(rows(), ahead).good
    assert (good["paid_at"] - good[AVAILABLE]).to_list() == [86_400_000_000] * 3


class Account(asof.Row):
    account: asof.Key[int]
    mail: asof.Col[str | None] = asof.col(unique=True)


def test_unique_values_of_other_keys_are_set_apart_and_reference_rows_always_known():
    accounts = asof.reference(Account)
    frame = pl.DataFrame({"account": [1, 1, 2, 3, 4], "mail": ["a", "a", "a", None, None]})
    checked = check(frame, accounts)
    assert reasons(checked) == {2: ["mail repeats a value that must be unique"]}
    assert checked.good[AVAILABLE].to_list() == [ALWAYS] * 4


def test_too_few_rows_and_too_many_faults_are_refused():
    with pytest.raises(DataRefused, match=r"f\.csv has no rows for payment"):
        require_volume(rows().clear(), payments, what="f.csv")
    few = asof.source(Payment, min_rows=10)
    with pytest.raises(DataRefused, match="too few rows"):
        require_volume(rows(), few, what="f.csv")
    bad = check(rows(10, amount=[-1.0, -2.0, *[1.0] * 8]), payments).bad
    require_most(payments, bad.head(1), what="f.csv", read=10)
    with pytest.raises(DataRefused, match=r"2 of 10 rows of f\.csv break") as caught:
        require_most(payments, bad, what="f.csv", read=10)
    assert caught.value.found == "amount is below 0: 2; row 0: payment_id=0, amount=-1.0"
    assert "refuse_above=" in caught.value.mend


amounts = st.one_of(st.none(), st.floats(-10, 2000), st.sampled_from([0.0, 1000.0, -0.0]))


@settings(max_examples=60)
@given(st.lists(st.tuples(amounts, st.sampled_from(["card", "cash", "x", None])), min_size=1))
def test_no_row_is_lost_and_the_good_are_good(values):
    frame = rows(len(values), amount=[a for a, _ in values], kind=[k for _, k in values])
    frame = frame.with_columns(pl.col("amount").cast(pl.Float64), pl.col("kind").cast(pl.String))
    checked = check(frame, payments)
    both = sorted([*checked.good[POSITION], *checked.bad[POSITION]])
    assert both == list(range(len(values)))
    fine = [
        i
        for i, (a, k) in enumerate(values)
        if a is not None and 0 <= a < 1000 and k in ("card", "cash")
    ]
    assert checked.good[POSITION].to_list() == fine
    assert all(checked.bad[REASONS].to_list())


class Flight(asof.Row):
    flight: asof.Key[int]
    seats: asof.Col[int]
    sold: asof.Col[int | None]
    departs_at: asof.Time
    arrives_at: asof.Moment = asof.col(null=True)
    cancelled: asof.Col[bool]


IN_ORDER = Flight.arrives_at > Flight.departs_at
NOT_OVERSOLD = Flight.sold <= Flight.seats


def flights(**changed):
    made = {
        "flight": [1, 2, 3], "seats": [9, 9, 9], "sold": [5, 5, 5], "cancelled": [False] * 3,
        "departs_at": [NOON] * 3, "arrives_at": [NOON + timedelta(hours=1)] * 3,
    }  # fmt: skip
    return pl.DataFrame(made | changed, strict=False)


def ruled(*rules):
    return asof.source(Flight, withdrawn=Flight.cancelled, rules=rules, refuse_above=0.5)


def test_a_row_that_breaks_a_rule_is_set_apart_with_the_rule():
    early = [NOON - timedelta(hours=1), NOON + timedelta(hours=1), NOON]
    checked = check(
        flights(arrives_at=early, sold=[10, 9, 1]), table := ruled(IN_ORDER, NOT_OVERSOLD)
    )
    assert reasons(checked) == {
        0: [f"breaks the rule {IN_ORDER!r}", "breaks the rule (Flight.sold <= Flight.seats)"],
        2: [f"breaks the rule {IN_ORDER!r}"],
    }
    assert checked.good["flight"].to_list() == [2]
    with pytest.raises(DataRefused) as caught:
        require_most(table, checked.bad, what="flights.csv", read=3)
    assert "departs_at=2024-01-01 12:00:00+00:00" in caught.value.found
    assert "sold=10" in caught.value.found
    part = check(flights(sold=[10, 9, 1]), table, part=True)
    assert reasons(part) == {0: ["breaks the rule (Flight.sold <= Flight.seats)"]}


def test_what_is_not_known_breaks_no_rule_and_a_withdrawal_owes_none():
    table = ruled(IN_ORDER, NOT_OVERSOLD)
    assert check(flights(sold=[None] * 3, arrives_at=[None] * 3), table).bad.height == 0
    gone = check(flights(sold=[99] * 3, cancelled=[True, False, False]), table)
    assert list(reasons(gone)) == [1, 2]
    unread = check(flights(sold=["many", "5", "5"]), table)
    assert reasons(unread) == {0: ["sold is not a whole number"]}


def test_rules_that_read_alike_are_both_kept():
    def least(limit):
        @asof.computed
        def enough(sold: int | None) -> bool:
            return sold is None or sold >= limit

        return enough(Flight.sold)

    checked = check(flights(sold=[1, 5, 9]), ruled(least(2), least(0)))
    assert list(reasons(checked)) == [0]


def test_a_rule_whose_function_fails_refuses_in_words():
    @asof.computed
    def inverse(sold: int | None) -> bool:
        return 1 / (sold or 0) > 0

    with pytest.raises(DataRefused, match="could not be evaluated") as caught:
        check(flights(sold=[0, 1, 2]), ruled(inverse(Flight.sold)))
    assert caught.value.found == "ZeroDivisionError: division by zero"


def test_a_reference_keeps_its_rules():
    class Plane(asof.Row):
        tail: asof.Key[str]
        seats: asof.Col[int]
        doors: asof.Col[int]

    planes = asof.reference(Plane, rules=(Plane.doors < Plane.seats,))
    checked = check(pl.DataFrame({"tail": ["a", "b"], "seats": [9, 2], "doors": [2, 2]}), planes)
    assert reasons(checked) == {1: ["breaks the rule (Plane.doors < Plane.seats)"]}
