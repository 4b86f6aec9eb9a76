"""Handing rows in over HTTP."""

from __future__ import annotations

import json

import pytest
from toy_live import delivery, parcel


def lines(*rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.mark.parametrize("form", ["list", "lines", "last line open", "windows lines"])
def test_rows_come_as_lines_or_as_a_list(door, form):
    rows = [delivery(number) for number in range(4)]
    body = {
        "list": json.dumps(rows).encode(),
        "lines": lines(*rows),
        "last line open": lines(*rows)[:-1],
        "windows lines": lines(*rows).replace(b"\n", b"\r\n"),
    }[form]
    reply = door.post("/v1/events/delivery", body)
    assert reply.status == 201
    assert reply.json() == {
        "source": "delivery", "offset": 1, "rows": 4, "quarantined": [], "repeated": False,
    }  # fmt: skip
    assert [row["parcel_id"] for row in door.live.rows["delivery"]] == [0, 1, 2, 3]


def test_rows_that_break_their_contract_are_set_apart_and_the_others_are_in(door):
    rows = [parcel(1), parcel(2, weight=-1), parcel(3, shop="z", weight=-2), parcel(4)]
    reply = door.post("/v1/events/parcel", rows)
    assert reply.status == 201
    told = reply.json()
    assert told["rows"] == 4
    assert [row["position"] for row in told["quarantined"]] == [1, 2]
    assert told["quarantined"][0]["reasons"] == ["weight is below 0"]
    assert len(told["quarantined"][1]["reasons"]) == 2
    assert len(door.live.rows["parcel"]) + len(door.live.apart["parcel"]) == told["rows"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("weight", "heavy"), ("weight", None), ("parcel_id", 1.5), ("sent_at", "soon"), ("shop", 5)],
)
def test_a_value_of_another_type_is_for_the_contract_to_judge(door, column, value):
    reply = door.post("/v1/events/parcel", [parcel(1), parcel(2, **{column: value})])
    assert reply.status == 201
    apart = reply.json()["quarantined"]
    assert [row["position"] for row in apart] == ([] if value is None else [1])
    assert all(column in reason for row in apart for reason in row["reasons"])


def test_a_column_that_was_left_out_is_null(door):
    row = parcel(1)
    del row["express"]
    (apart,) = door.post("/v1/events/parcel", [row]).json()["quarantined"]
    assert apart["reasons"] == ["express is null"]


def test_the_same_idempotency_key_changes_nothing_and_gets_the_same_receipt(door):
    first = door.post("/v1/events/delivery", [delivery(1)], Idempotency_Key="monday-7")
    again = door.post("/v1/events/delivery", [delivery(1)], Idempotency_Key="monday-7")
    assert (first.status, again.status) == (201, 200)
    assert again.json() == first.json() | {"repeated": True}
    other = door.post("/v1/events/delivery", [delivery(2)], Idempotency_Key="monday-8")
    assert other.json()["offset"] == first.json()["offset"] + 1
    assert len(door.live.rows["delivery"]) == 2


def test_a_reference_table_is_a_source_too(door):
    assert door.post("/v1/events/shop", [{"shop": "a", "floors": 2}]).status == 201


def test_a_message_that_is_refused_as_a_whole_leaves_nothing(door):
    rows = [parcel(number, weight=-1) for number in range(20)]
    reply = door.post("/v1/events/parcel", rows)
    assert reply.status == 422
    problem = reply.json()
    assert problem["type"] == "urn:asof:data-refused"
    assert "weight is below 0: 20" in problem["found"]
    assert problem["mend"]
    assert problem["where"].startswith("toy_live.py:")
    assert door.live.offset == 0


def test_a_full_disk_refuses_rows_and_says_so(door):
    door.live.full = True
    reply = door.post("/v1/events/delivery", [delivery()])
    assert reply.status == 507
    assert reply.json()["type"] == "urn:asof:store-error"


def test_an_unknown_source_is_named_with_those_there_are(door):
    reply = door.post("/v1/events/deliveri", [delivery()])
    assert reply.status == 404
    assert reply.json()["found"] == "sources: delivery, parcel, shop"
    assert reply.json()["mend"] == "Did you mean 'delivery'?"


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_an_idempotency_key_that_cannot_be_kept_is_refused(door, key):
    reply = door.post("/v1/events/delivery", [delivery()], Idempotency_Key=key)
    assert reply.status == 400
    assert door.live.offset == 0
