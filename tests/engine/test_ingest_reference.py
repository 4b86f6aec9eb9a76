"""Reference tables at the door (LAW 2e): known always at first, later versions from their load."""

from __future__ import annotations

import contextlib
from pathlib import Path

import polars as pl
import pytest

import asof
from asof.declare.kept import ALWAYS, AVAILABLE
from asof.engine.ingest import ingest
from asof.errors import DataRefused, DeclarationError
from asof.stores.store import Store

NOW = 1_704_110_400_000_000


class Plane(asof.Row):
    tail: asof.Key[str]
    seats: asof.Col[float] = asof.col(gt=0)


planes = asof.reference(Plane)


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "store") as opened:
        yield opened


def test_a_reference_table_is_always_known_and_later_versions_from_their_commit(store):
    def fleet(*rows):
        return pl.DataFrame(rows, schema=["tail", "seats"], orient="row")

    first = ingest(planes, store, now=NOW, data=fleet(("N1", 10), ("N2", 20)))
    assert "always known" in first.notes[0]
    second = ingest(planes, store, now=NOW + 5, data=fleet(("N1", 10), ("N2", 25), ("N3", 30)))
    assert (second.stored, second.unchanged, second.notes) == (2, 1, ())
    rows = store.rows(planes)
    assert rows["tail"].to_list() == ["N1", "N2", "N2", "N3"]
    assert rows[AVAILABLE].to_list() == [ALWAYS, ALWAYS, NOW + 5, NOW + 5]
    # 20 again: what it said before the last version is another version
    third = ingest(planes, store, now=NOW + 9, data=fleet(("N2", 20)))
    assert third.stored == 1


def test_the_first_load_of_a_reference_table_stays_always_known_when_superseded(store):
    frame = pl.DataFrame({"tail": ["N1"], "seats": [10], "extra": [1]})
    ingest(planes, store, now=NOW, data=frame)

    class Plane(asof.Row):
        tail: asof.Key[str]
        seats: asof.Col[float]
        extra: asof.Col[int]

    changed = asof.reference(Plane)
    ingest(changed, store, now=NOW + 5, data=frame)
    assert store.rows(changed)[AVAILABLE].to_list() == [ALWAYS]


def test_what_is_loaded_anew_is_known_since_it_was_first_loaded(store):
    ingest(planes, store, now=NOW, data=pl.DataFrame({"tail": ["N1"], "seats": [10]}))
    later = pl.DataFrame({"tail": ["N2"], "seats": [20], "extra": [1]})
    ingest(planes, store, now=NOW + 5, data=later)

    class Plane(asof.Row):
        tail: asof.Key[str]
        seats: asof.Col[float]
        extra: asof.Col[int | None]

    changed = asof.reference(Plane)
    ingest(changed, store, now=NOW + 9, data=later)
    rows = store.rows(changed)
    assert dict(zip(rows["tail"], rows[AVAILABLE], strict=True)) == {"N1": ALWAYS, "N2": NOW + 5}


def test_other_separators_and_encodings_are_mended_by_what_is_said(store, tmp_path):
    path = tmp_path / "r.csv"
    path.write_bytes("tail;seats\nMü-007;180\n".encode("cp1252"))
    with pytest.raises(DataRefused) as refused:
        ingest(asof.reference(Plane, "r.csv"), store, now=NOW, base=tmp_path)
    assert "not UTF-8" in str(refused.value)
    with contextlib.chdir(tmp_path):
        exec(refused.value.mend.partition(": ")[2], {"Path": Path})
    with pytest.raises(DataRefused) as refused:
        ingest(asof.reference(Plane, "r.csv"), store, now=NOW, base=tmp_path)
    assert "not separated by ','" in refused.value.mend
    assert 'Declare separator=";".' in refused.value.mend
    planes = asof.reference(Plane, "r.csv", separator=";")
    assert ingest(planes, store, now=NOW, base=tmp_path).stored == 1
    assert store.rows(planes)["tail"].to_list() == ["Mü-007"]


@pytest.mark.parametrize(("sign", "said"), [("\t", r'"\t"'), ("|", '"|"'), (",", '","')])
def test_rows_separated_by_any_sign_are_those_of_commas(store, tmp_path, sign, said):
    file = tmp_path / "r.csv"
    file.write_text(f"tail{sign}seats\nN2{sign}90\n")
    wrong = asof.reference(Plane, "r.csv", separator=";")
    with pytest.raises(DataRefused) as refused:
        ingest(wrong, store, now=NOW, base=tmp_path)
    assert f"separator={said}" in refused.value.mend
    file.write_text(f'tail{sign}seats\n"N{sign}1"{sign}180\nN2{sign}90\n')
    planes = asof.reference(Plane, "r.csv", separator=sign)
    assert ingest(planes, store, now=NOW, base=tmp_path).stored == 2
    assert set(store.rows(planes)["tail"]) == {f"N{sign}1", "N2"}


@pytest.mark.parametrize("sign", ["", ";;", "a", '"', "\n", "§", 5])
def test_what_cannot_separate_is_refused(sign):
    with pytest.raises(DeclarationError, match="separator= is not one sign"):
        asof.reference(Plane, "r.csv", separator=sign)
