"""Columns as tensors of the Open Inference Protocol, in JSON or in its binary extension."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from asof.faces.http.problems import Refusal
from asof.faces.http.rows import Scalar
from asof.faces.http.wire import EPOCH

_SIZED = {
    "BOOL": "?", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
    "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_WHOLE = ("INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8")
TAKEN: Mapping[type, tuple[str, ...]] = {
    bool: ("BOOL",),
    int: _WHOLE,
    float: ("FP64", "FP32", "FP16", *_WHOLE),
    str: ("BYTES",),
    datetime: ("BYTES", "INT64"),
}
"""The datatypes that a column of a declared type is taken from, the one to tell of first."""

Parameters = dict[str, Scalar]


class Input(msgspec.Struct):
    """A tensor as it is described in the JSON part of a request; `data` is there unless binary."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters = {}
    data: list[Scalar | list[Scalar]] | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor of an answer: one value a request."""

    name: str
    datatype: str
    values: Sequence[Any]


def values_of(tensor: Input, kind: type, raw: bytes | None) -> list[Any]:
    """The values of a column, as they would stand in JSON.

    `raw` is the tensor's binary part. NaN is null (LAW 2g); moments as INT64 are microseconds
    since 1970-01-01 UTC.

    Raises:
        Refusal: datatype, shape and content do not fit one another or the column.
    """
    if tensor.datatype not in TAKEN[kind]:
        raise _unfit(
            tensor.name, f"is {tensor.datatype}", f"Send it as {' or '.join(TAKEN[kind][:2])}."
        )
    shape = tensor.shape
    if len(shape) not in (1, 2) or shape[0] < 0 or (len(shape) == 2 and shape[1] != 1):
        raise _unfit(tensor.name, f"has the shape {shape}", "Send one value a row: [n] or [n, 1].")
    values = _given(tensor) if raw is None else _binary(tensor, raw)
    if len(values) != shape[0]:
        found = f"has {len(values):,} values and the shape {shape}"
        raise _unfit(tensor.name, found, "Send as many as the shape says.")
    if kind is datetime and tensor.datatype == "INT64":
        return [_instant(tensor.name, value) for value in values]
    if kind is float:
        return [None if value != value else value for value in values]  # noqa: PLR0124  NaN
    return values


def written(output: Output) -> bytes:
    """The binary part of an answer's tensor."""
    if output.datatype == "BYTES":
        parts = [value.encode() for value in output.values]
        return b"".join(struct.pack("<I", len(part)) + part for part in parts)
    return np.asarray(output.values, dtype=_SIZED[output.datatype]).tobytes()


def _given(tensor: Input) -> list[Any]:
    if tensor.data is None:
        region = tensor.parameters.get("shared_memory_region")
        found = "is in shared memory" if region is not None else "has no data"
        raise _unfit(tensor.name, found, "Send its values as data, or behind the JSON part.")
    values: list[Any] = []
    for value in tensor.data:
        if isinstance(value, list):
            values.extend(value)
        else:
            values.append(value)
    return values


def _binary(tensor: Input, raw: bytes) -> list[Any]:
    if tensor.datatype == "BYTES":
        return _texts(tensor.name, raw)
    dtype = np.dtype(_SIZED[tensor.datatype])
    if len(raw) % dtype.itemsize:
        found = f"has {len(raw):,} bytes, {dtype.itemsize} a value"
        raise _unfit(tensor.name, found, "Send whole values.")
    values: list[Any] = np.frombuffer(raw, dtype).tolist()
    return values


def _texts(name: str, raw: bytes) -> list[str]:
    """Texts, each behind its length in four bytes."""
    values: list[str] = []
    at = 0
    try:
        while at < len(raw):
            (size,) = struct.unpack_from("<I", raw, at)
            text = raw[at + 4 : at + 4 + size]
            if len(text) < size:
                raise _unfit(name, "is cut short", "Send each text behind its length.")
            values.append(text.decode())
            at += 4 + size
    except (struct.error, UnicodeDecodeError) as error:
        raise _unfit(name, f"cannot be read: {error}", "Send UTF-8 behind its length.") from error
    return values


def _instant(name: str, value: Any) -> str | None:
    if value is None:
        return None
    try:
        moment = EPOCH + timedelta(microseconds=value)
    except (OverflowError, TypeError) as error:
        raise _unfit(name, f"holds {value!r}", "Send microseconds since 1970-01-01 UTC.") from error
    return moment.astimezone(UTC).isoformat()


def _unfit(name: str, found: str, mend: str) -> Refusal:
    return Refusal(
        400, f"The tensor '{name}' cannot be taken.", found=f"it {found}", mend=mend, field=name
    )
