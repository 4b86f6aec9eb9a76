"""What requests ask about: the keys in their rows, and the rows that say more than is known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from asof.compute.online.table import OnlineTable, Values, picked
from asof.declare.tables import Table
from asof.engine.clock import elapsed
from asof.engine.live.answers import Answer, Row
from asof.engine.live.core import Core
from asof.engine.live.intake import Good, Intake
from asof.errors import AsofError, DataRefused, RequestRefused


@dataclass(slots=True, eq=False)
class Job:
    """Requests that came together, who waits for their answers, and since when (`elapsed`)."""

    rows: Sequence[Row]
    explain: bool
    durable: bool
    future: asyncio.Future[Sequence[Answer]]
    came: float = field(default_factory=elapsed)

    def fail(self, error: Exception) -> None:
        """Tell who waits that there is no answer."""
        if not self.future.done():
            self.future.set_exception(error)

    def finish(self, answers: Sequence[Answer]) -> None:
        """Give the answers to who waits for them."""
        if not self.future.done():
            self.future.set_result(answers)


class Asking:
    """Reads the rows of requests; `door` is that of the table that they are about."""

    def __init__(self, table: Table[Any], door: Intake) -> None:
        columns = [spec.name for spec in table.row.columns_]
        self._table = table
        self._door = door
        self._key = picked([columns.index(name) for name in table.keys])
        self._rest = [i for i, name in enumerate(columns) if name not in table.keys]

    def read(
        self, rows: Sequence[Row], known: OnlineTable, position: int = 0
    ) -> tuple[list[Values], list[Good]]:
        """The keys that rows ask about, and those of the rows that say more than is known.

        The latter are numbered from `position` on.

        Raises:
            RequestRefused: a row breaks its contract, or names no key.
        """
        keys: list[Values] = []
        new: list[Good] = []
        try:
            for row in rows:
                if self._is_bare(row):
                    keys.append(self._bare_key(row))
                    continue
                place = position + len(new)
                good = self._door.plain(row, place) or self._looked_at(row, place)
                key = self._key(good.values)
                keys.append(key)
                if known.row(key) != good.values:
                    new.append(good)
        except AsofError as error:
            if len(rows) == 1:
                raise
            raise _in_place(error, len(keys)) from error
        return keys, new

    def _is_bare(self, row: Row) -> bool:
        """Whether nothing was sent but the key."""
        for place in self._rest:  # noqa: SIM110  nearly every row ends it at once
            if row[place] is not UNSET:
                return False
        return True

    def _looked_at(self, row: Row, position: int) -> Good:
        """The row of a request by the whole contract, which says what is wrong."""
        table = self._table
        try:
            came = self._door.look(row)
        except DataRefused as error:
            raise RequestRefused(
                error.what, found=error.found, mend=error.mend, where=error.where
            ) from error
        if came.aside:
            raise RequestRefused(
                f"The request breaks the contract of {table.row.__name__}.",
                found="; ".join(came.aside[0].reasons),
                mend="Send the row mended; its columns are in /openapi.json.",
                where=table.row.declared_,
            )
        good = came.good[0]
        return Good(position, good.values, good.available, good.withdrawn)

    def _bare_key(self, row: Row) -> Values:
        key = self._door.key(row)
        if key is None:
            raise RequestRefused(
                f"The request names no key of {self._table.name}.",
                found=", ".join(f"{n}={v!r}" for n, v in self._door.named(row).items()),
                mend="Give every column of the key a value of its type.",
                where=self._table.row.declared_,
            )
        return key


def _in_place(error: AsofError, position: int) -> AsofError:
    """The same error, with the place of the request among those that came together."""
    found = f"request {position} of the body, counted from 0"
    return type(error)(
        error.what, found=f"{found}; {error.found}" if error.found else found, mend=error.mend
    )


def unknown(core: Core, key: Values) -> RequestRefused:
    """Why a key alone cannot be asked about: its row never came, or is not held any more."""
    named = ", ".join(f"{n}={v!r}" for n, v in zip(core.asked.keys, key, strict=False))
    if core.requests.has_fired(key):
        return RequestRefused(
            f"The row of {core.asked.name} with {named} is not held any more.",
            found="its label has long been known: the request is over",
            mend="Send the whole row with the request to ask about it again.",
        )
    return RequestRefused(
        f"No row of {core.asked.name} with {named} is known.",
        mend=f"Send the whole row with the request, or before it to /v1/events/{core.asked.name}.",
    )
