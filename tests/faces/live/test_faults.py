"""What goes wrong around a running system: disk, artifacts, fits, the clock."""

from __future__ import annotations

from pathlib import Path

import pytest
from parcels_up import delivery, parcel, serving, until, write

from asof.engine.live.rerun import rerun
from asof.faces.project import system_of
from asof.stores.store import Store


@pytest.fixture
def small_disk(disk_of):
    return disk_of("64m")


def seen(up, number):
    """The features and the answer of a parcel that is handed in; all shops count alike."""
    reply = up.client.predict(parcel(number, shop="a"), query="?explain=features")
    assert reply.status == 200, reply.body
    (answer,) = reply.json()["answers"]
    return answer


def test_a_full_disk_and_room_again(begin, small_disk, tmp_path, fill):
    write(small_disk)
    up = begin("--seal-every", "1", folder=small_disk, logs=tmp_path)
    serving(up)
    start = seen(up, 1)["features"]["deliveries"]
    ballast = fill(small_disk)
    taken, n = 0, 0
    while (reply := up.client.send("delivery", bodies(n), key=str(n))).status == 201:
        taken, n = taken + 100, n + 1  # what SQLite has of room in its own files
        assert n < 3000
    assert reply.status == 507
    assert "disk is full" in reply.json()["title"]
    until(lambda: up.client.get("/v2/health/ready").status == 503)
    status = up.client.status()
    assert "not recorded" in status["reason"]
    assert up.client.send("delivery", bodies(n), key=str(n)).status == 507
    answer = seen(up, 2)
    assert answer["recorded"] is False
    assert up.client.get("/v2/health/live").status == 200

    ballast.unlink()
    until(lambda: up.client.get("/v2/health/ready").status == 200)
    until(lambda: seen(up, 3)["features"]["deliveries"] == start + taken)
    assert seen(up, 4)["recorded"] is True
    assert up.client.send("delivery", bodies(n), key=str(n)).status == 201
    assert seen(up, 5)["features"]["deliveries"] == start + taken + 100
    last = seen(up, 6)
    assert up.client.predict({"parcel_id": 6}, query="?durable=true").status == 200
    up.kill()
    up = begin("--seal-every", "1", folder=small_disk, logs=tmp_path)
    assert seen(up, 7)["features"] == last["features"] | {"weight": 0.25}
    with Store(up.store) as store:
        recorded = set(store.predictions()["request"].to_list())
        assert {"1", "2", "5"} <= recorded, "what was kept in memory is written when there is room"
    assert up.stop() == 0, up.said()


def bodies(n):
    return [delivery(1000 + 100 * n + i, shop="a") for i in range(100)]


