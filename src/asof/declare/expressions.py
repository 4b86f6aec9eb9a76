"""Expressions about one row: values that say what to compute, and compute nothing themselves.

An `Expression[R, T]` is a fact of type `T` about a row of class `R`. Facts that look into the
past (aggregates of a window, values of a reference table) are expressions about the requested
row too, so that arithmetic works on them alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NoReturn, TypeVar

from asof.declare.place import place
from asof.errors import DeclarationError

R = TypeVar("R")
"""The class of rows that an expression is about."""
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Scalar = bool | int | float | str | None
"""What a constant in an expression may be."""


class Expression(Generic[R, T_co]):
    """A fact of type `T_co` about a row of class `R`.

    Numbers have `+ - * / < <= > >=`, moments `< <= > >=`; conditions have `& | ~`; every
    expression has `equals`, `one_of`, `is_null` and `or_else`. `==` and truth values are refused,
    for they would silently mean something else.
    """

    __slots__ = ()

    @property
    def value_type(self) -> type:
        """The Python type of the known values."""
        raise NotImplementedError

    def equals(self, other: object) -> Expression[R, bool]:
        """True where the value is `other` (a constant or an expression); null where it is null."""
        return Operation("equals", (self, lift(other)))

    def one_of(self, *values: Scalar) -> Expression[R, bool]:
        """True where the value is one of `values`."""
        return Operation("one_of", (self, *(Constant(value) for value in values)))

    def is_null(self) -> Expression[R, bool]:
        """True where nothing is known."""
        return Operation("is_null", (self,))

    def or_else(self: Expression[R, T | None], default: T) -> Expression[R, T]:
        """The value, or `default` where it is null."""
        return Operation("or_else", (self, lift(default)))

    def __add__(self: Number[R], other: float | Number[R]) -> Expression[R, float]:
        return Operation("add", (self, lift(other)))

    def __radd__(self: Number[R], other: float) -> Expression[R, float]:
        return Operation("add", (lift(other), self))

    def __sub__(self: Number[R], other: float | Number[R]) -> Expression[R, float]:
        return Operation("subtract", (self, lift(other)))

    def __rsub__(self: Number[R], other: float) -> Expression[R, float]:
        return Operation("subtract", (lift(other), self))

    def __mul__(self: Number[R], other: float | Number[R]) -> Expression[R, float]:
        return Operation("multiply", (self, lift(other)))

    def __rmul__(self: Number[R], other: float) -> Expression[R, float]:
        return Operation("multiply", (lift(other), self))

    def __truediv__(self: Number[R], other: float | Number[R]) -> Expression[R, float]:
        return Operation("divide", (self, lift(other)))

    def __rtruediv__(self: Number[R], other: float) -> Expression[R, float]:
        return Operation("divide", (lift(other), self))

    def __neg__(self: Number[R]) -> Expression[R, float]:
        return Operation("subtract", (Constant(0.0), self))

    def log1p(self: Number[R]) -> Expression[R, float]:
        """log(1 + x), missing where x <= -1."""
        return Operation("log1p", (self,))

    def abs(self: Number[R]) -> Expression[R, float]:
        """The magnitude."""
        return Operation("abs", (self,))

    def __gt__(self: Number[R], other: float | Number[R]) -> Expression[R, bool]:
        return Operation("greater", (self, lift(other)))

    def __ge__(self: Number[R], other: float | Number[R]) -> Expression[R, bool]:
        return Operation("greater_equal", (self, lift(other)))

    def __lt__(self: Number[R], other: float | Number[R]) -> Expression[R, bool]:
        return Operation("less", (self, lift(other)))

    def __le__(self: Number[R], other: float | Number[R]) -> Expression[R, bool]:
        return Operation("less_equal", (self, lift(other)))

    def __and__(self: Condition[R], other: Condition[R]) -> Expression[R, bool]:
        return Operation("and", (self, other))

    def __or__(self: Condition[R], other: Condition[R]) -> Expression[R, bool]:
        return Operation("or", (self, other))

    def __invert__(self: Condition[R]) -> Expression[R, bool]:
        return Operation("not", (self,))

    def __eq__(self, other: object) -> NoReturn:
        raise DeclarationError(
            "'==' compares declarations, not values.",
            mend="Write a.equals(b) for a condition on each row.",
            where=place(),
        )

    def __ne__(self, other: object) -> NoReturn:
        raise DeclarationError(
            "'!=' compares declarations, not values.",
            mend="Write ~a.equals(b) for a condition on each row.",
            where=place(),
        )

    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        raise DeclarationError(
            "An expression has no truth value: 'and', 'or' and '0 < x < 5' would lose a half.",
            mend="Write (x > 0) & (x < 5), or ~x.",
            where=place(),
        )


Number = Expression[R, "float | None"]
Condition = Expression[R, "bool | None"]


def lift(value: object) -> Expression[Any, Any]:
    """A constant as an expression; an expression as it is."""
    if isinstance(value, Expression):
        return value  # pyright: ignore[reportUnknownVariableType]
    if value is None or isinstance(value, bool | int | float | str):
        return Constant(value)
    raise DeclarationError(
        f"{value!r} cannot stand in an expression.",
        found=type(value).__name__,
        mend="Constants are numbers, strings, True, False and None.",
        where=place(),
    )


@dataclass(frozen=True, eq=False, slots=True)
class Constant(Expression[R, T_co]):
    """The same value for every row."""

    value: Scalar

    @property
    def value_type(self) -> type:
        """The type of the value."""
        return type(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, eq=False, slots=True)
class Column(Expression[R, T_co]):
    """A column of the row itself: `Flight.carrier`."""

    row: type[R]
    name: str
    kind: type = object

    @property
    def value_type(self) -> type:
        """As declared."""
        return self.kind

    def __repr__(self) -> str:
        return f"{self.row.__name__}.{self.name}"


_ARITHMETIC = frozenset({"add", "subtract", "multiply", "divide", "log1p", "abs"})
_ORDER = frozenset({"greater", "greater_equal", "less", "less_equal"})
_NUMBERS = (bool, int, float)
_OPERANDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_ARITHMETIC | _ORDER, _NUMBERS),
    **dict.fromkeys(("and", "or", "not"), (bool,)),
}
"""What the operands of an operation have to be, where it is not all one."""


@dataclass(frozen=True, eq=False, slots=True)
class Operation(Expression[R, T_co]):
    """An operation on expressions, by name."""

    name: str
    arguments: tuple[Expression[Any, Any], ...]

    def __post_init__(self) -> None:
        wanted = _OPERANDS.get(self.name, ())
        if self.name in _ORDER and all(a.value_type is datetime for a in self.arguments):
            return  # the one order beside that of numbers: earlier and later
        for argument in self.arguments if wanted else ():
            if argument.value_type not in (*wanted, type(None)):
                raise DeclarationError(
                    f"{argument!r} is no {'condition' if wanted == (bool,) else 'number'}.",
                    found=f"{argument.value_type.__name__} in {self!r}",
                    mend="Compare words with .equals() or .one_of(), moments with moments, "
                    "spans by their length: (a - b).in_hours() > 2.",
                    where=place(),
                )

    @property
    def value_type(self) -> type:
        """bool for comparisons and conditions, else float (or that of the value replaced)."""
        if self.name == "or_else":
            return self.arguments[0].value_type
        return float if self.name in _ARITHMETIC else bool

    def __repr__(self) -> str:
        signs = {
            "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "greater": ">",
            "greater_equal": ">=", "less": "<", "less_equal": "<=", "and": "&", "or": "|",
        }  # fmt: skip
        if self.name in signs:
            return f"({self.arguments[0]!r} {signs[self.name]} {self.arguments[1]!r})"
        if self.name == "not":
            return f"~{self.arguments[0]!r}"
        rest = ", ".join(map(repr, self.arguments[1:]))
        return f"{self.arguments[0]!r}.{self.name}({rest})"


@dataclass(frozen=True, eq=False, slots=True)
class Call(Expression[R, T_co]):
    """A plain function applied to each row: see `computed`."""

    function: Callable[..., Any]
    returns: type
    arguments: tuple[Expression[Any, Any], ...]

    @property
    def value_type(self) -> type:
        """As its annotation says."""
        return self.returns

    def __repr__(self) -> str:
        return f"{self.function.__name__}({', '.join(map(repr, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Computed(Generic[T]):
    """A plain function that can be applied to expressions of one row."""

    function: Callable[..., T]
    returns: type

    def __call__(self, *arguments: Expression[R, Any]) -> Expression[R, T]:
        """The function applied to expressions of one row."""
        return Call(self.function, self.returns, arguments)


def computed(function: Callable[..., T]) -> Computed[T]:
    """Make a plain function of one row's values usable in expressions.

    The function gets one value for each argument (None where it is null) and returns a number,
    a string, a bool or None; it is called once a row, so an expression is much quicker where one
    will do. It cannot look into the past: whatever does is an aggregate. Its code is part of the
    system's fingerprint.

    >>> @computed
    ... def initials(name: str) -> str:
    ...     return name[:2]
    """
    import typing

    hints = typing.get_type_hints(function)
    wanted = hints.get("return")
    options = [kind for kind in typing.get_args(wanted) or (wanted,) if kind is not type(None)]
    if len(options) != 1 or options[0] not in (bool, int, float, str):
        raise DeclarationError(
            f"computed() needs to know what {function.__name__} returns.",
            found=f"return annotation: {wanted!r}",
            mend=f"Write def {function.__name__}(...) -> float (or int, str, bool, or one | None).",
            where=place(),
        )
    return Computed(function, options[0])
