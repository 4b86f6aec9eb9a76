"""A rehearsal over HTTP does what the backtest of the same rows does."""

from __future__ import annotations

import asyncio
import json
import runpy
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from parcels_up import Client

import asof
from asof.engine.live.rerun import rerun
from asof.engine.rehearsal import Turn
from asof.errors import AsofError
from asof.faces.project import system_of
from asof.faces.rehearse import Pace, Sender, Sent
from asof.stores.store import Store

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "shop"


@pytest.fixture(scope="module")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rehearsed")
    simulator = runpy.run_path(str(EXAMPLE / "simulate.py"))
    shutil.copy(EXAMPLE / "shop.py", folder)
    simulator["write"](simulator["simulate"](1, customers=70), folder)
    return folder


def rehearsed(folder: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "asof", "rehearse", f"shop.py:{name}", "--json", "-q", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.mark.parametrize("name", ["online", "system"])
def test_late_and_corrected_rows_over_several_connections(small_shop: Path, name: str) -> None:
    done = rehearsed(
        small_shop, name, "--from", "2025-06-02T00:00Z", "--to", "2025-07-07T00:00Z",
        "--late", "0.05", "--corrected", "0.05", "--batch", "20", "--connections", "4",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["equal"], told["first"]
    assert told["rerun_equal"]
    assert told["requests"] == told["answered"] > 20
    assert told["differing"] == told["decisions_differ"] == 0
    assert told["decisions"] >= 6, "a life of five weeks trains more than once"


def test_a_time_without_requests_is_told_in_words(small_shop: Path) -> None:
    done = rehearsed(
        small_shop, "online", "--from", "2035-06-02T00:00Z", "--to", "2035-06-03T00:00Z"
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Nothing is asked" in done.stderr


METERS = """
from datetime import UTC, datetime

from sklearn.linear_model import LinearRegression

import asof
from asof import Col, Key, KeyTime, days, hours, minutes


class Reading(asof.Row):
    meter: Key[str]
    at: KeyTime
    load: Col[float]


class Meter(asof.Row):
    meter: Key[str]


readings = asof.source(Reading, "readings.csv", lag=minutes(20))
meters = asof.reference(Meter, "meters.csv")
own = readings.same(Meter.meter)
online = asof.System(
    "meters",
    requests=asof.ticks(meters, every=minutes(15)),
    features=asof.features(Meter, last=own.last(hours(6)).latest(Reading.load).or_else(0.0)),
    label=asof.outcome(own.next(minutes(30), after=hours(1)).first(Reading.load), wait=hours(1)),
    model=LinearRegression(),
    retraining=asof.every(days(1)),
    start=datetime(2025, 1, 2, tzinfo=UTC),
)
batch = online.but(serving=asof.batch_predictions(hours(3), ahead=hours(3)))
rare = asof.System(
    "rare",
    requests=asof.ticks(meters, every=hours(12)),
    features=online.features,
    label=online.label,
    model=LinearRegression(),
    retraining=asof.every(hours(21)),
)
"""


def write_meters(folder: Path) -> None:
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    lines = [
        f"{meter},{(begin + timedelta(minutes=30 * n)).isoformat()},{(n * n + len(meter)) % 17}"
        for n in range(150)
        for meter in ("a", "bb")
    ]
    (folder / "readings.csv").write_text("\n".join(["meter,at,load", *lines]))
    (folder / "meters.csv").write_text("meter\na\nbb\n")
    (folder / "shop.py").write_text(METERS)


@pytest.mark.parametrize("name", ["online", "batch"])
def test_rows_that_are_asked_about_four_times_an_hour(tmp_path: Path, name: str) -> None:
    write_meters(tmp_path)
    done = rehearsed(tmp_path, name, "--from", "2025-01-02T00:00Z", "--to", "2025-01-03T06:00Z")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["equal"], told["first"]
    assert told["requests"] == told["answered"] == 2 * 4 * 30


def test_a_training_after_the_last_request_is_no_difference(tmp_path: Path) -> None:
    write_meters(tmp_path)
    done = rehearsed(tmp_path, "rare", "--from", "2025-01-02T12:00Z", "--to", "2025-01-03T11:00Z")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["equal"], told["first"]
    assert told["rerun"]["decisions"] > told["decisions"], "there was one"


def test_a_server_that_fails_at_a_tick_leaves_no_question_behind() -> None:
    class Order(asof.Row):
        order: asof.Key[int]
        at: asof.Time

    orders = asof.source(Order)
    system = SimpleNamespace(tables=(orders,), asked=orders)
    turn = Turn(60_000_000, {}, pl.DataFrame({"order": range(9), "fired_": [0] * 9}))

    async def never(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.json_response({"answers": []})

    async def fault(_: web.Request) -> web.Response:
        problem = {"title": "A fault.", "id": "5f", "mend": "Its log tells."}
        return web.json_response(problem, status=500)

    async def tell() -> tuple[AsofError, int]:
        app = web.Application()
        app.add_routes([web.post("/v1/predict", never), web.post("/v1/clock", fault)])
        async with TestServer(app) as server, ClientSession(server.make_url("/")) as session:
            sender = Sender(session, system, Pace(0, 8, 500, 1), Sent(0, 0))
            before = asyncio.all_tasks()
            with pytest.raises(AsofError) as told:
                await sender.send(SimpleNamespace(start=0, turns=lambda _: [turn]), quiet=True)
            asking = [task for task in asyncio.all_tasks() - before if "_ask" in repr(task)]
            return told.value, len(asking)

    error, left = asyncio.run(tell())
    assert "500: A fault. 5f" in str(error)
    assert "Its log tells." in str(error)
    assert left == 0


def test_who_waits_for_a_row_hears_of_the_first_time_that_it_is_asked(
    begin, tmp_path: Path
) -> None:
    write_meters(tmp_path)
    (tmp_path / "system.py").write_text(f"{METERS}\nsystem = online\n")
    up = begin("--rehearsal", "2025-01-02T00:00Z")
    hour = {"rows": 0, "requests": 0}
    up.client.ask("POST", "/v1/clock", {"at": "2025-01-02T01:00:00Z", **hour})
    with ThreadPoolExecutor(1) as thread, closing(Client(up.port)) as client:
        asked = thread.submit(client.predict, {"meter": "a"})
        hour["requests"] = 1
        ticked = up.client.ask("POST", "/v1/clock", {"at": "2025-01-02T02:00:00Z", **hour})
        (answer,) = asked.result(60).json()["answers"]
    assert ticked.status == 200
    assert datetime.fromisoformat(answer["as_of"]) == datetime(2025, 1, 2, 1, tzinfo=UTC)


def test_a_model_that_is_asked_for_by_hand_serves_what_is_asked_at_that_tick(
    begin, tmp_path: Path
) -> None:
    write_meters(tmp_path)
    (tmp_path / "system.py").write_text(
        f"{METERS}\nsystem = online.but(name='meters', retraining=asof.never())\n"
    )
    up = begin("--rehearsal", "2025-01-02T00:00Z")
    hour = {"rows": 0, "requests": 0}
    assert up.client.ask("POST", "/v1/train", {}).status == 409, "no life has begun"
    up.client.ask("POST", "/v1/clock", {"at": "2025-01-02T01:00:00Z", **hour})
    began = up.client.ask("POST", "/v1/train", {"reason": "to see"})
    assert (began.status, began.json()["as_of"]) == (202, "2025-01-02T01:00:00Z")
    with ThreadPoolExecutor(1) as thread, closing(Client(up.port)) as client:
        asked = thread.submit(client.predict, {"meter": "a"})
        hour["requests"] = 1
        up.client.ask("POST", "/v1/clock", {"at": "2025-01-02T02:00:00Z", **hour})
        (answer,) = asked.result(60).json()["answers"]
    assert datetime.fromisoformat(answer["as_of"]) == datetime(2025, 1, 2, 1, tzinfo=UTC)
    status = up.client.status()
    assert (status["model_name"], status["model"]) == ("m2", answer["version"])
    assert status["model_since"] == "2025-01-02T01:00:00.000000Z"
    assert up.stop() == 0, up.said()
    with Store(tmp_path / ".asof" / "meters-rehearsal") as store:
        found = rerun(system_of(str(tmp_path / "system.py")), store)
    assert (found.answers, found.equal) == (1, True), found.first_difference
