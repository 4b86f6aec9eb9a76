"""The system of parcels, running in the process of its test."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial

from parcels_up import write

from asof.engine.live.running import running
from asof.engine.live.settings import Settings
from asof.faces.project import system_of
from asof.stores.store import Store
from asof.study.backtest import ingest_declared


def prepared(folder, *, wait="seconds(1)"):
    """A folder with the system and its history in a store; `wait` is that of its labels."""
    file = write(folder) / "system.py"
    text = file.read_text(encoding="utf-8")
    assert "wait=seconds(1)" in text
    file.write_text(text.replace("wait=seconds(1)", f"wait={wait}"), encoding="utf-8")
    with Store(folder / "store") as store:
        ingest_declared(system_of(str(file)), store, folder)
    return folder


@asynccontextmanager
async def living(folder, **more):
    """The system of a folder that is prepared, with a model in service; `more` are settings."""
    file = str(folder / "system.py")
    settings = Settings(address="", **more)
    async with running(
        system_of(file), partial(system_of, file), folder / "store", settings, lambda *_: {}
    ) as live:
        while not live.ready()[0]:  # noqa: ASYNC110  nothing tells it but the state itself
            await asyncio.sleep(0.02)
        yield live


def sent(row):
    """A row as the doors hand it on: whole, in the order of its columns."""
    return tuple(row.values())
