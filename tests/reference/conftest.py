"""The flights, loaded once for all who compare them with independent code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from asof.declare.system import System
from asof.engine.history import History, read_tables, until_of
from asof.faces.project import project
from asof.stores.lock import writer
from asof.stores.store import Store
from asof.study.backtest import ingest_declared


@pytest.fixture(scope="session")
def flights(
    flights_folder: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Mapping[str, Any]:
    """The declared variant, the tables and `until` of the flights' example, by name."""
    found = {
        name: project(f"{flights_folder / 'flights.py'}:{name}").system
        for name in ("system", "monthly", "hourly", "nightly")
    }
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent  # of all processes of one run
    with writer(shared / "flights.lock"), Store(shared / "flights") as store:
        ingest_declared(found["system"], store, flights_folder)
        tables = read_tables(found["system"], store)
        return {**found, "tables": tables, "until": until_of(found["system"], store)}


@pytest.fixture(scope="session")
def history(flights: Mapping[str, Any]) -> Callable[[System[Any]], History]:
    """The history of a variant; its features are computed once."""
    known: dict[str, History] = {}

    def of(system: System[Any]) -> History:
        if system.fingerprint not in known:
            known[system.fingerprint] = History(system, flights["tables"], flights["until"])
        return known[system.fingerprint]

    return of
