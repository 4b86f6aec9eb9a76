"""Bodies and requests that nobody should send: each a clear 4xx that names field and row."""

from __future__ import annotations

import json

import pytest
from toy_live import delivery, parcel

PREDICT = "/v1/predict"
EVENTS = "/v1/events/parcel"
DEEP = 100_000


def ask(row: str) -> bytes:
    """A body of one good request and one with this text in the place of its members."""
    good = json.dumps(parcel(1))
    return f'{{"requests": [{good}, {{"parcel_id": 2, {row}}}]}}'.encode()


def hand_in(row: str) -> bytes:
    return f'{json.dumps(parcel(1))}\n{{"parcel_id": 2, {row}}}\n'.encode()


@pytest.mark.parametrize(
    ("row", "status", "field", "found"),
    [
        ('"weight": "5"', 422, "weight", "a text"),
        ('"weight": true', 422, "weight", "true or false"),
        ('"express": 1', 422, "express", "a whole number"),
        ('"shop": 7', 422, "shop", "a whole number"),
        ('"shop": null', 422, "shop", "null"),
        ('"weight": NaN', 400, "weight", "malformed"),
        ('"weight": -Infinity', 400, "weight", "malformed"),
        ('"weight": 1e999', 422, "weight", "a number that does not fit"),
        ('"parcel_id": 9223372036854775808', 422, "parcel_id", "a number that does not fit"),
        ('"parcel_id": -9223372036854775809', 422, "parcel_id", "a number that does not fit"),
        ('"parcel_id": 1' + "0" * 5000, 422, "parcel_id", "a number that does not fit"),
        ('"weight": [1]', 422, "weight", "a list"),
        ('"weight": {"a": 1}', 422, "weight", "an object"),
        ('"weight": ' + "[" * DEEP, 422, "weight", "a list"),
        ('"weigth": 5', 422, "weigth", "declared: parcel_id, shop, weight, express, sent_at"),
        ('"x": ' + '{"x":' * DEEP, 422, "x", "declared: parcel_id"),
    ],
)
def test_a_request_that_cannot_be_taken_is_named(door, row, status, field, found):
    reply = door.post(PREDICT, ask(row))
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert problem["status"] == status
    assert (problem["row"], problem["field"]) == (1, field)
    assert "1" in problem["title"]
    assert field in problem["title"]
    assert found in problem["found"]
    assert problem["detail"] == problem["found"]
    assert problem["mend"]
    assert door.live.begun == 0


@pytest.mark.parametrize(
    ("row", "status", "field"),
    [
        ('"weight": NaN', 400, "weight"),
        ('"weight": 1e999', 422, "weight"),
        ('"parcel_id": 9223372036854775808', 422, "parcel_id"),
        ('"weight": [1]', 422, "weight"),
        ('"weight": ' + "[" * DEEP, 422, "weight"),
        ('"weigth": 5', 422, "weigth"),
    ],
)
def test_a_message_that_cannot_be_taken_is_named_and_leaves_nothing(door, row, status, field):
    reply = door.post(EVENTS, hand_in(row))
    assert reply.status == status
    assert (reply.json()["row"], reply.json()["field"]) == (1, field)
    assert door.live.offset == 0


@pytest.mark.parametrize("path", [PREDICT, EVENTS])
@pytest.mark.parametrize(
    ("body", "status", "title"),
    [
        (b"", 0, ""),
        (b"{", 400, "The body is not JSON."),
        (b"not json", 400, "The body is not JSON."),
        (b"[" * DEEP, 0, ""),
        (b'{"a":' * DEEP, 422, "The body has a field 'a' that is not declared."),
        (b'\xef\xbb\xbf{"requests": []}', 400, "The body is not JSON."),
        (b"7", 422, ""),
        (b"null", 422, ""),
        (b'"text"', 422, ""),
        ('{"a": 1}'.encode("utf-16"), 400, "The body is not JSON."),
    ],
)
def test_a_body_that_is_no_body_is_refused(door, path, body, status, title):
    reply = door.post(path, body)
    assert 400 <= reply.status < 500
    if status:
        assert reply.status == status
    problem = reply.json()
    assert problem["title"] == title or not title or path == EVENTS
    assert door.live.offset == door.live.begun == 0


def test_what_is_not_utf_8_is_found(door):
    body = hand_in('"shop": "a\xff"').decode().encode("latin-1")
    reply = door.post(EVENTS, body)
    assert reply.status == 400
    assert reply.json()["title"] == "The body is not UTF-8."
    assert reply.json()["row"] == 1
    assert reply.json()["found"] == f"byte {body.index(0xFF)}"
    assert door.post(PREDICT, ask('"shop": "a\xff"').decode().encode("latin-1")).status == 400


