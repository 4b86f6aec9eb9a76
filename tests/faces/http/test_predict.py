"""Asking for predictions over HTTP."""

from __future__ import annotations

import http.client
import json
import math
from datetime import datetime

import pytest
from toy_live import delivery, parcel


def test_one_request_is_answered_with_who_when_and_how_old(door):
    door.post("/v1/events/delivery", [delivery(3, late=True)])
    reply = door.predict(parcel(3, weight=2.0))
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    document = reply.json()
    assert document["model"] == "parcels"
    (answer,) = document["answers"]
    assert answer["request"] == "3"
    assert answer["version"] == "m1"
    assert answer["prediction"] == pytest.approx(1 / (1 + math.exp(-0.6)))
    assert set(answer["ages"]) == {"delivery"}
    assert answer["ages"]["delivery"] >= 0
    assert answer["recorded"] is True
    assert answer["fallback"] is False
    assert "features" not in answer
    for name in ("at", "as_of"):
        assert datetime.fromisoformat(answer[name]).utcoffset().total_seconds() == 0
    assert answer["at"].endswith("Z")


def test_many_requests_are_answered_in_their_order(door):
    reply = door.predict(*[parcel(number, weight=float(number)) for number in range(50)])
    answers = reply.json()["answers"]
    assert [answer["request"] for answer in answers] == [str(number) for number in range(50)]
    assert len({answer["prediction"] for answer in answers}) == 50


def test_moments_are_exact_to_the_microsecond(door):
    door.live.at = 1_783_814_399_999_998
    assert door.predict(parcel()).json()["answers"][0]["at"] == "2026-07-11T23:59:59.999999Z"


def test_a_row_without_its_envelope_is_told_where_it_belongs(door):
    reply = door.post("/v1/predict", {"parcel_id": 7})
    assert reply.status == 422
    assert reply.json()["field"] == "parcel_id"
    assert '{"requests": [{...}, ...]}' in reply.json()["mend"]


@pytest.mark.parametrize("body", [[{"parcel_id": 7}], {}, {"requests": 5}, 5])
def test_rows_in_something_else_are_told_where_they_belong(door, body):
    reply = door.post("/v1/predict", body)
    assert reply.status == 422
    assert '{"requests": [{...}, ...]}' in reply.json()["mend"]


def test_the_vector_comes_only_when_it_is_asked_for(door):
    answer = door.predict(parcel(weight=4.5), query="?explain=features").json()["answers"][0]
    assert answer["features"] == {"weight": 4.5, "floors": None, "late": 0.5}


def test_a_key_alone_asks_about_the_row_that_is_known(door):
    door.post("/v1/events/parcel", [parcel(7, weight=9.0)])
    known = door.predict({"parcel_id": 7}).json()["answers"][0]["prediction"]
    assert known == door.predict(parcel(7, weight=9.0)).json()["answers"][0]["prediction"]
    unknown = door.predict({"parcel_id": 8})
    assert unknown.status == 422
    assert unknown.json()["type"] == "urn:asof:request-refused"


def test_integers_are_numbers_and_null_is_nothing(door):
    assert door.predict(parcel(weight=2)).json() != door.predict(parcel(weight=None)).json()


def test_an_unrecorded_answer_says_so_and_readiness_turns_false(door):
    door.live.full = True
    assert door.predict(parcel()).json()["answers"][0]["recorded"] is False
    ready = door.get("/v2/health/ready")
    assert ready.status == 503
    assert ready.json()["found"] == "the disk is full"


def test_without_a_model_requests_are_refused_for_now(door):
    door.live.served.clear()
    reply = door.predict(parcel())
    assert reply.status == 503
    assert reply.json()["title"] == "No model is in service."
    assert int(reply.headers["retry-after"]) > 0
    assert door.get("/v2/health/live").status == 200


def test_the_next_model_answers_once_it_is_promoted_and_the_last_after_a_rollback(door):
    first = door.predict(parcel()).json()["answers"][0]
    told = door.post("/v1/promote", {"version": "m2", "reason": "it is better"})
    assert (told.status, told.json()) == (200, {"done": True})
    second = door.predict(parcel()).json()["answers"][0]
    assert (first["version"], second["version"]) == ("m1", "m2")
    assert door.get("/v1/status").json()["model"] == "m2"
    assert door.post("/v1/rollback", {"reason": "it is not"}).status == 200
    assert door.predict(parcel()).json()["answers"][0]["prediction"] == first["prediction"]
    kept = door.get("/v1/decisions").json()["decisions"]
    assert [(one["kind"], one["reason"]) for one in kept] == [
        ("promoted", "it is better"), ("rolled back", "it is not"),
    ]  # fmt: skip
    assert kept[0]["moment"].endswith("Z")
    assert len(door.get("/v1/decisions?last=1").json()["decisions"]) == 1
    assert door.post("/v1/rollback", {"reason": "again"}).status == 409
    assert door.post("/v1/promote", {"version": "m9", "reason": "x"}).status == 404


