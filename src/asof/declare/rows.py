"""Rows as classes: columns are attributes, and a column's contract stands beside it."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar, overload

from asof.declare.expressions import (
    Column,
)
from asof.declare.place import caller, nearest, place
from asof.declare.times import (
    TimeColumn,
)
from asof.errors import DeclarationError

R = TypeVar("R", bound="Row")
T = TypeVar("T")

ColumnKind = Literal["key", "key_time", "time", "moment", "column"]
_VALUE_TYPES = (bool, int, float, str, datetime)


@dataclass(frozen=True)
class Contract:
    """What a column's values promise. Bounds are for numbers; None promises nothing."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    one_of: tuple[object, ...] | None = None
    matches: str | None = None
    unique: bool = False
    quantum: float = 2.0**-64


@dataclass(frozen=True)
class ColumnSpec:
    """One declared column: name, kind, Python type, whether null is allowed, contract."""

    name: str
    kind: ColumnKind
    type: type
    nullable: bool
    contract: Contract


class Col(Generic[T]):
    """A column: `carrier: Col[str]`, `wind: Col[float | None]` where it may be null.

    It holds str, int, float, bool or datetime. Named on the class, `Weather.wind`, it is an
    expression: compare it, calculate with it, look at it in windows. `asof.col` says what it
    promises.

    >>> import asof
    >>> class Weather(asof.Row):
    ...     wind: asof.Col[float | None]
    ...     stamped: asof.Time
    >>> Weather.wind > 20
    (Weather.wind > 20)
    """

    def __init__(self, name: str = "", value_type: type = object) -> None:
        self.name = name
        self.value_type = value_type

    @overload
    def __get__(self, instance: None, owner: type[R]) -> Column[R, T]: ...
    @overload
    def __get__(self, instance: object, owner: type[R]) -> T: ...
    def __get__(self, instance: object, owner: type[R]) -> Column[R, T] | T:
        return Column(owner, self.name, self.value_type)


class Key(Col[T]):
    """A column that identifies the row: a later row with the same key corrects it.

    Several `Key` columns identify it together. A source without one has no corrections.
    """


class Moment:
    """A further moment in a row, such as a planned arrival; `col(null=True)` lets it be missing.

    `Row.moment - hours(2)` is a moment too, and `.local(zone)` tells its hour and weekday.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type[R]) -> TimeColumn[R]: ...
    @overload
    def __get__(self, instance: object, owner: type[R]) -> datetime: ...
    def __get__(self, instance: object, owner: type[R]) -> TimeColumn[R] | datetime:
        return TimeColumn(owner, self.name)


class Time(Moment):
    """The row's event time: when it happened. Exactly one a row class."""


class KeyTime(Time):
    """An event time that is part of the key: one correctable row a sensor and hour."""


def col(
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    one_of: Sequence[object] | None = None,
    matches: str | None = None,
    unique: bool = False,
    null: bool = False,
    quantum: float = 2.0**-64,
) -> Any:
    """A column's contract, written beside its type.

    Rows that break it go to quarantine with the reason. `matches` is a regular expression that
    the whole string must match; `null=True` lets a `Moment` be null; `quantum` (a power of two)
    is the grain to which sums round each value.

    >>> import asof
    >>> class Payment(asof.Row):
    ...     payment_id: asof.Key[int]
    ...     amount: asof.Col[float] = asof.col(ge=0)
    ...     paid_at: asof.Time
    >>> Payment.amount
    Payment.amount
    """
    return _Declared(
        Contract(
            ge, gt, le, lt, tuple(one_of) if one_of is not None else None, matches, unique, quantum
        ),
        null,
    )


@dataclass(frozen=True)
class _Declared:
    contract: Contract
    null: bool


class Row:
    """Base of the classes that say what the rows of a source hold.

    >>> import asof
    >>> class Reading(asof.Row):
    ...     sensor: asof.Key[str]
    ...     taken_at: asof.KeyTime
    ...     value: asof.Col[float | None]
    >>> [spec.name for spec in Reading.columns_]
    ['sensor', 'taken_at', 'value']
    """

    columns_: ClassVar[tuple[ColumnSpec, ...]] = ()
    declared_: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.declared_ = place()
        inherited = {spec.name: spec for spec in cls.columns_}
        own = {name: _spec(cls, name, hint) for name, hint in _hints(cls).items()}
        cls.columns_ = (*(inherited | own).values(),)
        for spec in own.values():
            setattr(cls, spec.name, _descriptor(spec))
        times = [spec.name for spec in cls.columns_ if spec.kind in ("time", "key_time")]
        if len(times) > 1:
            raise DeclarationError(
                f"{cls.__name__} has {len(times)} event times; a row happens once.",
                found=", ".join(times),
                mend="Keep one as Time and make the others Moment.",
                where=cls.declared_,
            )


