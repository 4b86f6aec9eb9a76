"""What columns promise, each alone and together, and the rows that break it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import polars as pl

from asof.compute.evaluate import evaluate
from asof.declare.expressions import Expression
from asof.declare.rows import ColumnSpec
from asof.errors import DataRefused


def broken(values: pl.Series, spec: ColumnSpec) -> dict[str, pl.Series]:
    """For each promise that rows break, in words, the rows (a mask); nulls break none.

    >>> from asof.declare.rows import Contract
    >>> spec = ColumnSpec("speed", "column", float, True, Contract(ge=0))
    >>> {words: rows.to_list() for words, rows in broken(pl.Series([1.0, -2.0]), spec).items()}
    {'speed is below 0': [False, True]}
    """
    contract, name = spec.contract, spec.name
    found: dict[str, pl.Series] = {}
    if contract.ge is not None:
        found[f"{name} is below {contract.ge:g}"] = values < contract.ge
    if contract.gt is not None:
        found[f"{name} is not above {contract.gt:g}"] = values <= contract.gt
    if contract.le is not None:
        found[f"{name} is above {contract.le:g}"] = values > contract.le
    if contract.lt is not None:
        found[f"{name} is not below {contract.lt:g}"] = values >= contract.lt
    if contract.one_of is not None:
        allowed = pl.Series(list(contract.one_of), dtype=values.dtype)
        listed = ", ".join(map(str, contract.one_of[:5]))
        more = ", ..." if len(contract.one_of) > 5 else ""
        found[f"{name} is not one of {listed}{more}"] = ~values.is_in(allowed.implode())
    if contract.matches is not None:
        found[f"{name} does not match {contract.matches!r}"] = ~_matches(values, contract.matches)
    masks = {words: rows.fill_null(value=False) for words, rows in found.items()}
    return {words: rows for words, rows in masks.items() if rows.any()}


def reason(rule: Expression[Any, Any]) -> str:
    """Why a row that breaks a rule is set apart, in words."""
    return f"breaks the rule {rule!r}"


def unkept(frame: pl.DataFrame, rule: Expression[Any, Any]) -> pl.Series:
    """Rows for which a rule is false (a mask); what is not known breaks nothing.

    >>> import asof
    >>> class Stay(asof.Row):
    ...     nights: asof.Col[int]
    ...     paid_nights: asof.Col[int | None]
    >>> rows = pl.DataFrame({"nights": [2, 2, 2], "paid_nights": [2, 3, None]})
    >>> unkept(rows, Stay.paid_nights <= Stay.nights).to_list()
    [False, True, False]

    Raises:
        DataRefused: a function of the user's raised an error on a row.
    """
    meant = evaluate(rule).alias("kept")
    try:
        kept = frame.with_columns(meant)["kept"]
    except Exception as error:
        raise DataRefused(
            f"The rule {rule!r} could not be evaluated.",
            found=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            mend="Let its function return None where it cannot say.",
        ) from error
    return ~kept.fill_null(value=True)


def repeated(frame: pl.DataFrame, name: str, keys: Sequence[str]) -> pl.Series:
    """Rows whose value of a unique column stands in an earlier row of another key (a mask).

    >>> frame = pl.DataFrame({"key": [1, 1, 2], "mail": ["a", "a", "a"]})
    >>> repeated(frame, "mail", ["key"]).to_list()
    [False, False, True]
    """
    row = pl.int_range(pl.len())
    if keys:
        first = pl.struct(keys).first().over(name)
        later = pl.struct(keys) != first
    else:
        later = row != row.min().over(name)
    return frame.select((later & pl.col(name).is_not_null()).alias("repeated"))["repeated"]


def _matches(values: pl.Series, pattern: str) -> pl.Series:
    """Whether the whole text matches: Python's rules, applied once to each distinct text."""
    form = re.compile(pattern)
    distinct = values.drop_nulls().unique().to_list()
    meaning = {text: form.fullmatch(text) is not None for text in distinct}
    return values.replace_strict(meaning, default=None, return_dtype=pl.Boolean)