def test_an_order_by_hand_says_which_fields_it_wants(door):
    for body in ({"model": "m2"}, {}, [], {"version": 7}):
        refused = door.post("/v1/promote", body)
        assert refused.status == 422
        assert '{"version": ID, "reason": WORDS}' in refused.json()["mend"]
    assert '"at": MOMENT' in door.post("/v1/clock", {"to": 1}).json()["mend"]
    assert door.post("/v1/promote", {"version": "m2"}).status == 200
    assert door.post("/v1/rollback", {"model": "m1"}).status == 422
    assert door.post("/v1/rollback", {}).status == 200


def test_a_quarantined_row_is_released_or_told_why_not(door):
    told = door.post("/v1/events/delivery", [delivery(), delivery(late="perhaps")]).json()
    name = f"{told['offset']}:{told['quarantined'][0]['position']}"
    for body in (
        {}, [], {"row": 7}, {"row": ""}, {"row": name, "mend": {}}, {"row": name, "set": ["late"]},
        {"row": name, "set": {"late": [True]}}, {"row": name, "set": {"late": {"a": True}}},
    ):  # fmt: skip
        refused = door.post("/v1/quarantine/release", body)
        assert refused.status == 422
        assert '{"row": NAME, "set": {COLUMN: VALUE}}' in refused.json()["mend"]
    assert door.post("/v1/quarantine/release", {"row": name}).status == 422
    mended = {"row": name, "set": {"late": True}}
    done = door.post("/v1/quarantine/release", mended)
    assert done.status == 200
    assert done.json() == {
        "row": name, "source": "delivery", "offset": told["offset"] + 1, "stored": 1,
    }  # fmt: skip
    assert door.post("/v1/quarantine/release", mended).status == 404


def test_a_training_by_hand_begins_and_is_refused_in_words(door):
    for body in ({"model": "m2"}, [], {"reason": 7}, {"reason": "x" * 2001}):
        refused = door.post("/v1/train", body)
        assert refused.status == 422
        assert 'Send {"reason": WORDS}, or {}.' in refused.json()["mend"]
    began = door.post("/v1/train", {"reason": "data were mended"})
    assert began.status == 202
    told = began.json()
    assert told == {"model": "m3", "as_of": told["as_of"], "reason": "data were mended"}
    assert told["as_of"].endswith("Z")
    again = door.post("/v1/train", {})
    assert again.status == 409
    assert again.json()["title"] == "A model is being fitted already."


def test_why_names_a_feature_of_an_answered_request(door):
    door.predict(parcel(5, weight=1.5))
    found = door.get("/v1/why?request=5&feature=weight")
    assert (found.status, found.json()["value"]) == (200, 1.5)
    assert door.get("/v1/why?request=5&feature=height").status == 404
    assert door.get("/v1/why?request=5").status == 400


def test_a_rehearsals_clock_moves_and_never_back(door):
    order = {"at": "2026-03-01T00:00:00.000001Z", "rows": 0, "requests": 0}
    assert door.post("/v1/clock", order).status == 200
    assert door.live.at == 1_772_323_200_000_001
    back = door.post("/v1/clock", order | {"at": "2026-02-01T01:00:00+01:00"})
    assert back.status == 409
    assert back.json()["title"] == "The clock does not go back."
    assert door.post("/v1/clock", order | {"at": "2026-04-01T00:00:00"}).status == 422


def test_one_connection_takes_many_requests(door):
    connection = http.client.HTTPConnection(door.host, door.port, timeout=30)
    connection.connect()
    ours = connection.sock.getsockname()
    for number in range(3):
        connection.request("POST", "/v1/predict", json.dumps({"requests": [parcel(number)]}))
        assert json.load(connection.getresponse())["answers"][0]["request"] == str(number)
        assert connection.sock.getsockname() == ours
    connection.close()
