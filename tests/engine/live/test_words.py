"""What is wrong with rows that a program sent is said in words about what to send."""

from __future__ import annotations

from datetime import datetime

import pytest

import asof
from asof import Col, Key, Time
from asof.engine.live.intake import Intake
from asof.errors import DataRefused

GOOD = {"paid_id": 1, "amount": 2.5, "paid_at": "2026-01-02T10:00:00Z"}


class Paid(asof.Row):
    paid_id: Key[int]
    amount: Col[float] = asof.col(ge=0)
    paid_at: Time


def sent(row):
    return tuple(row[spec.name] for spec in Paid.columns_)


@pytest.fixture
def door():
    return Intake(asof.source(Paid, min_rows=2))


@pytest.mark.parametrize(
    ("row", "what", "mend"),
    [
        ({"amount": "much"}, "Paid.amount should be a number", "Send a number."),
        ({"paid_at": "soon"}, "Paid.paid_at should be a time", "2026-01-02T10:00:00Z"),
        ({"paid_at": "2026-01-02 10:00"}, "without a zone", "2026-01-02T10:00:00Z"),
        ({"amount": -1}, "2 of 2 rows", "send all again"),
    ],
)
def test_a_message_is_told_what_to_send(door, row, what, mend):
    with pytest.raises(DataRefused) as caught:
        door.take([sent(GOOD | row), sent(GOOD | row | {"paid_id": 2})])
    assert what in caught.value.what
    assert mend in caught.value.mend
    assert "file" not in str(caught.value).replace(__file__, "")
    assert "prepare=" not in str(caught.value)


def test_too_few_rows_are_told_to_come_together(door):
    with pytest.raises(DataRefused, match="Send more rows together"):
        door.take([sent(GOOD)])


@pytest.mark.parametrize(
    ("row", "reason"),
    [({"amount": "much"}, "amount is not a number"), ({"amount": -1}, "amount is below 0")],
)
def test_a_row_by_itself_is_not_judged_as_a_load(door, row, reason):
    came = door.look(sent(GOOD | row))
    assert came.aside[0].reasons == (reason,)
    assert door.look(sent(GOOD)).good[0].values == (1, 2.5, _us("2026-01-02T10:00:00+00:00"))


def _us(told):
    return int(datetime.fromisoformat(told).timestamp() * 1e6)
