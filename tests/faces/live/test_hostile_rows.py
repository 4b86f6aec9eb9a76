"""Any bytes at the doors of the real engine: no row that was acknowledged is lost or doubled."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parcels_up import delivery, parcel, quarantined, serving

from asof.faces.project import system_of
from asof.stores.store import Store

FUZZ = settings(
    max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None,
    database=None,
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01", "a", "", "NaN", "1e5", 2**63, -(2**63)]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)  # fmt: skip
PLACES = st.integers(0, 10**6)


def near(good):
    """Rows near a good one: values replaced, columns left out or made up."""
    names = st.sampled_from(["parcel_id", "shop", "weight", "late", "took", "came_at", "x"])
    return st.builds(
        lambda n, changes, left: {
            name: value for name, value in (good(n) | changes).items() if name not in left
        },
        PLACES, st.dictionaries(names, VALUES, max_size=2), st.sets(names, max_size=1),
    )  # fmt: skip


def cut(body, at, junk):
    """A body with some bytes in the place of others."""
    place = int(at * len(body))
    return body[:place] + junk + body[place + len(junk) :]


SPOIL = st.none() | st.tuples(st.floats(0, 1), st.binary(max_size=6))


def test_rows_that_were_acknowledged_are_in_the_table_or_in_quarantine(begin):
    up = begin("--seal-every", "1")
    serving(up)
    counted = {"delivery": 0, "parcel": 0}
    apart = {"delivery": 0, "parcel": 0}

    def judged(reply):
        assert reply.status < 500, reply.body
        if reply.status >= 400:
            assert reply.headers["content-type"] == "application/problem+json"
            assert reply.json()["title"]
        return reply

    def hand_in(source, rows, junk):
        body = "\n".join(map(json.dumps, rows)).encode()
        reply = judged(
            up.client.ask(
                "POST", f"/v1/events/{source}", body if junk is None else cut(body, *junk)
            )
        )
        if reply.status == 201:
            receipt = reply.json()
            assert all(one["reasons"] for one in receipt["quarantined"])
            counted[source] += receipt["rows"]
            apart[source] += len(receipt["quarantined"])

    @FUZZ
    @given(st.lists(near(delivery) | st.builds(delivery, PLACES), max_size=8), SPOIL)
    def deliveries(rows, junk):
        hand_in("delivery", rows, junk)

    @FUZZ
    @given(st.lists(near(parcel) | st.builds(parcel, PLACES), max_size=8), SPOIL)
    def parcels(rows, junk):
        hand_in("parcel", rows, junk)

    @FUZZ
    @given(near(parcel), SPOIL)
    def requests(row, junk):
        body = json.dumps({"requests": [row]}).encode()
        judged(up.client.ask("POST", "/v1/predict", body if junk is None else cut(body, *junk)))

    hand_in("delivery", [delivery(1), delivery(2, late="perhaps")], None)
    deliveries()
    parcels()
    with_requests = up.client.status()["counts"]["rows"]
    assert with_requests == sum(counted.values())
    requests()
    handed_in = up.client.status()["counts"]["rows"] - with_requests
    assert counted["delivery"] > apart["delivery"] > 0
    assert up.client.predict(parcel(1)).status == 200, "and it still works"
    assert up.stop() == 0, up.said()
    system = system_of(str(up.folder / "system.py"))
    with Store(up.store) as store:
        kept = {table.name: store.rows(table).height - 300 for table in system.tables}
        assert kept["delivery"] + quarantined(store, "delivery") == counted["delivery"]
        assert quarantined(store, "delivery") == apart["delivery"]
        assert quarantined(store, "parcel") == apart["parcel"], "a refused request is not a row"
        assert kept["parcel"] + apart["parcel"] == counted["parcel"] + handed_in + 1


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"weight": "heavy"}, 422),
        ({"weight": None}, 422),
        ({"weight": -1.0}, 422),
        ({"shop": "nowhere"}, 422),
        ({"parcel_id": 2**63}, 422),
        ({"weight": 1e308}, 200),
        ({"made_up": 1}, 422),
        ({"shop": [["a"]]}, 422),
    ],
)
def test_a_request_that_breaks_its_contract_is_told_why(shared, row, status):
    shared.client.close()  # a connection that was idle for long may be closed by the server
    reply = shared.client.predict(parcel(7) | row)
    assert reply.status == status, reply.body


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    import parcels_up

    up = parcels_up.start(parcels_up.write(tmp_path_factory.mktemp("shared")))
    serving(up)
    yield up
    up.kill()
