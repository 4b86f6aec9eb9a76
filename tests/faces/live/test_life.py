"""A life by the real clock: rows in, answers out, labels, a new model, and the end of it."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime, timedelta
from http.client import HTTPException

import numpy as np
from parcels_up import Client, delivery, iso, parcel, serving, until, write

from asof.compute.estimator import predict
from asof.compute.matrix import Matrix
from asof.engine.live.rerun import rerun
from asof.engine.registry import fitted_for
from asof.faces.project import system_of
from asof.stores.store import Store


class Load(threading.Thread):
    """Sends parcels, asks about them, and reports their deliveries, until it is told to stop."""

    def __init__(self, port, first):
        super().__init__()
        self.client, self.number, self.stop = Client(port), first, threading.Event()
        self.answers, self.taken, self.odd = {}, set(), []

    def run(self):
        while not self.stop.is_set():
            self.number += 1
            try:
                self.one(self.number)
            except (OSError, HTTPException) as error:  # the server is gone
                self.odd.append(error)
                return

    def one(self, n):
        first, second = parcel(n), parcel(n + 500_000)
        reply = self.client.predict(first, second, query="?explain=features")
        if reply.status != 200:
            self.odd.append(reply)
            return
        self.answers |= {int(one["request"]): one for one in reply.json()["answers"]}
        reply = self.client.send("delivery", [delivery(n)], key=f"d{n}")
        if reply.status != 201:
            self.odd.append(reply)
            return
        self.taken.add(n)


def test_a_model_takes_over_and_a_stop_loses_nothing(begin, tmp_path):
    write(tmp_path, retraining="asof.after(labels=40)")
    up = begin("--seal-every", "2", "--check-every", "3")
    first = serving(up)
    assert first["model_name"] == "m1"
    loads = [Load(up.port, 1_000_000 * (i + 1)) for i in range(3)]
    for load in loads:
        load.start()
    told = until(lambda: (now := up.client.status())["model_name"] == "m3" and now)
    until(lambda: up.client.status()["parity"]["checked"] > 20)
    assert [load.odd for load in loads] == [[], [], []], "no request was dropped"
    assert told["outlook"]["answers"] > 0
    decided = up.client.decisions()
    promoted = [(one["moment"], one["id"]) for one in decided if one["kind"] == "Promoted"]
    reasons = [one["reason"] for one in decided if one["kind"] == "TrainingBegan"]
    assert reasons[0] == "the life starts"
    assert all("new labels, 40 asked for" in reason for reason in reasons[1:])
    parity = up.client.status()["parity"]
    assert (parity["differing"], parity["failed"]) == (0, ""), parity
    assert up.client.status()["sealing"] == ""

    assert up.stop() == 0, "under load"
    for load in loads:
        load.stop.set()
        load.join()
    odd = [one for load in loads for one in load.odd]
    assert all(isinstance(one, OSError | HTTPException) or one.status == 503 for one in odd)
    system = system_of(str(tmp_path / "system.py"))
    with Store(up.store) as store:
        taken = set().union(*(load.taken for load in loads))
        deliveries = store.rows(system.label.joined.table)["parcel_id"].to_list()
        assert taken <= {n for n in deliveries if n > 0}
        assert len(deliveries) == len(set(deliveries))
        answers = {n: one for load in loads for n, one in load.answers.items()}
        recorded = store.predictions()
        assert {str(n) for n in answers} <= set(recorded["request"].to_list())
        answered_by_the_model_of_the_moment(answers.values(), promoted)
        predicted_by_the_model_that_is_named(system, store, list(answers.values()))
        again = rerun(system, store)
    assert again.equal, again.first_difference
    assert again.answers == recorded.height


def answered_by_the_model_of_the_moment(answers, promoted):
    for one in answers:
        since = [model for moment, model in promoted if moment <= one["at"]]
        if since and one["at"] <= promoted[-1][0]:
            assert one["version"] == since[-1]
    for first, second in zip(answers, list(answers)[1:], strict=False):
        if first["at"] == second["at"]:
            assert first["version"] == second["version"], "one turn, one model"


def predicted_by_the_model_that_is_named(system, store, answers):
    for identity in {one["version"] for one in answers}:
        fitted, _ = fitted_for(system, store, identity)
        mine = [one for one in answers if one["version"] == identity]
        values = np.array([[one["features"][name] for name in fitted.names] for one in mine])
        again = predict(fitted, Matrix(fitted.names, values, fitted.categories))
        assert np.abs(again - [one["prediction"] for one in mine]).max() <= 1e-9


def test_a_life_without_a_start_begins_at_once_where_history_has_labels_enough(begin, tmp_path):
    write(tmp_path, rows=900, apart=20)
    text = (tmp_path / "system.py").read_text(encoding="utf-8")
    for before, after in (
        ("    start=datetime(2025, 2, 1, tzinfo=UTC),\n", ""),
        ("looks=seconds(0.5)", "looks=days(1)"),  # the next look is no help
    ):
        assert before in text
        text = text.replace(before, after)
    (tmp_path / "system.py").write_text(text, encoding="utf-8")
    up = begin()
    told = up.client.status()
    assert (told["life_began"], told["ready"]) == (None, False)
    assert "900 labels are mature, 1,000 are needed" in told["reason"]
    assert up.client.get("/v2/health/ready").json()["found"] == told["reason"]
    assert up.stop() == 0

    write(tmp_path, rows=1100, apart=20)
    (tmp_path / "system.py").write_text(text, encoding="utf-8")
    shutil.rmtree(up.store)
    up = begin()
    assert serving(up)["model_name"] == "m1"
    until(lambda: "ready" in up.said().splitlines()[-1])
    log = [line.split("  ", 1)[1] for line in up.said().splitlines() if line[:4].isdigit()]
    first = up.client.status()["model"]
    assert f"INFO  m1 ({first}) serves: the first model" in log
    assert log[-1] == "INFO  ready"
    assert not any("ERROR" in line for line in log)


def test_a_second_server_names_the_first(begin):
    up = begin()
    other = begin(wait=False, folder=up.folder)
    assert other.process.wait(120) == 3
    said = other.said()
    assert "Another server runs on this store." in said
    assert f"process {up.process.pid} on " in said
    assert "Traceback" not in said
    assert up.client.get("/v2/health/live").status == 200


def test_what_came_over_the_doors_is_there_once_under_its_key(begin):
    up = begin()
    rows = [delivery(n) for n in range(3)]
    first = up.client.send("delivery", rows, key="a")
    again = up.client.send("delivery", rows, key="a")
    assert (first.status, again.status) == (201, 200)
    assert again.json() == first.json() | {"repeated": True}
    turned = [dict(reversed(row.items())) for row in rows]
    assert up.client.send("delivery", turned, key="a").json()["repeated"]
    other = up.client.send("delivery", rows[:2], key="a")
    assert (other.status, other.json()["type"]) == (422, "urn:asof:data-refused")
    assert "used for other rows" in other.json()["title"]
    up.kill()
    up = begin(folder=up.folder)
    assert up.client.send("delivery", [delivery(9)], key="a").status == 422
    assert up.client.send("delivery", rows, key="a").json()["repeated"]
    with Store(up.store) as store:
        system = system_of(str(up.folder / "system.py"))
        assert store.rows(system.label.joined.table).height == 300 + 3


def test_a_request_that_is_handed_in_late_is_answered(begin):
    up = begin()
    serving(up)
    long_ago = iso(datetime.now(UTC) - timedelta(hours=1))  # its label was due long ago too
    reply = up.client.predict(parcel(1, sent_at=long_ago), parcel(2))
    assert reply.status == 200, reply.body
    ahead = iso(datetime.now(UTC) + timedelta(seconds=30))  # the sender's clock is ahead of ours
    assert up.client.predict(parcel(3, sent_at=ahead)).status == 200
    assert up.client.predict({"parcel_id": 3}).status == 200
    assert up.stop() == 0, up.said()
    system = system_of(str(up.folder / "system.py"))
    with Store(up.store) as store:
        assert store.predictions()["request"].to_list() == ["1", "2", "3", "3"]
        again = rerun(system, store)
    assert again.equal, again.first_difference


def test_a_request_whose_label_is_known_can_still_be_asked_about(begin):
    up = begin()
    serving(up)
    assert up.client.predict(parcel(1)).status == 200
    assert up.client.send("delivery", [delivery(1)]).status == 201
    until(lambda: up.client.status()["outlook"]["answers"] == 1)
    again = up.client.predict({"parcel_id": 1})
    assert again.status == 200, again.body
    assert up.client.predict(parcel(1, weight=9.0)).status == 200
    told = up.client.status()
    assert (told["outlook"]["answers"], told["labels"]["waiting"]) == (1, 0), "the first is scored"
    never = up.client.predict({"parcel_id": 2})
    assert (never.status, "No row of parcel" in never.json()["title"]) == (422, True)
    assert up.stop() == 0, up.said()
    system = system_of(str(up.folder / "system.py"))
    with Store(up.store) as store:
        assert store.predictions()["request"].to_list() == ["1", "1", "1"]
        found = rerun(system, store)
    assert found.equal, found.first_difference


def test_the_request_that_was_asked_last_can_be_explained(begin):
    up = begin()
    serving(up)
    reply = up.client.predict(parcel(70_000), query="?explain=features&durable=true")
    feature, value = next(iter(reply.json()["answers"][0]["features"].items()))
    told = up.client.get(f"/v1/why?request=70000&feature={feature}")
    assert told.status == 200, told.json()
    assert told.json()["features"][0]["value"] == value
