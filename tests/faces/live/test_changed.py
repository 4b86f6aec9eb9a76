"""A declaration that is edited between two starts, or under a server that runs."""

from __future__ import annotations

import pytest
from parcels_up import delivery, parcel, serving, until, write

from asof.engine.live.rerun import rerun
from asof.engine.service import promotions
from asof.errors import UsageError
from asof.faces.project import system_of
from asof.stores.store import Store


def edit(folder, before, after):
    """Edit the system's file as its user does."""
    file = folder / "system.py"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def of(folder):
    return system_of(str(folder / "system.py"))


def test_other_features_are_another_life_that_trains_at_once(begin, tmp_path):
    write(tmp_path)
    up = begin()
    first = serving(up)
    assert up.client.send("parcel", [parcel(1)]).status == 201
    assert up.client.predict({"parcel_id": 1}).status == 200
    assert up.client.send("delivery", [delivery(1)]).status == 201
    assert up.stop() == 0, up.said()

    edit(tmp_path, "weight=Parcel.weight,", "heavy=Parcel.weight > 3,")
    (tmp_path / "fit").write_text("never ends", encoding="utf-8")
    up = begin()
    until(lambda: up.client.status()["training"])
    told = up.client.status()
    assert (told["model"], told["ready"]) == (None, False)
    assert first["model"] in told["reason"]
    assert f"fingerprint is {first['fingerprint']}" in told["reason"]
    assert "weight is gone; heavy is new" in told["reason"]
    refused = up.client.get("/v2/health/ready")
    assert (refused.status, refused.json()["found"]) == (503, told["reason"])
    refused = up.client.predict(parcel(2))
    assert refused.status == 503
    assert "No model is in service" in refused.json()["title"]

    (tmp_path / "fit").unlink()
    second = serving(up)
    assert (second["model_name"], second["ready"]) == ("m2", True)
    began = up.client.decisions("TrainingBegan")
    assert [one["reason"] for one in began] == ["the life starts", "the declaration is another now"]
    answer = up.client.predict(parcel(3), query="?explain=features").json()["answers"][0]
    assert "heavy" in answer["features"]
    assert "weight" not in answer["features"]
    refused = up.client.ask("POST", "/v1/rollback", {"reason": "back"})
    assert refused.status == 409
    assert "nothing served before m2" in refused.json()["found"]
    assert up.stop() == 0, up.said()
    with Store(up.store) as store:
        assert store.predictions()["request"].to_list() == ["1", "3"]
        assert [one.name for one in promotions(store, of(tmp_path))] == ["m2"]
        again = rerun(of(tmp_path), store)
        assert again.equal, again.first_difference
        assert (again.answers, again.decisions) == (1, 4)

    edit(tmp_path, "heavy=Parcel.weight > 3,", "weight=Parcel.weight,")
    with Store(up.store) as store, pytest.raises(UsageError, match="another declaration"):
        rerun(of(tmp_path), store)
    up = begin()
    told = up.client.status()
    assert told["model_name"] in ("m1", "m3"), "what answers the same question serves at once"
    assert up.client.predict(parcel(4)).status == 200
    until(lambda: up.client.status()["model_name"] == "m3")
    assert up.client.ask("POST", "/v1/rollback", {"reason": "back"}).status == 200
    assert up.client.status()["model_name"] == "m1"
    assert up.stop() == 0, up.said()
    with Store(up.store) as store:
        again = rerun(of(tmp_path), store)
        assert again.equal, again.first_difference


def test_another_policy_keeps_the_model_while_its_own_is_trained(begin, tmp_path):
    write(tmp_path)
    up = begin()
    serving(up)
    assert up.stop() == 0
    edit(tmp_path, "retraining=asof.never()", "retraining=asof.after(labels=20)")
    (tmp_path / "fit").write_text("never ends", encoding="utf-8")
    up = begin()
    told = up.client.status()
    assert (told["model_name"], told["ready"]) == ("m1", True)
    assert up.client.predict(parcel(1)).status == 200
    (tmp_path / "fit").unlink()
    until(lambda: up.client.status()["model_name"] == "m2")
    numbers = range(10_000, 10_030)
    assert up.client.send("parcel", [parcel(n) for n in numbers]).status == 201
    assert up.client.send("delivery", [delivery(n) for n in numbers]).status == 201
    until(lambda: up.client.status()["model_name"] == "m3")
    assert up.stop() == 0
    up = begin()
    told = up.client.status()
    assert (told["model_name"], told["training"]) == ("m3", False), "the life goes on, as the same"
    assert up.stop() == 0
    with Store(up.store) as store:
        again = rerun(of(tmp_path), store)
        assert again.equal, again.first_difference


def test_a_file_that_is_edited_under_a_server_trains_nothing(begin, tmp_path):
    write(tmp_path, retraining="asof.after(labels=20)")
    up = begin()
    first = serving(up)
    edit(tmp_path, "weight=Parcel.weight,", "heavy=Parcel.weight > 3,")
    numbers = range(10_000, 10_030)
    assert up.client.send("parcel", [parcel(n) for n in numbers]).status == 201
    assert up.client.send("delivery", [delivery(n) for n in numbers]).status == 201
    failed = until(lambda: up.client.decisions("TrainingFailed"))
    assert "was changed since the server was started" in failed[0]["reason"]
    told = up.client.status()
    assert (told["model"], told["ready"]) == (first["model"], True)
    assert up.stop() == 0, up.said()


def test_other_columns_lose_no_row_and_are_refused_in_words(begin, tmp_path):
    write(tmp_path)
    up = begin()
    serving(up)
    assert up.client.send("delivery", [delivery(1)]).status == 201
    assert up.stop() == 0, up.said()

    weight = "    weight: Col[float] = asof.col(ge=0)\n"
    edit(tmp_path, weight, f"{weight}    colour: Col[str | None]\n")
    up = begin()
    serving(up)
    assert up.client.status()["labels"]["mature"] == 300
    answer = up.client.predict(parcel(2, colour="red"), query="?explain=features")
    assert answer.status == 200, answer.body
    assert answer.json()["answers"][0]["features"]["deliveries"] > 0
    assert up.stop() == 0, up.said()

    for before, after, words in (
        ("took: Col[float]", "took: Col[int]", "Declare it as before"),
        ("took: Col[float]", "took: Col[float]\n    place: Col[str]", "Let it be missing"),
    ):
        edit(tmp_path, before, after)
        up = begin(wait=False)
        assert up.process.wait(60) == 3
        assert words in up.said()
        assert "Traceback" not in up.said()
        edit(tmp_path, after, before)
    with Store(up.store) as store:
        rows = {table.name: store.rows(table) for table in of(tmp_path).tables}
        assert rows["delivery"].height == 301
        assert rows["parcel"]["colour"].to_list() == [None] * 300 + ["red"]