@pytest.mark.parametrize("body", [{"requests": []}, {"requests": {}}, {}, {"requests": [[]]}])
def test_a_body_without_requests_is_refused(door, body):
    assert door.post(PREDICT, body).status == 422


@pytest.mark.parametrize("body", [b"[]", b"\n\n", b"[[]]", b'[{"parcel_id": 1}, 7]'])
def test_a_body_without_rows_is_refused(door, body):
    assert door.post(EVENTS, body).status == 422


@pytest.mark.parametrize(
    "query",
    ["?explain=all", "?durable=1", "?exlain=features", "?durable=true&durable=false", "?%ff=1"],
)
def test_a_query_that_means_nothing_is_refused(door, query):
    reply = door.predict(parcel(), query=query)
    assert reply.status == 400
    assert reply.json()["mend"]


@pytest.mark.parametrize("last", ["0", "-1", "10001", "x", "", "1e3", "٣"])
def test_a_number_of_decisions_is_a_number(door, last):
    from urllib.parse import quote

    assert door.get(f"/v1/decisions?last={quote(last)}").status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404), ("GET", "/v1", 404), ("GET", "/v1/predict", 405),
        ("PUT", "/v1/predict", 405), ("DELETE", "/metrics", 405), ("OPTIONS", "/v1/status", 405),
        ("BREW", "/v1/status", 405), ("POST", "/v1/events/", 404), ("GET", "/v1/events/x", 405),
        ("POST", "/v1/events/%00", 404), ("POST", "/v1/events/a%2Fb", 404),
        ("GET", "/v1/../metrics", 404), ("GET", "//metrics", 404), ("GET", "/v2/", 404),
        ("GET", "/v2/models/other", 404), ("GET", "/v2/models/parcels/versions/m9", 404),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told(door, method, path, status):
    reply = door.ask(method, path)
    assert reply.status == status
    assert reply.json()["title"]
    if status == 405:
        assert reply.headers["allow"]


def test_a_head_is_a_get_without_its_body(door):
    reply = door.ask("HEAD", "/v1/status")
    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize("deadline", ["", "x", "-5", "1.5", "1" * 10])
def test_a_deadline_is_a_number(door, deadline):
    reply = door.predict(parcel(), Asof_Deadline_Ms=deadline)
    assert reply.status == 400
    assert "Asof-Deadline-Ms" in reply.json()["found"]


@pytest.mark.parametrize("name", ["Idempotency-Key", "Asof-Deadline-Ms"])
@pytest.mark.parametrize("value", [b"caf\xe9", "café".encode()])
def test_a_header_that_cannot_be_read_does_not_pass_for_none(door, name, value):
    body = json.dumps(delivery()).encode()
    told = door.raw(
        b"POST /v1/events/delivery HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n%b: %b\r\n\r\n%b" % (len(body), name.encode(), value, body)
    )
    assert told.startswith(b"HTTP/1.1 400 ")
    assert name.lower().encode() in told.lower()
    assert door.live.offset == 0


def test_a_compressed_body_is_refused_unread(door):
    reply = door.post(EVENTS, b"\x1f\x8b", Content_Encoding="gzip")
    assert reply.status == 415


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nContent-Length: 7", b"Content-Length: -1", b"Content-Length: x",
        b"Transfer-Encoding: gzip",
        b"X: " + b"y" * 200_000,
    ],
)  # fmt: skip
def test_a_head_that_means_two_things_is_no_request(door, head):
    told = door.raw(b"POST /v1/events/parcel HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n")
    status = told.split(b" ", 2)[1] if told else b""
    assert told == b"" or status.startswith(b"4")
    assert door.live.offset == 0


def test_an_unforeseen_error_is_told_by_its_number_and_logged_with_its_trace(door, caplog):
    def fall(*_, **__):
        raise ZeroDivisionError("secret of the house")

    door.live.take = fall
    reply = door.post("/v1/events/delivery", [delivery()])
    assert reply.status == 500
    problem = reply.json()
    assert b"secret" not in reply.body
    assert b"Traceback" not in reply.body
    record = next(record for record in caplog.records if problem["id"] in record.getMessage())
    assert record.exc_info[0] is ZeroDivisionError
    assert door.post("/v1/events/parcel", [parcel()]).status == 500
