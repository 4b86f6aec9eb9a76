"""Tables give back what was stored, packed where that is worth it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from asof.declare.kept import AVAILABLE, DECLARED, LOAD, POSITION, RECORDED, WITHDRAWN
from asof.stores import tables as tables_
from asof.stores.tables import Layout, Tables

LAYOUT = Layout(
    {"value": float, "word": str, AVAILABLE: int, DECLARED: int, RECORDED: int, POSITION: int}
    | {LOAD: str, WITHDRAWN: bool}
)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables_, "_SAMPLE", 4096)


def rows(many: int, *, alike: bool) -> pl.DataFrame:
    """Rows of rising numbers, which share some of their bytes, or of the same ones again."""
    rising = np.cumsum(np.random.default_rng(1).integers(0, 10**7, many)) + 0.5
    values = np.tile(rising[: many // 8], 8) if alike else rising
    return pl.DataFrame(
        {
            "value": values, "word": "w", AVAILABLE: 7, DECLARED: 7, RECORDED: 1,
            POSITION: 0, LOAD: "load", WITHDRAWN: False,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("many", "alike", "plain"), [(8192, False, True), (8192, True, False), (2048, False, False)]
)
def test_many_rows_that_hardly_shrink_are_stored_as_they_are(
    tmp_path: Path, many: int, alike: bool, plain: bool
):
    stored, tables = rows(many, alike=alike), Tables(tmp_path)
    tables.append("source", LAYOUT, stored, offset=1)
    (file,) = tmp_path.rglob("*.parquet")
    assert (stored["value"].to_numpy().tobytes() in file.read_bytes()) == plain
    (part,), offset = tables.look("source", LAYOUT.name)
    assert part.collect().equals(stored)
    assert offset == 1
