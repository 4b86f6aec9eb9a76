"""The Open Inference Protocol, version 2, over HTTP: a tensor for each column of the requested row.

Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md; the
binary extension as Triton and KServe describe it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from asof.declare.rows import ColumnSpec
from asof.engine.live.answers import Answer, Row
from asof.faces.http.problems import Headers, Refusal, Reply
from asof.faces.http.rows import Reader, require_some, unfit, unreadable
from asof.faces.http.tensors import TAKEN, Input, Output, Parameters, values_of, written
from asof.faces.http.wire import encode

LENGTH = "inference-header-content-length"
JSON: Headers = [("content-type", "application/json")]
OUTPUTS: Mapping[str, str] = {
    "prediction": "FP64", "request": "BYTES", "at": "INT64", "as_of": "INT64", "fallback": "BOOL",
}  # fmt: skip
"""The tensors of an answer; moments in microseconds since 1970-01-01 UTC."""


class Wanted(msgspec.Struct):
    """An output that a request names."""

    name: str
    parameters: Parameters = {}


class Inference(msgspec.Struct):
    """The JSON part of an inference request."""

    inputs: list[Input]
    id: str = ""
    parameters: Parameters = {}
    outputs: list[Wanted] = []


class Described(msgspec.Struct):
    """An input or output in the metadata of a model; -1 is the number of requests."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct):
    """What a model takes and gives; `versions` holds the fitted model in service."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Described]
    outputs: list[Described]


class ServerMetadata(msgspec.Struct):
    """What serves, and what it can do beyond the protocol."""

    name: str
    version: str
    extensions: list[str]


class Inferred(msgspec.Struct, omit_defaults=True):
    """The JSON part of an answer."""

    model_name: str
    model_version: str
    outputs: list[dict[str, Any]]
    id: str = ""


_DECODER = msgspec.json.Decoder(Inference)


def server_metadata() -> bytes:
    """The body of `/v2`."""
    return encode(ServerMetadata("asof", version("asof"), ["binary_tensor_data", "asof"]))


class Model:
    """The system as a model of the protocol."""

    def __init__(self, name: str, columns: Sequence[ColumnSpec], reader: Reader) -> None:
        self.name = name
        self._columns = {spec.name: spec for spec in columns}
        self._needed = [spec.name for spec in columns if spec.kind in ("key", "key_time")]
        self._reader = reader

    def metadata(self, serving: str | None) -> bytes:
        """What goes in and what comes out."""
        inputs = [
            Described(name, TAKEN[spec.type][0], [-1]) for name, spec in self._columns.items()
        ]
        outputs = [Described(name, datatype, [-1]) for name, datatype in OUTPUTS.items()]
        versions = [serving] if serving is not None else []
        return encode(ModelMetadata(self.name, versions, "asof", inputs, outputs))

    def read(self, body: bytes, header: str | None, *, limit: int) -> tuple[Inference, list[Row]]:
        """A request, and its rows. `header` says how long its JSON part is if it has a binary one.

        Raises:
            Refusal: it cannot be read, or its tensors do not fit the declared row.
        """
        head, tail = _parted(body, header)
        try:
            inference = _DECODER.decode(head)
        except msgspec.ValidationError as error:
            refused = unfit(str(error), ())
            refused.status = 400
            raise refused from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable(error, head) from error
        _require_known(inference)
        columns = self._columns_of(inference, tail)
        if not columns:
            raise Refusal(
                400, "There are no tensors.", found=f"needed: {', '.join(self._needed)}",
                mend=f"Send a tensor a column: {', '.join(self._columns)}.",
            )  # fmt: skip
        count = len(next(iter(columns.values())))
        require_some(count, limit)
        names = list(columns)
        rows = [
            dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)
        ]
        return inference, self._reader.columns(rows)

    def reply(self, inference: Inference, answers: Sequence[Answer], serving: str) -> Reply:
        """The answer to an inference request; binary where that was asked for."""
        outputs: dict[str, list[Any]] = {
            "prediction": [answer.prediction for answer in answers],
            "request": [answer.request for answer in answers],
            "at": [answer.at for answer in answers],
            "as_of": [answer.as_of for answer in answers],
            "fallback": [answer.fallback for answer in answers],
        }
        binary = inference.parameters.get("binary_data_output") is True
        wanted = inference.outputs or [Wanted(name) for name in OUTPUTS]
        described: list[dict[str, Any]] = []
        raw: list[bytes] = []
        for want in wanted:
            output = Output(want.name, OUTPUTS[want.name], outputs[want.name])
            tensor: dict[str, Any] = {
                "name": want.name, "shape": [len(answers)], "datatype": output.datatype,
            }  # fmt: skip
            if want.parameters.get("binary_data", binary) is True:
                raw.append(written(output))
                tensor["parameters"] = {"binary_data_size": len(raw[-1])}
            else:
                tensor["data"] = output.values
            described.append(tensor)
        head = encode(Inferred(self.name, serving, described, inference.id))
        if not raw:
            return 200, JSON, head
        headers: Headers = [("content-type", "application/octet-stream"), (LENGTH, str(len(head)))]
        return 200, headers, b"".join([head, *raw])

    def _columns_of(self, inference: Inference, tail: bytes | None) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {}
        at = 0
        for tensor in inference.inputs:
            spec = self._columns.get(tensor.name)
            if spec is None or tensor.name in columns:
                fault = "is there twice" if tensor.name in columns else "is no column"
                raise Refusal(
                    400, f"The tensor '{tensor.name}' {fault}.",
                    found=f"columns: {', '.join(self._columns)}",
                    mend="Send one tensor a column.", field=tensor.name,
                )  # fmt: skip
            raw = None
            size = tensor.parameters.get("binary_data_size")
            if size is not None:
                raw, at = _cut(tensor.name, tail, at, size)
            columns[tensor.name] = values_of(tensor, spec.type, raw)
        if tail is not None and at != len(tail):
            raise Refusal(
                400, "The binary part does not belong to the tensors.",
                found=f"{len(tail):,} bytes, of which the tensors name {at:,}",
                mend="Say each tensor's binary_data_size.",
            )  # fmt: skip
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{name}: {length:,}" for name, length in lengths.items())
            raise Refusal(
                400, "The tensors are not of one length.", found=found,
                mend="Send one value a request in each.",
            )  # fmt: skip
        return columns


def _require_known(inference: Inference) -> None:
    for want in inference.outputs:
        if want.name not in OUTPUTS:
            raise Refusal(
                400, f"There is no output '{want.name}'.", found=f"outputs: {', '.join(OUTPUTS)}",
                mend="Ask for one of them, or for none to have all.", field=want.name,
            )  # fmt: skip
        unknown = set(want.parameters) & {"classification", "shared_memory_region"}
        if unknown:
            raise Refusal(
                400, f"Output '{want.name}' asks for what is not offered.",
                found=", ".join(sorted(unknown)), mend="Leave it out.", field=want.name,
            )  # fmt: skip


def _parted(body: bytes, header: str | None) -> tuple[bytes, bytes | None]:
    """The JSON part of a body, and its binary one."""
    if header is None:
        return body, None
    if not header.isascii() or not header.isdigit() or int(header) > len(body):
        raise Refusal(
            400, "The length of the JSON part is not one of this body.",
            found=f"{LENGTH}: {header}, a body of {len(body):,} bytes",
            mend="Send the number of bytes before the binary part.",
        )  # fmt: skip
    return body[: int(header)], body[int(header) :]


def _cut(name: str, tail: bytes | None, at: int, size: object) -> tuple[bytes, int]:
    """The binary part of one tensor, and where the next begins."""
    if (
        tail is None
        or not isinstance(size, int)
        or isinstance(size, bool)
        or not 0 <= size <= len(tail) - at
    ):
        left = 0 if tail is None else len(tail) - at
        raise Refusal(
            400, f"The binary part of the tensor '{name}' is not there.",
            found=f"binary_data_size {size}, {left:,} bytes left",
            mend=f"Send it behind the JSON part, and {LENGTH}.", field=name,
        )  # fmt: skip
    return tail[at : at + size], at + size
