"""Hashes of rows, by which a file that grows is known again."""

from __future__ import annotations

from itertools import combinations

import polars as pl

from asof.compute.arrivals import digest

ROWS = {
    "zero": pl.DataFrame({"a": [0, 1]}),
    "null": pl.DataFrame({"a": [None, 1]}, schema={"a": pl.Int64}),
    "turned": pl.DataFrame({"a": [1, 0]}),
    "other name": pl.DataFrame({"b": [0, 1]}),
    "doubles": pl.DataFrame({"a": [0.0, 1.0]}),
    "yes and no": pl.DataFrame({"a": [False, True]}),
    "texts": pl.DataFrame({"a": ["ab", "c"]}),
    "texts cut elsewhere": pl.DataFrame({"a": ["a", "bc"]}),
    "a text and nothing": pl.DataFrame({"a": ["abc", ""]}),
    "a text and null": pl.DataFrame({"a": ["abc", None]}),
}


def test_other_rows_have_other_hashes():
    for one, other in combinations(ROWS, 2):
        assert digest(ROWS[one]) != digest(ROWS[other]), (one, other)
