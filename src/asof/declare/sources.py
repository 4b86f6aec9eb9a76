"""Sources and reference tables: where rows come from, and when they are known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Generic, NoReturn

from asof.declare.expressions import Column, Expression
from asof.declare.features import walk
from asof.declare.place import place
from asof.declare.rows import Row, column_spec, keys_of, time_of
from asof.declare.schedules import Schedule, Wall
from asof.declare.schedules import every as every_
from asof.declare.slips import STATISTICS, WINDOWS, no_rows
from asof.declare.tables import Prepare, S, Table
from asof.declare.times import TickMoment, TimeColumn
from asof.declare.times import zone as checked_zone
from asof.declare.windows import Age, Aggregate, Joined, Lookup, Q, V, both, require_table
from asof.errors import DeclarationError
from asof.units import Duration


@dataclass(frozen=True, eq=False)
class Source(Table[S]):
    """A table of events: each row has an event time and a moment from which it is known."""

    lag: Duration | None = None
    available: str | None = None
    zone: str | None = None
    zone_column: str | None = None
    withdrawn: str | None = None
    grows: bool = False
    snapshots: bool = False
    snapshot_column: str | None = None
    condition: Expression[S, Any] | None = None
    rules: tuple[Expression[S, bool | None], ...] = ()

    def same(self, *columns: Column[Q, Any]) -> Joined[Q, S]:
        """Rows that agree with the requested row on columns of the same name."""
        return Joined(self, self.matching(columns), self.condition)

    def on(self, own: Expression[S, V], asked: Expression[Q, V]) -> Joined[Q, S]:
        """Rows whose column `own` equals `asked` of the requested row."""
        joined: Joined[Q, S] = Joined(self, (), self.condition)
        return joined.on(own, asked)

    def all(self, row: type[Q]) -> Joined[Q, S]:  # noqa: ARG002  its type says who asks
        """All rows, whatever the requested row."""
        return Joined(self, (), self.condition)

    def where(self, condition: Expression[S, bool | None]) -> Source[S]:
        """Only the rows for which a condition holds, chosen after the version of each."""
        require_table(self, condition, "where")
        return replace(self, condition=both(self.condition, condition))

    if not TYPE_CHECKING:  # an editor says it by itself; this says it in words

        def __getattr__(self, name: str) -> NoReturn:
            if name in WINDOWS or name in STATISTICS:
                raise no_rows(self.name, name)
            raise AttributeError(name)


@dataclass(frozen=True, eq=False)
class Found(Generic[Q, S]):
    """The row of a reference table that agrees with the requested one."""

    joined: Joined[Q, S]

    def get(self, of: Expression[S, V]) -> Expression[Q, V | None]:
        """A value of that row; null where there is none."""
        require_table(self.joined.table, of, "get")
        return Lookup(self.joined, of)


@dataclass(frozen=True, eq=False)
class Reference(Table[S]):
    """A table without times, taken as always known: the report says so."""

    rules: tuple[Expression[S, bool | None], ...] = ()

    def same(self, *columns: Column[Q, Any]) -> Found[Q, S]:
        """The row that agrees with the requested row on the table's key."""
        return Found(Joined(self, self.matching(columns)))

    def on(self, own: Expression[S, V], asked: Expression[Q, V]) -> Found[Q, S]:
        """The row whose key `own` equals `asked` of the requested row."""
        joined: Joined[Q, S] = Joined(self, ())
        return Found(joined.on(own, asked))


@dataclass(frozen=True, eq=False)
class Ticks(Generic[S]):
    """Ask about every row of a table at each moment of a schedule."""

    table: Table[S]
    schedule: Schedule
    declared: str = field(default="", repr=False)

    @property
    def row(self) -> type[S]:
        """The class of the requested rows."""
        return self.table.row

    @property
    def moment(self) -> TickMoment[S]:
        """The moment at which is asked, for features such as its weekday."""
        return TickMoment()


