"""The types of expressions' values: what both ways of evaluating them have to agree on.

`evaluate` works in whole columns and `scalar` on one row. What they share stands here: which type
an operation brings its operands to, what a constant means, and what a user's function may return.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from asof.declare.expressions import Call, Constant, Expression, Operation, Scalar
from asof.declare.windows import Aggregate, Lookup
from asof.errors import DeclarationError

NOTHING = type(None)
"""The type of a value that is never known: the constant None."""

ARITHMETIC = ("add", "subtract", "multiply", "divide", "log1p", "abs")
"""Operations on doubles that give doubles."""
LOGIC = ("and", "or", "not")
"""Operations on conditions that give conditions."""

_WIDER = (NOTHING, bool, int, float)
_INT64 = range(-(2**63), 2**63)
_TAKEN = ("latest", "latest_known", "first")


def kind(expression: Expression[Any, Any]) -> type:
    """The type of an expression's values: bool, int, float, str, or `NOTHING`.

    Moments and spans are whole numbers of microseconds.

    >>> kind(Constant(2.5)), kind(Constant(None)) is NOTHING
    (<class 'float'>, True)
    """
    match expression:
        case Constant(value=value):
            return type(constant(value))
        case Operation(name="or_else"):
            return operands(expression)
        case Aggregate(statistic=statistic) if statistic.of is not None:
            return kind(statistic.of) if statistic.kind in _TAKEN else float
        case Lookup(of=of):
            return kind(of)
        case _:
            found = expression.value_type
            return int if found in (datetime, timedelta) else found


def constant(value: Scalar) -> Scalar:
    """A constant as it is meant: NaN is null, -0.0 is 0.0 (LAW 2g), 2**64 is a double.

    >>> constant(float("nan")), constant(-0.0), constant(2**64), constant(7)
    (None, 0.0, 1.8446744073709552e+19, 7)
    """
    if isinstance(value, float):
        return None if math.isnan(value) else value + 0.0
    if isinstance(value, int) and value not in _INT64:
        return float(value)
    return value


def operands(operation: Operation[Any, Any]) -> type:
    """The type to which an operation brings its operands.

    Arithmetic is done in doubles. Comparisons and replacements take the widest type of what they
    compare: bool, int, float. Raises `DeclarationError` where a text meets a number.
    """
    if operation.name in ARITHMETIC:
        return float
    if operation.name in LOGIC:
        return bool
    found = {kind(argument) for argument in operation.arguments} - {NOTHING}
    if str in found and len(found) > 1:
        raise DeclarationError(
            f"{operation!r} brings a text and a number together.",
            found=", ".join(f"{argument!r}: {kind(argument).__name__}"
                            for argument in operation.arguments),
            mend="Compare texts with texts and numbers with numbers.",
        )  # fmt: skip
    return str if str in found else max(found, key=_WIDER.index, default=NOTHING)


def returning(call: Call[Any, Any]) -> Callable[[Any], Any]:
    """What the function of a call returned, as the declared type; NaN and infinities as None.

    The returned callable raises `DeclarationError` where the value is of another type.
    """
    convert = _RETURNED[call.returns]

    def checked(value: Any) -> Any:
        if value is None:
            return None
        try:
            return convert(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise DeclarationError(
                f"{call.function.__name__} returned something else than it declares.",
                found=f"{value!r} ({type(value).__name__}), declared {call.returns.__name__}",
                mend="Return a value of the annotated type, or None.",
            ) from error

    return checked


def _bool(value: Any) -> bool:
    if isinstance(value, str) or value not in (True, False):
        raise TypeError
    return bool(value)


def _int(value: Any) -> int:
    if isinstance(value, str) or (found := int(value)) != value or found not in _INT64:
        raise TypeError
    return found


def _float(value: Any) -> float | None:
    if isinstance(value, str):
        raise TypeError
    found = float(value)
    return found + 0.0 if math.isfinite(found) else None


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return str(value)


_RETURNED: Mapping[type, Callable[[Any], Any]] = {
    bool: _bool, int: _int, float: _float, str: _str,
}  # fmt: skip
