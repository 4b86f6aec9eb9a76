from __future__ import annotations

from copy import copy
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

import asof
from asof import Col, Key, KeyTime, Moment, Time, days, hours, minutes
from asof.declare.policies import TrainWindow
from asof.declare.written import written
from asof.errors import DeclarationError


class Order(asof.Row):
    order_id: Key[int]
    customer: Col[str]
    amount: Col[float]
    ordered_at: Time
    promised_at: Moment


class Parcel(asof.Row):
    order_id: Key[int]
    days_late: Col[float | None]
    arrived_at: Time


class Reading(asof.Row):
    sensor: Key[str]
    taken_at: KeyTime
    value: Col[float | None]


class Classifier:
    def get_params(self, deep=True):
        return {}

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        raise NotImplementedError


class InLines(Classifier):
    def __repr__(self):
        return "InLines(one=1,\n        two=2)"


orders = asof.source(Order)
parcels = asof.source(Parcel)
recent = orders.same(Order.customer).last(hours(1), days(1))


def declared(**changes):
    given = {
        "features": asof.features(
            Order,
            amount=Order.amount,
            spent=recent.of(asof.stats(n=asof.count(), sum=asof.sum(Order.amount))),
            big=recent.share(Order.amount > 100),
            gap=orders.same(Order.customer).last(days(9)).since().in_hours(),
        ),
        "label": asof.outcome(
            parcels.same(Order.order_id), Parcel.days_late > 0, due=Order.promised_at
        ),
        "model": Classifier(),
    }
    return asof.System("late-parcels", orders, Order.ordered_at, **(given | changes))


def test_names_are_attribute_statistic_window_and_order_is_window_statistic():
    assert declared().features.names == (
        "amount", "spent_n_1h", "spent_sum_1h", "spent_n_1d", "spent_sum_1d",
        "big_1h", "big_1d", "gap",
    )  # fmt: skip


def test_defaults_fill_in_the_rest():
    system = declared()
    assert (system.task, system.measured) == ("binary", "log_loss")
    assert [table.name for table in system.tables] == ["order", "parcel"]


def test_a_variant_is_another_value():
    system = declared()
    variant = system.but(retraining=asof.never(), name="never")
    assert (system.name, variant.name) == ("late-parcels", "never")
    assert system.fingerprint != variant.fingerprint
    assert variant.but(retraining=system.retraining, name="late-parcels").fingerprint == (
        system.fingerprint
    )


def test_it_prints_every_feature_and_says_what_it_is():
    system = declared()
    assert all(name in str(system) for name in system.features.names)
    assert repr(system) == (
        f"<System late-parcels: 8 features of Order, 2 tables, {system.fingerprint}>"
    )


def test_a_key_time_is_part_of_the_key():
    assert asof.source(Reading).keys == ("sensor", "taken_at")


def test_a_where_on_the_source_and_on_the_join_are_the_same_rows():
    first = orders.where(Order.amount > 3).same(Order.customer).last(days(1)).count()
    second = orders.same(Order.customer).where(Order.amount > 3).last(days(1)).count()
    assert repr(first) == repr(second)


