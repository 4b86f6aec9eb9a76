"""What goes over the wire besides rows: answers, receipts, and orders by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from asof.engine.live.answers import Answer, Begun, Receipt, Release

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Instant = Annotated[datetime, Meta(tz=True)]
Reason = Annotated[str, Meta(max_length=2000)]
encode = msgspec.json.Encoder().encode


class Given(msgspec.Struct, omit_defaults=True):
    """The answer to one request.

    `version` is the fitted model that answered, `at` the moment of the question, `as_of` that of
    the features (earlier where they are refreshed in batches), both RFC 3339 in UTC. `fallback`
    says that no run could know the request and the declared fallback answers. `recorded` turns
    false while answers cannot be kept. `ages` gives for each source the seconds since its newest
    row that was seen became known; `features` is there where it was asked for.
    """

    request: str
    prediction: float
    version: str
    at: datetime
    as_of: datetime
    fallback: bool
    recorded: bool
    ages: Mapping[str, float | None]
    features: Mapping[str, Any] | None = None


class Answers(msgspec.Struct):
    """Answers in the order of the requests; `model` is the system's name."""

    model: str
    answers: list[Given]


class Quarantined(msgspec.Struct):
    """A row that broke its contract: its place in the body, from 0, and why. It can be released."""

    position: int
    reasons: tuple[str, ...]


class Taken(msgspec.Struct):
    """What became of the rows of one body; they are durable.

    `offset` is the journal's. Rows that are not `quarantined` are in. `repeated`: a body with this
    idempotency key was taken before, this is its receipt, and nothing was changed.
    """

    source: str
    offset: int
    rows: int
    quarantined: list[Quarantined]
    repeated: bool


Value = bool | int | float | str | None


class Releasing(msgspec.Struct, forbid_unknown_fields=True):
    """Release a row from quarantine by its name, with the values of `set` in place of its own."""

    row: Annotated[str, Meta(min_length=1, max_length=200)]
    set: dict[str, Value] = {}


class Released(msgspec.Struct):
    """A row that went from quarantine into the table of `source`, by the message at `offset`.

    It is durable. `stored` is 0 where the stored rows said the same already.
    """

    row: str
    source: str
    offset: int
    stored: int


class Promotion(msgspec.Struct, forbid_unknown_fields=True):
    """Put a fitted model into service by hand; `version` is its id, `reason` is kept."""

    version: Annotated[str, Meta(min_length=1, max_length=200)]
    reason: Reason = ""


class Rollback(msgspec.Struct, forbid_unknown_fields=True):
    """Put the model that served before into service again; `reason` is kept."""

    reason: Reason = ""


class Training(msgspec.Struct, forbid_unknown_fields=True):
    """Fit a model on what is mature now, by hand; `reason` is kept."""

    reason: Reason = ""


class TrainingBegan(msgspec.Struct):
    """A model is being fitted: its name in the life, as of when, and the reason that is kept.

    What becomes of it is a decision of its own.
    """

    model: str
    as_of: datetime
    reason: str


class Tick(msgspec.Struct, forbid_unknown_fields=True):
    """The moment to which a rehearsal's clock moves, once so many rows and requests have come."""

    at: Instant
    rows: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    requests: Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Done(msgspec.Struct):
    """An order was carried out."""

    done: bool = True


@lru_cache(maxsize=64)
def moment(at: int) -> datetime:
    """Microseconds since 1970-01-01 UTC as a time; what is answered together has one."""
    return EPOCH + timedelta(microseconds=at)


def microseconds(at: datetime) -> int:
    """A time as microseconds since 1970-01-01 UTC, exactly.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005
    """
    return (at - EPOCH) // timedelta(microseconds=1)


def answers(model: str, given: Sequence[Answer]) -> bytes:
    """The body that carries answers."""
    return encode(Answers(model, [_given(answer) for answer in given]))


def _given(answer: Answer) -> Given:
    return Given(
        answer.request, answer.prediction, answer.model, moment(answer.at), moment(answer.as_of),
        answer.fallback, answer.recorded, answer.ages, answer.features,
    )  # fmt: skip


def began(training: Begun) -> bytes:
    """The body that tells of a training that began."""
    return encode(TrainingBegan(training.model, moment(training.as_of), training.reason))


def receipt(taken: Receipt) -> bytes:
    """The body that carries a receipt."""
    apart = [Quarantined(row.position, row.reasons) for row in taken.quarantined]
    return encode(Taken(taken.source, taken.offset, taken.rows, apart, taken.repeated))


def released(row: Release) -> bytes:
    """The body that tells of a row that was released."""
    return encode(Released(row.row, row.source, row.offset, row.stored))