def test_a_corrupt_artifact_and_a_model_that_follows(begin, tmp_path):
    write(tmp_path, retraining="asof.after(labels=20)")
    up = begin()
    serving(up)
    labels(up, 0)
    second = until(lambda: (now := up.client.status())["model_name"] == "m2" and now)
    assert up.stop() == 0
    with Store(up.store) as store:
        artifact = up.store / "models" / store.models.find(second["model"]).artifact
    spoilt = bytearray(artifact.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    artifact.write_bytes(spoilt)

    up = begin(folder=tmp_path)
    told = serving(up)
    assert told["model_name"] == "m1", "the last good one"
    assert told["ready"] is False
    assert second["model"] in told["reason"]
    assert up.client.get("/v2/health/ready").status == 503
    assert up.client.predict(parcel(1)).status == 200
    refused = up.client.ask("POST", "/v1/promote", {"version": second["model"], "reason": "why"})
    assert refused.status == 507
    assert up.client.predict(parcel(2)).status == 200
    labels(up, 100)
    until(lambda: up.client.status()["model_name"] == "m3")
    until(lambda: up.client.get("/v2/health/ready").status == 200)
    assert up.stop() == 0, up.said()


def labels(up, first):
    """Parcels and their deliveries: their labels are known a second later."""
    numbers = range(10_000 + first, 10_030 + first)
    assert up.client.send("parcel", [parcel(n) for n in numbers]).status == 201
    assert up.client.send("delivery", [delivery(n) for n in numbers]).status == 201


@pytest.mark.parametrize(
    ("how", "options", "reason"),
    [
        ("eats memory", ["--fit-mb", "900"], "too much memory"),
        ("fails", [], "no such luck"),
        pytest.param("never ends", ["--fit-seconds", "20"], "too long", marks=pytest.mark.slow),
    ],
)
def test_a_fit_that_gives_no_model(begin, tmp_path, how, options, reason):
    write(tmp_path, retraining="asof.after(labels=20)")
    up = begin(*options)
    first = serving(up)
    (tmp_path / "fit").write_text(how, encoding="utf-8")
    labels(up, 0)
    failed = until(lambda: up.client.decisions("TrainingFailed"))
    assert reason in failed[0]["reason"]
    assert failed[0]["model"] == "m2"
    told = up.client.status()
    assert (told["model"], told["ready"]) == (first["model"], True)
    assert up.client.predict(parcel(1)).json()["answers"][0]["version"] == first["model"]
    (tmp_path / "fit").unlink()
    labels(up, 100)
    until(lambda: up.client.status()["model_name"] != "m1")
    assert up.stop() == 0, up.said()


FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


def turn(clock, told):
    """Set a clock, at one stroke: every process reads the file whenever it asks for the time."""
    part = clock.with_suffix(".part")
    part.write_text(told, encoding="utf-8")
    part.replace(clock)


def by_a_clock(begin, folder):
    """A server whose clock is told by a file, as an offset from that of the machine."""
    clock = folder / "clock"
    turn(clock, "+0")
    up = begin(
        LD_PRELOAD=str(FAKETIME), FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )  # fmt: skip
    return up, clock


@pytest.mark.skipif(FAKETIME is None, reason="faketime is not installed")
def test_a_clock_that_is_set_back_an_hour(begin, tmp_path):
    write(tmp_path)
    up, clock = by_a_clock(begin, tmp_path)
    serving(up)
    before = seen(up, 1)
    assert up.client.send("delivery", bodies(0)).status == 201
    turn(clock, "-1h")
    after = seen(up, 2)
    assert after["at"] > before["at"], "moments only move on"
    assert after["features"]["deliveries"] == before["features"]["deliveries"] + 100
    assert 3500 < up.client.status()["stamps_ahead_seconds"] < 3700
    refused = up.client.send("delivery", bodies(1))
    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0
    assert "clock fell back" in refused.json()["title"]
    assert seen(up, 3)["recorded"] is True
    turn(clock, "-30")
    assert up.client.send("delivery", bodies(1)).status == 201, "within the bound"
    assert up.client.status()["stamps_ahead_seconds"] > 1
    turn(clock, "+0")
    assert up.client.send("delivery", bodies(2)).status == 201
    assert up.client.status()["stamps_ahead_seconds"] < 1
    assert up.stop() == 0, up.said()


@pytest.mark.skipif(FAKETIME is None, reason="faketime is not installed")
def test_a_model_that_is_ready_when_the_clock_has_fallen_back(begin, tmp_path):
    write(tmp_path, retraining="asof.after(labels=20)")
    up, clock = by_a_clock(begin, tmp_path)
    serving(up)
    (tmp_path / "fit").write_text("never ends", encoding="utf-8")
    labels(up, 0)
    until(lambda: up.client.status()["training"])
    last = seen(up, 1)
    assert last["version"] == up.client.status()["model"]
    turn(clock, "-1h")
    (tmp_path / "fit").unlink()
    told = until(lambda: (now := up.client.status())["model_name"] == "m2" and now)
    assert told["model_since"] > last["at"], "it serves from now on, and not from an hour ago"
    assert seen(up, 2)["version"] == told["model"]
    assert up.stop() == 0, up.said()
    with Store(up.store) as store:
        again = rerun(system_of(str(tmp_path / "system.py")), store)
    assert again.equal, again.first_difference
