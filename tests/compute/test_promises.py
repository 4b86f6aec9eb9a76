"""What columns promise, at the very bound."""

from __future__ import annotations

import polars as pl
import pytest

from asof.compute.promises import broken
from asof.declare.rows import ColumnSpec, Contract


@pytest.mark.parametrize(
    ("contract", "rows"),
    [
        (Contract(ge=2), [True, False, False]),
        (Contract(gt=2), [True, True, False]),
        (Contract(le=2), [False, False, True]),
        (Contract(lt=2), [False, True, True]),
    ],
)
def test_a_bound_is_kept_or_broken_by_its_own_value(contract: Contract, rows: list[bool]):
    spec = ColumnSpec("size", "column", float, nullable=True, contract=contract)
    (found,) = broken(pl.Series([1.0, 2.0, 3.0, None]), spec).values()
    assert found.to_list() == [*rows, False]
