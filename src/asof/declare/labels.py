"""Labels: what another table's rows say about a requested row, and when that is due."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic

from asof.declare.expressions import Expression
from asof.declare.place import place
from asof.declare.tables import S
from asof.declare.times import TimeExpression
from asof.declare.windows import Aggregate, Joined, Q, Span, require_joined, require_table
from asof.errors import DeclarationError
from asof.units import Duration


@dataclass(frozen=True, eq=False)
class Label(Generic[Q]):
    """What is to be predicted, and when it is due: `wait` after the end of what is looked at.

    `span` is None for the value of one row, else the stretch of time after `at` that is looked at.
    """

    joined: Joined[Q, Any]
    value: Expression[Any, Any]
    wait: Duration | None
    due: TimeExpression[Q] | None = None
    span: Span | None = None
    happens: bool = False
    declared: str = field(default="", repr=False)

    @property
    def constant_wait(self) -> Duration | None:
        """From the request to the due time, where that is the same for all requests."""
        if self.wait is None:
            return None
        return self.wait if self.span is None else self.wait + Duration(self.span.stop)


def outcome(
    rows: Joined[Q, S] | Expression[Q, Any],
    value: Expression[S, Any] | None = None,
    *,
    wait: Duration | None = None,
    due: TimeExpression[Q] | None = None,
) -> Label[Q]:
    """The value in the row that has the requested row's key, or an aggregate of `next(w)`.

    It is due `wait` after the request (after the end of the window, for an aggregate), or at the
    moment `due` that the requested row tells. What its rows say by then is the label for ever.

    >>> import asof
    >>> class Loan(asof.Row):
    ...     loan_id: asof.Key[int]
    ...     lent_at: asof.Time
    >>> class End(asof.Row):
    ...     loan_id: asof.Key[int]
    ...     repaid: asof.Col[bool]
    ...     ended_at: asof.Time
    >>> ends = asof.source(End)
    >>> asof.outcome(ends.same(Loan.loan_id), End.repaid, wait=asof.days(400)).wait
    days(400)
    """
    if isinstance(rows, Joined):
        return _of_row(rows, value, wait, due)
    if not isinstance(rows, Aggregate) or value is not None:
        raise DeclarationError(
            "outcome() takes rows and a value, or an aggregate of next(w).", found=repr(rows),
            mend="Write outcome(rows.same(...), Row.value, wait=days(2)), or "
            "outcome(rows.same(...).next(days(1)).sum(Row.value), wait=hours(1)).",
            where=place(),
        )  # fmt: skip
    if rows.span.start < 0:
        raise DeclarationError(
            "A label looks ahead, and last() looks back.", found=repr(rows), where=place(),
            mend="Write rows.same(...).next(days(1)) in a label.",
        )  # fmt: skip
    if due is not None:
        raise DeclarationError(
            "The due time of an aggregate is the end of its window plus wait=.", where=place(),
            mend="Write wait=hours(1), how long its rows take to arrive.",
        )  # fmt: skip
    return Label(rows.joined, rows, _wait(wait), span=rows.span, declared=place())


def _of_row(
    rows: Joined[Q, S],
    value: Expression[S, Any] | None,
    wait: Duration | None,
    due: TimeExpression[Q] | None,
) -> Label[Q]:
    if value is None:
        raise DeclarationError(
            "outcome() of a row needs its value.", where=place(),
            mend=f"Write outcome(rows, {rows.table.row.__name__}.column, wait=days(2)).",
        )  # fmt: skip
    require_table(rows.table, value, "outcome")
    matched = {own for own, _ in rows.pairs}
    if not rows.table.keys or not set(rows.table.keys) <= matched:
        raise DeclarationError(
            f"Several rows of {rows.table.name} could answer one request.",
            found=f"matched: {', '.join(sorted(matched)) or 'nothing'}; "
            f"key: {', '.join(rows.table.keys) or 'none'}",
            mend="Match the whole key, or take an aggregate: rows.next(days(30)).sum(Row.value).",
            where=place(),
        )
    if (wait is None) == (due is None):
        raise DeclarationError(
            "A label is due a while after the request, or at a moment that the request tells.",
            found="both wait= and due=" if wait is not None else "neither wait= nor due=",
            mend="Write wait=days(2), long enough for 99.5% of the outcomes to arrive.",
            where=place(),
        )
    if due is not None and not isinstance(due, TimeExpression):
        raise DeclarationError(
            "due= is not a moment of the requested row.", found=repr(due), where=place(),
            mend="Write due=Asked.moment + days(2), or wait=days(2) after the request.",
        )  # fmt: skip
    return Label(rows, value, None if wait is None else _wait(wait), due, declared=place())


def happens(rows: Joined[Q, S], *, within: Duration, wait: Duration) -> Label[Q]:
    """Whether any matching row happens within a while after the request.

    `wait` is how long such rows take to become known. A request without one is a no.

    >>> import asof
    >>> class Order(asof.Row):
    ...     order_id: asof.Key[int]
    ...     customer: asof.Col[str]
    ...     ordered_at: asof.Time
    >>> orders = asof.source(Order)
    >>> again = asof.happens(orders.same(Order.customer), within=asof.days(30), wait=asof.days(1))
    >>> again.constant_wait
    days(31)
    """
    require_joined(rows, "happens")
    window = rows.next(within)
    return Label(
        rows, window.count(), _wait(wait), span=window.span, happens=True, declared=place()
    )


def _wait(wait: Duration | None) -> Duration:
    if not isinstance(wait, Duration) or wait.microseconds < 0:
        raise DeclarationError(
            f"wait={wait!r} does not say how long outcomes take to arrive.", where=place(),
            mend="Write wait=days(2); without it nobody knows when a label is complete.",
        )  # fmt: skip
    return wait


def label_type(label: Label[Any]) -> type:
    """bool for yes and no, float for a quantity, str for classes."""
    if label.happens:
        return bool
    kind = label.value.value_type
    return float if kind is int else kind
