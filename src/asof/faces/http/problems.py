"""Errors as RFC 9457 problems: what is wrong, what was found, what to send instead, and where."""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec

from asof.errors import (
    AsofError,
    DataRefused,
    NotReady,
    Overloaded,
    RequestRefused,
    StoreError,
    UsageError,
)

Headers = list[tuple[str, str]]
Reply = tuple[int, Headers, bytes]
"""Status, headers and body of an answer."""

PROBLEM_JSON = "application/problem+json"
_STATUS: tuple[tuple[type[AsofError], int], ...] = (
    (RequestRefused, 422),
    (DataRefused, 422),
    (NotReady, 503),
    (Overloaded, 503),
    (UsageError, 404),
    (StoreError, 507),
)


class Problem(msgspec.Struct, omit_defaults=True):
    """A problem (RFC 9457) with the four parts of every Asof error.

    `title` is what is wrong, `found` (in `detail` too, for those who know the RFC alone) what was
    found, `mend` what to send instead, `where` the line of the declaration. `row` and `field` name
    what was wrong in a body, `id` finds an unforeseen error in the server's log, `error` repeats
    the words for clients of the Open Inference Protocol.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    found: str = ""
    mend: str = ""
    where: str = ""
    row: int | None = None
    field: str | None = None
    id: str | None = None
    error: str | None = None


class Refusal(AsofError):
    """A request that this door turns away, with the status that says why.

    `unread` says that a body is still on its way that nobody will read.
    """

    kinds: ClassVar[dict[int, str]] = {
        400: "malformed",
        401: "no-token",
        403: "not-allowed",
        404: "not-found",
        405: "method",
        408: "too-late",
        409: "conflict",
        413: "too-large",
        415: "encoding",
        422: "unfit",
        431: "header",
        503: "overloaded",
    }

    def __init__(
        self,
        status: int,
        what: str,
        *,
        found: str = "",
        mend: str = "",
        row: int | None = None,
        field: str | None = None,
        headers: Headers | None = None,
        unread: bool = False,
    ) -> None:
        super().__init__(what, found=found, mend=mend)
        self.status = status
        self.row = row
        self.field = field
        self.headers = headers or []
        self.unread = unread


def reply(error: AsofError, *, inference: bool = False, missing: int = 404) -> Reply:
    """The answer that tells of an error; `inference` for clients of the Open Inference Protocol.

    `missing` is the status of a `UsageError`: 404 where a thing is not there, 409 where it cannot
    be done now.
    """
    status = _status(error, missing)
    problem = Problem(
        type=f"urn:asof:{_kind(error)}",
        title=error.what,
        status=status,
        detail=error.found,
        found=error.found,
        mend=error.mend,
        where=error.where,
    )
    headers: Headers = [("content-type", PROBLEM_JSON)]
    if isinstance(error, Refusal):
        problem.row, problem.field = error.row, error.field
        headers += error.headers
    if isinstance(error, Overloaded):
        headers.append(("retry-after", str(error.retry_after)))
    elif isinstance(error, NotReady):
        headers.append(("retry-after", "5"))
    if inference:
        problem.error = " ".join(filter(None, (error.what, error.found, error.mend)))
    return status, headers, msgspec.json.encode(problem)


def unforeseen(identity: str, *, inference: bool = False) -> Reply:
    """The answer to a request that met a fault of ours; the log has the rest under `identity`."""
    title = "This is a fault of the server itself."
    problem = Problem(
        type="urn:asof:fault", title=title, status=500, id=identity,
        mend="Its log tells what happened under this id.",
        error=f"{title} id {identity}" if inference else None,
    )  # fmt: skip
    return 500, [("content-type", PROBLEM_JSON)], msgspec.json.encode(problem)


def _status(error: AsofError, missing: int) -> int:
    if isinstance(error, Refusal):
        return error.status
    if isinstance(error, UsageError):
        return missing
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def _kind(error: AsofError) -> str:
    """`request-refused` of `RequestRefused`; the status in a word for a `Refusal`."""
    if isinstance(error, Refusal):
        return Refusal.kinds.get(error.status, "refusal")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()
