"""`asof token`: made, listed, revoked."""

from __future__ import annotations

import json

from asof.faces.project import project
from asof.stores.store import Store
from asof.stores.tokens import Scope, digest


def kept(work):
    with Store(project(str(work.file)).store) as store:
        return {token.name: token for token in store.tokens.list()}


def test_a_token_is_made_listed_and_revoked(work):
    made = work.asof("token", "add", "system.py", "--name", "cron", "--scope", "predict",
                     "--scope", "ingest")  # fmt: skip
    assert made.status == 0
    secret = made.out.strip()
    assert "never again" in made.err
    assert secret not in made.err
    token = kept(work)["cron"]
    assert token.digest == digest(secret)
    assert token.scopes == {Scope.PREDICT, Scope.INGEST}
    listed = work.asof("token", "list", "system.py")
    assert listed.out.split()[:3] == ["cron", "ingest,", "predict"]
    assert secret not in listed.out
    document = json.loads(work.asof("token", "list", "system.py", "--json").out)
    assert document["tokens"][0]["scopes"] == ["ingest", "predict"]
    assert work.asof("token", "revoke", "system.py", "cron").status == 0
    assert kept(work) == {}
    assert "no tokens" in work.asof("token", "list", "system.py").out


def test_mistakes_are_told(work):
    made = work.asof("token", "add", "system.py", "--name", "a", "--scope", "admin", "--json")
    assert kept(work)["a"].digest == digest(json.loads(made.out)["secret"])
    again = work.asof("token", "add", "system.py", "--name", "a", "--scope", "admin")
    assert (again.status, again.out) == (2, "")
    assert "There is a token a already" in again.err
    unknown = work.asof("token", "revoke", "system.py", "b")
    assert unknown.status == 2
    assert "tokens: a" in unknown.err
    assert work.asof("token", "add", "system.py", "--name", " ", "--scope", "admin").status == 2
    assert work.asof("token", "add", "system.py", "--name", "c").status == 2
    assert work.asof("token", "add", "system.py", "--name", "c", "--scope", "x").status == 2
    assert set(kept(work)) == {"a"}
