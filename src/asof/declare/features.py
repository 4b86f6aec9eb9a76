"""The named facts that a model sees about a requested row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic

from asof.declare.expressions import (
    Call,
    Column,
    Expression,
    Operation,
)
from asof.declare.place import place
from asof.declare.rows import Row
from asof.declare.times import (
    CivilPart,
    Difference,
    Shifted,
    Spanned,
    TickMoment,
    TimeColumn,
)
from asof.declare.windows import Age, Aggregate, Family, Joined, Lookup, Q
from asof.errors import DeclarationError


@dataclass(frozen=True, eq=False)
class Features(Generic[Q]):
    """The features of a class of requested rows, in their order."""

    row: type[Q]
    columns: tuple[tuple[str, Expression[Q, Any]], ...]
    declared: str = field(default="", repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the model's columns, in order."""
        return tuple(name for name, _ in self.columns)


def features(
    row: type[Q], /, **columns: Expression[Q, float | str | bool | None] | Family[Q]
) -> Features[Q]:
    """The features of `row`: each keyword is a fact about it, or a family of facts.

    A family's members are named attribute, statistic, window: `carrier_arr_n_3h`.

    >>> import asof
    >>> class Payment(asof.Row):
    ...     payment_id: asof.Key[int]
    ...     customer: asof.Col[str]
    ...     amount: asof.Col[float]
    ...     paid_at: asof.Time
    >>> payments = asof.source(Payment)
    >>> recent = payments.same(Payment.customer).last(asof.hours(1), asof.days(1))
    >>> asof.features(Payment, amount=Payment.amount, paid=recent.sum(Payment.amount)).names
    ('amount', 'paid_1h', 'paid_1d')
    """
    if not columns:
        raise DeclarationError(
            "features() has no feature.", mend="Name at least one.", where=place()
        )
    flat: list[tuple[str, Expression[Any, Any]]] = []
    for name, value in columns.items():
        if isinstance(value, Family):
            flat.extend((f"{name}_{rest}", member) for rest, member in value.members)
        else:
            flat.append((name, value))
    for name, value in flat:
        _check_feature(row, name, value)
    names = [name for name, _ in flat]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DeclarationError(
            f"Two features are called '{twice[0]}'.", mend="Rename one of them.", where=place()
        )
    return Features(row, tuple(flat), place())


def _check_feature(row: type[Row], name: str, value: Expression[Any, Any]) -> None:
    if not isinstance(value, Expression):
        raise DeclarationError(
            f"The feature '{name}' is not a fact about a row.", found=repr(value), where=place(),
            mend=f"Write {row.__name__}.column, or "
            f"source.same({row.__name__}.column).last(days(7)).count().",
        )  # fmt: skip
    for column in asked_columns(value):
        if not issubclass(row, column.row):
            raise DeclarationError(
                f"The feature '{name}' is about {column.row.__name__}, not {row.__name__}.",
                found=repr(value),
                mend=f"Look it up through its source: source.same({row.__name__}.…)"
                f".last(days(7)).latest({column!r}).",
                where=place(),
            )
    kind = value.value_type
    if issubclass(kind, datetime | timedelta):
        cure = f"{value!r}.in_hours()" if kind is timedelta else f"{value!r}.local('UTC').hour()"
        raise DeclarationError(
            f"The feature '{name}' is a {'span' if kind is timedelta else 'moment'}, not a number.",
            found=repr(value),
            mend=f"Say what of it: {cure}.",
            where=place(),
        )


def walk(expression: Expression[Any, Any]) -> Iterator[Expression[Any, Any]]:
    """The expression and all parts that are about the requested row, depth first."""
    yield expression
    match expression:
        case Operation(arguments=arguments) | Call(arguments=arguments):
            parts: tuple[Expression[Any, Any], ...] = arguments
        case Shifted(base=base):
            parts = (base,)
        case Difference(end=end, start=start):
            parts = (end, start)
        case Spanned(span=span):
            parts = (span,)
        case CivilPart(moment=moment):
            parts = (moment,)
        case Aggregate(joined=joined) | Age(joined=joined) | Lookup(joined=joined):
            parts = tuple(asked for _, asked in joined.pairs)
        case _:
            parts = ()
    for part in parts:
        yield from walk(part)


def asked_columns(
    expression: Expression[Any, Any],
) -> Iterator[Column[Any, Any] | TimeColumn[Any]]:
    """Columns of the requested row that an expression reads, join columns included."""
    for part in walk(expression):
        if isinstance(part, Column | TimeColumn):
            yield part


def joins_in(expression: Expression[Any, Any]) -> Iterator[Joined[Any, Any]]:
    """What an expression looks into beyond the requested row."""
    for part in walk(expression):
        if isinstance(part, Aggregate | Age | Lookup):
            yield part.joined


def uses_tick(expression: Expression[Any, Any]) -> bool:
    """Whether an expression reads the moment of a tick."""
    return any(isinstance(part, TickMoment) for part in walk(expression))
