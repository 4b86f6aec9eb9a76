"""`asof train`: a model because somebody asks for it, beside a server and without one."""

from __future__ import annotations

import json

import pytest
from parcels_up import delivery, parcel, serving, until, write

from asof.engine.live.rerun import rerun
from asof.faces.project import system_of
from asof.stores.store import Store


def again(folder):
    """What a life says when it is run again from its journal."""
    with Store(folder / ".asof" / "parcels") as store:
        return rerun(system_of(str(folder / "system.py")), store)


def failed_first(begin, folder):
    """A server whose first fit has failed, and that will make no other by itself."""
    (folder / "fit").write_text("fails", encoding="utf-8")
    up = begin()
    until(lambda: up.client.decisions("TrainingFailed"))
    (folder / "fit").unlink()
    return up


def test_a_first_fit_that_failed_is_mended_beside_the_server(begin, tmp_path, work):
    write(tmp_path)
    up = failed_first(begin, tmp_path)
    assert up.client.predict(parcel(1)).status == 503
    said = work.asof("status", "system.py").out
    assert "no training is scheduled; asof train trains a model now" in said

    done = work.asof("train", "system.py", "--reason", "the data are mended")
    assert done.status == 0, done.err
    assert done.out.startswith("m2 is being fitted as of 20")
    assert ": asked for by hand: the data are mended.\nasof status tells what" in done.out
    status = serving(up)
    assert (status["model_name"], status["ready"]) == ("m2", True)
    assert up.client.predict(parcel(1)).status == 200
    told = [(one["kind"], one["model"]) for one in up.client.decisions()]
    assert told == [
        ("TrainingBegan", "m1"), ("TrainingFailed", "m1"),
        ("TrainingBegan", "m2"), ("Trained", "m2"), ("Promoted", "m2"),
    ]  # fmt: skip
    began = up.client.decisions("TrainingBegan")[1]
    assert began["reason"] == "asked for by hand: the data are mended"
    assert up.client.decisions("Trained")[0]["trigger"] == began["moment"]

    numbers = range(10)
    assert up.client.send("parcel", [parcel(100 + n) for n in numbers]).status == 201
    assert up.client.send("delivery", [delivery(100 + n) for n in numbers]).status == 201
    up.client.close()
    document = json.loads(work.asof("train", "system.py", "--json").out)
    assert (document["model"], document["reason"], document["ended"]) == (
        "m3", "asked for by hand", False,
    )  # fmt: skip
    until(lambda: up.client.status()["model_name"] == "m3")
    assert up.client.predict(parcel(2)).json()["answers"][0]["fallback"] is False
    assert up.stop() == 0, up.said()
    found = again(tmp_path)
    assert (found.answers, found.equal) == (2, True), found.first_difference


def test_what_cannot_be_trained_now_is_refused_and_leaves_no_trace(begin, tmp_path, work):
    write(tmp_path)
    up = begin()
    serving(up)
    (tmp_path / "fit").write_text("never ends", encoding="utf-8")
    assert up.client.ask("POST", "/v1/train", {"model": "m1"}).status == 422
    assert up.client.ask("POST", "/v1/train", {"reason": "one"}).status == 202
    before = up.client.status()["decisions"]
    refused = up.client.ask("POST", "/v1/train", {"reason": "two"})
    assert refused.status == 409
    assert refused.json()["title"] == "A model is being fitted already, and one is at a time."
    assert refused.json()["found"].startswith("m2, as of 20")
    up.client.close()
    said = work.asof("train", "system.py")
    assert said.status == 2
    assert "A model is being fitted already" in said.err
    assert up.client.status()["decisions"] == before
    (tmp_path / "fit").unlink()
    until(lambda: up.client.status()["model_name"] == "m2")
    assert up.stop() == 0, up.said()
    assert again(tmp_path).equal


@pytest.mark.parametrize(
    ("change", "title", "found"),
    [
        ("", "There is no labelled row to train on.", "no label is mature"),
        ("system = system.but(start=None)\n", "The life of the system has not begun",
         "0 labels are mature, 1,000 are needed"),
    ],
)  # fmt: skip
def test_too_few_labels_are_told(begin, tmp_path, change, title, found):
    file = write(tmp_path, change=change) / "system.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"parcels.csv", ', "").replace('"deliveries.csv", ', ""))
    up = begin()
    if not change:
        until(lambda: up.client.decisions("TrainingFailed"))
    before = up.client.decisions()
    refused = up.client.ask("POST", "/v1/train", {})
    assert refused.status == 409
    assert title in refused.json()["title"]
    assert found in refused.json()["found"]
    assert up.client.decisions() == before
    assert up.stop() == 0, up.said()


def test_without_a_server_the_stores_get_their_model(begin, tmp_path, work):
    write(tmp_path)
    assert work.asof("ingest", "system.py").status == 0
    refused = work.asof("train", "system.py")
    assert refused.status == 2
    assert "No life of parcels has begun" in refused.err

    up = failed_first(begin, tmp_path)
    assert up.stop() == 0, up.said()
    assert "No model is in service: asof train fits one." in work.asof("status", "system.py").out
    (tmp_path / "fit").write_text("fails", encoding="utf-8")
    refused = work.asof("train", "system.py")
    assert refused.status == 1
    assert "m2 could not be trained." in refused.err
    assert "no such luck" in refused.err
    (tmp_path / "fit").unlink()

    done = work.asof("train", "system.py", "--reason", "now it works")
    assert done.status == 0, done.err
    assert done.out.startswith("m3 (")
    assert "is in service: asked for by hand: now it works." in done.out
    document = json.loads(work.asof("train", "system.py", "--json").out)
    assert (document["model"], document["ended"]) == ("m4", True)
    served = json.loads(work.asof("status", "system.py", "--json").out)["in_service"]
    assert (served["id"], served["name"]) == (document["id"], "m4")

    up = begin()
    assert up.client.status()["model"] == document["id"]
    assert up.client.predict(parcel(1)).json()["answers"][0]["version"] == document["id"]
    assert up.stop() == 0, up.said()
    found = again(tmp_path)
    assert (found.answers, found.equal) == (1, True), found.first_difference

    file = tmp_path / "system.py"
    file.write_text(
        file.read_text(encoding="utf-8").replace("asof.never()", "asof.after(labels=9)")
    )
    refused = work.asof("train", "system.py")
    assert refused.status == 2
    assert "The life on this store is that of another declaration." in refused.err


def test_a_declared_duration_is_waited_for(begin, tmp_path, work):
    write(tmp_path, change="system = system.but(training_takes=seconds(4))\n")
    up = begin()
    serving(up)
    assert up.stop() == 0, up.said()
    done = work.asof("train", "system.py", "--json")
    assert done.status == 0, done.err
    assert "m2 is being fitted, and serves at 20" in done.err
    assert "declared to take" in done.err
    with Store(up.store) as store:
        began, trained = store.journal.read(kinds=["LookByHand", "Trained"])[-2:]
    assert trained.payload["at"] - began.payload["at"] >= 4_000_000
    assert again(tmp_path).equal
