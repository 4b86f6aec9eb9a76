"""What a footer says of availability is what the column says, which is then not read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

import asof.stores.footers as footers_
from asof.declare.kept import AVAILABLE
from asof.stores.footers import Files, footer

TYPES = {"sensor": int, "begun": datetime, "ended": datetime}


def frame(*lags: int | None) -> pl.DataFrame:
    moments = [10 * (i + 1) for i in range(len(lags))]
    return pl.DataFrame(
        {
            "sensor": moments,
            "begun": [m if m > 10 else None for m in moments],
            "ended": moments,
            AVAILABLE: [
                None if lag is None else m + lag for m, lag in zip(moments, lags, strict=True)
            ],
        },
        schema=dict.fromkeys(("sensor", "begun", "ended", AVAILABLE), pl.Int64),
    )


def write(rows: pl.DataFrame, file: Path) -> str:
    rows.write_parquet(file, metadata=footer(rows, TYPES))
    return str(file)


def reads(lazy: pl.LazyFrame) -> bool:
    """Whether the column of availability is read from the file to be known."""
    told = lazy.select(AVAILABLE).explain()
    return f'PROJECT["{AVAILABLE}"]' in told.replace(" ", "") or "WITH_COLUMNS" not in told


@pytest.mark.parametrize("lag", [0, 7, -3])
def test_a_lag_that_all_rows_have_is_told(tmp_path: Path, lag: int):
    rows = frame(lag, lag, lag)
    (found,) = Files().scan([write(rows, tmp_path / "a.parquet")])
    assert not reads(found)
    assert found.collect().equals(rows)
    assert found.filter(pl.col(AVAILABLE) < 25).collect().equals(rows.filter(rows[AVAILABLE] < 25))


@pytest.mark.parametrize("lags", [(0, 0, 1), (1, 0), (0, None), (None, 0), ()])
def test_where_rows_differ_nothing_is_told(tmp_path: Path, lags: tuple[int | None, ...]):
    rows = frame(*lags)
    assert footer(rows, TYPES) == {}
    (found,) = Files().scan([write(rows, tmp_path / "a.parquet")])
    assert reads(found)
    assert found.collect().equals(rows)


def test_files_that_say_different_things_stay_in_order(tmp_path: Path):
    parts = [frame(0, 0), frame(0, 0), frame(5, 5), frame(1, 2), frame(0)]
    files = [write(part, tmp_path / f"{i}.parquet") for i, part in enumerate(parts)]
    found = Files().scan(files)
    assert [part.collect().height for part in found] == [4, 2, 2, 1]
    assert pl.concat(found).collect().equals(pl.concat(parts))
    assert [reads(part) for part in found] == [False, False, True, False]


def test_large_files_are_scanned_alone_and_small_ones_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    parts = [frame(*[0] * many) for many in (1, 2, 5000, 3, 4)]
    files = [write(part, tmp_path / f"{i}.parquet") for i, part in enumerate(parts)]
    monkeypatch.setattr(footers_, "LARGE", (tmp_path / "2.parquet").stat().st_size)
    found = [part.collect() for part in Files().scan(files)]
    assert [rows.height for rows in found] == [5003, 7]
    monkeypatch.setattr(footers_, "LARGE", 1)
    assert [part.collect().height for part in Files().scan(files)] == [1, 2, 5000, 3, 4]
    assert pl.concat(found).equals(pl.concat(parts))