def source(
    row: type[S],
    path: str | PurePath | None = None,
    *,
    name: str | None = None,
    lag: Duration | None = None,
    available: Expression[S, Any] | None = None,
    zone: str | Column[S, str] | None = None,
    prepare: Prepare | None = None,
    withdrawn: Column[S, bool] | None = None,
    nulls: tuple[str, ...] = (),
    separator: str = ",",
    grows: bool = False,
    snapshots: bool | Expression[S, Any] = False,
    refuse_above: float = 0.1,
    min_rows: int = 1,
    rules: Sequence[Expression[S, bool | None]] = (),
) -> Source[S]:
    """Events of one class, from a file or directory (Parquet or CSV) or handed in later.

    A row is known at `available` (one of its time columns), else at its event time plus `lag`
    (negative: known ahead), else at its event time. Times without a zone are refused unless
    `zone` names one, or the column that holds it. `prepare` gets the file as a Polars frame and
    returns rows with the declared columns. `withdrawn` names the flag that takes a row back.
    `rules` are relations between columns: a row for which one is false goes to quarantine; one
    that is null, for a value is not known, breaks nothing. A load of which more than the share
    `refuse_above` fails its contract, or that has fewer than `min_rows` rows, is refused as a
    whole. `nulls` are words that stand for null in a text file, `separator` is the sign between its
    columns.

    A file that `grows` at its end may come again, and only the new rows count. With `snapshots` a
    file, or the rows of one value of the column named, is all that there is: it takes back the keys
    that it lacks.

    >>> import asof
    >>> class Payment(asof.Row):
    ...     payment_id: asof.Key[int]
    ...     paid_at: asof.Time
    >>> asof.source(Payment, "payments.csv", lag=asof.minutes(5)).name
    'payment'

    Raises:
        DeclarationError: the rows have no event time, or an argument cannot mean anything.
    """
    _check_row(row, "source")
    if time_of(row) is None:
        raise DeclarationError(
            f"{row.__name__} has no event time.", where=place(),
            mend="Declare one column as Time, or use asof.reference() for a table without times.",
        )  # fmt: skip
    if lag is not None and not isinstance(lag, Duration):
        raise DeclarationError(
            f"lag={lag!r} has no unit.", mend=f"Write lag=minutes({lag!r}).", where=place()
        )
    if lag is not None and available is not None:
        raise DeclarationError(
            "A source has a lag or a column of availability, not both.", where=place(),
            mend="Keep the column: it is what was recorded.",
        )  # fmt: skip
    return Source(
        name=_name(row, name), row=row, path=str(path) if path is not None else None,
        prepare=_function(prepare), nulls=_words(nulls), separator=_sign(separator),
        refuse_above=_share(refuse_above),
        min_rows=min_rows, declared=place(),
        lag=lag, available=_time_column(row, available),
        zone=checked_zone(zone) if isinstance(zone, str) else None,
        zone_column=zone.name if isinstance(zone, Column) else None,
        withdrawn=_flag(row, withdrawn), grows=grows, snapshots=snapshots is not False,
        snapshot_column=_snapshot_column(row, snapshots),
        rules=_rules(row, rules),
    )  # fmt: skip


