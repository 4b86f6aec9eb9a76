"""Expressions about one row, evaluated in whole columns.

A declared `Expression` becomes a Polars expression over a frame that holds the row's own columns.
Facts that look beyond the row (aggregates, ages, lookups) are columns by then: the caller says
under which name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

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


def _unnamed(expression: Expression[Any, Any]) -> str:
    raise TypeError(f"{expression!r} looks beyond its row and cannot be evaluated on it alone")


def evaluate(expression: Expression[Any, Any], named: Named = _unnamed) -> pl.Expr:
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
            return pl.lit(value)
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
            return evaluate(span, named) / unit
        case CivilPart(moment=moment, zone=zone, part=part):
            return civil(evaluate(moment, named), zone, part)
        case Operation(name=name, arguments=arguments):
            return _operation(name, [evaluate(argument, named) for argument in arguments])
        case Call():
            return _call(expression, named)
        case Aggregate() | Age() | Lookup():
            return pl.col(named(expression))
        case _:
            raise TypeError(f"no evaluation of {type(expression).__name__}")


def civil(moment: pl.Expr, zone: str, part: str) -> pl.Expr:
    """A civil part of an int64 moment in a zone: see `asof.declare.expressions.LocalTime`."""
    local = moment.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone).dt
    parts: dict[str, Callable[[], pl.Expr]] = {
        "hour": local.hour,
        "minute_of_day": lambda: local.hour().cast(pl.Int64) * 60 + local.minute(),
        "weekday": local.weekday,
        "day_of_month": local.day,
        "day_of_year": local.ordinal_day,
        "month": local.month,
    }
    return parts[part]().cast(pl.Int64)


def _call(call: Call[Any, Any], named: Named) -> pl.Expr:
    function = call.function

    def apply(row: dict[str, Any]) -> Any:
        return function(*row.values())

    arguments = [
        evaluate(argument, named).alias(str(number))
        for number, argument in enumerate(call.arguments)
    ]
    # skip_nulls would hide rows from the function; a struct is null only as a whole, never here.
    return pl.struct(arguments).map_elements(apply, return_dtype=POLARS[call.value_type])


def _finite(value: pl.Expr) -> pl.Expr:
    """A result without infinities and NaN: what does not exist is missing."""
    return pl.when(value.is_finite()).then(value)


def _float(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.Float64)


_UNARY: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "is_null": lambda value: value.is_null(),
    "log1p": lambda value: _finite(_float(value).log1p()),
    "abs": lambda value: _float(value).abs(),
    "not": lambda value: ~value,
}

_BINARY: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "equals": lambda left, right: left == right,
    "or_else": lambda value, default: value.fill_null(default),
    "add": lambda left, right: _finite(_float(left) + _float(right)),
    "subtract": lambda left, right: _finite(_float(left) - _float(right)),
    "multiply": lambda left, right: _finite(_float(left) * _float(right)),
    "divide": lambda left, right: _finite(_float(left) / _float(right)),
    "greater": lambda left, right: left > right,
    "greater_equal": lambda left, right: left >= right,
    "less": lambda left, right: left < right,
    "less_equal": lambda left, right: left <= right,
    "and": lambda left, right: left & right,
    "or": lambda left, right: left | right,
}


def _operation(name: str, arguments: list[pl.Expr]) -> pl.Expr:
    if name == "one_of":
        return pl.any_horizontal([arguments[0] == option for option in arguments[1:]])
    if name in _UNARY:
        return _UNARY[name](arguments[0])
    return _BINARY[name](*arguments)
