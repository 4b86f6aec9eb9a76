"""A snapshot is whole or passed over."""

from __future__ import annotations

import polars as pl
import pytest

from asof.errors import StoreError
from asof.stores.snapshots import Snapshots


@pytest.fixture
def snapshots(tmp_path):
    return Snapshots(tmp_path / "snapshots")


def keep(snapshots, offset):
    frame = pl.DataFrame({"key": [offset, None], "name": ["a", "b"]})
    snapshots.keep(offset, {"window.rows": frame, "empty": frame.clear()}, {"at": offset})


def test_without_any_there_is_none(snapshots):
    found = snapshots.newest(upto=10)
    assert (found.snapshot, found.passed_over) == (None, ())


def test_it_comes_back_as_it_was_and_two_are_kept(snapshots):
    for offset in (3, 20, 100):
        keep(snapshots, offset)
    assert snapshots.offsets() == [20, 100]
    found = snapshots.newest(upto=100)
    assert found.passed_over == ()
    assert found.snapshot is not None
    assert (found.snapshot.offset, found.snapshot.facts) == (100, {"at": 100})
    assert found.snapshot.frames["window.rows"]["key"].to_list() == [100, None]
    assert found.snapshot.frames["empty"].height == 0
    assert found.snapshot.frames["empty"].schema == {"key": pl.Int64, "name": pl.String}


def test_the_same_offset_again_takes_its_place(snapshots):
    keep(snapshots, 5)
    snapshots.keep(5, {}, {"at": "again"})
    assert snapshots.newest(upto=5).snapshot.facts == {"at": "again"}
    assert snapshots.offsets() == [5]


@pytest.mark.parametrize("name", ["window.rows.parquet", "facts.json", "files.json"])
@pytest.mark.parametrize("fault", ["cut", "turned", "gone"])
def test_a_damaged_one_is_passed_over_with_the_reason(snapshots, tmp_path, name, fault):
    keep(snapshots, 1)
    keep(snapshots, 2)
    path = tmp_path / "snapshots" / f"{2:015d}" / name
    content = path.read_bytes()
    if fault == "gone":
        path.unlink()
    else:
        turned = bytes([content[0] ^ 1]) + content[1:]
        path.write_bytes(content[:-3] if fault == "cut" else turned)
    found = snapshots.newest(upto=9)
    assert found.snapshot is not None
    assert found.snapshot.offset == 1
    (reason,) = found.passed_over
    assert reason.startswith(f"{2:015d}: ")


def test_one_that_the_journal_does_not_reach_is_passed_over(snapshots):
    keep(snapshots, 1)
    keep(snapshots, 50)
    found = snapshots.newest(upto=49)
    assert found.snapshot.offset == 1
    assert "the journal ends before it, at 49" in found.passed_over[0]


def test_one_that_fails_leaves_those_before_and_nothing_half(snapshots, tmp_path, monkeypatch):
    keep(snapshots, 1)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("polars.DataFrame.write_parquet", full)
        with pytest.raises(StoreError, match="disk is full"):
            keep(snapshots, 2)
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == [f"{1:015d}"]
    assert snapshots.newest(upto=9).snapshot.offset == 1


def test_what_a_killed_one_left_is_removed_by_the_next(snapshots, tmp_path):
    half = tmp_path / "snapshots" / f"{7:015d}.123.part"
    half.mkdir(parents=True)
    (half / "facts.json").write_text("{}")
    assert snapshots.newest(upto=9).snapshot is None
    keep(snapshots, 8)
    assert snapshots.offsets() == [8]
    assert not half.exists()
