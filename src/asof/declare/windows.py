"""Windows over a source's rows, and the facts that they hold about a requested row.

`landings.same(Flight.carrier).last(days(7)).mean(Landing.delay)` is a fact about a `Flight`: the
mean delay of the landings that agree with it on the carrier, in the seven days before it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar, overload

from asof.declare import statistics
from asof.declare.expressions import Call, Column, Expression, Number, Operation
from asof.declare.place import place
from asof.declare.rows import Row
from asof.declare.slips import OF_ONE_WINDOW, STATISTICS, no_window, several_windows
from asof.declare.statistics import Statistic, Stats
from asof.declare.tables import S, Table
from asof.declare.times import (
    CivilPart,
    Difference,
    DurationExpression,
    Shifted,
    Spanned,
    TimeColumn,
)
from asof.declare.told import told_alone, told_span
from asof.errors import DeclarationError
from asof.units import Duration

Q = TypeVar("Q", bound=Row)
"""The requested row."""
V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Span:
    """Event times from `start` to just before `stop`, in microseconds from the asked moment."""

    name: str
    start: int
    stop: int

    def __str__(self) -> str:
        return told_span(self.start, self.stop)


@dataclass(frozen=True, eq=False, slots=True)
class Joined(Generic[Q, S]):
    """The rows of a source that agree with the requested row on some columns."""

    table: Table[S]
    pairs: tuple[tuple[str, Expression[Q, Any]], ...]
    """Column of the source, and what it has to equal in the requested row."""
    condition: Expression[S, Any] | None = None

    def on(self, own: Expression[S, V], asked: Expression[Q, V]) -> Joined[Q, S]:
        """Agree on one more pair of columns, of any names."""
        return replace(self, pairs=(*self.pairs, (_own_column(self.table, own), asked)))

    def where(self, condition: Expression[S, bool | None]) -> Joined[Q, S]:
        """Only rows for which a condition about the source's row holds (null does not)."""
        require_table(self.table, condition, "where")
        return replace(self, condition=both(self.condition, condition))

    @overload
    def last(self, window: Duration, /, *, before: Duration = ...) -> Window[Q, S]: ...
    @overload
    def last(
        self, first: Duration, second: Duration, /, *more: Duration, before: Duration = ...
    ) -> Windows[Q, S]: ...
    def last(self, *windows: Duration, before: Duration = Duration(0)) -> Any:
        """Rows whose event time lies in the window that ends `before` the asked moment."""
        spans = [(w, -(w.microseconds + before.microseconds), -before.microseconds)
                 for w in _lengths("last", windows, before)]  # fmt: skip
        return self._spanning(spans)

    @overload
    def next(self, window: Duration, /, *, after: Duration = ...) -> Window[Q, S]: ...
    @overload
    def next(
        self, first: Duration, second: Duration, /, *more: Duration, after: Duration = ...
    ) -> Windows[Q, S]: ...
    def next(self, *windows: Duration, after: Duration = Duration(0)) -> Any:
        """Rows whose event time lies in the window that begins `after` the asked moment.

        As a feature it holds only what is known ahead (timetables, forecasts); in a label it is
        what happens.
        """
        spans = [(w, after.microseconds, after.microseconds + w.microseconds)
                 for w in _lengths("next", windows, after)]  # fmt: skip
        return self._spanning(spans)

    def _spanning(self, spans: list[tuple[Duration, int, int]]) -> Window[Q, S] | Windows[Q, S]:
        named = tuple(Span(str(length), start, stop) for length, start, stop in spans)
        if len(named) == 1:
            return Window(self, named[0])
        return Windows(self, named)

    if not TYPE_CHECKING:  # an editor says it by itself; this says it in words

        def __getattr__(self, name: str) -> NoReturn:
            if name in STATISTICS:
                raise no_window(repr(self), name)
            raise AttributeError(name)

    def __repr__(self) -> str:
        pairs = ", ".join(f"{own} = {asked!r}" for own, asked in self.pairs)
        condition = "" if self.condition is None else f".where({told_alone(self.condition)})"
        return f"{self.table.name}[{pairs or 'all'}]{condition}"


def _lengths(name: str, windows: tuple[Duration, ...], gap: Duration) -> tuple[Duration, ...]:
    for length in (*windows, gap):
        if not isinstance(length, Duration):
            raise DeclarationError(
                f"{name}({length!r}) has no unit.", where=place(),
                mend=f"Write {name}(days({length!r})), or hours, minutes.",
            )  # fmt: skip
    if not windows or any(length.microseconds <= 0 for length in windows) or gap.microseconds < 0:
        raise DeclarationError(
            f"{name}() needs windows longer than nothing, and a gap that is not negative.",
            found=", ".join(map(repr, (*windows, gap))),
            mend=f"Write {name}(days(7)).",
            where=place(),
        )
    if len(set(windows)) < len(windows):
        raise DeclarationError(
            f"{name}() has the same window twice.",
            found=", ".join(map(repr, windows)),
            mend="Keep each window once.",
            where=place(),
        )
    return windows


