"""Bounds: bodies, rows, requests at a time, deadlines; and what happens when a client leaves."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from toy_live import delivery, parcel, until

BODY = 20_000


@pytest.fixture
def small(start):
    return start(body_bytes=BODY, rows=20)


def test_too_many_rows_are_refused_with_the_limit(small):
    assert small.predict(*map(parcel, range(20))).status == 200
    for reply in (
        small.predict(*map(parcel, range(21))),
        small.post("/v1/events/parcel", [parcel(number) for number in range(21)]),
    ):
        assert reply.status == 413
        assert reply.json()["found"] == "21 rows; at most 20 are taken"
    assert small.live.offset == 1


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/events/parcel", "/v2/models/parcels/infer"])
def test_a_body_is_refused_by_its_announced_length_before_it_is_read(small, path):
    with socket.create_connection((small.host, small.port), timeout=10) as connection:
        connection.sendall(
            b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
            % path.encode()
        )
        told = connection.recv(65536)  # not a byte of the body was sent
    assert told.startswith(b"HTTP/1.1 413 ")
    assert b"99,999,999,999; at most 20,000 bytes are taken" in told


def test_the_sender_of_a_large_body_comes_to_read_why_it_was_refused(small):
    reply = small.post("/v1/events/parcel", b"x" * 8_000_000)
    assert reply.status == 413
    assert reply.headers["connection"] == "close"


def chunked(*parts):
    head = b"POST /v1/events/delivery HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    return (
        head
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    )


LINE = json.dumps(delivery(1)).encode() + b"\n"


def test_a_body_in_chunks_is_taken_whole(small):
    told = small.raw(chunked(LINE, LINE[:9], LINE[9:]) + b"0\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 201 ")
    assert len(small.live.rows["delivery"]) == 2


@pytest.mark.parametrize("end", [b"", b"zz\r\n", b"0\r\nTrailer: x\r\n\r\n", b"ff\r\nabc"])
def test_a_body_in_chunks_that_breaks_off_is_not_taken_for_a_shorter_one(small, end):
    told = small.raw(chunked(LINE, LINE) + end, cut=end in (b"", b"ff\r\nabc"))
    assert not told.startswith(b"HTTP/1.1 2")
    until(lambda: b"asof_requests_under_way 0" in small.get("/metrics").body)
    assert small.live.offset == 0
    assert small.live.begun == 0


def test_a_body_that_is_shorter_than_announced_is_not_taken(small):
    told = small.raw(
        b"POST /v1/events/delivery HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
        % (len(LINE) + 1, LINE),
        cut=True,
    )
    assert not told.startswith(b"HTTP/1.1 2")
    assert small.live.offset == 0


def test_a_body_in_chunks_is_cut_off_at_the_limit(small):
    told = small.raw(chunked(*[b" " * 1000] * 21) + b"0\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 413 ")


def test_chunks_count_whatever_length_is_announced(small):
    body = chunked(*[b" " * 1000] * 21) + b"0\r\n\r\n"
    told = small.raw(body.replace(b"Transfer-", b"Content-Length: 5\r\nTransfer-", 1))
    assert told.startswith(b"HTTP/1.1 413 ")


def test_beyond_the_bound_requests_are_turned_away_at_once_and_the_rest_is_answered(start):
    door = start(at_once=4)
    door.live.held = True
    with ThreadPoolExecutor(4) as pool:
        taken = [pool.submit(door.predict, parcel(number)) for number in range(4)]
        until(lambda: door.live.begun == 4)
        away = [door.predict(parcel()) for _ in range(8)]
        door.live.held = False
        assert [one.result().status for one in taken] == [200] * 4
    assert {reply.status for reply in away} == {503}
    assert {reply.json()["type"] for reply in away} == {"urn:asof:overloaded"}
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in away)
    assert door.live.begun == 4
    assert door.predict(parcel()).status == 200
    assert "asof_requests_turned_away_total 8.0" in door.get("/metrics").body.decode()


def test_looking_is_possible_while_the_house_is_full(start):
    door = start(at_once=1)
    door.live.held = True
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(door.predict, parcel())
        until(lambda: door.live.begun == 1)
        for path in ("/metrics", "/v1/status", "/v2/health/live", "/v2/health/ready"):
            assert door.get(path).status == 200
        door.live.held = False
        assert asked.result().status == 200


def test_bodies_under_way_hold_no_more_memory_than_they_may(start):
    door = start(pending_bytes=10_000)
    held = [socket.create_connection((door.host, door.port), timeout=10) for _ in range(2)]
    try:
        for connection in held:
            connection.sendall(
                b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n{"
            )
        until(lambda: b"asof_bodies_under_way_bytes 8000" in door.get("/metrics").body)
        assert door.predict(parcel(), query="").status == 200
        assert door.post("/v1/events/delivery", [delivery()] * 40).status == 503
    finally:
        for connection in held:
            connection.close()
    until(lambda: b"asof_bodies_under_way_bytes 0" in door.get("/metrics").body)
    assert door.post("/v1/events/delivery", [delivery()] * 40).status == 201


def test_a_deadline_that_has_passed_is_told(door):
    assert door.predict(parcel(), Asof_Deadline_Ms="0").status == 408
    assert door.live.begun == 0
    door.live.held = True
    began = time.monotonic()
    reply = door.predict(parcel(), Asof_Deadline_Ms="200")
    assert reply.status == 408
    assert reply.json()["type"] == "urn:asof:too-late"
    assert time.monotonic() - began >= 0.2
    assert door.live.finished == 0
    door.live.held = False
    assert door.predict(parcel(), Asof_Deadline_Ms="60000").status == 200


def test_the_server_has_a_deadline_of_its_own(start):
    door = start(deadline=0.2)
    door.live.held = True
    assert door.predict(parcel(), Asof_Deadline_Ms="60000").status == 408
    until(lambda: b"asof_requests_under_way 0" in door.get("/metrics").body)


def test_a_body_that_never_comes_is_not_waited_for_for_ever(start):
    door = start(body_seconds=0.3, deadline=0.1)
    with socket.create_connection((door.host, door.port), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\n{"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
    assert door.live.begun == 0


def test_a_head_that_never_ends_is_not_waited_for_for_ever(start):
    door = start(header_seconds=0.3)
    with socket.create_connection((door.host, door.port), timeout=10) as connection:
        connection.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: local")
        assert not connection.recv(65536).startswith(b"HTTP/1.1 2")


def test_the_work_for_a_client_that_has_left_is_dropped(start):
    door = start()
    door.live.held = True
    connection = http.client.HTTPConnection(door.host, door.port)
    connection.request("POST", "/v1/predict", json.dumps({"requests": [parcel()]}))
    until(lambda: door.live.begun == 1)
    connection.close()
    until(lambda: door.live.dropped == 1)
    assert b"asof_requests_left_total 1" in door.get("/metrics").body
    assert door.live.finished == 0


def test_rows_that_were_taken_stay_taken_when_their_sender_leaves(door):
    began, go_on = threading.Event(), threading.Event()
    take = door.live.take

    async def held(source, rows, *, key=None):
        import asyncio

        began.set()
        await asyncio.get_running_loop().run_in_executor(None, go_on.wait)
        return await take(source, rows, key=key)

    door.live.take = held
    connection = http.client.HTTPConnection(door.host, door.port)
    connection.request("POST", "/v1/events/delivery", json.dumps([delivery()]))
    assert began.wait(10)
    connection.close()
    time.sleep(0.3)
    go_on.set()
    until(lambda: len(door.live.rows["delivery"]) == 1)
