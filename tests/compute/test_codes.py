"""Codes tell the same values alike and different ones apart, whichever way they are made."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from asof.compute.codes import positions, themselves

ROWS = st.lists(st.integers(0, 9), min_size=1, max_size=20)
ASKED = st.lists(st.one_of(st.none(), st.integers(-3, 14)), max_size=20)


@given(ROWS, ASKED)
def test_numbers_as_their_own_codes_match_as_looked_up_ones_do(
    rows: list[int], asked: list[int | None]
):
    values, asking = pl.Series(rows, dtype=pl.Int32), pl.Series(asked, dtype=pl.Int64)
    found = themselves(values, asking)
    if found is None:
        assert max(rows) > len(rows) + len(asked)
        return
    known = asking.unique(maintain_order=True).drop_nulls().to_frame()
    own, theirs = (positions(known, each.to_frame()) for each in (values, asking))
    for i, value in enumerate(asked):
        assert (found[1][i] < 0) == (theirs[i] < 0) == (value is None)
        assert (found[0] == found[1][i]).tolist() == (own == theirs[i]).tolist() or value is None


def test_what_would_take_many_codes_or_is_not_small_is_looked_up():
    asked = pl.Series([1, 2])
    for rows in ([-1, 1], [1, 5], [1, None]):
        assert themselves(pl.Series(rows, dtype=pl.Int32), asked) is None
    assert themselves(pl.Series([1, 2]), asked) is None
