"""Who is let in: tokens with scopes, or this machine alone."""

from __future__ import annotations

import hashlib

import pytest
from toy_live import delivery, parcel, until

from asof.errors import UsageError
from asof.stores.store import Store
from asof.stores.tokens import Scope

OPEN = ["/v2/health/live", "/v2/health/ready"]
LOOKING = ["/v1/status", "/v1/decisions", "/metrics", "/openapi.json", "/v2", "/v2/models/parcels"]
ALL = {
    "predict": lambda door: door.predict(parcel()),
    "ingest": lambda door: door.post("/v1/events/delivery", [delivery()]),
    "admin": lambda door: door.post("/v1/promote", {"version": "m2", "reason": "x"}),
}


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "store") as store:
        yield store


@pytest.fixture
def guarded(start, store):
    """A server with three tokens, each with one scope."""
    secrets = {scope: store.tokens.add(scope, {scope}, stamp=1) for scope in Scope}
    door = start(tokens=store.tokens.list)
    return door, secrets


def test_a_token_is_shown_once_and_kept_as_a_hash(store, tmp_path):
    secret = store.tokens.add("cron", {Scope.INGEST}, stamp=7)
    (token,) = store.tokens.list()
    assert (token.name, token.scopes, token.stamp) == ("cron", {Scope.INGEST}, 7)
    assert token.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert store.tokens.add("other", {Scope.ADMIN}, stamp=7) != secret
    store.close()
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes()
    with pytest.raises(UsageError, match="There is a token cron already"):
        store.tokens.add("cron", {Scope.INGEST}, stamp=8)
    store.tokens.revoke("cron")
    assert [token.name for token in store.tokens.list()] == ["other"]
    with pytest.raises(UsageError, match="There is no token cron"):
        store.tokens.revoke("cron")


def test_with_tokens_everything_but_health_needs_one(guarded):
    door, _ = guarded
    assert [door.get(path).status for path in OPEN] == [200, 200]
    replies = [door.get(path) for path in LOOKING] + [ask(door) for ask in ALL.values()]
    assert {reply.status for reply in replies} == {401}
    assert all(reply.headers["www-authenticate"].startswith("Bearer") for reply in replies)
    assert door.live.offset == 0
    assert door.live.served == ["m1"]


@pytest.mark.parametrize("scope", list(ALL))
def test_a_token_may_do_what_its_scope_says_and_look(guarded, scope):
    door, secrets = guarded
    door.token = secrets[scope]
    statuses = {name: ask(door).status for name, ask in ALL.items()}
    assert {name for name, status in statuses.items() if status < 300} == {scope}
    assert {status for name, status in statuses.items() if name != scope} == {403}
    assert {door.get(path).status for path in LOOKING} == {200}


def test_a_training_is_asked_for_with_the_scope_admin(guarded):
    door, secrets = guarded
    for scope in (Scope.PREDICT, Scope.INGEST):
        door.token = secrets[scope]
        refused = door.post("/v1/train", {"reason": "why"})
        assert refused.status == 403
        assert "may not take decisions by hand" in refused.json()["title"]
    assert "m3" not in door.live.models
    door.token = secrets[Scope.ADMIN]
    assert door.post("/v1/train", {"reason": "why"}).status == 202


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "b\xe9arer"])
def test_a_wrong_token_is_no_token(guarded, given):
    door, secrets = guarded
    for sent in (given, given + secrets["predict"][:-1], secrets["predict"]):
        reply = door.get("/v1/status", Authorization=sent)
        assert reply.status == 401
        assert secrets["predict"][8:] not in reply.body.decode()


def test_a_revoked_token_is_let_in_no_more_and_the_last_one_leaves_the_door_closed(guarded, store):
    door, secrets = guarded
    door.token = secrets["predict"]
    assert door.predict(parcel()).status == 200
    for scope in Scope:
        store.tokens.revoke(scope)
    until(lambda: door.predict(parcel()).status == 401)
    assert door.get("/v1/status").status == 401


def test_without_tokens_only_this_machine_is_listened_to(start):
    with pytest.raises(UsageError) as refused:
        start(host="0.0.0.0")
    assert "listens on this machine alone, not on 0.0.0.0" in str(refused.value)
    assert "asof token add" in refused.value.mend


def test_with_tokens_every_address_may_be_listened_on(start, store):
    secret = store.tokens.add("all", list(Scope), stamp=1)
    assert start(host="0.0.0.0", tokens=store.tokens.list, token=secret).get("/v2").status == 200


def test_a_port_that_is_taken_is_not_shared(start):
    first = start()
    with pytest.raises(UsageError, match=f"Port {first.port} of 127.0.0.1 cannot be listened on"):
        start(port=first.port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "1.2.3.4.5"])
def test_an_address_that_is_none_is_told(start, host):
    with pytest.raises(UsageError, match="no address to listen on"):
        start(host=host)


def test_without_tokens_web_pages_of_elsewhere_are_not_answered(door):
    page = {"Origin": "https://evil.example"}
    assert door.get("/v1/status", **page).status == 403
    assert door.post("/v1/events/delivery", [delivery()], **page).status == 403
    assert door.live.offset == 0
    rebound = {"Host": f"evil.example:{door.port}"}
    assert door.get("/v1/status", **rebound).status == 403
    own = {"Origin": f"http://localhost:{door.port}"}
    assert door.get("/v1/status", **own).status == 200
    assert door.get("/v1/status", Host="[::1]:8000").status == 200
