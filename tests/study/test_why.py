"""How a feature's rows are told: values that would break a line, or vanish in it, are quoted."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from asof.declare.kept import ALWAYS
from asof.study.why import FactSeen, FeatureSeen, RowSeen, Why


def told(value: object) -> list[str]:
    row = RowSeen("7", 0, 0, None, {"guest": value}, True, "known 1970-01-01 00:00:00")
    fact = FactSeen("stay[guest = Booking.guest]", "stay", {"guest": value}, None, 1, 0, (row,))
    feature = FeatureSeen("n", 2345678.125, "stay[guest = Booking.guest].count()", (fact,))
    return list(Why("7", "UTC", 0, 0, 0, {}, (feature,)).lines())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a\nb", r'"a\nb"'),
        (" Smith", '" Smith"'),
        ("", '""'),
        ("Zürich Süd", "Zürich Süd"),
        ('Müller, "Anna"', 'Müller, "Anna"'),
        (None, "missing"),
        (4.5, "4.5"),
    ],
)
def test_a_value_keeps_to_its_line(value: object, words: str):
    lines = told(value)
    assert lines[2] == "n = 2345678.125"
    assert lines[4] == f"  stay with guest = {words}: 1 seen, 0 not"
    assert lines[5].endswith(f"  guest {words}")
    assert all("\n" not in line for line in lines)


def test_moments_are_told_as_everywhere_else():
    met = datetime(2026, 1, 2, 3, tzinfo=UTC)
    row = RowSeen("7", 0, ALWAYS, 1_000_000, {"met": met, "n": 3}, True, "always known")
    fact = FactSeen("rows.count()", "rows", {}, (-60_000_000, 0), 1, 0, (row,))
    feature = FeatureSeen("n", 1, "rows.count()", (fact,))
    told = Why("7", "America/New_York", 0, 5, 60_000_000, {"met": met}, (feature,))
    found = json.loads(json.dumps(told.to_dict()))
    assert (found["at"], found["asked"]) == ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000005Z")
    assert found["row"] == {"met": "2026-01-02T03:00:00Z"}
    (seen,) = found["features"][0]["facts"]
    assert seen["span"] == ["1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z"]
    (one,) = seen["rows"]
    assert (one["event_time"], one["known_from"]) == ("1970-01-01T00:00:00Z", None)
    assert one["known_until"] == "1970-01-01T00:00:01Z"
    assert one["values"] == {"met": "2026-01-02T03:00:00Z", "n": 3}
    assert list(told.lines())[-2].endswith("  met 2026-01-01 22:00:00, n 3")
