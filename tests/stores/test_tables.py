"""Tables give back what was stored, packed where that is worth it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from deltalake import DeltaTable

from asof.declare.kept import AVAILABLE, DECLARED, LOAD, POSITION, RECORDED, WITHDRAWN
from asof.errors import StoreError
from asof.stores import footers, merging
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


def few_rows(offset: int) -> pl.DataFrame:
    """Five rows of one load, which tell where they belong."""
    told = {RECORDED: pl.lit(offset), POSITION: pl.int_range(5)}
    return rows(8, alike=False).head(5).with_columns(**told).cast(dict(LAYOUT.schema))


def filled(tables: Tables, *offsets: int) -> None:
    for offset in offsets:
        tables.append("source", LAYOUT, few_rows(offset), offset=offset)


def seen(tables: Tables) -> pl.DataFrame:
    return pl.concat([part.collect() for part in tables.look("source", LAYOUT.name)[0]])


def files(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*.parquet") if "_delta_log" not in file.parts}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MANY", 4)


@pytest.mark.usefixtures("small")
def test_many_small_files_are_merged_and_no_reader_can_tell(tmp_path: Path):
    tables = Tables(tmp_path)
    filled(tables, 2, 3, 5)
    assert tables.compact("source", LAYOUT) == 0, "too few to be worth it"
    filled(tables, 8)
    before, looked = seen(tables), Tables(tmp_path).look("source", LAYOUT.name)
    assert tables.compact("source", LAYOUT) == 3
    for reader in (tables, Tables(tmp_path)):
        assert seen(reader).equals(before)
        assert reader.look("source", LAYOUT.name)[1] == 8, "the last offset stays what it was"
        assert reader.holds("source", LAYOUT.name, offset=8)
    assert pl.concat([part.collect() for part in looked[0]]).equals(before), "who looked before"
    filled(tables, 9, 10, 11)
    assert tables.compact("source", LAYOUT) == 3, "what was merged is small, and merged again"
    offsets = seen(tables)[RECORDED].unique(maintain_order=True)
    assert offsets.to_list() == [2, 3, 5, 8, 9, 10, 11]


@pytest.mark.usefixtures("small")
def test_large_files_stay_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tables = Tables(tmp_path)
    filled(tables, 1, 2)
    tables.append("source", LAYOUT, rows(4096, alike=False).cast(dict(LAYOUT.schema)), offset=3)
    filled(tables, 4, 5)
    large = (tmp_path / "source" / LAYOUT.name / "000000000000003.parquet").stat().st_size
    for module in (merging, footers):
        monkeypatch.setattr(module, "LARGE", large)
    before = seen(tables)
    assert tables.compact("source", LAYOUT) == 2
    assert seen(tables).equals(before)
    table = DeltaTable(tmp_path / "source" / LAYOUT.name)
    assert sorted(Path(uri).name for uri in table.file_uris()) == [
        "000000000000002-1.parquet", "000000000000003.parquet", "000000000000005-1.parquet",
    ]  # fmt: skip


@pytest.mark.usefixtures("small")
def test_old_files_go_once_nobody_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tables = Tables(tmp_path)
    filled(tables, 1, 2, 3, 4)
    tables.compact("source", LAYOUT)
    tables.clean("source", LAYOUT.name)
    old = {f"{offset:015d}.parquet" for offset in (1, 2, 3, 4)}
    assert files(tmp_path) == old | {"000000000000004-1.parquet"}
    filled(tables, 5, 6, 7)
    monkeypatch.setattr(tables_, "_SPARED", 0)
    before = seen(tables)
    tables.compact("source", LAYOUT)
    assert not files(tmp_path) & old
    assert seen(tables).equals(before)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("killed", [False, True])
def test_a_merge_that_fails_leaves_the_table_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
):
    class Killed(BaseException):
        pass

    def fail(*_: object, **__: object) -> None:
        raise Killed if killed else OSError(28, "No space left on device")

    tables = Tables(tmp_path)
    filled(tables, 1, 2, 3, 4)
    before = seen(tables)
    with monkeypatch.context() as patched:
        patched.setattr("deltalake.DeltaTable.create_write_transaction", fail)
        with pytest.raises(Killed if killed else StoreError):
            tables.compact("source", LAYOUT)
    assert seen(tables).equals(before)
    assert ("000000000000004-1.parquet" in files(tmp_path)) == killed
    assert Tables(tmp_path).compact("source", LAYOUT) == 3
    assert seen(tables).equals(before)
