"""Folds and samples hang on names alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asof.compute.split import by_block, by_row, hashed, sample

NAMES = [f"r{number}" for number in range(2000)]


def test_a_row_keeps_its_fold_whatever_else_is_there():
    whole = by_row(NAMES, 5, "x")
    assert by_row(NAMES[::-1], 5, "x")[::-1].tolist() == whole.tolist()
    assert by_row(NAMES[100:110], 5, "x").tolist() == whole[100:110].tolist()


def test_folds_are_even_and_salts_are_independent():
    counts = np.bincount(by_row(NAMES, 5, "x"), minlength=5)
    assert counts.min() > 330
    both = np.bincount(5 * by_row(NAMES, 5, "x") + by_row(NAMES, 5, "y"), minlength=25)
    assert both.min() > 40


@settings(max_examples=40)
@given(st.lists(st.integers(-5, 40), min_size=1, max_size=60), st.integers(1, 7))
def test_blocks_are_never_cut_and_are_dealt_evenly(block: list[int], folds: int):
    fold = by_block(np.array(block), folds, "x")
    of = dict(zip(block, fold.tolist(), strict=True))
    assert [of[b] for b in block] == fold.tolist()
    held = np.bincount(list(of.values()), minlength=folds)
    assert held.max() - held.min() <= 1


@pytest.mark.parametrize("size", [0, 1, 50, 200, 1000])
def test_samples_are_nested_and_in_order(size: int):
    rows = np.arange(0, 2000, 10)
    lot = hashed(NAMES, "sample")
    small, large = sample(rows, lot, size), sample(rows, lot, size + 20)
    assert len(small) == min(size, len(rows))
    assert set(small) <= set(large) <= set(rows)
    assert np.all(np.diff(small) > 0)
