"""The OpenAPI description of a running system: its own row classes stand in it as schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

import msgspec

from asof.declare.rows import ColumnSpec
from asof.declare.system import System
from asof.declare.tables import Table
from asof.faces.http import oip, wire
from asof.faces.http.options import Options
from asof.faces.http.problems import PROBLEM_JSON, Problem
from asof.faces.http.tensors import TAKEN, Input

Json = dict[str, Any]
_WIRE = (
    wire.Answers, wire.Taken, wire.Releasing, wire.Released, wire.Promotion, wire.Rollback,
    wire.Training, wire.TrainingBegan, wire.Tick, wire.Done, Problem,
    oip.Inference, oip.Inferred, oip.ModelMetadata, oip.ServerMetadata, Input,
)  # fmt: skip
_TYPES: Mapping[type, Json] = {
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    float: {"type": "number"},
    str: {"type": "string"},
    datetime: {"type": "string", "format": "date-time"},
}
_SCALAR: Json = {"type": ["boolean", "integer", "number", "string", "null"]}
_WORDS = {
    400: "The request cannot be read.",
    401: "A token is needed.",
    403: "The token lacks the scope, or a foreign web page asks.",
    404: "There is no such thing.",
    405: "The path does not take this method.",
    408: "The deadline has passed.",
    409: "It cannot be done now.",
    413: "The body is too large, or has too many rows.",
    415: "The body is compressed.",
    422: "The rows or the order cannot be taken.",
    503: "Not now: too much is under way, or no model is in service.",
    507: "The rows cannot be made durable: the disk is full.",
}
_ALWAYS = (400, 401, 403)
_BODY = (408, 413, 415, 422, 503)


def document(system: System[Any], options: Options) -> bytes:
    """The description as JSON (OpenAPI 3.1)."""
    asked = system.asked
    _, schemas = msgspec.json.schema_components(_WIRE, ref_template="#/components/schemas/{name}")
    schemas["Request"] = _row(asked, needed=asked.keys, strict=True)
    schemas["Requests"] = _object(
        {"requests": {**_list(_ref("Request")), "minItems": 1, "maxItems": options.rows}}
    )
    for table in system.tables:
        schemas[f"Row.{table.name}"] = _row(table, needed=(), strict=False)
    return wire.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": system.name,
                "version": system.fingerprint,
                "description": f"A system served by Asof {version('asof')}. Moments are RFC 3339.",
            },
            "paths": _paths(system),
            "components": {
                "schemas": schemas,
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{}, {"token": []}],
        }
    )


def _paths(system: System[Any]) -> Json:
    path = f"/v2/models/{quote(system.name, safe='')}"
    found: Json = {
        "/v1/predict": {"post": _predict()},
        "/v1/status": {"get": _get("Health in figures.", {"type": "object"})},
        "/v1/decisions": {"get": _decisions()},
        "/v1/why": {"get": _why()},
        "/v1/quarantine/release": {
            "post": _post("Release a row from quarantine.", "Releasing", "Released", (404, 507))
        },
        "/v1/train": {
            "post": _post("Fit a model now.", "Training", "TrainingBegan", (409,), status=202)
        },
        "/v1/promote": {"post": _post("Put a model into service.", "Promotion", "Done", (404,))},
        "/v1/rollback": {"post": _post("Take the model before.", "Rollback", "Done", (409,))},
        "/v1/clock": {"post": _post("Move a rehearsal's clock.", "Tick", "Done", (409,))},
        "/metrics": {"get": _metrics()},
        "/openapi.json": {"get": _get("This description.", {"type": "object"})},
        "/v2": {"get": _get("What serves.", _ref("ServerMetadata"))},
        "/v2/health/live": {"get": _get("It answers.", {"type": "object"})},
        "/v2/health/ready": {"get": _get("It answers requests.", {"type": "object"}, (503,))},
    }
    for table in system.tables:
        found[f"/v1/events/{table.name}"] = {"post": _events(table)}
    asked = system.asked
    found |= _model(path, asked, versioned=False)
    found |= _model(f"{path}/versions/{{version}}", asked, versioned=True)
    return found


def _model(path: str, asked: Table[Any], *, versioned: bool) -> Json:
    """The endpoints of the Open Inference Protocol below a model, or one version of it."""
    missing = (404,) if versioned else ()
    infer = _post("Answer requests that come as tensors.", "Inference", "Inferred", missing)
    infer["requestBody"]["content"]["application/json"]["example"] = _tensors(asked)
    found: Json = {
        path: {"get": _get("The model.", _ref("ModelMetadata"), missing)},
        f"{path}/ready": {"get": _get("It answers.", {"type": "object"}, (*missing, 503))},
        f"{path}/infer": {"post": infer},
    }
    if versioned:
        text = {"type": "string", "minLength": 1}
        for methods in found.values():
            methods["parameters"] = [_parameter("path", "version", text, required=True)]
    return found


def _predict() -> Json:
    return _post("Answer requests.", "Requests", "Answers", ()) | {
        "parameters": [
            _parameter("query", "explain", {"type": "string", "enum": ["features"]}),
            _parameter("query", "durable", {"type": "string", "enum": ["true", "false"]}),
            _DEADLINE,
        ]
    }


def _events(table: Table[Any]) -> Json:
    row = _ref(f"Row.{table.name}")
    told = _post(f"Take rows of {table.name}.", "", "Taken", (507,), status=201)
    key = {"type": "string", "minLength": 1, "maxLength": 255}
    return told | {
        "description": "Rows that break their contract are set apart, counted and listed in the "
        "answer; they do not keep the others out.",
        "parameters": [_parameter("header", "Idempotency-Key", key), _DEADLINE],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {**_list(row), "minItems": 1}},
                "application/x-ndjson": {
                    "schema": {"type": "string", "description": "A row a line"}
                },
            },
        },
        "responses": {"200": _json("Taken before.", _ref("Taken")), **told["responses"]},
    }


def _decisions() -> Json:
    last = {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100}
    told = _get("The last decisions.", {"type": "object"})
    return told | {"parameters": [_parameter("query", "last", last)]}


def _why() -> Json:
    text = {"type": "string", "minLength": 1}
    told = _get("The rows that a feature of a request saw.", {"type": "object"}, (404, 408, 503))
    return told | {
        "parameters": [
            _parameter("query", "request", text, required=True),
            _parameter("query", "feature", text, required=True),
        ]
    }


def _metrics() -> Json:
    told = _get("Figures for Prometheus.", {})
    text = {"text/plain": {"schema": {"type": "string"}}}
    told["responses"]["200"] = {"description": "Prometheus text.", "content": text}
    return told


def _get(summary: str, schema: Json, statuses: Sequence[int] = ()) -> Json:
    responses = {"200": _json("Done.", schema), **_problems((*_ALWAYS, *statuses))}
    return {"summary": summary, "responses": responses}


def _post(
    summary: str, takes: str, gives: str, statuses: Sequence[int], *, status: int = 200
) -> Json:
    known = {
        str(status): _json("Done.", _ref(gives)),
        **_problems((*_ALWAYS, *_BODY, *statuses)),
    }
    body = {"required": True, "content": {"application/json": {"schema": _ref(takes)}}}
    return {"summary": summary, "requestBody": body, "responses": known}


def _problems(statuses: Sequence[int]) -> Json:
    return {
        str(status): {
            "description": _WORDS[status],
            "content": {PROBLEM_JSON: {"schema": _ref("Problem")}},
        }
        for status in sorted(statuses)
    }


def _tensors(table: Table[Any]) -> Json:
    """A request as tensors, with one row."""
    values = {bool: True, int: 1, float: 0.5, str: "a", datetime: "2026-01-01T00:00:00Z"}
    return {
        "inputs": [
            {
                "name": spec.name, "shape": [1], "datatype": TAKEN[spec.type][0],
                "data": [values[spec.type]],
            }
            for spec in table.row.columns_
        ]
    }  # fmt: skip


def _row(table: Table[Any], *, needed: Sequence[str], strict: bool) -> Json:
    """The schema of a row; `strict` where another type is refused and not set apart."""
    properties = {spec.name: _column(spec, strict=strict) for spec in table.row.columns_}
    return _object(properties, needed=needed) | {"title": table.row.__name__}


def _column(spec: ColumnSpec, *, strict: bool) -> Json:
    told = dict(_TYPES[spec.type])
    contract = spec.contract
    bounds = {
        "minimum": contract.ge, "exclusiveMinimum": contract.gt,
        "maximum": contract.le, "exclusiveMaximum": contract.lt,
    }  # fmt: skip
    told |= {name: bound for name, bound in bounds.items() if bound is not None}
    if contract.one_of is not None:
        told["enum"] = list(contract.one_of)
    if contract.matches is not None:
        told["pattern"] = f"^(?:{contract.matches})$"
    if spec.nullable:
        told = {"anyOf": [told, {"type": "null"}]}
    # What a row handed in should hold is told; what else comes is set apart, not refused.
    return told if strict else _SCALAR | {"x-contract": told}


def _object(properties: Json, *, needed: Sequence[str] | None = None) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties if needed is None else needed),
        "additionalProperties": False,
    }


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _parameter(place: str, name: str, schema: Json, *, required: bool = False) -> Json:
    return {"in": place, "name": name, "required": required, "schema": schema}


_DEADLINE = _parameter(
    "header", "Asof-Deadline-Ms", {"type": "integer", "minimum": 0, "maximum": 999_999_999}
)
