"""The shop of `examples/shop`, simulated small, loaded once."""

from __future__ import annotations

import runpy
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sklearn.base import clone

from asof import hours
from asof.declare.system import System
from asof.engine.history import History, Tables, until_of
from asof.faces.project import project
from asof.stores.store import Store
from asof.study.backtest import ingest_declared

sys.path.insert(0, str(Path(__file__).parent))

SYSTEMS = ("system", "online", "restock")
"""Batch predictions of a pipeline, online features, ticks with a regression."""


@dataclass(frozen=True)
class Shop:
    """The simulated shop: its folder, its truth, its systems, and its rows as they are stored."""

    folder: Path
    truth: Mapping[str, pl.DataFrame]
    systems: Mapping[str, System[Any]]
    stored: Mapping[str, pl.DataFrame]
    until: int

    def history(self, name: str, tables: Tables) -> History:
        return History(self.systems[name], tables, self.until)


@pytest.fixture(scope="session")
def simulator(root: Path) -> Mapping[str, Any]:
    return runpy.run_path(str(root / "examples" / "shop" / "simulate.py"))


@pytest.fixture(scope="session")
def shop_folder(
    root: Path, simulator: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    shutil.copy(root / "examples" / "shop" / "shop.py", folder)
    simulator["write"](simulator["simulate"](1, customers=70), folder)
    return folder


@pytest.fixture(scope="session")
def shop(shop_folder: Path) -> Iterator[Shop]:
    declared = {name: project(f"{shop_folder / 'shop.py'}:{name}").system for name in SYSTEMS}
    # Decisions that hang on labels are looked at less often: the same law, fewer messages.
    systems = {name: system.but(looks=hours(8)) for name, system in declared.items()}
    systems["restock"] = systems["restock"].but(
        model=clone(declared["restock"].model).set_params(max_iter=15)
    )
    stored: dict[str, pl.DataFrame] = {}
    for system in systems.values():
        with Store(shop_folder / ".asof" / system.name) as store:
            ingest_declared(system, store, shop_folder)
            stored |= {table.name: store.rows(table) for table in system.tables}
            until = until_of(system, store)
    truth = {file.stem: pl.read_parquet(file) for file in (shop_folder / "truth").iterdir()}
    yield Shop(shop_folder, truth, systems, stored, until)
    sys.modules.pop("shop", None)


@pytest.fixture(params=SYSTEMS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param
