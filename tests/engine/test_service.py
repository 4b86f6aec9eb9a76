"""Which model is in service, by what replays, servers and people decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression

import asof
from asof import Col, Key, Time, days, hours
from asof.engine.belonging import feature_prints
from asof.engine.messages import BEGAN, Promoted
from asof.engine.service import chain, in_service, keep_life, promote, promotions, roll_back
from asof.errors import StoreError, UsageError
from asof.stores.records import Decision
from asof.stores.server import serve
from asof.stores.store import Store


class Parcel(asof.Row):
    parcel_id: Key[int]
    weight: Col[float]
    sent_at: Time


class Delivery(asof.Row):
    parcel_id: Key[int]
    late: Col[bool]
    came_at: Time


deliveries = asof.source(Delivery, lag=hours(1))
system = asof.System(
    "parcels",
    requests=asof.source(Parcel),
    at=Parcel.sent_at,
    features=asof.features(Parcel, weight=Parcel.weight),
    label=asof.outcome(deliveries.same(Parcel.parcel_id), Delivery.late, wait=days(3)),
    model=LogisticRegression(),
    until=datetime(2025, 3, 1, tzinfo=UTC),
)
other = system.but(features=asof.features(Parcel, heavy=Parcel.weight > 3))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "parcels") as opened:
        yield opened


def model(store: Store, name: str, of: asof.System[Parcel] = system) -> str:
    """A registered model; what it is does not matter here."""
    record = {
        "name": name, "fingerprint": of.fingerprint, "features": dict(feature_prints(of)),
        "label": asof.declare.fingerprint.fingerprint(of.label), "columns": of.features.names,
    }  # fmt: skip
    return store.models.put(name, moment=0, metadata=record).id


def life(store: Store, **moments: int) -> dict[str, str]:
    """A replayed life in which models were promoted at moments; their ids."""
    ids = {name: model(store, name) for name in moments}
    taken = [Decision(5, "trained", "m0 on 3 rows", {"model": "m0"})]
    taken += [Decision(at, "promoted", "scheduled", {"model": n}) for n, at in moments.items()]
    keep_life(store, system, taken, ids, stamp=0)
    return ids


def lived(store: Store, name: str, at: int, identity: str) -> None:
    """A promotion that a server journalled."""
    told = asdict(Promoted(at, name, "scheduled"))
    store.journal.append("Promoted", {**told, "id": identity}, stamp=at)


def test_nothing_serves_before_the_first_promotion(store: Store):
    assert in_service(store, system, 100) is None
    life(store, m1=10)
    assert in_service(store, system, 9) is None


def test_a_model_promoted_at_a_moment_serves_it(store: Store):
    ids = life(store, m1=10, m2=20)
    told = [in_service(store, system, at) for at in (10, 19, 20, 99)]
    assert [each.id for each in told if each] == [ids["m1"], ids["m1"], ids["m2"], ids["m2"]]
    assert told[0] is not None
    assert (told[0].name, told[0].since, told[0].reason) == ("m1", 10, "scheduled")


def test_the_last_replay_counts_and_each_declaration_has_its_own(store: Store):
    life(store, m1=10, m2=20)
    ids = life(store, m1=10)
    assert [each.id for each in promotions(store, system)] == [ids["m1"]]
    assert in_service(store, other, 99) is None


def test_by_hand_comes_after_all_on_record_and_outlasts_a_replay(store: Store):
    ids = life(store, m1=10, m2=20)
    found = promote(store, system, ids["m1"], at=15, reason="m2 is odd")
    assert (found.id, found.name, found.since) == (ids["m1"], "m1", 21)
    assert found.reason == "promoted by hand: m2 is odd"
    life(store, m1=10, m2=20)
    assert in_service(store, system, 21) == found
    assert promote(store, system, ids["m1"], at=50) == found
    later = life(store, m1=10, m2=20, m3=400)
    assert [in_service(store, system, at).id for at in (399, 400)] == [ids["m1"], later["m3"]]


def test_a_name_means_the_model_of_the_declaration(store: Store):
    ids = life(store, m1=10, m2=20)
    model(store, "m1", other)
    assert promote(store, system, "m1", at=30).id == ids["m1"]
    with pytest.raises(UsageError, match="fitted for another declaration"):
        promote(store, other, "m2", at=40)


def test_a_model_that_never_served_gets_a_name_of_its_own(store: Store):
    life(store, m1=10)
    fitted = model(store, "fit")
    assert promote(store, system, fitted[:6], at=90).name == f"fit-{fitted[:6]}"


def test_what_a_server_decided_goes_before_replays_from_its_life_on(store: Store):
    ids = life(store, m1=10, m2=40)
    store.journal.append(BEGAN, {"start": 30}, stamp=25)
    assert [each.id for each in promotions(store, system)] == [ids["m1"]]
    fresh = model(store, "m1-live")
    lived(store, "m1", 31, fresh)
    assert in_service(store, system, 30).id == ids["m1"]
    assert in_service(store, system, 99).id == fresh


def test_models_of_another_declaration_are_passed_over(store: Store):
    ids = life(store, m1=10)
    lived(store, "m1", 31, model(store, "strange", of=other))
    assert in_service(store, system, 99).id == ids["m1"]
    with pytest.raises(UsageError, match="another declaration"):
        promote(store, system, model(store, "strange", of=other), at=99)
    with pytest.raises(UsageError, match="No model has the id"):
        promote(store, system, "zzz", at=99)


def test_rolling_back_puts_the_model_before_into_service(store: Store):
    with pytest.raises(UsageError, match="no model to roll back to") as refused:
        roll_back(store, system, at=99)
    assert "none" in refused.value.found
    ids = life(store, m1=10, m2=20)
    found = roll_back(store, system, at=99, reason="m2 is slow")
    assert (found.id, found.since) == (ids["m1"], 99)
    assert found.reason == "rolled back by hand from m2: m2 is slow"
    assert in_service(store, system, 98).id == ids["m2"]
    assert in_service(store, system, 99).id == ids["m1"]


def test_rolling_back_again_goes_further_back(store: Store):
    ids = life(store, m1=10, m2=20, m3=30)
    told = [roll_back(store, system, at=at).id for at in (40, 50)]
    assert told == [ids["m2"], ids["m1"]]
    with pytest.raises(UsageError, match="no model to roll back to") as refused:
        roll_back(store, system, at=60)
    assert refused.value.found == "nothing served before m1; models that have served: m1, m2, m3"
    promote(store, system, ids["m3"], at=70)
    later = model(store, "m4")
    lived(store, "m4", 80, later)
    assert [one.id for one in chain(promotions(store, system))] == [ids["m1"], ids["m3"], later]
    assert [roll_back(store, system, at=at).name for at in (90, 91)] == ["m3", "m1"]


def test_a_name_that_another_model_has_by_now_is_not_given_again(store: Store):
    ids = life(store, m1=10, m2=20)
    store.journal.append(BEGAN, {"start": 30}, stamp=25)
    lived(store, "m1", 31, model(store, "m1-live"))
    assert promote(store, system, ids["m1"], at=40).name == f"m1-{ids['m1'][:6]}"
    assert promote(store, system, ids["m2"], at=50).name == "m2"


def test_beside_a_server_nothing_is_decided_in_the_stores(store: Store):
    ids = life(store, m1=10, m2=20)
    with serve(store.directory, address="http://127.0.0.1:1", started=0):
        for decide in (
            lambda: promote(store, system, ids["m1"], at=99),
            lambda: roll_back(store, system, at=99),
        ):
            with pytest.raises(StoreError, match="A server runs on this store"):
                decide()
    assert in_service(store, system, 200).id == ids["m2"]
