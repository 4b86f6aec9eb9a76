"""Statistics of rows: what may be taken of a window, by itself or several by name.

`mean(Landing.delay)` says nothing about which rows; `declare/windows.py` says those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from asof.declare.expressions import Expression, Number
from asof.declare.place import place
from asof.declare.tables import S
from asof.declare.told import told_alone
from asof.errors import DeclarationError

V_co = TypeVar("V_co", covariant=True)

StatisticKind = Literal[
    "count", "known", "sum", "mean", "std", "min", "max", "share", "distinct",
    "latest", "latest_known", "first", "since", "since_known",
]  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Statistic(Generic[S, V_co]):
    """What is taken of a window's rows: a kind, and the expression about each row."""

    kind: StatisticKind
    of: Expression[Any, Any] | None = None

    def __repr__(self) -> str:
        return f"{self.kind}({'' if self.of is None else told_alone(self.of)})"


def count(of: Expression[S, Any] | None = None) -> Statistic[Any, float]:
    """How many rows; with an expression, how many of its values are known. 0 in an empty window.

    >>> from asof import count
    >>> count()
    count()
    """
    return Statistic("count") if of is None else Statistic("known", of)


def sum(of: Number[S]) -> Statistic[S, float | None]:
    """The sum of the known values: 0 in an empty window, missing where all are null.

    Values are rounded once to multiples of their column's quantum (2^-64 unless `col(quantum=)`
    says otherwise), added exactly and rounded once more: the order of rows decides nothing.

    Raises:
        DeclarationError: `of` is not of numbers.
    """
    return Statistic("sum", _number(of, "sum"))


def mean(of: Number[S]) -> Statistic[S, float | None]:
    """The mean of the known values, in their unit; missing where none is known.

    It is the exact sum divided by their number. Raises `DeclarationError` if `of` is no number.
    """
    return Statistic("mean", _number(of, "mean"))


def std(of: Number[S]) -> Statistic[S, float | None]:
    """The standard deviation of the known values, in their unit; missing for fewer than two.

    The squares are divided by n - 1. Raises `DeclarationError` if `of` is no number.
    """
    return Statistic("std", _number(of, "std"))


def min(of: Number[S]) -> Statistic[S, float | None]:
    """The smallest known value; missing where none is known."""
    return Statistic("min", _number(of, "min"))


def max(of: Number[S]) -> Statistic[S, float | None]:
    """The largest known value; missing where none is known."""
    return Statistic("max", _number(of, "max"))


def share(of: Expression[S, bool | None]) -> Statistic[S, float | None]:
    """The share of rows, 0 to 1, for which a condition holds, among those for which it is known.

    Missing where it is known for none.

    >>> import asof
    >>> class Landing(asof.Row):
    ...     delay: asof.Col[float | None]
    ...     landed_at: asof.Time
    >>> asof.share(Landing.delay > 15)
    share(Landing.delay > 15)

    Raises:
        DeclarationError: `of` is no condition.
    """
    if of.value_type is not bool:
        raise DeclarationError(
            f"share() is of a condition, and {of!r} is none.",
            mend=f"Write share({of!r} > 0), or mean({of!r}).",
            where=place(),
        )
    return Statistic("share", of)


def distinct(of: Expression[S, Any]) -> Statistic[S, float]:
    """How many different known values, exactly; 0 in an empty window. Of columns of any type."""
    return Statistic("distinct", of)


def _number(of: Expression[Any, Any], name: str) -> Expression[Any, Any]:
    known = isinstance(of, Expression)
    kind = of.value_type if known else type(of)
    if not known or kind not in (bool, int, float):
        others = f"distinct({of!r}) and count({of!r}) work for any column."
        raise DeclarationError(
            f"{name}() is of numbers, and {of!r} is none.", found=f"{of!r}: {kind.__name__}",
            mend=others if known else f"Write {name}(Row.column).", where=place(),
        )  # fmt: skip
    return of


@dataclass(frozen=True, eq=False, slots=True)
class Stats(Generic[S]):
    """Named statistics that can be taken of several windows: see `stats`."""

    parts: tuple[tuple[str, Statistic[S, Any]], ...]


def stats(**parts: Statistic[S, Any]) -> Stats[S]:
    """Named statistics, to be taken of one or more windows with `.of(...)`.

    >>> import asof
    >>> class Payment(asof.Row):
    ...     payment_id: asof.Key[int]
    ...     amount: asof.Col[float]
    ...     paid_at: asof.Time
    >>> asof.stats(n=asof.count(), amount=asof.mean(Payment.amount)).parts
    (('n', count()), ('amount', mean(Payment.amount)))
    """
    for name, part in parts.items():
        if not isinstance(part, Statistic):
            raise DeclarationError(
                f"stats({name}=...) is not a statistic.", found=repr(part), where=place(),
                mend="Write asof.count(), asof.mean(Row.column), asof.share(Row.column > 0), ...",
            )  # fmt: skip
    return Stats(tuple(parts.items()))
