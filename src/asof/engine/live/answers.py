"""What a running system is asked and what it answers: the terms between engine and doors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

Row = tuple[Any, ...]
"""A row as it was sent: JSON values in the order of the declared columns, UNSET where there was
none."""


class Answer(msgspec.Struct, frozen=True):
    """The answer to one request. Moments are microseconds since 1970-01-01 UTC, ages seconds.

    `at` is the moment of the question, `as_of` that of its features (earlier where they are
    refreshed in batches). `fallback` says that no run could know the request. `ages` gives for
    each source that features look into the age of the newest row that they saw.
    """

    request: str
    prediction: float
    model: str
    at: int
    as_of: int
    fallback: bool
    recorded: bool
    ages: Mapping[str, float | None]
    features: Mapping[str, Any] | None = None


class SetApart(msgspec.Struct, frozen=True):
    """A row that broke its contract: its place in what was sent, and why. It is in quarantine."""

    position: int
    reasons: tuple[str, ...]


class Receipt(msgspec.Struct, frozen=True):
    """What became of the rows of one message; it is given when they are durable.

    `offset` is the journal's. `repeated`: a message with this idempotency key was taken before,
    this is its receipt, and nothing was changed.
    """

    source: str
    offset: int
    rows: int
    quarantined: tuple[SetApart, ...] = ()
    repeated: bool = False


class Release(msgspec.Struct, frozen=True):
    """A row that went from quarantine into the table of `source`, by the message at `offset`.

    `stored` is 0 where the stored rows said the same already.
    """

    row: str
    source: str
    offset: int
    stored: int


class Begun(msgspec.Struct, frozen=True):
    """A training that began by hand: the model's name in the life, as of when (us UTC), and why."""

    model: str
    as_of: int
    reason: str


class Figure(msgspec.Struct, frozen=True):
    """One number for those who watch a system: in base units, named without a prefix.

    `name` is Prometheus's (`journal_lag_seconds`), `grows` says that it only ever counts up,
    `labels` tell figures of one name apart (never requests or keys).
    """

    name: str
    meaning: str
    value: float
    grows: bool = False
    labels: Mapping[str, str] = {}


class Live(Protocol):
    """A running system, as its doors see it. Everything is called on the event loop's thread."""

    async def predict(
        self,
        rows: Sequence[Row],
        *,
        explain: bool = False,
        durable: bool = False,
        alone: bool = False,
    ) -> Sequence[Answer]:
        """Answer requests. A row with nothing but its key asks about the row that is known.

        `explain` adds the vector of features, `durable` waits until the answers are recorded.
        `alone`: no other request is on its way that could be answered in the same turn.

        Raises:
            RequestRefused: a row breaks the contract, or its key is not known.
            NotReady: no model is in service.
            Overloaded: too much waits already.
        """
        ...

    @property
    def waited(self) -> float:
        """Seconds for which the request has waited that is answered next; 0 where none waits."""
        ...

    async def take(self, source: str, rows: Sequence[Row], *, key: str | None = None) -> Receipt:
        """Take rows of a source; returns when they are durable.

        `key` is the sender's idempotency key: the same key again changes nothing.

        Raises:
            DataRefused: the message is refused as a whole, or the key came with other rows.
            UsageError: there is no such source.
            StoreError: they cannot be made durable (a full disk).
            Overloaded: too much waits already.
        """
        ...

    async def release(self, row: str, mended: Mapping[str, Any]) -> Release:
        """Take a quarantined row in, mended where needed; returns when it is durable.

        `row` is its name, such as `12:407`; the values of `mended` take the place of its own.

        Raises:
            UsageError: there is no such row or no such column, or it was released before.
            DataRefused: it still breaks its contract, or cannot be taken while a server runs.
            StoreError: it cannot be made durable (a full disk).
            Overloaded: too much waits already.
        """
        ...

    async def tick(self, at: int, *, rows: int, requests: int) -> None:
        """Move a rehearsal's clock to `at`, once so many rows and requests have come in all.

        Raises:
            UsageError: the system runs by the real clock, or `at` is before the last tick.
        """
        ...

    def status(self) -> Mapping[str, Any]:
        """Health in figures: model, clock, backlog, labels, parity, readiness and its reasons.

        `model` is the identity of the one in service, None where there is none.
        """
        ...

    def figures(self) -> Sequence[Figure]:
        """What only the engine can count: backlog, lag, parity, fits, decisions, labels."""
        ...

    def decisions(self, *, last: int = 100) -> Sequence[Mapping[str, Any]]:
        """The last decisions, oldest first, each with its moment, kind, reason and evidence."""
        ...

    def ready(self) -> tuple[bool, str]:
        """Whether requests are answered and recorded, and if not, why."""
        ...

    async def why(self, request: str, feature: str) -> Mapping[str, Any]:
        """The rows that a feature of an answered request saw, and those that it did not."""
        ...

    async def train(self, reason: str) -> Begun:
        """Begin to fit a model on what is mature now, by hand; its end is a decision of its own.

        Raises:
            UsageError: it cannot be done now; a model is being fitted, or no label is mature.
            NotReady: the journal broke.
        """
        ...

    async def promote(self, model: str, reason: str) -> None:
        """Put a model of the registry into service, by hand."""
        ...

    async def rollback(self, reason: str) -> None:
        """Put the model that served before into service again, by hand."""
        ...
