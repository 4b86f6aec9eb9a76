"""What is collected in one piece is what the query gives."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import asof.stores.pieces as pieces_
from asof.stores.pieces import in_one_piece

NUMBERS = st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=20)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces_, "STEP", 2)


def written(frame: pl.DataFrame, place: Path) -> pl.LazyFrame:
    """The frame in files with groups of two rows, so that it comes in several pieces."""
    file = place / f"{len(list(place.iterdir()))}.parquet"
    frame.write_parquet(file, row_group_size=2)
    return pl.scan_parquet(file)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pieces")


@given(NUMBERS, st.data())
def test_nothing_but_the_pieces_is_different(
    place: Path, values: list[int | None], data: st.DataObject
):
    many = len(values)
    frame = pl.DataFrame(
        {
            "whole": pl.Series(values, dtype=pl.Int64),
            "known": pl.Series(range(many), dtype=pl.Int64),
            "real": pl.Series(values, dtype=pl.Float64) / 3,
            "word": pl.Series([None if v is None else str(v) for v in values], dtype=pl.String),
            "yes": pl.Series([None if v is None else v > 0 for v in values], dtype=pl.Boolean),
        }
    )
    lazy = written(frame, place)
    if data.draw(st.booleans()):
        kept = data.draw(st.sets(st.integers(0, many - 1)))
        lazy, frame = (each.filter(pl.col("known").is_in(kept)) for each in (lazy, frame))
    parts = [lazy] if many % 2 else [lazy, lazy.head(3), lazy.head(0)]
    frame = frame if many % 2 else pl.concat([frame, frame.head(3)])
    found = in_one_piece(parts)
    assert found.equals(frame)
    assert found.schema == frame.schema
    assert all(column.n_chunks() <= 1 for column in found)


def address(column: pl.Series) -> int:
    return int(column.to_numpy().__array_interface__["data"][0])


def test_a_column_under_two_names_is_kept_once(place: Path):
    frame = pl.DataFrame({"a": [1, 2, 3, 4, 5]})
    again = written(frame, place).with_columns(b="a")
    found = in_one_piece([again])
    assert address(found["a"]) == address(found["b"])
    assert found.equals(frame.with_columns(b="a"))


def test_what_was_alike_at_first_may_part(place: Path):
    frames = [pl.DataFrame({"a": [1, 2, 3]}), pl.DataFrame({"a": [4, 5, 6], "b": [4, None, 9]})]
    alike, apart = (written(frame, place) for frame in frames)
    found = in_one_piece([alike.with_columns(b="a"), apart])
    assert found["a"].to_list() == [1, 2, 3, 4, 5, 6]
    assert found["b"].to_list() == [1, 2, 3, 4, None, 9]
    found = in_one_piece([apart.drop_nulls(), alike.with_columns(b="a")])
    assert found["b"].to_list() == [4, 9, 1, 2, 3]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, -5, 2**31 - 1], pl.Int32),
        ([-(2**31), 4, 5], pl.Int32),
        ([1, 2, 2**31], pl.Int64),
        ([-(2**31) - 1, 2, 3], pl.Int64),
        ([1, 2, None, 4], pl.Int64),
    ],
)
def test_what_may_be_narrow_is_where_it_fits(
    place: Path, values: list[int | None], kind: type[pl.DataType]
):
    frame = pl.DataFrame({"a": values, "b": values}, schema={"a": pl.Int64, "b": pl.Int64})
    found = in_one_piece([written(frame, place), written(frame.head(0), place)], narrow={"a"})
    assert found.schema == {"a": kind, "b": pl.Int64}
    assert found.cast(pl.Int64).equals(frame)
