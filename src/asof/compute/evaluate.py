"""Expressions about one row, evaluated in whole columns.

A declared `Expression` becomes a Polars expression over a frame that holds the row's own columns.
Facts that look beyond the row (aggregates, ages, lookups) are columns by then: the caller says
under which name. A row's value does not depend on how many rows are evaluated with it, and
`asof.compute.scalar` computes the same for one row, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from asof.compute.civil import civil
from asof.compute.kinds import constant, kind, operands, returning
from asof.declare.expressions import (
    Call,
    Column,
    Constant,
    Expression,
    Operation,
)
from asof.declare.times import (
    CivilPart,
    Difference,
    Shifted,
    Spanned,
    TickMoment,
    TimeColumn,
)
from asof.declare.windows import Age, Aggregate, Lookup

TICK = "tick_"
"""Column of the moment at which a tick asks, in microseconds."""

POLARS: Mapping[type, pl.DataType] = {
    bool: pl.Boolean(), int: pl.Int64(), float: pl.Float64(), str: pl.String(),
}  # fmt: skip

Named = Callable[[Expression[Any, Any]], str]


def unnamed(expression: Expression[Any, Any]) -> str:
    """No name: for expressions that look at nothing beyond their row."""
    raise TypeError(f"{expression!r} looks beyond its row and cannot be evaluated on it alone")


def evaluate(expression: Expression[Any, Any], named: Named = unnamed) -> pl.Expr:
    """The Polars expression of `expression`; moments and spans are int64 microseconds.

    `named` gives the column of each aggregate, age and lookup.

    >>> import asof
    >>> class Payment(asof.Row):
    ...     amount: asof.Col[float | None]
    ...     paid_at: asof.Time
    >>> rows = pl.DataFrame({"amount": [1.0, None, 3.0]})
    >>> rows.select(evaluate(Payment.amount > 2)).to_series().to_list()
    [False, None, True]
    """
    match expression:
        case Constant(value=value):
            return pl.lit(constant(value))
        case Column(name=name):
            return pl.col(name)
        case TimeColumn(name=name):
            return pl.col(name).cast(pl.Int64)
        case TickMoment():
            return pl.col(TICK)
        case Shifted(base=base, by=by):
            return evaluate(base, named) + by.microseconds
        case Difference(end=end, start=start):
            return evaluate(end, named) - evaluate(start, named)
        case Spanned(span=span, unit=unit):
            return _quotient(_float(evaluate(span, named)), pl.lit(float(unit)))
        case CivilPart(moment=moment, zone=zone, part=part):
            return civil(evaluate(moment, named), zone, part)
        case Operation():
            return _operation(expression, named)
        case Call():
            return _call(expression, named)
        case Aggregate() | Age() | Lookup():
            return pl.col(named(expression))
        case _:
            raise TypeError(f"no evaluation of {type(expression).__name__}")


def _call(call: Call[Any, Any], named: Named) -> pl.Expr:
    function, returned = call.function, returning(call)

    def apply(row: dict[str, Any]) -> Any:
        return returned(function(*row.values()))

    arguments = [
        evaluate(argument, named).alias(str(number))
        for number, argument in enumerate(call.arguments)
    ]
    # skip_nulls would hide rows from the function; a struct is null only as a whole, never here.
    return pl.struct(arguments).map_elements(apply, return_dtype=POLARS[call.value_type])


def _finite(value: pl.Expr) -> pl.Expr:
    """A result without infinities and NaN (what does not exist is missing), zero without a sign.

    Polars' sign of a zero depends on whether an operand is one for all rows.
    """
    return pl.when(value == 0.0).then(pl.lit(0.0)).when(value.is_finite()).then(value)


def _float(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.Float64)


def _quotient(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """Each double divided by its divisor, in NumPy.

    Polars multiplies a column by the reciprocal where there is one divisor for all, and where
    there is one row it divides: another double.
    """
    return _finite(pl.map_batches([left, right], _divided, return_dtype=pl.Float64))


def _divided(columns: Sequence[pl.Series]) -> pl.Series:
    left, right = (column.to_numpy() for column in columns)  # null is NaN
    with np.errstate(all="ignore"):
        return pl.Series(left / right)


def _one_of(value: pl.Expr, *options: pl.Expr) -> pl.Expr:
    if not options:
        return pl.when(value.is_not_null()).then(pl.lit(value=False))
    return pl.any_horizontal([value == option for option in options])


_UNARY: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "is_null": lambda value: value.is_null(),
    "log1p": lambda value: _finite(value.log1p()),
    "abs": lambda value: value.abs(),
    "not": lambda value: ~value,
}

_BINARY: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "equals": lambda left, right: left == right,
    "or_else": lambda value, default: value.fill_null(default),
    "add": lambda left, right: _finite(left + right),
    "subtract": lambda left, right: _finite(left - right),
    "multiply": lambda left, right: _finite(left * right),
    "divide": _quotient,
    "greater": lambda left, right: left > right,
    "greater_equal": lambda left, right: left >= right,
    "less": lambda left, right: left < right,
    "less_equal": lambda left, right: left <= right,
    "and": lambda left, right: left & right,
    "or": lambda left, right: left | right,
}

OPERATIONS: Mapping[str, Callable[..., pl.Expr]] = {"one_of": _one_of, **_UNARY, **_BINARY}
"""Operations by name, on operands that have been brought to one type."""


def _operation(operation: Operation[Any, Any], named: Named) -> pl.Expr:
    wanted = operands(operation)
    arguments = [
        found if kind(argument) is wanted is not float else found.cast(POLARS[wanted])
        for argument in operation.arguments
        for found in (evaluate(argument, named),)
    ]
    return OPERATIONS[operation.name](*arguments)
