"""Sealing that failed is tried again, also when nothing has come since."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

from asof.engine.live.child import ChildFailed
from asof.engine.live.sealing import Sealing


class Worker:
    """Fails as often as it is told to, and counts what it was asked."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked = 0

    async def run(self, *_: object) -> int:
        self.asked += 1
        if self.asked <= self.failures:
            raise ChildFailed("Sealing ended.", found="no space left")
        return 7


def test_what_failed_is_tried_again_and_what_is_sealed_is_not():
    worker = Worker(failures=2)
    journal = SimpleNamespace(offset=7)
    sealing = Sealing(SimpleNamespace(), Path(), worker, journal)
    begun, told = sealing.at, []
    for _ in range(4):
        asyncio.run(sealing.seal())
        told.append((worker.asked, sealing.failed, sealing.at > begun))
    why = "Sealing ended. no space left"
    assert told == [(1, why, False), (2, why, False), (3, "", True), (3, "", True)]
    journal.offset = 8
    asyncio.run(sealing.seal())
    assert worker.asked == 4
