"""A system that must type-check: the material of the mistakes beside it."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import polars as pl

import asof
from asof import Col, Key, Moment, Time, days, hours, minutes

BERLIN = "Europe/Berlin"


class Booking(asof.Row):
    booking_id: Key[int]
    hotel: Col[str]
    guest: Col[str | None]
    nights: Col[int] = asof.col(ge=1)
    price: Col[float] = asof.col(ge=0)
    booked_at: Time
    arrives_at: Moment


class Stay(asof.Row):
    booking_id: Key[int]
    hotel: Col[str]
    guest: Col[str | None]
    came: Col[bool]
    paid: Col[float | None]
    ended_at: Time


class Hotel(asof.Row):
    hotel: Key[str]
    rooms: Col[int]
    city: Col[str]


class Weather(asof.Row):
    city: Col[str]
    rain: Col[float | None]
    measured_at: Time


def tidied(raw: pl.DataFrame) -> pl.DataFrame:
    return raw.drop_nulls()


class Constant:
    """An estimator by scikit-learn's protocol."""

    def fit(self, X: Any, y: Any) -> Constant:
        self.rate_ = float(y.mean())
        return self

    def predict_proba(self, X: Any) -> Any:
        return [[1 - self.rate_, self.rate_] for _ in range(len(X))]


bookings = asof.source(
    Booking,
    "bookings.csv",
    zone=BERLIN,
    prepare=tidied,
    rules=(
        (Booking.arrives_at - Booking.booked_at).in_days() >= 0,
        Booking.guest.is_null() | (Booking.price >= Booking.nights),
    ),
)
stays = asof.source(Stay, "stays.csv", zone=BERLIN, lag=hours(6))
hotels = asof.reference(Hotel, "hotels.csv", rules=(Hotel.rooms > 0,))
weather = asof.source(Weather, "weather.csv", zone="UTC", lag=minutes(60))

guests = stays.same(Booking.guest).last(days(365))
paying = asof.stats(n=asof.count(), paid=asof.mean(Stay.paid), big=asof.share(Stay.paid > 500))

about = asof.features(
    Booking,
    hotel=Booking.hotel,
    nights=Booking.nights,
    a_night=Booking.price / Booking.nights,
    weekday=Booking.arrives_at.local(BERLIN).weekday(),
    ahead=(Booking.arrives_at - Booking.booked_at).in_days(),
    rooms=hotels.same(Booking.hotel).get(Hotel.rooms),
    seen=guests.count(),
    since=guests.since().in_days(),
    paid_before=guests.latest_known(Stay.paid),
    here=stays.same(Booking.hotel).last(days(7), days(30)).of(paying),
    everywhere=stays.all(Booking).last(days(1)).share(Stay.came),
    wet=weather.on(Weather.city, hotels.same(Booking.hotel).get(Hotel.city))
    .last(hours(3))
    .mean(Weather.rain),
)

came = asof.outcome(stays.same(Booking.booking_id), Stay.came, due=Booking.arrives_at + days(3))

system = asof.System(
    "no-shows",
    requests=bookings,
    at=Booking.booked_at + minutes(5),
    features=about,
    label=came,
    model=Constant(),
    metric="log_loss",
    retraining=asof.every(days(7)) | asof.after(labels=5000),
    train=asof.sliding(days(365)),
    baselines=(asof.rate(Booking.hotel),),
    until=datetime(2026, 1, 1, tzinfo=UTC),
)
nightly = system.but(serving=asof.batch_features(asof.daily(time(3, 0), zone=BERLIN)))
again = asof.happens(bookings.same(Booking.guest), within=days(90), wait=days(1))
revenue = asof.outcome(stays.same(Booking.hotel).next(days(7)).sum(Stay.paid), wait=days(1))
