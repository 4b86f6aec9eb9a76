"""Numbers and moments as they are printed."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from asof.study.report import numbers
from asof.units import DAY, HOUR, MINUTE

BOUNDED = numbers.Scale(4, bounded=True)
MINUS = numbers.MINUS


def test_levels_have_four_places_and_no_leading_zero():
    assert BOUNDED.level(0.45936) == ".4594"
    assert BOUNDED.level(1.2) == "1.2000"
    assert BOUNDED.level(-0.01) == f"{MINUS}.0100"
    assert BOUNDED.level(-0.000001) == ".0000"
    assert numbers.Scale(2, bounded=False).level(0.123) == "0.12"


def test_differences_always_have_a_sign_and_the_places_of_the_level():
    assert BOUNDED.difference(0.0424) == "+.0424"
    assert BOUNDED.difference(-0.0424) == f"{MINUS}.0424"
    assert BOUNDED.interval(-0.001, 0.0496) == f"[{MINUS}.0010, +.0496]"


@given(st.floats(1e-9, 1e9))
@settings(max_examples=200)
def test_unbounded_metrics_show_at_least_four_significant_figures(value: float):
    scale = numbers.scale([value], bounded=False)
    printed = float(scale.level(value).replace(",", ""))
    assert math.isclose(printed, value, rel_tol=5.1e-4)


@given(st.floats(0, 1))
@settings(max_examples=200)
def test_a_share_is_never_rounded_to_none_or_all(part: float):
    text = numbers.share(part)
    assert text.endswith("%")
    assert (text == "0%") == (part == 0)
    assert (text == "100%") == (part == 1)


def test_shares():
    shares = (0.0951, 0.1, 0.43, 0.999, 0.0996)
    assert [numbers.share(x) for x in shares] == ["9.5%", "10%", "43%", ">99%", "10%"]


def test_counts_durations_and_cpu():
    assert numbers.count(284_821) == "284,821"
    assert [numbers.duration(x) for x in (29 * MINUTE, 12 * HOUR, 30 * DAY, 5_000_000)] == [
        "29 min", "12.0 h", "30.0 days", "5 s",
    ]  # fmt: skip
    assert [numbers.cpu(x) for x in (0.9999, 62_641.7, 0.00123)] == [
        "1.00 s",
        "62,642 s",
        "1.23 ms",
    ]


def test_moments_name_their_zone_and_follow_its_clock():
    winter, summer = 1_388_552_400_000_000, 1_372_651_200_000_000
    assert numbers.moment(winter, "America/New_York") == "2014-01-01 00:00 New York"
    assert numbers.moment(winter, "UTC") == "2014-01-01 05:00 UTC"
    assert numbers.moment(summer, "America/New_York") == "2013-07-01 00:00 New York"


def test_periods_end_before_their_end():
    march = 1_362_114_000_000_000
    assert numbers.period(march, march + DAY, "America/New_York") == "1 March 2013"
    assert numbers.period(march, march + 7 * DAY, "America/New_York") == "1 to 7 March 2013"
    assert numbers.period(march, march, "UTC") == "1 March 2013"


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
@settings(max_examples=200)
def test_a_feature_value_is_printed_to_four_figures(value: float):
    text = numbers.plain(value).replace(MINUS, "-").replace(",", "")
    assert math.isclose(float(text), value, rel_tol=5.1e-4)