def _hints(cls: type[Row]) -> dict[str, Any]:
    """The class's own annotations, evaluated where the class stands (a module, a function)."""
    frame = caller()
    known = {} if frame is None else {**frame.f_globals, **frame.f_locals}
    hints: dict[str, Any] = {}
    for name, hint in inspect.get_annotations(cls).items():
        if name.endswith("_"):  # no column may
            continue
        try:
            hints[name] = eval(hint, known) if isinstance(hint, str) else hint  # noqa: S307
        except (NameError, AttributeError) as error:
            raise DeclarationError(
                f"{cls.__name__}.{name} names a type that is not known: {error}.",
                found=f"{name}: {hint}",
                mend="Import it, e.g. from asof import Col, Key, Time.",
                where=place(),
            ) from error
    return hints


def _spec(cls: type[Row], name: str, hint: Any) -> ColumnSpec:
    given = cls.__dict__.get(name)
    declared = given if isinstance(given, _Declared) else _Declared(Contract(), null=False)
    if isinstance(hint, type) and issubclass(hint, Moment):
        kind: ColumnKind = (
            "key_time"
            if issubclass(hint, KeyTime)
            else "time"
            if issubclass(hint, Time)
            else "moment"
        )
        if declared.null and kind != "moment":
            raise DeclarationError(
                f"{cls.__name__}.{name} is the event time and cannot be null.",
                mend="Leave rows that have not happened out in prepare=.",
                where=place(),
            )
        return ColumnSpec(name, kind, datetime, declared.null, declared.contract)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin not in (Col, Key) or len(arguments) != 1:
        raise _unknown_column(cls, name, hint)
    options = typing.get_args(arguments[0]) if _is_union(arguments[0]) else (arguments[0],)
    concrete = [option for option in options if option is not type(None)]
    if len(concrete) != 1 or concrete[0] not in _VALUE_TYPES:
        raise _unknown_column(cls, name, hint)
    nullable = len(concrete) < len(options) or declared.null
    if origin is Key and nullable:
        raise DeclarationError(
            f"{cls.__name__}.{name} is a key and cannot be null.", where=place(),
            mend=f"Write Key[{concrete[0].__name__}], and leave rows without it out in prepare=.",
        )  # fmt: skip
    _check_contract(cls, name, concrete[0], declared.contract)
    return ColumnSpec(
        name, "key" if origin is Key else "column", concrete[0], nullable, declared.contract
    )


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _unknown_column(cls: type[Row], name: str, hint: Any) -> DeclarationError:
    return DeclarationError(
        f"{cls.__name__}.{name} is not a column.",
        found=f"{name}: {getattr(hint, '__name__', hint)}",
        mend="Columns are Col[T], Key[T] (T: bool, int, float, str, datetime, or one | None), "
        "Time, KeyTime and Moment.",
        where=place(),
    )


def _check_contract(cls: type[Row], name: str, kind: type, contract: Contract) -> None:
    bounds = [contract.ge, contract.gt, contract.le, contract.lt]
    if kind not in (int, float) and any(bound is not None for bound in bounds):
        raise DeclarationError(
            f"{cls.__name__}.{name} is {kind.__name__}; bounds are for numbers.",
            mend="Use one_of= or matches=.",
            where=place(),
        )
    if kind is not str and contract.matches is not None:
        raise DeclarationError(
            f"{cls.__name__}.{name} is {kind.__name__}; matches= is for strings.",
            mend="Use ge=, gt=, le=, lt= for numbers.",
            where=place(),
        )
    quantum = contract.quantum
    if not quantum > 0 or quantum.hex().split("p")[0] not in ("0x1.0000000000000", "0x1.0"):
        raise DeclarationError(
            f"The quantum of {cls.__name__}.{name} is not a power of two.",
            found=repr(quantum),
            mend="Write quantum=2.0**-20, for example.",
            where=place(),
        )


def _descriptor(spec: ColumnSpec) -> Col[Any] | Moment:
    if spec.kind in ("key", "column"):
        return (Key if spec.kind == "key" else Col)(spec.name, spec.type)
    return {"time": Time, "key_time": KeyTime}.get(spec.kind, Moment)(spec.name)


def column_spec(row: type[Row], name: str) -> ColumnSpec:
    """The declared column `name`; a `DeclarationError` with a near name if there is none."""
    for spec in row.columns_:
        if spec.name == name:
            return spec
    names = [spec.name for spec in row.columns_]
    raise DeclarationError(
        f"{row.__name__} has no column '{name}'.",
        found=f"columns: {', '.join(names)}",
        mend=nearest(name, names) or f"Declare it in class {row.__name__}.",
        where=place(),
    )


def keys_of(row: type[Row]) -> tuple[str, ...]:
    """Names of the columns that identify a row, the time included where it is `KeyTime`."""
    return tuple(spec.name for spec in row.columns_ if spec.kind in ("key", "key_time"))


def time_of(row: type[Row]) -> str | None:
    """Name of the event time, or None for the rows of a reference table."""
    return next((spec.name for spec in row.columns_ if spec.kind in ("time", "key_time")), None)


__all__ = [
    "Col", "ColumnKind", "ColumnSpec", "Contract", "Key", "KeyTime", "Moment", "Row", "Time",
    "col", "column_spec", "keys_of", "time_of",
]  # fmt: skip
