"""Sealing: what is journalled goes into the tables, again and again, in another process."""

from __future__ import annotations

from pathlib import Path

from asof.engine.clock import now
from asof.engine.live.child import Child, ChildFailed
from asof.engine.live.fit import Declared
from asof.engine.live.snapshot import take_snapshot
from asof.stores.live import LiveJournal


class Sealing:
    """Seals the journal of a running system, and remembers how that went.

    `failed` says what went wrong with it last, "" if it went well. `at` (us UTC) is when the
    journal was last moved into the tables, or there was nothing to move; first that of the start.
    """

    def __init__(
        self, declared: Declared, directory: Path, child: Child, journal: LiveJournal
    ) -> None:
        self.failed = ""
        self.at = now()
        self._declared = declared
        self._directory = directory
        self._child = child
        self._journal = journal
        self._sealed = 0

    async def seal(self) -> None:
        """Seal what came since, and keep a snapshot; what failed is tried anew the next time."""
        offset = self._journal.offset
        if offset > self._sealed:
            try:
                await self._child.run(take_snapshot, self._declared, self._directory)
            except ChildFailed as error:
                self.failed = f"{error.what} {error.found}"
                return
            self._sealed = offset
        self.failed = ""
        self.at = now()
