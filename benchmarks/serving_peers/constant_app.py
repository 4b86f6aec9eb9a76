"""Asof's server with its doors, and behind them nothing: every request is answered alike."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import uvloop

from asof.engine.live.answers import Answer, Live, Row
from asof.faces.http.options import Options
from asof.faces.http.server import serve
from asof.faces.project import system_of

AT = 1_767_348_000_000_131


class Constant:
    """A running system that computes, keeps and journals nothing."""

    async def predict(self, rows: Sequence[Row], **_: bool) -> Sequence[Answer]:
        """The same answer to every row."""
        told = Answer("1000000", 0.5123456789012345, "9f31c2d07a5e", AT, AT, False, True, {})
        return [told] * len(rows)

    waited = 0.0

    def ready(self) -> tuple[bool, str]:
        """At once."""
        return True, ""


system: Any = system_of(str(Path(__file__).parents[1] / "serving_system.py") + ":plain")
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(serve(cast("Live", Constant()), system, Options(port=int(sys.argv[1]))))
