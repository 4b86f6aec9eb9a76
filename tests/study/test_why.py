"""How a feature's rows are told: values that would break a line, or vanish in it, are quoted."""

from __future__ import annotations

import pytest

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