def _own_column(table: Table[Any], column: Expression[Any, Any]) -> str:
    if not isinstance(column, Column | TimeColumn):
        raise DeclarationError(
            f"on() takes a column of {table.row.__name__} first.", found=repr(column),
            mend=f"Write on({table.row.__name__}.column, Requested.column).", where=place(),
        )  # fmt: skip
    require_table(table, column, "on")
    return column.name


def require_table(table: Table[Any], expression: Expression[Any, Any], name: str) -> None:
    """Raise a `DeclarationError` if an expression is about other rows than the table's."""
    for column in columns_in(expression):
        if not issubclass(table.row, column.row):
            raise DeclarationError(
                f"{name}() on {table.name} is about {table.row.__name__}, and {column!r} is not.",
                found=repr(expression),
                mend=f"Use a column of {table.row.__name__}: "
                + ", ".join(spec.name for spec in table.row.columns_)
                + ".",
                where=place(),
            )


def require_joined(rows: object, name: str) -> None:
    """Raise a `DeclarationError` if what is given is a table or a window, not joined rows."""
    if not isinstance(rows, Joined):
        raise DeclarationError(
            f"{name}() takes the rows that agree with the asked one.",
            found=f"a {type(rows).__name__}", where=place(),
            mend="Write source.same(Asked.column), or source.all(Asked), without a window.",
        )  # fmt: skip


def both(first: Expression[S, Any] | None, second: Expression[S, Any]) -> Expression[S, Any]:
    """Two conditions as one."""
    return second if first is None else Operation("and", (first, second))


def columns_in(expression: Expression[Any, Any]) -> Iterator[Column[Any, Any] | TimeColumn[Any]]:
    """The row's own columns that an expression reads (not those of windows and lookups)."""
    match expression:
        case Column() | TimeColumn():
            yield expression
        case Operation(arguments=arguments) | Call(arguments=arguments):
            for argument in arguments:
                yield from columns_in(argument)
        case Shifted(base=base):
            yield from columns_in(base)
        case Difference(end=end, start=start):
            yield from columns_in(end)
            yield from columns_in(start)
        case Spanned(span=span):
            yield from columns_in(span)
        case CivilPart(moment=moment):
            yield from columns_in(moment)
        case _:
            return


@dataclass(frozen=True, eq=False, slots=True)
class Aggregate(Expression[Q, V_co]):
    """A statistic of the rows in a window."""

    joined: Joined[Q, Any]
    span: Span
    statistic: Statistic[Any, V_co]

    @property
    def value_type(self) -> type:
        """That of the value that is taken from a row, else a number."""
        of = self.statistic.of
        taken = self.statistic.kind in ("latest", "latest_known", "first")
        return of.value_type if taken and of is not None else float

    def __repr__(self) -> str:
        return f"{self.joined!r}[{self.span}].{self.statistic!r}"


@dataclass(frozen=True, eq=False, slots=True)
class Age(DurationExpression[Q]):
    """How long before the asked moment the window's latest row happened, or became known."""

    joined: Joined[Q, Any]
    span: Span
    kind: Literal["since", "since_known"]

    def __repr__(self) -> str:
        return f"{self.joined!r}[{self.span}].{self.kind}()"


@dataclass(frozen=True, eq=False, slots=True)
class Lookup(Expression[Q, V_co]):
    """A value of the reference row that agrees with the requested one."""

    joined: Joined[Q, Any]
    of: Expression[Any, V_co]

    @property
    def value_type(self) -> type:
        """That of the value looked up."""
        return self.of.value_type

    def __repr__(self) -> str:
        return f"{self.joined!r}.get({told_alone(self.of)})"