def reference(
    row: type[S],
    path: str | PurePath | None = None,
    *,
    name: str | None = None,
    prepare: Prepare | None = None,
    nulls: tuple[str, ...] = (),
    separator: str = ",",
    refuse_above: float = 0.1,
    rules: Sequence[Expression[S, bool | None]] = (),
) -> Reference[S]:
    """A table without times, with a key; its first load counts as always known.

    A later version of a key is known from its load on. `path`, `prepare`, `nulls`, `separator`,
    `refuse_above` and `rules` are those of a source.

    >>> import asof
    >>> class Plane(asof.Row):
    ...     tailnum: asof.Key[str]
    ...     seats: asof.Col[int | None]
    >>> asof.reference(Plane, "planes.csv").keys
    ('tailnum',)

    Raises:
        DeclarationError: the rows have an event time, or no key.
    """
    _check_row(row, "reference")
    if time_of(row) is not None or not keys_of(row):
        raise DeclarationError(
            f"A reference table has a key and no event time; {row.__name__} is not like that.",
            found=", ".join(f"{spec.name}: {spec.kind}" for spec in row.columns_),
            mend="Use asof.source() for rows that happen, and Key[...] for what identifies a row.",
            where=place(),
        )
    return Reference(
        name=_name(row, name), row=row, path=str(path) if path is not None else None,
        prepare=_function(prepare), nulls=_words(nulls), separator=_sign(separator),
        refuse_above=_share(refuse_above),
        declared=place(), rules=_rules(row, rules),
    )  # fmt: skip


def ticks(table: Table[S], every: Duration | Wall) -> Ticks[S]:
    """Ask about every row of `table` at each moment: all customers, each Monday.

    The moments of a duration are counted from 1970-01-01 UTC.

    >>> import asof
    >>> class Customer(asof.Row):
    ...     customer: asof.Key[str]
    >>> customers = asof.reference(Customer, "customers.csv")
    >>> asof.ticks(customers, every=asof.days(7)).table.name
    'customer'

    Raises:
        DeclarationError: `table` is no table, or its rows have no key.
    """
    if not isinstance(table, Table):
        raise DeclarationError(
            "ticks() takes a table, as source() and reference() return.",
            found=f"{table!r}", where=place(),
            mend="Write ticks(customers, every=days(1)) with customers = reference(Customer, ...).",
        )  # fmt: skip
    if not table.keys:
        raise DeclarationError(
            f"ticks() asks about each key, and {table.row.__name__} has none.", where=place(),
            mend="Declare what identifies a row as Key[...].",
        )  # fmt: skip
    return Ticks(table, every_(every), declared=place())


def _check_row(row: object, called: str) -> None:
    if not (isinstance(row, type) and issubclass(row, Row)) or row is Row:
        raise DeclarationError(
            f"{called}() takes a class of rows.", found=f"{row!r}", where=place(),
            mend="Declare class Name(asof.Row) with its columns, and hand it in.",
        )  # fmt: skip


def _name(row: type[Row], name: str | None) -> str:
    if name is None:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", row.__name__).lower()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise DeclarationError(
            f"{name!r} cannot name a table.", mend="Use lower-case letters, digits and _.",
            where=place(),
        )  # fmt: skip
    return name


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise DeclarationError(
            f"refuse_above={value!r} is not a share.", mend="Write 0.1 for a tenth.", where=place()
        )
    return value


def rules_of(table: Table[S]) -> tuple[Expression[S, bool | None], ...]:
    """What the columns of a table's rows promise together."""
    return table.rules if isinstance(table, Source | Reference) else ()


def _rules(
    row: type[S], rules: Sequence[Expression[S, bool | None]]
) -> tuple[Expression[S, bool | None], ...]:
    if not isinstance(rules, Sequence):
        raise DeclarationError(
            "rules= is not a sequence of rules.", found=repr(rules), where=place(),
            mend=f"Write rules=({rules!r},), with the comma.",
        )  # fmt: skip
    for rule in rules:
        _check_rule(row, rule)
    return tuple(rules)


