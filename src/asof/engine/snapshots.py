"""Full snapshots: what each changes against the one before, keys that it lacks withdrawn (2d)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from asof.compute.arrivals import Arrivals, current, one_a_key, snapshot, unsaid
from asof.compute.contract import Checked
from asof.declare.kept import AVAILABLE, DECLARED, POSITION, RECORDED
from asof.declare.sources import Source
from asof.errors import DataRefused
from asof.stores.loads import Load

_FIRST = (
    "The rows of the first snapshot of {} are known from their own moments on, with the values of "
    "the snapshot's day."
)


@dataclass(frozen=True)
class Snapshots:
    """What the snapshots of one load change, the last one's moment, and how many keys they lack."""

    arrivals: Arrivals
    moment: int
    withdrawn: int
    notes: tuple[str, ...] = ()


def take_snapshots(
    table: Source[Any],
    good: pl.DataFrame,
    checked: Checked,
    stored: pl.DataFrame,
    loads: Sequence[Load],
    *,
    what: str,
) -> Snapshots:
    """Compare a load's snapshots, one by one in the order of their moments, with what they follow.

    A snapshot is the load, or its rows with one value of the snapshot column; its moment is the
    greatest availability of its rows. The first keeps the availability of each row.

    Raises:
        DataRefused: a snapshot is older than the last one taken.
    """
    names = [spec.name for spec in table.row.columns_]
    columns = [n for n in names if n not in (table.snapshot_column, table.available)]
    last = max((one.moment for one in loads if one.moment is not None), default=None)
    state, fresh, twins = stored, list[pl.DataFrame](), list[pl.Series]()
    repeated, withdrawn, leans = 0, 0, set[int]()
    notes = () if last is not None else (_FIRST.format(table.name),)
    base = checked.read
    for moment, part in _parts(table, good):
        if last is not None and moment < last:
            raise DataRefused(
                f"{what} holds a snapshot of {table.name} that is older than the last one taken.",
                found=f"{_shown(moment)}; the last is of {_shown(last)}",
                mend="Ingest snapshots in the order of their moments.",
                where=table.declared,
            )
        single = one_a_key(part, state.clear(), names, table.keys)
        if last is None:
            found = unsaid(single.fresh, state, [*names, AVAILABLE])
        else:
            present = current(state, table.keys).with_columns(
                pl.lit(None, pl.Int64).alias(DECLARED)
            )
            found = snapshot(
                single.fresh, present, checked.bad_keys,
                moment=moment, base=base, columns=columns, keys=table.keys,
            )  # fmt: skip
        taken = single.fresh.height - found.repeated
        base += found.fresh.height - taken
        withdrawn += found.fresh.height - taken
        repeated += single.repeated + found.repeated
        twins.append(single.twins)
        fresh.append(found.fresh)
        leans |= set(found.leans_on) & {one.offset for one in loads}
        state = _followed(state, found.fresh)
        last = moment
    if last is None or not fresh:
        return Snapshots(Arrivals(good, good[POSITION].clear(), 0), last or 0, 0)
    arrivals = Arrivals(
        pl.concat(fresh).sort(POSITION), pl.concat(twins), repeated, tuple(sorted(leans))
    )  # fmt: skip
    return Snapshots(arrivals, last, withdrawn, notes)


def _parts(table: Source[Any], good: pl.DataFrame) -> list[tuple[int, pl.DataFrame]]:
    if not good.height:
        return []
    column = table.snapshot_column
    parts = [good] if column is None else good.partition_by(column, maintain_order=True)
    stamped = [(int(part[AVAILABLE].cast(pl.Int64).to_numpy().max()), part) for part in parts]
    return sorted(stamped, key=lambda pair: pair[0])


def _followed(state: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """The stored rows with those of a snapshot after them, as if they had been taken."""
    recorded = int(state[RECORDED].to_numpy().max()) + 1 if state.height else 2**32
    marked = fresh.with_columns(pl.lit(recorded, pl.Int64).alias(RECORDED))
    return pl.concat([state, marked.select(state.columns)])


def _shown(moment: int) -> str:
    return str(pl.Series([moment]).cast(pl.Datetime("us", "UTC")).dt.to_string("%Y-%m-%d %H:%M")[0])
