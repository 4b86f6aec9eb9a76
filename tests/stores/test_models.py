"""Artifacts are named by their hash, and refused if they are not what was registered."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from asof.errors import StoreError, UsageError


@pytest.fixture
def fitted():
    x = np.array([[0.0], [1.0], [2.0], [3.0]])
    return LogisticRegression().fit(x, [0, 0, 1, 1])


def test_a_model_comes_back_with_its_metadata(store, fitted):
    kept = store.models.put(fitted, moment=7, metadata={"columns": ["x"], "rows": 4}, run=1)
    estimator, model = store.models.get(kept.id)
    assert model == kept
    assert model.metadata == {"columns": ["x"], "rows": 4}
    assert np.array_equal(estimator.coef_, fitted.coef_)


def test_the_same_fit_is_the_same_model(store, fitted):
    one, two = (store.models.put(fitted, moment=7, metadata={"a": 1}) for _ in range(2))
    assert one == two
    assert store.models.list() == [one]
    other = store.models.put(fitted, moment=8, metadata={"a": 1})
    assert other.id != one.id
    assert other.artifact == one.artifact
    assert store.models.list(run=3) == []


def test_the_beginning_of_an_id_is_enough(store, fitted):
    kept = store.models.put(fitted, moment=7, metadata={})
    assert store.models.find(kept.id[:6]) == kept
    with pytest.raises(UsageError, match="No model has the id 'zzz'"):
        store.models.get("zzz")
    store.models.put(fitted, moment=8, metadata={})
    with pytest.raises(UsageError, match="More than one"):
        store.models.find("")


def test_a_name_within_a_life_is_enough_where_one_model_has_it(store, fitted):
    def put(name, fingerprint, moment):
        told = {"name": name, "fingerprint": fingerprint}
        return store.models.put(fitted, moment=moment, metadata=told)

    one = put("m3", "here", 0)
    store.models.put(fitted, moment=9, metadata={"name": "m3", "fit": "of a study"})
    assert store.models.find("m3") == one
    assert store.models.find("m3", fingerprint="elsewhere") == one
    other = put("m3", "there", 1)
    assert store.models.find("m3", fingerprint="here") == one
    assert store.models.get("m3", fingerprint="there")[1] == other
    again = put("m3", "here", 2)
    for fingerprint, meant in (("here", [one, again]), (None, [one, other, again])):
        with pytest.raises(UsageError, match="'m3' is a name within one life") as caught:
            store.models.find("m3", fingerprint=fingerprint)
        ids = set(caught.value.found.removeprefix("called m3: ").split(", "))
        assert ids == {model.id for model in meant}
        assert f"{len(meant)} models have it" in caught.value.what
        assert caught.value.mend == f"Write the id: {again.id}."


def test_only_models_of_a_life_are_offered(store, fitted):
    life = store.models.put(fitted, moment=0, metadata={"name": "m1", "fingerprint": "a"})
    store.models.put(fitted, moment=1, metadata={"name": "study", "fit": "b"})
    with pytest.raises(UsageError) as caught:
        store.models.find("zzz")
    assert caught.value.found == f"models: {life.id}"


def test_an_artifact_with_another_hash_is_not_loaded(store, fitted):
    kept = store.models.put(fitted, moment=7, metadata={})

    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("it was unpickled",))

    path = store.directory / "models" / kept.artifact
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(StoreError, match="not what was registered"):
        store.models.get(kept.id)
    store.models.put(fitted, moment=7, metadata={})  # registering again mends it
    assert store.models.get(kept.id)[1] == kept
    path.unlink()
    with pytest.raises(StoreError, match="read model"):
        store.models.get(kept.id)


def test_what_cannot_be_pickled_is_told(store):
    with pytest.raises(StoreError, match="cannot be kept") as caught:
        store.models.put(lambda: None, moment=0, metadata={})
    assert "top level" in caught.value.mend
    assert store.models.list() == []
    assert not list(store.directory.glob("models/*"))


def test_threads_that_keep_the_same_fit_do_not_take_each_others_file(store, fitted, monkeypatch):
    together, replace = Barrier(4), Path.replace

    def replace_together(path, target):
        together.wait(10)  # all have written, none has put its file in its place
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replace_together)
    with ThreadPoolExecutor(4) as threads:
        kept = list(
            threads.map(lambda n: store.models.put(fitted, moment=n, metadata={}), range(4))
        )
    assert len({model.artifact for model in kept}) == 1
    estimator, _ = store.models.get(kept[0].id)
    assert np.array_equal(estimator.coef_, fitted.coef_)
