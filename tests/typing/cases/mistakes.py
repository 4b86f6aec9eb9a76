"""Mistakes that people make. Each line marked `# E` must not type-check, and fails in words.

One mistake a function, so that a test can run it, too: `asof` says the same at import to those
who use no type checker.
"""

from __future__ import annotations

from datetime import time

from declared import (
    Booking,
    Constant,
    Hotel,
    Stay,
    Weather,
    about,
    bookings,
    came,
    guests,
    hotels,
    stays,
    system,
    weather,
)

import asof
from asof import days, hours

Declared = object


def a_column_of_the_outcome_as_a_feature() -> Declared:
    return asof.features(Booking, leak=Stay.paid)  # E


def a_window_matched_with_another_row() -> Declared:
    mine = stays.same(Stay.guest).last(days(7))
    return asof.features(Booking, seen=mine.count())  # E


def a_mean_of_strings() -> Declared:
    return guests.mean(Stay.hotel)  # E


def a_mean_of_another_tables_column() -> Declared:
    return guests.mean(Weather.rain)  # E


def a_share_of_a_number() -> Declared:
    return guests.share(Stay.paid)  # E


def a_misspelt_policy() -> Declared:
    return system.but(retrainning=asof.never())  # E


def a_rule_about_another_row() -> Declared:
    return asof.source(Stay, rules=(Booking.price > 0,))  # E


def a_rule_over_two_rows() -> Declared:
    return asof.source(Booking, rules=(Booking.price > Stay.paid,))  # E


def a_rule_about_a_moment_and_a_number() -> Declared:
    return asof.source(Booking, rules=(Booking.booked_at > 3,))  # E


def a_rule_about_a_moment_and_a_span() -> Declared:
    return asof.source(Booking, rules=(Booking.booked_at > hours(3),))  # E


def a_rule_that_is_a_number() -> Declared:
    return asof.source(Booking, rules=(Booking.price - 1,))  # E


def a_rule_without_its_comma() -> Declared:
    return asof.source(Booking, rules=(Booking.price > 0))  # E


def a_rule_of_a_reference_about_another_row() -> Declared:
    return asof.reference(Hotel, rules=(Booking.nights > 0,))  # E


def a_misspelt_keyword_of_a_source() -> Declared:
    return asof.source(Stay, "stays.csv", lagg=hours(6))  # E


def an_hour_without_a_zone() -> Declared:
    return asof.features(Booking, hour=Booking.booked_at.hour())  # E


def a_window_without_a_unit() -> Declared:
    return stays.same(Booking.guest).last(7)  # E


def a_statistic_without_a_window() -> Declared:
    return asof.features(Booking, n=stays.same(Booking.guest).count())  # E


def a_window_of_a_whole_source() -> Declared:
    return stays.last(days(7))  # E


def an_age_of_several_windows() -> Declared:
    return stays.same(Booking.guest).last(days(1), days(7)).since()  # E


def a_lag_without_a_unit() -> Declared:
    return asof.source(Stay, "stays.csv", lag=6)  # E


def a_schedule_without_a_unit() -> Declared:
    return asof.every(7)  # E


def a_system_without_a_model() -> Declared:
    at = Booking.booked_at
    return asof.System("x", bookings, at, features=about, label=came)  # E


def a_model_that_cannot_be_fitted() -> Declared:
    return system.but(model="lightgbm")  # E


def a_moment_of_another_row() -> Declared:
    late = Stay.ended_at
    return asof.System("x", bookings, late, features=about, label=came, model=Constant())  # E


def features_of_another_row() -> Declared:
    wrong = asof.features(Stay, hotel=Stay.hotel)
    at = Booking.booked_at
    return asof.System("x", bookings, at, features=wrong, label=came, model=Constant())  # E


def a_label_of_another_row() -> Declared:
    wrong = asof.outcome(bookings.same(Stay.booking_id), Booking.price, wait=days(1))
    at = Booking.booked_at
    return asof.System("x", bookings, at, features=about, label=wrong, model=Constant())  # E


def a_label_read_from_the_wrong_table() -> Declared:
    return asof.outcome(stays.same(Booking.booking_id), Weather.rain, wait=days(1))  # E


def an_expression_over_two_rows() -> Declared:
    return asof.features(Booking, left=Booking.price - Stay.paid)  # E


def a_string_compared_with_a_number() -> Declared:
    return asof.features(Booking, late=Booking.hotel > 15)  # E


def a_value_of_another_reference_table() -> Declared:
    return hotels.same(Booking.hotel).get(Weather.rain)  # E


def a_moment_minus_a_number() -> Declared:
    return Booking.arrives_at - 2  # E


def a_moment_as_a_feature() -> Declared:
    return asof.features(Booking, arrives=Booking.arrives_at)  # E


def a_wall_clock_without_a_zone() -> Declared:
    return asof.daily(time(3, 0))  # E


def a_training_that_is_not_known() -> Declared:
    return asof.batch_features(hours(1), trained="stale")  # E


def a_metric_that_is_not_known() -> Declared:
    return system.but(metric="logloss")  # E


def a_label_without_a_wait() -> Declared:
    return asof.happens(bookings.same(Booking.guest), within=days(90))  # E


def statistics_of_another_table() -> Declared:
    wet = asof.stats(rain=asof.mean(Weather.rain))
    return guests.of(wet)  # E


def a_filter_on_another_table() -> Declared:
    return stays.same(Booking.guest).where(Weather.rain > 1)  # E


def a_join_of_unlike_columns() -> Declared:
    return weather.on(Stay.hotel, Booking.hotel)  # E


def a_table_of_rows_that_are_no_rows() -> Declared:
    return asof.source(Constant, "stays.csv")  # E


def a_column_that_is_not_there() -> Declared:
    return asof.features(Booking, room=Booking.room)  # E
