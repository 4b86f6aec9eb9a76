"""What the types say of the declaration, to the letter."""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

from declared import Booking, Hotel, Stay, bookings, guests, hotels, nightly, stays, system

import asof
from asof import days, hours
from asof.declare.expressions import (
    Expression,
)
from asof.declare.sources import Source
from asof.declare.times import (
    TimeExpression,
)
from asof.declare.windows import Window, Windows

assert_type(bookings, Source[Booking])
assert_type(stays.same(Booking.guest).last(days(7)), Window[Booking, Stay])
assert_type(stays.same(Booking.guest).last(days(7), days(30)), Windows[Booking, Stay])
assert_type(guests.count(), Expression[Booking, float])
assert_type(guests.mean(Stay.paid), Expression[Booking, float | None])
assert_type(guests.latest(Stay.came), Expression[Booking, bool | None])
assert_type(hotels.same(Booking.hotel).get(Hotel.rooms), Expression[Booking, int | None])
assert_type(Booking.booked_at - hours(2), TimeExpression[Booking])
assert_type((Booking.arrives_at - Booking.booked_at).in_days(), Expression[Booking, float])
assert_type(Booking.arrives_at > Booking.booked_at, Expression[Booking, bool])
assert_type(Stay.paid.or_else(0.0), Expression[Stay, float])
assert_type(system, asof.System[Booking])
assert_type(nightly, asof.System[Booking])


def of_a_row(booking: Booking) -> None:
    assert_type(booking.nights, int)
    assert_type(booking.guest, str | None)
    assert_type(booking.booked_at, datetime)
