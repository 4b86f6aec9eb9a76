"""Will a customer order again within 30 days? Asked when an order is 20 hours old.

And a second system over the same shop, `restock`: how much will a city buy the day after tomorrow?
`simulate.py` beside this file makes its files; README.md says what is true of it, so that what the
systems find can be checked.
"""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import asof
from asof import Col, Key, KeyTime, Moment, Time, days, hours, minutes

BERLIN = "Europe/Berlin"


class Customer(asof.Row):
    """Without a time: taken as always known."""

    customer: Key[str]
    kind: Col[str] = asof.col(one_of=("regular", "occasional"))
    city: Col[str]


class City(asof.Row):
    """What is asked about every midnight."""

    city: Key[str]
    shops: Col[int] = asof.col(gt=0)


class Order(asof.Row):
    """An order; a later row with its number corrects it, or takes it back."""

    order_id: Key[int]
    customer: Col[str | None]  # guests have no account
    city: Col[str]
    category: Col[str]
    amount: Col[float | None] = asof.col(ge=0)
    cancelled: Col[bool]
    ordered_at: Time
    known_at: Moment


class Refund(asof.Row):
    """Money paid back; the office books it days later."""

    refund_id: Key[int]
    order_id: Col[int]
    buyer: Col[str]
    refunded: Col[float] = asof.col(ge=0)
    whole: Col[bool]
    refunded_at: Time
    booked_at: Moment


class Promotion(asof.Row):
    """A day of low prices in one city, announced a week or two ahead."""

    promotion_id: Key[str]
    place: Col[str]
    starts_at: Time
    announced_at: Moment


class Demand(asof.Row):
    """What a city bought in an hour; an hour may be missing."""

    city: Key[str]
    hour: KeyTime
    units: Col[float] = asof.col(ge=0)


class Close(asof.Row):
    """What a city bought on a day, stamped with its midnight, counted the night after it."""

    city: Key[str]
    day: KeyTime
    units: Col[float] = asof.col(ge=0)


customers = asof.reference(Customer, "data/customers.parquet")
cities = asof.reference(City, "data/cities.parquet")
orders = asof.source(
    Order, "data/orders.parquet", available=Order.known_at, withdrawn=Order.cancelled
)
refunds = asof.source(Refund, "data/refunds.parquet", available=Refund.booked_at)
promotions = asof.source(
    Promotion, "data/promotions.csv", zone=BERLIN, available=Promotion.announced_at
)
demand = asof.source(Demand, "data/demand.parquet", lag=hours(1) + minutes(10))
closes = asof.source(Close, "data/closes.parquet", lag=days(1) + hours(2))

# --- Will the customer of an order order again within 30 days? Asked when 20 hours have passed. ---

mine = orders.same(Order.customer)
back = refunds.on(Refund.buyer, Order.customer)
buying = asof.stats(
    n=asof.count(),
    spent=asof.sum(Order.amount),
    spread=asof.std(Order.amount),
    most=asof.max(Order.amount),
    kinds=asof.distinct(Order.category),
)


@asof.computed
def even(amount: float) -> bool:
    """Whether a price is a whole number: there is nothing to be learnt from it."""
    return amount == int(amount)


again_features = asof.features(
    Order,
    category=Order.category,
    kind=customers.same(Order.customer).get(Customer.kind),
    amount=Order.amount,
    dear_now=Order.amount.or_else(0.0) > 60,
    even=even(Order.amount.or_else(0.5)),
    weekday=Order.ordered_at.local(BERLIN).weekday(),
    mine=mine.last(days(14), days(60)).of(buying),
    dear=orders.where(Order.amount > 60).same(Order.customer).last(days(60)).count(),
    alike=orders.same(Order.customer, Order.category).last(days(60)).count(),
    before=mine.last(days(120), before=days(60)).count(),
    since_last=mine.last(days(120)).since().in_days(),
    last_amount=mine.last(days(120)).latest_known(Order.amount),
    back=back.last(days(60)).count(),
    back_whole=back.last(days(60)).share(Refund.whole),
    since_back=back.last(days(60)).since().in_days(),
    busy=orders.all(Order).last(days(1), days(7)).count(),
    promoted=promotions.on(Promotion.place, Order.city).next(days(7)).count(),
)

words = ["category", "kind"]
numbers = [name for name in again_features.names if name not in words]
filled = Pipeline([("fill", SimpleImputer(add_indicator=True)), ("scale", StandardScaler())])
columns = [
    ("words", OneHotEncoder(handle_unknown="ignore"), words),
    ("numbers", filled, numbers),
]
logistic = Pipeline(
    [
        ("columns", ColumnTransformer(columns)),
        ("model", LogisticRegression(C=0.1, max_iter=500)),
    ]
)

system = asof.System(
    "order-again",
    requests=orders,
    at=Order.ordered_at + hours(20),
    features=again_features,
    label=asof.happens(mine, within=days(30), wait=days(1)),
    model=logistic,
    metric="log_loss",
    train=asof.sliding(days(120)),
    retraining=asof.after(labels=400) | asof.every(days(30)),
    training_takes=hours(2),
    looks=hours(12),  # whether there are enough new labels
    serving=asof.batch_predictions(asof.daily(time(0, 0), zone=BERLIN), ahead=days(1)),
    baselines=(asof.rate(Order.category, Order.city), asof.persistence(back, Refund.whole)),
    start=datetime(2025, 5, 1, tzinfo=ZoneInfo(BERLIN)),
    until=datetime(2025, 10, 27, tzinfo=UTC),  # the files are complete up to here
)
online = system.but(serving=asof.online())
boosted = online.but(
    model=HistGradientBoostingClassifier(
        max_iter=40, max_depth=3, learning_rate=0.1, random_state=0
    )
)

# --- How much will a city buy the day after tomorrow? Asked every midnight, for every city. -------

ask = asof.ticks(cities, every=asof.daily(time(0, 0), zone=BERLIN))
sold = demand.same(City.city)
days_sold = closes.same(City.city)
coming = promotions.on(Promotion.place, City.city)

restock = asof.System(
    "restock",
    requests=ask,
    features=asof.features(
        City,
        city=City.city,
        shops=City.shops,
        weekday=ask.moment.local(BERLIN).weekday(),
        promoted=coming.next(days(1), after=days(1)).count(),
        promoted_before=coming.next(days(1)).count(),
        hourly=sold.last(hours(6), days(1), days(7)).mean(Demand.units),
        daily=days_sold.last(days(8), days(29)).mean(Close.units),
        daily_spread=days_sold.last(days(29)).std(Close.units),
        week_ago=days_sold.last(days(1), before=days(5)).first(Close.units),
        last_day=days_sold.last(days(8)).latest_known(Close.units),
        everywhere=closes.all(City).last(days(8)).sum(Close.units),
    ),
    label=asof.outcome(sold.next(days(1), after=days(1)).sum(Demand.units), wait=hours(2)),
    model=HistGradientBoostingRegressor(max_iter=80, min_samples_leaf=10, random_state=0),
    metric="mae",
    retraining=asof.after(labels=300) | asof.every(days(30)),
    training_takes=minutes(30),
    looks=hours(12),
    baselines=(asof.rate(City.city), asof.persistence(days_sold, Close.units)),
    start=datetime(2025, 4, 1, tzinfo=ZoneInfo(BERLIN)),
    until=datetime(2025, 10, 27, tzinfo=UTC),
)
