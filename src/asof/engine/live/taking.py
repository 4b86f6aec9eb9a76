"""Rows that programs send: each message once, and its sender told when it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from asof.engine.live.answers import Receipt, Row
from asof.engine.live.front import Front
from asof.engine.live.receipts import counted, marked, receipt, require_same
from asof.stores.live import LiveJournal


class Taking:
    """Takes messages of rows. `refused` is called where one was not made durable."""

    def __init__(self, front: Front, journal: LiveJournal, refused: Callable[[], None]) -> None:
        self._front = front
        self._journal = journal
        self._refused = refused

    async def take(self, source: str, rows: Sequence[Row], *, key: str | None) -> Receipt:
        """Take rows of a source; see `Live.take`."""
        door = self._front.door(source)
        mark = None if key is None else marked([door.named(row) for row in rows])
        if key is not None and (known := await self._known(source, key, mark)) is not None:
            return known
        self._front.require_room()
        came = door.take(rows)
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        offset = self._front.apply(
            source, came, key=key, mark=mark, on_durable=settled(durable, self._refused)
        )
        await durable
        return receipt(source, offset, counted(came), repeated=False)

    async def _known(self, source: str, key: str, mark: str | None) -> Receipt | None:
        """The receipt of a message that came before under the same key."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        found = self._journal.known(source, key, settled(durable, self._refused))
        if found is None:
            return None
        require_same(found.payload, key, mark)
        if not found.durable:
            await durable
        return receipt(source, found.offset, found.payload, repeated=True)


def settled(
    waits: asyncio.Future[None], refused: Callable[[], None]
) -> Callable[[BaseException | None], None]:
    """Tell who waits that a message is durable, or that it is refused; `refused` is called then."""

    def settle(error: BaseException | None) -> None:
        if error is not None:
            refused()
        if waits.done():
            return
        if error is None:
            waits.set_result(None)
        else:
            waits.set_exception(error)

    return settle
