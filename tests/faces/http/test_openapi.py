"""The description of the doors: it holds what the doors do, and strangers can rely on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from toy_live import parcel

CONFIG = """\
[checks.negative_data_rejection]
expected-statuses = [400, 404, 405, 408, 409, 413, 415, 422]
"""


def test_the_systems_own_rows_stand_in_it(door):
    document = door.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "parcels"
    schemas = document["components"]["schemas"]
    request = schemas["Request"]
    assert request["required"] == ["parcel_id"]
    assert request["additionalProperties"] is False
    assert request["properties"]["shop"]["enum"] == ["a", "b", "c"]
    weight, null = request["properties"]["weight"]["anyOf"]
    assert weight == {"type": "number", "minimum": 0}
    assert null == {"type": "null"}
    assert request["properties"]["sent_at"]["format"] == "date-time"
    for source in ("parcel", "delivery", "shop"):
        assert f"/v1/events/{source}" in document["paths"]
        assert f"Row.{source}" in schemas


def test_every_endpoint_stands_in_it(door):
    from asof.faces.http.routes import routes

    handlers = type("Handlers", (), {"__getattr__": lambda self, name: None})()
    paths = door.get("/openapi.json").json()["paths"]
    for route in routes(handlers):
        path = route.endpoint.replace("{source}", "parcel").replace("{model}", "parcels")
        if route.method != "HEAD":
            assert route.method.lower() in paths[path], route
            assert set(paths[path]) <= {"get", "post", "parameters"}


def test_its_example_of_tensors_is_answered(door):
    path = "/v2/models/parcels/infer"
    content = door.get("/openapi.json").json()["paths"][path]["post"]["requestBody"]["content"]
    assert door.post(path, content["application/json"]["example"]).status == 200


def test_a_stranger_who_goes_by_it_and_against_it_meets_no_5xx(door, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", f"{door.url}/openapi.json",
        "--max-examples=8", "--phases=examples,coverage,fuzzing", "--seed=7", "--no-color",
        "--exclude-checks=positive_data_acceptance",  # a key that is not known is refused
        "--warnings=off",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    assert door.live.begun > 0
    assert door.live.offset > 0
    assert door.predict(parcel()).status == 200
    assert 'status="5' not in door.get("/metrics").body.decode()