@dataclass(frozen=True, eq=False, slots=True)
class Family(Generic[Q]):
    """Several facts about the requested row, each with the rest of its name."""

    members: tuple[tuple[str, Expression[Q, Any]], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Window(Generic[Q, S]):
    """The rows of a source in one window before (or after) the asked moment."""

    joined: Joined[Q, S]
    span: Span

    def take(self, statistic: Statistic[S, V]) -> Expression[Q, V]:
        """A statistic of the rows in this window."""
        if statistic.of is not None:
            require_table(self.joined.table, statistic.of, statistic.kind)
        return Aggregate(self.joined, self.span, statistic)

    def count(self, of: Expression[S, Any] | None = None) -> Expression[Q, float]:
        """How many rows; with an expression, how many of its values are known."""
        return self.take(statistics.count(of))

    def sum(self, of: Number[S]) -> Expression[Q, float | None]:
        """The sum of the known values."""
        return self.take(statistics.sum(of))

    def mean(self, of: Number[S]) -> Expression[Q, float | None]:
        """The mean of the known values."""
        return self.take(statistics.mean(of))

    def std(self, of: Number[S]) -> Expression[Q, float | None]:
        """The standard deviation of the known values (n - 1)."""
        return self.take(statistics.std(of))

    def min(self, of: Number[S]) -> Expression[Q, float | None]:
        """The smallest known value."""
        return self.take(statistics.min(of))

    def max(self, of: Number[S]) -> Expression[Q, float | None]:
        """The largest known value."""
        return self.take(statistics.max(of))

    def share(self, of: Expression[S, bool | None]) -> Expression[Q, float | None]:
        """The share of rows for which a condition holds."""
        return self.take(statistics.share(of))

    def distinct(self, of: Expression[S, Any]) -> Expression[Q, float]:
        """How many different known values."""
        return self.take(statistics.distinct(of))

    @overload
    def latest(self, of: Expression[S, V], /) -> Expression[Q, V | None]: ...
    @overload
    def latest(self, **columns: Expression[S, Any]) -> Family[Q]: ...
    def latest(self, *of: Expression[S, Any], **columns: Expression[S, Any]) -> Any:
        """The value in the latest row by event time, null or not; or several, by name."""
        if len(of) == 1 and not columns:
            statistic: Statistic[S, Any] = Statistic("latest", of[0])
            return self.take(statistic)
        if of or not columns:
            raise DeclarationError(
                "latest() takes one column, or several by name.", where=place(),
                mend="Write latest(Row.a), or latest(a=Row.a, b=Row.b).",
            )  # fmt: skip
        return Family(
            tuple(
                (name, self.take(Statistic("latest", column))) for name, column in columns.items()
            )
        )

    def latest_known(self, of: Expression[S, V]) -> Expression[Q, V | None]:
        """The latest value that is not null."""
        return self.take(Statistic("latest_known", of))

    def first(self, of: Expression[S, V]) -> Expression[Q, V | None]:
        """The value in the first row by event time, null or not."""
        return self.take(Statistic("first", of))

    def since(self) -> DurationExpression[Q]:
        """From the event time of the latest row to the asked moment."""
        return Age(self.joined, self.span, "since")

    def since_known(self) -> DurationExpression[Q]:
        """From the moment at which the latest row became known to the asked moment."""
        return Age(self.joined, self.span, "since_known")

    def of(self, stats: Stats[S]) -> Family[Q]:
        """Several statistics of this window, named as in `stats`."""
        return Windows(self.joined, (self.span,)).of(stats)


@dataclass(frozen=True, eq=False, slots=True)
class Windows(Generic[Q, S]):
    """Several windows at once; each fact is named by its window: `carrier_arr_n_3h`."""

    joined: Joined[Q, S]
    spans: tuple[Span, ...]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            if name in OF_ONE_WINDOW:
                raise several_windows(", ".join(span.name for span in self.spans), name)
            raise AttributeError(name)

    def _each(self, statistic: Statistic[S, Any]) -> Family[Q]:
        return Family(
            tuple((span.name, Window(self.joined, span).take(statistic)) for span in self.spans)
        )

    def count(self, of: Expression[S, Any] | None = None) -> Family[Q]:
        """How many rows, by window."""
        return self._each(statistics.count(of))

    def sum(self, of: Number[S]) -> Family[Q]:
        """The sum of the known values, by window."""
        return self._each(statistics.sum(of))

    def mean(self, of: Number[S]) -> Family[Q]:
        """The mean of the known values, by window."""
        return self._each(statistics.mean(of))

    def std(self, of: Number[S]) -> Family[Q]:
        """The standard deviation of the known values, by window."""
        return self._each(statistics.std(of))

    def min(self, of: Number[S]) -> Family[Q]:
        """The smallest known value, by window."""
        return self._each(statistics.min(of))

    def max(self, of: Number[S]) -> Family[Q]:
        """The largest known value, by window."""
        return self._each(statistics.max(of))

    def share(self, of: Expression[S, bool | None]) -> Family[Q]:
        """The share of rows for which a condition holds, by window."""
        return self._each(statistics.share(of))

    def distinct(self, of: Expression[S, Any]) -> Family[Q]:
        """How many different known values, by window."""
        return self._each(statistics.distinct(of))

    def of(self, stats: Stats[S]) -> Family[Q]:
        """Several statistics of every window: window first, then statistic."""
        if not isinstance(stats, Stats):
            raise DeclarationError(
                "of() takes asof.stats(...).", found=repr(stats), where=place(),
                mend="Write of(asof.stats(n=asof.count())).",
            )  # fmt: skip
        several = len(self.spans) > 1
        return Family(
            tuple(
                (f"{name}_{span.name}" if several else name, Window(self.joined, span).take(part))
                for span in self.spans
                for name, part in stats.parts
            )
        )
