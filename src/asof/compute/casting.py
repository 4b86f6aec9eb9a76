"""Values of a file as the declared types: what is equal in meaning is taken, nothing is guessed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import polars as pl

_AWARE = ("%+", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z")
_NAIVE = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_YES = ("true", "t", "yes", "y", "1")
_NO = ("false", "f", "no", "n", "0")
_WHOLE = 2.0**53  # up to here a double tells whole numbers apart
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    datetime: "a time",
}


@dataclass(frozen=True)
class Cast:
    """A column as its declared type: values, and for each fault in words the rows that have it.

    A fault that is not among them no row has. The values of faulty rows are null. `possible` is
    False where no value of the found type can be one of the declared type. Times come apart:
    `values` (Int64 us UTC) for those that say their offset, `walls` (naive datetimes) for those
    that do not.
    """

    values: pl.Series
    faults: dict[str, pl.Series]
    possible: bool = True
    walls: pl.Series | None = None


def word(kind: type) -> str:
    """The declared type in words.

    >>> word(float)
    'a number'
    """
    return _WORDS[kind]


def cast(found: pl.Series, kind: type) -> Cast:
    """The column as `kind` (bool, int, float, str or datetime).

    Texts that say a value of the declared type are taken (CSV has no types), empty ones are null
    where no text is declared; NaN is null, -0.0 is 0.0 and an infinity is a fault (LAW 2g).

    >>> taken = cast(pl.Series(["1", "2.5", " 3 "]), int)
    >>> taken.values.to_list(), {words: mask.to_list() for words, mask in taken.faults.items()}
    ([1, None, 3], {'is not a whole number': [False, True, False]})
    """
    if found.dtype == pl.Null:
        return Cast(found.cast(_STORED[kind]), {})
    if isinstance(found.dtype, pl.Categorical | pl.Enum):
        found = found.cast(pl.String)
    if found.dtype == pl.String and kind is not str:
        found = found.str.strip_chars().replace("", None)
    return _CASTS[kind](found)


def _text(found: pl.Series) -> Cast:
    if found.dtype == pl.String or found.dtype.is_integer():
        return Cast(found.cast(pl.String), {})
    return _impossible(found, pl.String())


def _float(found: pl.Series) -> Cast:
    if not (found.dtype.is_numeric() or found.dtype == pl.String):
        return _impossible(found, pl.Float64())
    values = found.cast(pl.Float64, strict=False)
    if values.null_count() == found.null_count() and _plain(values):
        return Cast(values, {})
    wrong = _lost(found, values)
    values = values.fill_nan(None)
    values = values.set((values == 0.0).fill_null(value=False), 0.0)  # -0.0 == 0.0
    infinite = values.is_infinite().fill_null(value=False)
    faults = {"is not a number": wrong, "is infinite": infinite}
    return Cast(_blank(values, infinite), faults)


def _plain(values: pl.Series) -> bool:
    """Whether no number is NaN, infinite or -0.0: a finite sum has neither of the first two."""
    if not math.isfinite(values.sum()):
        return False
    zero = values == 0.0
    return not zero.any() or bool((1.0 / values.filter(zero) > 0.0).all())


def _int(found: pl.Series) -> Cast:
    if found.dtype == pl.Int64:
        return Cast(found, {})
    if found.dtype.is_integer():
        values = found.cast(pl.Int64, strict=False)
    elif found.dtype.is_numeric():
        found = found.cast(pl.Float64).fill_nan(None)
        values = _whole(found)
    elif found.dtype == pl.String:
        values = found.cast(pl.Int64, strict=False)
        if values.null_count() > found.null_count():  # "2.0", as written by who had nulls
            values = values.fill_null(_whole(found.cast(pl.Float64, strict=False)))
    else:
        return _impossible(found, pl.Int64())
    return Cast(values, {"is not a whole number": _lost(found, values)})


def _whole(numbers: pl.Series) -> pl.Series:
    whole = (numbers == numbers.floor()) & (numbers.abs() <= _WHOLE)
    return _blank(numbers, ~whole.fill_null(value=False)).cast(pl.Int64)


def _bool(found: pl.Series) -> Cast:
    if found.dtype == pl.Boolean:
        return Cast(found, {})
    if not (found.dtype.is_numeric() or found.dtype == pl.String):
        return _impossible(found, pl.Boolean())
    if found.dtype == pl.String:
        told = found.str.to_lowercase()
        meaning = {**dict.fromkeys(_YES, True), **dict.fromkeys(_NO, False)}
        values = told.replace_strict(meaning, default=None, return_dtype=pl.Boolean)
    else:
        number = found.cast(pl.Float64)
        values = _blank(number == 1.0, ~((number == 0.0) | (number == 1.0)).fill_null(value=False))
    return Cast(values, {"is not true or false": _lost(found, values)})


def _time(found: pl.Series) -> Cast:
    nothing = pl.repeat(None, len(found), dtype=pl.Int64, eager=True).alias(found.name)
    if isinstance(found.dtype, pl.Datetime):
        if found.dtype.time_zone is None:
            return Cast(nothing, {}, walls=found.dt.cast_time_unit("us"))
        utc = found.dt.cast_time_unit("us").dt.convert_time_zone("UTC")
        return Cast(utc.to_physical(), {})
    if found.dtype == pl.Date:
        return Cast(nothing, {}, walls=found.cast(pl.Datetime("us")))
    if found.dtype != pl.String:
        return _impossible(found, pl.Int64())
    told = found.str.replace("T", " ", literal=True)
    values = nothing
    for form in _AWARE:
        if values.null_count() > found.null_count():
            read = told.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
            values = values.fill_null(read.to_physical())
    walls = pl.repeat(None, len(found), dtype=pl.Datetime("us"), eager=True).alias(found.name)
    for form in _NAIVE:
        if values.null_count() + walls.null_count() > len(found) + found.null_count():
            walls = walls.fill_null(told.str.to_datetime(form, time_unit="us", strict=False))
    wrong = _lost(found, values) & walls.is_null()
    return Cast(values, {"is not a time": wrong}, walls=walls)


def _lost(found: pl.Series, values: pl.Series) -> pl.Series:
    return found.is_not_null() & values.is_null()


def _blank(values: pl.Series, where: pl.Series) -> pl.Series:
    return values.set(where, None) if where.any() else values


def _impossible(found: pl.Series, kind: pl.DataType) -> Cast:
    nothing = pl.repeat(None, len(found), dtype=kind, eager=True).alias(found.name)
    return Cast(nothing, {}, possible=False)


_STORED = {
    bool: pl.Boolean(),
    int: pl.Int64(),
    float: pl.Float64(),
    str: pl.String(),
    datetime: pl.Int64(),
}
_CASTS = {bool: _bool, int: _int, float: _float, str: _text, datetime: _time}