def _check_rule(row: type[Row], rule: Expression[Any, Any]) -> None:
    if not isinstance(rule, Expression) or rule.value_type is not bool:
        raise DeclarationError(
            f"A rule is a condition on a row of {row.__name__}.", found=repr(rule), where=place(),
            mend=f"Write {row.__name__}.column > 0, or compare two columns.",
        )  # fmt: skip
    parts = list(walk(rule))
    columns = [part for part in parts if isinstance(part, Column | TimeColumn)]
    strange = [column for column in columns if not issubclass(row, column.row)]
    if strange or not columns:
        raise DeclarationError(
            f"A rule of {row.__name__} is about "
            f"{strange[0].row.__name__ if strange else 'no column at all'}.",
            found=repr(rule),
            mend=f"Use columns of {row.__name__}: "
            + ", ".join(spec.name for spec in row.columns_)
            + ".",
            where=place(),
        )
    if any(isinstance(part, Aggregate | Age | Lookup | TickMoment) for part in parts):
        raise DeclarationError(
            f"A rule of {row.__name__} looks beyond its row.", found=repr(rule), where=place(),
            mend="A rule is kept or broken by one row alone; what looks further is a feature.",
        )  # fmt: skip


def _time_column(row: type[Row], column: Expression[Any, Any] | None) -> str | None:
    if column is None:
        return None
    name = getattr(column, "name", None)
    spec = column_spec(row, name) if isinstance(name, str) else None
    if spec is None or spec.kind not in ("time", "key_time", "moment") or spec.nullable:
        mend = "Declare it as Moment, never null."
        if isinstance(column, str) and column.isidentifier():
            mend = f"Declare it as Moment, never null, and write available={row.__name__}.{column}."
        raise DeclarationError(
            f"available={column!r} is not a moment of {row.__name__}.", where=place(), mend=mend
        )
    return spec.name


def _snapshot_column(row: type[Row], snapshots: bool | Expression[Any, Any]) -> str | None:  # noqa: FBT001  declared so
    """The column whose values tell snapshots apart, or None where each file is one."""
    if snapshots is False:
        return None
    if not keys_of(row):
        raise DeclarationError(
            f"A snapshot withdraws the keys that it lacks, and {row.__name__} has no key.",
            mend="Declare what identifies a row as Key[...].",
            where=place(),
        )
    if snapshots is True:
        return None
    if not isinstance(snapshots, Column | TimeColumn):
        raise DeclarationError(
            f"snapshots={snapshots!r} is not a column.",
            mend=f"Write snapshots={row.__name__}.day, or snapshots=True if each file is one.",
            where=place(),
        )
    return column_spec(row, snapshots.name).name


def _function(prepare: Prepare | None) -> Prepare | None:
    if prepare is not None and not callable(prepare):
        raise DeclarationError(
            "prepare= is not a function.", found=repr(prepare), where=place(),
            mend="Write prepare=tidy, with def tidy(file: pl.DataFrame) -> pl.DataFrame before it.",
        )  # fmt: skip
    return prepare


def _words(nulls: tuple[str, ...]) -> tuple[str, ...]:
    """A bare text would be taken letter by letter."""
    if not isinstance(nulls, tuple):
        raise DeclarationError(
            "nulls= is not a tuple of words.", found=repr(nulls), where=place(),
            mend=f"Write nulls=({nulls!r},), with the comma.",
        )  # fmt: skip
    return nulls


def _sign(separator: str) -> str:
    """One that cannot be mistaken for a part of a value."""
    sign = isinstance(separator, str) and len(separator) == 1 and separator.isascii()
    if not sign or separator.isalnum() or separator in '"\r\n':
        raise DeclarationError(
            "separator= is not one sign.", found=repr(separator), where=place(),
            mend='Write separator=";", or separator="\\t" for tabs.',
        )  # fmt: skip
    return separator


def _flag(row: type[Row], column: Column[Any, bool] | None) -> str | None:
    if column is None:
        return None
    spec = column_spec(row, getattr(column, "name", str(column)))
    if spec.type is not bool or not keys_of(row):
        raise DeclarationError(
            f"withdrawn={column!r} needs a bool column, and a key that it takes back.",
            found=f"{spec.name}: {spec.type.__name__}; key: {keys_of(row) or 'none'}",
            mend=f"Declare {spec.name}: Col[bool], and Key[...] for what identifies a row.",
            where=place(),
        )
    return spec.name
