"""Rows out of JSON: decoders made from the row classes, and words for what cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import astuple

from asof.declare.place import nearest
from asof.declare.rows import ColumnSpec, Row
from asof.engine.live.answers import Row as Sent
from asof.faces.http.problems import Refusal

Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Scalar = Whole | float | str | bool | None
_TYPES: dict[type, Any] = {bool: bool, int: Whole, float: float, str: str, datetime: str}
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}
_AT = re.compile(r" - at `\$(?:\.requests)?(?:\[(?P<row>\d+)\])?(?:\.(?P<field>\w+))?[^`]*`$")
_EXPECTED = re.compile(r"Expected `(?P<expected>[^`]+)`(?:, got `(?P<got>[^`]+)`)?")
_NAMED = re.compile(r"(?:unknown|required) field `(?P<name>[^`]*)`")
_BYTE = re.compile(r"\(byte (\d+)\)")
_NOT_JSON = re.compile(rb"-?(?:NaN|Infinity|nan|inf)")


class Envelope(NamedTuple):
    """What rows come in: its fields, and how to send it."""

    names: tuple[str, ...]
    mend: str


_REQUESTS = Envelope(("requests",), 'Send the rows as {"requests": [{...}, ...]}.')


def asked_type(row: type[Row]) -> type[msgspec.Struct]:
    """A requested row: its key must be there, the rest may be left to what is known already.

    Values have the declared types; whether they keep their contract is the engine's to say, for a
    request that breaks it is counted there (LAW 4c).
    """
    fields: list[Any] = [
        (spec.name, _exact(spec))
        if spec.kind in ("key", "key_time")
        else (spec.name, _exact(spec) | UnsetType, UNSET)
        for spec in row.columns_
    ]
    return msgspec.defstruct(row.__name__, fields, forbid_unknown_fields=True, kw_only=True)


def taken_type(row: type[Row]) -> type[msgspec.Struct]:
    """A row handed in: declared columns with plain values.

    A value of another type is for the contract to set apart, not a reason to refuse the rest.
    """
    fields: list[Any] = [(spec.name, Scalar | UnsetType, UNSET) for spec in row.columns_]
    return msgspec.defstruct(row.__name__, fields, forbid_unknown_fields=True)


def _exact(spec: ColumnSpec) -> Any:
    return _TYPES[spec.type] | None if spec.nullable else _TYPES[spec.type]


class Reader:
    r"""Reads rows of one class from bodies.

    >>> import asof
    >>> class Payment(asof.Row):
    ...     payment_id: asof.Key[int]
    ...     amount: asof.Col[float]
    ...     paid_at: asof.Time
    >>> reader = Reader(Payment, limit=100)
    >>> reader.asked(b'{"requests": [{"payment_id": 7, "amount": 5}]}')
    [(7, 5.0, UNSET)]
    >>> reader.taken(b'{"payment_id": 7}\n{"payment_id": 8, "amount": "much"}\n')
    [(7, UNSET, UNSET), (8, 'much', UNSET)]
    """

    def __init__(self, row: type[Row], *, limit: int) -> None:
        self.names = [spec.name for spec in row.columns_]
        self._limit = limit
        asked: Any = asked_type(row)
        taken: Any = taken_type(row)
        requests: Any = msgspec.defstruct(
            "Requests", [("requests", list[asked])], forbid_unknown_fields=True
        )
        self._several: Any = list[asked]
        self._requests: msgspec.json.Decoder[Any] = msgspec.json.Decoder(requests)
        self._lines: msgspec.json.Decoder[Any] = msgspec.json.Decoder(taken)
        self._list: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[taken])

    def asked(self, body: bytes) -> list[Sent]:
        """The requests of a body `{"requests": [...]}`.

        Raises:
            Refusal: it cannot be read, or holds no or too many requests.
        """
        return self._read(lambda given: self._requests.decode(given).requests, body, _REQUESTS)

    def taken(self, body: bytes) -> list[Sent]:
        """The rows of a body: one JSON object a line, or one list of them.

        Raises:
            Refusal: it cannot be read, or holds no or too many rows.
        """
        a_list = body.lstrip()[:1] == b"["
        return self._read(self._list.decode if a_list else self._lines.decode_lines, body)

    def columns(self, rows: Sequence[Mapping[str, Any]]) -> list[Sent]:
        """Requests that came as tensors, checked like those that came as JSON.

        Raises:
            Refusal: a value is not of its column's type.
        """
        try:
            read: list[msgspec.Struct] = msgspec.convert(rows, self._several)
        except msgspec.ValidationError as error:
            raise unfit(str(error), self.names) from error
        return list(map(astuple, read))

    def _read(
        self, decode: Callable[[bytes], Any], body: bytes, envelope: Envelope | None = None
    ) -> list[Sent]:
        try:
            rows = decode(body)
        except msgspec.ValidationError as error:
            raise unfit(str(error), self.names, envelope) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable(error, body) from error
        require_some(len(rows), self._limit)
        return list(map(astuple, rows))


def require_some(count: int, limit: int) -> None:
    """Refuse a request of no rows, or of more than the limit."""
    if not count:
        raise Refusal(
            422, "There are no rows in the body.", found="0 rows", mend="Send at least one."
        )
    if count > limit:
        raise Refusal(
            413,
            "There are too many rows in one request.",
            found=f"{count:,} rows; at most {limit:,} are taken",
            mend="Send them in several requests.",
        )


def unfit(told: str, names: Sequence[str], envelope: Envelope | None = None) -> Refusal:
    """What msgspec says of a value that is not what was expected, in the sender's words.

    `names` are the fields of a row, `envelope` what the rows come in.
    """
    at = _AT.search(told)
    row = int(at["row"]) if at and at["row"] else None
    field = at["field"] if at else None
    wrap = "" if row is not None or envelope is None else envelope.mend
    if wrap and envelope is not None:
        names = envelope.names
    about = _AT.sub("", told)
    named = _NAMED.search(about)
    if named is not None:
        field = named["name"]
        if "unknown" in about:
            return Refusal(
                422,
                f"{_place(row)} has a field '{field}' that is not declared.",
                found=f"declared: {', '.join(names)}",
                mend=wrap or nearest(field, list(names)) or "Leave it out.",
                row=row, field=field,
            )  # fmt: skip
        return Refusal(
            422, f"{_place(row)} has no '{field}'.", found=about, mend=wrap or f"Send '{field}'.",
            row=row, field=field,
        )  # fmt: skip
    expected = _EXPECTED.search(about)
    wanted = ", or ".join(
        _WORDS.get(word, word) for word in (expected["expected"].split(" | ") if expected else ())
    )
    what = f"{_place(row)}: '{field}'" if field else _place(row)
    found = about
    if expected is not None and expected["got"]:
        found = f"{_WORDS.get(expected['got'], expected['got'])}"
    elif "out of range" in about or "<=" in about or ">=" in about:
        found, wanted = "a number that does not fit 64 bits", wanted or "a smaller number"
    return Refusal(
        422, f"{what} cannot be taken.", found=found,
        mend=wrap or (f"Send {wanted}." if wanted else ""), row=row, field=field,
    )  # fmt: skip


def unreadable(error: Exception, body: bytes) -> Refusal:
    """A body that is no JSON, in words."""
    mend = "Send JSON in UTF-8 (RFC 8259)."
    if isinstance(error, RecursionError):
        return Refusal(400, "The body is nested too deeply.", mend="Send flat rows.")
    if isinstance(error, UnicodeDecodeError):
        byte, row = _bad_byte(body)
        return Refusal(400, "The body is not UTF-8.", found=f"byte {byte}", mend=mend, row=row)
    told = str(error)
    at = _BYTE.search(told)
    if at is not None and _NOT_JSON.match(body, int(at[1])):
        row, field = _not_a_number(body)
        where = f"{_place(row)}: '{field}'" if field else "The body"
        return Refusal(
            400, f"{where} is a number that JSON does not have.", found=told,
            mend="Send null for what is not known (NaN); infinities are not taken.",
            row=row, field=field,
        )  # fmt: skip
    return Refusal(400, "The body is not JSON.", found=told, mend=mend)


def _place(row: int | None) -> str:
    return "The body" if row is None else f"Row {row}"


def _bad_byte(body: bytes) -> tuple[int, int | None]:
    """Where a body stops being UTF-8: the byte, and the row where rows are lines."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        lines = None if body.lstrip()[:1] == b"[" or body.lstrip()[:12] == b'{"requests":' else 1
        return error.start, lines and body.count(b"\n", 0, error.start)
    return 0, None


_MARK = object()


def _not_a_number(body: bytes) -> tuple[int | None, str | None]:
    """Row and field of the first NaN or infinity, for Python's own reader takes them."""

    def mark(word: str) -> object:
        del word
        return _MARK

    try:
        lines = [body] if body.lstrip()[:1] == b"[" else body.splitlines()
        found: list[Any] = [json.loads(line, parse_constant=mark) for line in lines if line.strip()]
    except (ValueError, RecursionError):
        return None, None
    rows = found
    match found:
        case [{"requests": [*several]}] | [[*several]]:
            rows = several
        case _:
            pass
    for number, row in enumerate(rows):
        for name, value in cast("dict[str, Any]", row if isinstance(row, dict) else {}).items():
            if value is _MARK:
                return number, name
    return None, None