MISTAKES = [
    (lambda: Order.amount == 3, ".equals"),
    (lambda: bool(Order.amount > 3), "truth value"),
    (lambda: 0 < Order.amount < 5, "truth value"),
    (lambda: Order.customer > 3, "is no number"),
    (lambda: Order.customer & (Order.amount > 1), "is no condition"),
    (lambda: asof.mean(Order.customer), "is of numbers"),
    (lambda: asof.share(Order.amount), "is of a condition"),
    (lambda: orders.same(Parcel.days_late), "no column 'days_late'"),
    (lambda: orders.same(Order.customer).last(7), "no unit"),
    (lambda: orders.same(Order.customer).sum(Order.amount), ".last(days(30)).sum(...)"),
    (lambda: orders.same(Order.customer).since(), ".last(days(30)).since()"),
    (lambda: orders.mean(Order.amount), ".same(Requested.column).last(days(30)).mean(...)"),
    (lambda: orders.last(days(1)), ".same(Requested.column).last(days(30))"),
    (lambda: recent.latest(Order.amount), "latest() is of one window"),
    (lambda: orders.same(Order.customer).last(days(1), days(1)), "twice"),
    (lambda: orders.same(Order.customer).last(days(0)), "longer than nothing"),
    (lambda: Order.ordered_at.hour(), "without a time zone"),  # noqa: PLW0108  asked for inside
    (lambda: Order.ordered_at.local("Europe/Berlim"), "Europe/Berlin"),
    (lambda: Order.ordered_at + 3, "unit"),
    (lambda: asof.features(Order, leak=Parcel.days_late), "about Parcel"),
    (lambda: asof.features(Order, when=Order.ordered_at), "not a number"),
    (lambda: asof.features(Order), "no feature"),
    (lambda: asof.source(Order, lag=5), "no unit"),
    (lambda: asof.source(Order, refuse_above=10), "not a share"),
    (lambda: asof.reference(Order), "no event time"),
    (lambda: asof.every(7), "no unit"),
    (lambda: asof.weekly(7, time(0), zone="UTC"), "no weekday"),
    (lambda: asof.outcome(parcels.same(Order.order_id), Parcel.days_late > 0), "wait"),
    (
        lambda: asof.outcome(orders.same(Order.customer), Order.amount, wait=days(1)),
        "Several rows",
    ),
    (lambda: asof.outcome(recent.count().members[0][1], wait=days(1)), "looks back"),
    (
        lambda: asof.outcome(parcels.same(Order.order_id), Parcel.days_late > 0, due=days(2)),
        "due= is not a moment",
    ),
    (
        lambda: asof.outcome(parcels.same(Order.order_id), Parcel.days_late > 0, due=Order.amount),
        "wait=days(2)",
    ),
    (lambda: declared(metric="logloss"), "log_loss"),
    (lambda: declared(metric="mae"), "does not fit"),
    (lambda: declared(model=object()), "no fit()"),
    (lambda: declared(model=Classifier), "is a class"),
    (lambda: declared().but(retrainning=asof.never()), "retraining"),
    (
        lambda: declared(
            until=datetime(2024, 1, 1)  # noqa: DTZ001
        ),
        "no time zone",
    ),
    (
        lambda: declared(start=datetime(2024, 1, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))).but(
            until=datetime(2023, 12, 31, 23, tzinfo=UTC)
        ),
        "start 2024-01-01 01:00 Europe/Berlin, until 2023-12-31 23:00 UTC",
    ),
    (lambda: declared(retraining=asof.never() | asof.every(days(1))), "never"),
    (
        lambda: declared(
            label=asof.outcome(parcels.same(Order.order_id), Parcel.order_id, wait=minutes(1))
        ).but(model=Classifier(), metric="rmse"),
        "tells classes apart",
    ),
]


