"""What the tests of worlds know of the simulated shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from asof.declare.system import System
from asof.engine.history import History, Tables

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
