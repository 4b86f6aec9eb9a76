"""Fits that are kept are named by everything that their bits hang on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

from asof.compute.matrix import matrix
from asof.engine.kept import Training


def test_a_fit_is_named_by_model_features_rows_labels_and_task_and_not_by_its_moment():
    seen = matrix(pl.DataFrame({"x": [1.0, 2.0, 3.0], "word": ["a", "b", "a"]}))
    one = Training(
        LogisticRegression(), seen, np.array([0, 1]), np.array([0.0, 1.0]), "binary", moment=5
    )
    others = [
        replace(one, model=LogisticRegression(C=2.0)),
        replace(one, seen=matrix(pl.DataFrame({"x": [1.0, 2.0, 4.0], "word": ["a", "b", "a"]}))),
        replace(one, seen=matrix(pl.DataFrame({"x": [1.0, 2.0, 3.0], "word": ["a", "b", "b"]}))),
        replace(one, seen=matrix(pl.DataFrame({"y": [1.0, 2.0, 3.0], "word": ["a", "b", "a"]}))),
        replace(one, rows=np.array([0, 2])),
        replace(one, label=np.array([1.0, 0.0])),
        replace(one, task="regression"),
    ]
    assert len({each.key for each in (one, *others)}) == 1 + len(others)
    assert replace(one, moment=6).key == one.key