@pytest.mark.parametrize(("mistake", "words"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_said_in_words_with_its_place(mistake, words):
    with pytest.raises(DeclarationError) as raised:
        mistake()
    assert words in str(raised.value)
    assert "test_system.py:" in raised.value.where


def test_a_life_may_begin_where_its_history_ends():
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    assert declared(start=moment, until=moment).start == moment


def test_what_no_rows_have_is_missed_as_in_any_class():
    for rows in (orders, orders.same(Order.customer), recent):
        with pytest.raises(AttributeError):
            _ = rows.median
        assert repr(copy(rows)) == repr(rows)


def test_a_class_with_two_times_is_refused():
    with pytest.raises(DeclarationError, match="2 event times"):

        class Twice(asof.Row):
            a: Time
            b: Time


def test_a_label_of_words_says_what_to_ask_instead():
    with pytest.raises(DeclarationError, match="classes"):
        declared(label=asof.outcome(orders.same(Order.order_id), Order.customer, wait=days(1)))


def test_a_rule_is_about_its_row_alone():
    often = orders.same(Order.customer).last(days(1)).count() + Order.amount > 3
    customers = asof.reference(type("Customer", (asof.Row,), {"__annotations__": {"id": Key[int]}}))
    tick = asof.ticks(customers, every=days(1)).moment.local("UTC").hour()
    for rule, words in (
        (often, "looks beyond its row"),
        (tick + Order.amount > 3, "looks beyond its row"),
        (tick > 3, "about no column"),
        (Order.amount, "is a condition on a row"),
        ("amount > 3", "is a condition on a row"),
        (Parcel.days_late > 0, "about Parcel"),
    ):
        with pytest.raises(DeclarationError, match=words) as caught:
            asof.source(Order, rules=(rule,))
        assert caught.value.mend
        assert caught.value.where.startswith("test_system.py:")


def test_two_tables_of_one_name_have_one_set_of_rules():
    ruled = asof.source(Order, rules=(Order.amount > 0,))
    feature = asof.features(Order, n=ruled.same(Order.customer).last(days(1)).count())
    with pytest.raises(DeclarationError, match="Two tables are called"):
        declared(features=feature)


@pytest.mark.parametrize(
    ("mistake", "what", "mend"),
    [
        (lambda: asof.persistence(orders.same(Order.customer).last(days(1)), Order.amount),
         "persistence() takes the rows", "without a window"),
        (lambda: asof.persistence(orders.same(Order.customer), Parcel.days_late),
         "persistence() on order is about Order", "Use a column of Order"),
        (lambda: asof.happens(orders, within=days(1), wait=days(1)),
         "happens() takes the rows", "source.same("),
        (lambda: asof.rate("customer"), "rate() needs columns", "Write rate("),
        (lambda: asof.rate(Order.customer, strength=0), "a number of rows above 0", "strength=20"),
        (lambda: asof.ticks(Order, every=days(1)), "ticks() takes a table", "reference("),
        (lambda: asof.source(Order, nulls="NA"), "nulls= is not a tuple", "nulls=('NA',)"),
        (lambda: asof.source(Order, prepare="tidy"), "prepare= is not a function", "def tidy("),
        (lambda: asof.source(Order, withdrawn="gone"), "Order has no column 'gone'", "Declare it"),
        (lambda: asof.mean("amount"), "mean() is of numbers", "Write mean(Row.column)"),
        (lambda: declared(baselines=asof.rate(Order.customer)),
         "baselines= is not a tuple", "with the comma"),
    ],
)  # fmt: skip
def test_a_thing_of_the_wrong_kind_is_named_where_it_is_written(mistake, what, mend):
    with pytest.raises(DeclarationError) as error:
        mistake()
    assert what in error.value.what
    assert mend in error.value.mend
    assert error.value.where.startswith("test_system.py:")


NIGHT = asof.daily(time(3, 0), zone="Europe/Berlin")


@pytest.mark.parametrize(
    "policy",
    [
        asof.never(),
        asof.every(days(14)),
        asof.after(labels=500) | asof.weekly(2, time(3, 30), zone="Europe/Berlin"),
        asof.monthly(28, time(3, 30, 15), zone="UTC"),
        asof.expanding(),
        asof.sliding(hours(30)),
        asof.online(),
        asof.batch_features(NIGHT, takes=minutes(20), trained="fresh"),
        asof.batch_features(hours(6)),
        asof.batch_predictions(hours(6), ahead=days(1), otherwise=0.25),
    ],
)
def test_policies_are_printed_as_one_writes_them(policy):
    said = written(policy)
    assert eval(said, {"time": time, **vars(asof)}) == policy
    name = "train" if isinstance(policy, TrainWindow) else "retraining"
    if said.startswith(("online", "batch")):
        name = "serving"
    assert f"  {name:<15} {said}\n" in str(declared(**{name: policy}))


def test_it_is_told_as_one_reads_it():
    far = orders.same(Order.customer).last(minutes(30), before=hours(17) + minutes(30))
    told = str(
        declared(
            features=asof.features(
                Order,
                far=far.count(),
                near=orders.same(Order.customer).last(hours(1), before=hours(23)).count(),
                all=orders.all(Order).last(days(7)).share(Order.amount > 100),
                big=Order.amount > 100,
            ),
            start=datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
            until=datetime(2025, 1, 1, 0, 0, 30, tzinfo=UTC),
            label=asof.happens(orders.same(Order.customer), within=days(7), wait=hours(0)),
        ).but(model=InLines())
    )
    for line in (
        "  at              Order.ordered_at",
        "  label           happens: order[customer = Order.customer][0 to 7 d].count(), no wait",
        "  model           InLines(one=1,",
        "                          two=2)",
        "  metric          log_loss, the default",
        "  training_takes  no time",
        "  start           2024-01-01 00:00 Europe/Berlin",
        "  until           2025-01-01 00:00:30 UTC",
        f"    {'far':<24} order[customer = Order.customer][-18 h to -17 h 30 min].count()",
        f"    {'near':<24} order[customer = Order.customer][-24 h to -23 h].count()",
        "    all                      order[all][-7 d to 0].share(Order.amount > 100)",
        "    big                      Order.amount > 100",
    ):
        assert f"{line}\n" in told, told


def test_a_system_of_ticks_says_when_it_is_asked():
    shops = asof.reference(type("Shop", (asof.Row,), {"__annotations__": {"customer": Key[str]}}))
    mine = orders.same(shops.row.customer)
    system = asof.System(
        "restock",
        requests=asof.ticks(shops, every=days(1)),
        features=asof.features(shops.row, n=mine.last(days(7)).count()),
        label=asof.happens(mine, within=days(1), wait=hours(1)),
        model=Classifier(),
    )
    assert (
        "  requests        every row of shop, every(days(1))\n  at              each tick\n"
        in str(system)
    )


def test_what_is_not_declared_is_said_so():
    told = str(declared(baselines=(asof.rate(Order.customer),
        asof.persistence(parcels.same(Order.order_id), Parcel.days_late))))  # fmt: skip
    assert "  start           not declared\n" in told
    assert "rate(Order.customer), persistence(parcel[order_id = Order.order_id], " in told


def test_a_text_for_the_availability_is_told_what_to_write():
    class Damage(asof.Row):
        damage: asof.Key[int]
        seen_at: asof.Time
        reported_at: asof.Moment

    with pytest.raises(asof.AsofError, match="is not a moment of Damage") as refused:
        asof.source(Damage, available="reported_at")  # type: ignore[arg-type]
    assert "write available=Damage.reported_at." in str(refused.value)
    assert asof.source(Damage, available=Damage.reported_at).available == "reported_at"
