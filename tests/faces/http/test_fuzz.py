"""Any bytes at the doors: never a 5xx, and every row that was acknowledged is somewhere."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy_live import delivery, parcel

# One server for all examples: what an example leaves behind is part of the next one's world.
FUZZ = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01", "a", "", "NaN", "1e5", 2**63, -(2**63)]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)  # fmt: skip


def spoilt(good):
    """Rows near a good one: values replaced, columns left out or made up."""
    names = st.sampled_from([*good, "made_up"])
    return st.builds(
        lambda changes, left: {
            name: value for name, value in (good | changes).items() if name not in left
        },
        st.dictionaries(names, VALUES, max_size=3),
        st.sets(names, max_size=2),
    )


def cut(body, at, junk):
    """A body with some bytes in the place of others."""
    place = int(at * len(body))
    return body[:place] + junk + body[place + len(junk) :]


SPOIL = st.tuples(st.floats(0, 1), st.binary(max_size=6))


def judged(reply):
    """What every answer owes: a declared status, and a problem in words where it is no answer."""
    assert reply.status < 500, reply.body
    if reply.status >= 400:
        problem = reply.json()
        assert reply.headers["content-type"] == "application/problem+json"
        assert problem["status"] == reply.status
        assert problem["title"]
        assert "Traceback" not in reply.body.decode()
    return reply


@FUZZ
@given(
    rows=st.lists(spoilt(parcel()) | st.builds(parcel, st.integers(0, 9)), max_size=8),
    lines=st.booleans(), junk=st.none() | SPOIL,
)  # fmt: skip
def test_acknowledged_rows_are_in_the_table_or_in_quarantine(door, rows, lines, junk):
    live = door.live
    whole = json.dumps(rows) if not lines else "\n".join(map(json.dumps, rows))
    body = whole.encode() if junk is None else cut(whole.encode(), *junk)
    before = len(live.rows["parcel"]) + len(live.apart["parcel"])
    reply = judged(door.post("/v1/events/parcel", body))
    after = len(live.rows["parcel"]) + len(live.apart["parcel"])
    if reply.status in (200, 201):
        receipt = reply.json()
        assert after - before == receipt["rows"] > 0
        assert all(0 <= one["position"] < receipt["rows"] for one in receipt["quarantined"])
        assert all(one["reasons"] for one in receipt["quarantined"])
    else:
        assert after == before


@FUZZ
@given(
    rows=st.lists(spoilt(parcel()) | st.builds(parcel, st.integers(0, 9)), max_size=8),
    junk=st.none() | SPOIL,
)
def test_every_request_is_answered_or_told_why_not(door, rows, junk):
    body = json.dumps({"requests": rows}).encode()
    reply = judged(door.post("/v1/predict", body if junk is None else cut(body, *junk)))
    if reply.status == 200:
        answers = reply.json()["answers"]
        assert answers
        assert all(math.isfinite(answer["prediction"]) for answer in answers)


@FUZZ
@given(body=st.binary(max_size=200))
@pytest.mark.parametrize(
    "path",
    ["/v1/predict", "/v1/events/delivery", "/v1/train", "/v1/promote", "/v1/rollback",
     "/v1/quarantine/release", "/v1/clock", "/v2/models/parcels/infer"],
)  # fmt: skip
def test_any_bytes_are_refused_in_words(door, path, body):
    reply = judged(door.post(path, body))
    assert reply.status in (400, 413, 422)


@FUZZ
@given(
    tensors=st.lists(
        st.fixed_dictionaries({
            "name": st.sampled_from([*parcel(), "made_up"]),
            "datatype": st.sampled_from(["BOOL", "INT64", "FP32", "FP64", "BYTES", "INT8", "x"]),
            "shape": st.lists(st.integers(-1, 4), max_size=3),
            "data": st.lists(VALUES, max_size=4),
        }),
        max_size=5,
    ),
    tail=st.binary(max_size=40), length=st.none() | st.integers(-5, 3000),
)  # fmt: skip
def test_any_tensors_are_answered_or_told_why_not(door, tensors, tail, length):
    headers = {} if length is None else {"Inference_Header_Content_Length": str(length)}
    body = json.dumps({"inputs": tensors}).encode() + tail
    judged(door.post("/v2/models/parcels/infer", body, **headers))


@FUZZ
@given(path=st.text(max_size=30), query=st.text(max_size=20))
def test_any_path_is_somewhere_or_nowhere(door, path, query):
    from urllib.parse import quote

    for start in ("/", "/v1/events/", "/v2/models/", "/v2/models/parcels/versions/"):
        judged(door.get(f"{start}{quote(path)}?{quote(query)}"))


@FUZZ
@given(secret=st.text(max_size=60))
def test_any_token_is_no_token(secret):
    from asof.faces.http.guard import Guard
    from asof.faces.http.problems import Refusal
    from asof.stores.tokens import Scope, Token, digest

    guard = Guard([Token("t", digest("right"), frozenset(Scope), 0)], loopback=True)
    with pytest.raises(Refusal) as refused:
        guard.admit({"authorization": f"Bearer {secret}x"}, None)
    assert refused.value.status == 401
    guard.admit({"authorization": "Bearer right"}, Scope.ADMIN)


def test_after_all_that_it_still_works(door):
    assert door.post("/v1/events/delivery", [delivery()]).status == 201
    assert door.predict(parcel()).status == 200
