"""`asof status`, `asof promote`, `asof rollback` beside a server that runs, and without one."""

from __future__ import annotations

import json

import pytest
from parcels_up import delivery, parcel, serving, until, write

from asof.engine.live.rerun import rerun
from asof.faces.project import system_of
from asof.stores.store import Store


@pytest.fixture
def asof(work, monkeypatch):
    """The command line in the folder of the server, with or without a token."""

    def run(*arguments, token=None):
        monkeypatch.delenv("ASOF_TOKEN", raising=False)
        if token is not None:
            monkeypatch.setenv("ASOF_TOKEN", token)
        return work.asof(*arguments)

    return run


def document(done):
    """What a command told as JSON."""
    assert done.status == 0, done.err
    return json.loads(done.out)


def anew(up):
    """The client over a new connection: the server closes one on which nothing comes for long."""
    up.client.close()
    return up.client


def train(up, after):
    """Let so many labels come that another model is trained; its status."""
    numbers = range(10_000 * after, 10_000 * after + 30)
    assert up.client.send("parcel", [parcel(n) for n in numbers]).status == 201
    assert up.client.send("delivery", [delivery(n) for n in numbers]).status == 201
    return until(lambda: (now := up.client.status())["model_name"] == f"m{after + 1}" and now)


def test_decisions_by_hand_beside_a_server_and_after_it(begin, tmp_path, asof):
    write(tmp_path, retraining="asof.after(labels=20)")
    up = begin()
    first = serving(up)["model"]
    second = train(up, 1)["model"]
    third = train(up, 2)["model"]

    told = asof("status", "system.py").out
    assert f"A server runs: http://127.0.0.1:{up.port}, process {up.process.pid} on " in told
    assert ", ready." in told
    assert f"m3 ({third}) is in service since " in told
    assert "m3 is trained on 3" in told
    # What the server has decided is in the stores a moment later.
    whole = until(
        lambda: (
            (told := document(asof("status", "system.py", "--json")))["in_service"]["id"] == third
            and told
        )
    )
    server = whole["server"]
    assert (server["pid"], server["ready"], server["model"]) == (up.process.pid, True, third)
    assert [one["id"] for one in whole["promotions"]] == [first, second, third]

    done = asof("promote", "system.py", first[:8], "--reason", "m3 is odd")
    assert (done.status, done.out) == (0, f"m1 ({first}) serves parcels from now on.\n")
    again = document(asof("promote", "system.py", first, "--json"))
    assert (again["id"], again["changed"]) == (first, False)
    assert anew(up).predict(parcel(1)).json()["answers"][0]["version"] == first
    decided = anew(up).decisions("PromotedByHand")
    assert [one["reason"] for one in decided] == ["promoted by hand: m3 is odd"]
    assert "m1 serves: promoted by hand: m3 is odd" in asof("status", "system.py").out

    back = document(asof("rollback", "system.py", "--reason", "no, it was not", "--json"))
    assert (back["id"], back["changed"]) == (third, True)
    back = asof("rollback", "system.py").out
    assert back == f"m2 ({second}) serves parcels from now on.\n"
    assert document(asof("rollback", "system.py", "--json"))["id"] == first
    refused = asof("rollback", "system.py")
    assert refused.status == 2
    assert "There is no model to roll back to." in refused.err
    assert "nothing served before m1; models that have served: m1, m2, m3" in refused.err
    assert asof("promote", "system.py", "zzz").status == 2
    assert anew(up).predict(parcel(2)).json()["answers"][0]["version"] == first
    assert up.stop() == 0, up.said()

    told = asof("status", "system.py").out
    assert "No server runs." in told
    assert f"m1 ({first}) is in service since " in told
    assert document(asof("promote", "system.py", second, "--json"))["changed"]
    assert document(asof("rollback", "system.py", "--json"))["id"] == first
    assert document(asof("promote", "system.py", second, "--json"))["name"] == "m2"
    up = begin()
    assert anew(up).status()["model"] == second, "the server goes on with what was decided"
    assert anew(up).predict(parcel(3)).json()["answers"][0]["version"] == second
    assert up.stop() == 0, up.said()
    system = system_of(str(tmp_path / "system.py"))
    with Store(up.store) as store:
        found = rerun(system, store)
        assert found.answers == 3
    assert found.equal, found.first_difference


@pytest.fixture
def tokens(tmp_path, asof):
    """Secrets of tokens, by their scope."""
    write(tmp_path)

    def made(scope):
        more = ("token", "add", "system.py", "--name", scope, "--scope", scope)
        return asof(*more).out.strip()

    return {scope: made(scope) for scope in ("predict", "admin")}


def test_a_server_asks_for_a_token_with_its_scope(begin, asof, tokens):
    up = begin()
    bearer = {"authorization": f"Bearer {tokens['predict']}"}
    until(lambda: up.client.ask("GET", "/v2/health/ready").status == 200)
    model = up.client.ask("GET", "/v1/status", headers=bearer).json()["model"]
    for command in (("status",), ("promote", model), ("rollback",)):
        name, *more = command
        for token, words in ((None, "A token is needed."), ("nonsense", "This token is not known")):
            refused = asof(name, "system.py", *more, token=token)
            assert refused.status == 2
            assert words in refused.err
            assert "asof token add" in refused.err
            assert "of any scope to look, of scope admin to decide" in refused.err
    for command in (("promote", model), ("rollback",)):
        name, *more = command
        refused = asof(name, "system.py", *more, token=tokens["predict"])
        assert refused.status == 2
        assert "This token may not take decisions by hand." in refused.err
        assert "its scopes: predict" in refused.err
        assert "scope admin into ASOF_TOKEN" in refused.err
    told = document(asof("status", "system.py", "--json", token=tokens["predict"]))
    assert told["server"]["model"] == model
    done = asof("promote", "system.py", model, token=tokens["admin"])
    assert done.out == f"m1 ({model}) serves parcels already.\n"
    refused = asof("rollback", "system.py", token=tokens["admin"])
    assert "nothing served before m1" in refused.err
    assert up.stop() == 0, up.said()
