"""A store in a temporary folder, a keyed source, and rows as the door hands them over."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import asof
from asof.declare.kept import AVAILABLE, DECLARED, POSITION, WITHDRAWN
from asof.stores.loads import NewLoad
from asof.stores.store import Store
from asof.stores.tables import Layout


class Reading(asof.Row):
    sensor: asof.Key[int]
    value: asof.Col[float | None]
    taken_at: asof.Time


readings = asof.source(Reading)


def frame(sensors, *, at=0):
    """Rows of some sensors, taken and available from `at` on, a microsecond apart."""
    times = [at + i for i in range(len(sensors))]
    return pl.DataFrame(
        {
            "sensor": pl.Series(sensors, dtype=pl.Int64),
            "value": pl.Series([float(s) for s in sensors], dtype=pl.Float64),
            "taken_at": pl.Series(times, dtype=pl.Int64),
            AVAILABLE: pl.Series(times, dtype=pl.Int64),
            DECLARED: pl.Series([None] * len(sensors), dtype=pl.Int64),
            POSITION: pl.Series(range(len(sensors)), dtype=pl.Int64),
            WITHDRAWN: [False] * len(sensors),
        }
    )


def new_load(load, rows, **more):
    return NewLoad(
        load=load, source=readings.name, fingerprint="f", content=load, path=f"{load}.csv",
        layout=Layout.of(Reading).name, stamp=1, read=rows.height, stored=rows.height, **more,
    )  # fmt: skip


def take(store, load, sensors, *, aside=(), at=0, **more):
    rows = frame(sensors, at=at)
    with store.writing():
        return store.take(new_load(load, rows, **more), readings, rows, list(aside))


class Shop:
    """What the tests of the stores share."""

    Reading = Reading
    readings = readings
    frame = staticmethod(frame)
    new_load = staticmethod(new_load)
    take = staticmethod(take)


@pytest.fixture
def shop():
    return Shop


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "store") as opened:
        yield opened
