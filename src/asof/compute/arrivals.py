"""What a load brings that is new, compared with what is stored (LAW 2c-2e)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from asof.declare.kept import ALWAYS, AVAILABLE, POSITION, RECORDED, WITHDRAWN

_SAID = "said_"


@dataclass(frozen=True)
class Arrivals:
    """`fresh` rows are to be stored; `twins` (positions) are second, different rows of a key.

    `repeated` counts rows that a stored row, or an earlier one of the load, says already;
    `leans_on` are the journal offsets of those stored rows.
    """

    fresh: pl.DataFrame
    twins: pl.Series
    repeated: int
    leans_on: tuple[int, ...] = ()


def unsaid(good: pl.DataFrame, stored: pl.DataFrame, columns: Sequence[str]) -> Arrivals:
    """Rows that differ in `columns` from all stored ones and from the earlier ones of the load.

    `stored` holds `columns` and `recorded_`.

    >>> row = {"key": [1], "v": [5]}
    >>> stored = pl.DataFrame(row | {"recorded_": [3]})
    >>> found = unsaid(pl.DataFrame(row | {"position_": [0]}), stored, ["key", "v"])
    >>> found.fresh.height, found.repeated, found.leans_on
    (0, 1, (3,))
    """
    names = list(columns)
    distinct = good.unique(names, keep="first", maintain_order=True)
    nothing = pl.Series(POSITION, [], dtype=pl.Int64)
    if not stored.height:
        return Arrivals(distinct, nothing, good.height - distinct.height)
    said = stored.select(*names, pl.col(RECORDED).alias(_SAID)).unique(
        names, keep="first", maintain_order=True
    )
    joined = distinct.join(said, on=names, how="left", nulls_equal=True, maintain_order="left")
    fresh = joined.filter(pl.col(_SAID).is_null()).drop(_SAID)
    leans = joined[_SAID].drop_nulls().unique().sort().to_list()
    return Arrivals(fresh, nothing, good.height - fresh.height, tuple(leans))


def one_a_key(
    good: pl.DataFrame, stored: pl.DataFrame, columns: Sequence[str], keys: Sequence[str]
) -> Arrivals:
    """Rows of a source that holds one row a key: repeats change nothing, others are twins.

    Of several different rows of a key the one stored, else the first of the load, is kept.
    """
    new = unsaid(good, stored, columns)
    known = stored.select(keys).unique()
    second = new.fresh.join(known, on=list(keys), how="semi", nulls_equal=True)[POSITION]
    first = new.fresh.join(known, on=list(keys), how="anti", nulls_equal=True)
    kept = first.unique(list(keys), keep="first", maintain_order=True)
    later = first.join(kept.select(POSITION), on=POSITION, how="anti")[POSITION]
    fresh = kept.sort(POSITION)
    return Arrivals(
        fresh, pl.concat([second, later]).sort(), new.repeated, new.leans_on
    )  # fmt: skip


def current(stored: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The newest version of each key, withdrawn ones left out (LAW 2b)."""
    newest = stored.sort(AVAILABLE, RECORDED, POSITION).unique(
        list(keys), keep="last", maintain_order=True
    )
    return newest.filter(~pl.col(WITHDRAWN))


def snapshot(
    good: pl.DataFrame,
    present: pl.DataFrame,
    seen: pl.DataFrame,
    *,
    moment: int,
    base: int,
    columns: Sequence[str],
    keys: Sequence[str],
) -> Arrivals:
    """What a full snapshot changes at its moment: new and changed rows, and withdrawals.

    `present` are the rows in force before it, `seen` the keys of its rows that were set apart:
    a key in quarantine is not lacking (LAW 2d). `columns` are those whose change counts; the
    positions of withdrawals begin at `base`.
    """
    told = unsaid(good, present, columns)
    fresh = told.fresh.with_columns(pl.lit(moment, pl.Int64).alias(AVAILABLE))
    there = pl.concat([good.select(keys), seen.select(keys)]).unique()
    lacking = present.join(there, on=list(keys), how="anti", nulls_equal=True)
    withdrawals = lacking.with_columns(
        pl.lit(moment, pl.Int64).alias(AVAILABLE),
        pl.lit(True).alias(WITHDRAWN),
        pl.int_range(base, base + pl.len(), dtype=pl.Int64).alias(POSITION),
    ).select(fresh.columns)
    return Arrivals(
        pl.concat([fresh, withdrawals]), told.twins, told.repeated, told.leans_on
    )  # fmt: skip


def always_known(good: pl.DataFrame, moment: int | None) -> pl.DataFrame:
    """Rows of a reference table: known always, or from the moment of a later load on (LAW 2e)."""
    known = ALWAYS if moment is None else moment
    return good.with_columns(pl.lit(known, pl.Int64).alias(AVAILABLE))


def digest(rows: pl.DataFrame) -> str:
    """A hash of rows, in their order, that depends on nothing but names and values.

    >>> rows = pl.DataFrame({"a": [1, None], "b": ["x", "yz"]})
    >>> digest(rows) == digest(rows.head(1)), digest(rows) == digest(rows.clone())
    (False, True)
    """
    told = hashlib.sha256(f"{rows.height}".encode())
    for column in rows.iter_columns():
        told.update(f"\n{column.name}:{column.dtype}\n".encode())
        told.update(column.is_null().to_numpy().tobytes())
        if column.dtype == pl.String:
            filled = column.fill_null("")
            told.update(filled.str.len_bytes().to_numpy().tobytes())
            told.update("".join(filled.to_list()).encode())
        else:
            plain = column.cast(pl.Int8) if column.dtype == pl.Boolean else column
            told.update(plain.fill_null(0).to_numpy().tobytes())
    return told.hexdigest()
