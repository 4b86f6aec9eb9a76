"""The shop of `examples/shop`, simulated small, loaded once."""

from __future__ import annotations

import runpy
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sklearn.base import clone

from asof.engine.history import until_of
from asof.faces.project import project
from asof.stores.store import Store
from asof.study.backtest import ingest_declared

sys.path.insert(0, str(Path(__file__).parent))
from shops import SYSTEMS, Shop

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "shop"


@pytest.fixture(scope="session")
def simulator() -> Mapping[str, Any]:
    return runpy.run_path(str(EXAMPLE / "simulate.py"))


def written(simulator: Mapping[str, Any], folder: Path, **size: int) -> Path:
    """A copy of the example with a shop of some size."""
    shutil.copy(EXAMPLE / "shop.py", folder)
    simulator["write"](simulator["simulate"](1, **size), folder)
    return folder


@pytest.fixture(scope="session")
def shop_folder(simulator: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with enough customers to learn from."""
    return written(simulator, tmp_path_factory.mktemp("large"), customers=250)


@pytest.fixture(scope="session")
def shop(simulator: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A small shop."""
    shop_folder = written(simulator, tmp_path_factory.mktemp("shop"), customers=70)
    declared = {name: project(f"{shop_folder / 'shop.py'}:{name}").system for name in SYSTEMS}
    systems = dict(declared)
    systems["restock"] = systems["restock"].but(
        model=clone(declared["restock"].model).set_params(max_iter=15)
    )
    stored: dict[str, pl.DataFrame] = {}
    for system in systems.values():
        with Store(shop_folder / ".asof" / system.name) as store:
            ingest_declared(system, store, shop_folder)
            stored |= {table.name: store.rows(table) for table in system.tables}
            until = until_of(system, store)
    truth = {
        file.stem: pl.read_parquet(file) for file in (shop_folder / "data" / "truth").iterdir()
    }
    yield Shop(shop_folder, truth, systems, stored, until)
    sys.modules.pop("shop", None)


@pytest.fixture(params=SYSTEMS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param
