"""Rows against their contract, in whole columns, at the door.

Single rows that fail are set apart with their reasons; what is wrong with the whole (a missing
column, values of another type, times without a zone, too few rows, too many that fail) is refused
as a whole (LAW 7b).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from asof.compute.casting import Cast, cast, word
from asof.compute.promises import broken, reason, repeated, unkept
from asof.compute.walltime import to_utc
from asof.declare.kept import ALWAYS, AVAILABLE, POSITION, WITHDRAWN
from asof.declare.place import nearest
from asof.declare.rows import ColumnSpec, time_of
from asof.declare.sources import Source, rules_of
from asof.declare.tables import Table
from asof.declare.windows import columns_in
from asof.errors import DataRefused

REASONS = "reasons"
"""Column of `Checked.bad`: why the row was set apart, a list of words."""

DUPLICATE = "another row has this key, and nobody knows when a correction was known"
"""Why a second, different row of a key is set apart where availability is a lag (LAW 2d)."""


_AS_SENT = "as RFC 3339 writes it: 2026-01-02T10:00:00Z"


@dataclass(frozen=True)
class Checked:
    """Rows that keep their contract, rows that do not, and what was counted.

    `good`: the declared columns (times Int64 us UTC), `available_at_` as declared, `position_`,
    `withdrawn_`. `bad`: the declared columns as found, `position_`, `reasons`; `bad_keys`: their
    key columns as declared, null where they cannot be read. `never` and `twice`: wall
    times that do not exist or exist twice. `dropped`: columns not declared.
    """

    good: pl.DataFrame
    bad: pl.DataFrame
    bad_keys: pl.DataFrame
    read: int
    never: int
    twice: int
    dropped: tuple[str, ...]

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows have each reason, the most frequent first."""
        return count_reasons(self.bad)


@dataclass
class _Work:
    """What is found column by column; `unread` marks values that could not be taken at all."""

    frame: pl.DataFrame
    table: Table[Any]
    columns: dict[str, pl.Series]
    unread: dict[str, dict[str, pl.Series]]
    faults: dict[str, pl.Series]
    never: pl.Series
    twice: pl.Series
    sent: bool

    def fault(self, reason: str, rows: pl.Series) -> None:
        if rows.any():
            earlier = self.faults.get(reason)  # two rules may read alike
            self.faults[reason] = rows if earlier is None else rows | earlier


def check(
    frame: pl.DataFrame,
    table: Table[Any],
    *,
    what: str = "",
    part: bool = False,
    sent: bool = False,
) -> Checked:
    """Check rows against the contract of their table; `what` names the file in errors.

    `part`: the rows are some of those of a load, so that what is judged on a whole is not looked
    at: uniqueness, and whether every value of a column fails. `sent`: a program sent them, so that
    errors say what to send, not how to prepare a file.

    >>> import asof
    >>> class Payment(asof.Row):
    ...     payment_id: asof.Key[int]
    ...     amount: asof.Col[float] = asof.col(ge=0)
    ...     paid_at: asof.Time
    >>> rows = {"payment_id": [1, 2], "amount": ["5", "-1"], "paid_at": ["2024-01-01T00:00Z"] * 2}
    >>> checked = check(pl.DataFrame(rows), asof.source(Payment))
    >>> checked.good["amount"].to_list(), checked.reasons
    ([5.0], {'amount is below 0': 1})

    Raises:
        DataRefused: a column is missing, holds another type throughout, or times without a zone.
    """
    what = what or f"the rows of {table.name}"
    _require_columns(frame, table, what)
    nowhere = pl.repeat(False, frame.height, eager=True)
    work = _Work(frame, table, {}, {}, {}, nowhere, nowhere, sent)
    walls: dict[str, pl.Series] = {}
    for spec in table.row.columns_:
        taken = cast(frame[spec.name], spec.type)
        if not part or not taken.possible:
            _require_type(frame[spec.name], spec, taken, table, what, sent=sent)
        work.columns[spec.name] = taken.values
        work.unread[spec.name] = dict(taken.faults)
        if taken.walls is not None and taken.walls.null_count() < frame.height:
            walls[spec.name] = taken.walls
    for name, wall in walls.items():
        _hang(work, name, wall, what)
    withdrawn = _withdrawn(work)
    _keep_promises(work, withdrawn, part=part)
    return _parted(work, withdrawn)


def require_volume(
    frame: pl.DataFrame, table: Table[Any], *, what: str, sent: bool = False
) -> None:
    """Refuse fewer rows than the table's minimum; `what` names the file, `sent` as in `check`."""
    if frame.height < table.min_rows:
        raise DataRefused(
            f"{what} has {'no rows' if not frame.height else 'too few rows'} for {table.name}.",
            found=f"{frame.height:,} rows; at least {table.min_rows:,} expected",
            mend=f"{'Send more rows together' if sent else 'Hand in the whole file'}, or lower "
            "min_rows= of the source.",
            where=table.declared,
        )


def require_most(
    table: Table[Any], bad: pl.DataFrame, *, what: str, read: int, sent: bool = False
) -> None:
    """Refuse a load of which more than the declared share is set apart (`bad`).

    `what` and `sent` as in `check`.
    """
    if bad.height == 0 or bad.height <= table.refuse_above * read:
        return
    reasons = count_reasons(bad)
    told = [f"{reason}: {count:,}" for reason, count in list(reasons.items())[:3]]
    if any(reason.endswith(DUPLICATE) for reason in reasons):
        mend = (
            "Say when each version became known, with available= a Moment of the row, or add to "
            "the key what tells the rows apart."
        )
    else:
        first = "Mend the rows and send all again" if sent else "Mend the file or the contract"
        mend = (
            f"{first}; refuse_above= is the share that may go to quarantine "
            f"({table.refuse_above:g})."
        )
    raise DataRefused(
        f"{bad.height:,} of {read:,} rows of {what} break the contract of {table.row.__name__}.",
        found="; ".join([*told, _example(bad, table)]),
        mend=mend,
        where=table.row.declared_ or table.declared,
    )


def _example(bad: pl.DataFrame, table: Table[Any]) -> str:
    """The first row set apart: its key, and the values that its reasons are about."""
    row = bad.row(0, named=True)
    about = [words.split(" ", 1)[0] for words in row[REASONS]]
    for rule in rules_of(table):
        if reason(rule) in row[REASONS]:
            about += [column.name for column in columns_in(rule)]
    names = [name for name in row if name in table.keys or name in about]
    return f"row {row[POSITION]}: {', '.join(f'{name}={row[name]}' for name in names)}"


def count_reasons(bad: pl.DataFrame) -> dict[str, int]:
    """How many rows have each reason, the most frequent first, then by name."""
    if not bad.height:
        return {}
    counted = bad[REASONS].explode(empty_as_null=False).value_counts()
    ordered = counted.sort(["count", REASONS], descending=[True, False])
    return {str(reason): int(count) for reason, count in ordered.iter_rows()}


def _require_columns(frame: pl.DataFrame, table: Table[Any], what: str) -> None:
    missing = [spec.name for spec in table.row.columns_ if spec.name not in frame.columns]
    if not missing:
        return
    hints = [hint for name in missing if (hint := nearest(name, frame.columns))]
    listed = ", ".join(f"'{name}'" for name in missing)
    source = f"What prepare= makes of {what}" if table.prepare is not None else what
    raise DataRefused(
        f"{source[0].upper() if source.startswith('the ') else source[0]}{source[1:]} has no "
        f"column {listed}.",
        found=f"columns: {', '.join(frame.columns)}",
        mend=_separated(frame, table, what)
        or f"{' '.join(hints)} Rename the file's column in prepare=, or the attribute of "
        f"{table.row.__name__}.".strip(),
        where=table.row.declared_ or table.declared,
    )


def _separated(frame: pl.DataFrame, table: Table[Any], what: str) -> str:
    """How to mend a file whose one column is a whole line, for another sign is between columns."""
    mark = next((mark for mark in ";\t|," if frame.width == 1 and mark in frame.columns[0]), None)
    if mark is None or ".csv" not in what:
        return ""
    told = json.dumps(mark)
    return f"Its columns are not separated by {table.separator!r}. Declare separator={told}."


def _require_type(
    found: pl.Series, spec: ColumnSpec, taken: Cast, table: Table[Any], what: str, *, sent: bool
) -> None:
    given = len(found) - found.null_count()
    failed = sum(int(rows.sum()) for rows in taken.faults.values())
    if given == 0 or (taken.possible and failed < given):
        return
    example = found.drop_nulls()[0]
    a_time = word(spec.type) == "a time"
    if sent:
        seen = f"'{spec.name}' in every row of {what}, for instance {example!r}"
        advice = f"Send {word(spec.type)}{f' {_AS_SENT}' if a_time else ''}"
    else:
        seen = f"column '{spec.name}' of {what}: {found.dtype}, for instance {example!r}"
        advice = f"Convert it in {'' if table.prepare is None else 'your '}prepare="
        advice += (
            ", for instance with str.to_datetime(format) or pl.from_epoch"
            if a_time
            else ", or declare another type"
        )
    raise DataRefused(
        f"{table.row.__name__}.{spec.name} should be {word(spec.type)}.",
        found=seen,
        mend=f"{advice}.",
        where=table.row.declared_ or table.declared,
    )


def _hang(work: _Work, name: str, walls: pl.Series, what: str) -> None:
    """Give wall times their zone; refuse them where there is none."""
    table = work.table
    zone: str | pl.Series | None = None
    if isinstance(table, Source):
        zone = table.zone
        if zone is None and table.zone_column is not None:
            zone = work.columns[table.zone_column]
    if zone is None:
        raise DataRefused(
            f"{table.row.__name__}.{name} has times without a zone.",
            found=f"{what}, for instance {walls.drop_nulls()[0]}",
            mend=_zoned(table, sent=work.sent),
            where=table.declared,
        )
    moments = to_utc(walls, zone)
    work.columns[name] = work.columns[name].fill_null(moments.utc).alias(name)
    work.never = work.never | moments.never
    work.twice = work.twice | moments.twice
    work.unread[name]["is a wall time in an unknown zone"] = moments.unknown & walls.is_not_null()


def _zoned(table: Table[Any], *, sent: bool) -> str:
    """How to say which clock showed times."""
    declared = isinstance(table, Source)
    if sent:
        other = "; or declare zone= with the source" if declared else ""
        return f"Send each {_AS_SENT}, its offset with it{other}."
    offer = 'zone="UTC" (or the zone of its clock), or ' if declared else ""
    return (
        f"Say which clock showed them: {offer}convert them in prepare= with "
        'dt.replace_time_zone("Europe/Berlin").'
    )


def _withdrawn(work: _Work) -> pl.Series:
    table = work.table
    if isinstance(table, Source) and table.withdrawn is not None:
        return work.columns[table.withdrawn].fill_null(value=False)
    return pl.repeat(False, work.frame.height, eager=True)


def _keep_promises(work: _Work, withdrawn: pl.Series, *, part: bool) -> None:
    """Nulls and contracts; a withdrawal owes only what says which row, when, and that it is one."""
    table, height = work.table, work.frame.height
    owed = {str(time_of(table.row)), *table.keys}
    if isinstance(table, Source):
        owed |= {str(table.available), str(table.withdrawn)}
    everywhere = pl.repeat(True, height, eager=True)
    for spec in table.row.columns_:
        bound = everywhere if spec.name in owed else ~withdrawn
        values, unread = work.columns[spec.name], work.unread[spec.name]
        for words, rows in unread.items():
            work.fault(f"{spec.name} {words}", rows & bound)
        if not spec.nullable and values.null_count():
            absent = values.is_null() & ~_any(unread, height)
            work.fault(f"{spec.name} is null", absent & bound)
        for words, rows in broken(values, spec).items():
            work.fault(words, rows & bound)
        if spec.contract.unique and not part:
            whole = pl.DataFrame([values.alias(name) for name, values in work.columns.items()])
            again = repeated(whole, spec.name, table.keys)
            work.fault(f"{spec.name} repeats a value that must be unique", again & bound)
    _keep_rules(work, ~withdrawn)


def _keep_rules(work: _Work, bound: pl.Series) -> None:
    """What columns promise together; a value that could not be read is not known, and breaks none.

    Rules are of one row, so that part of a load is judged as the whole is.
    """
    rules = rules_of(work.table)
    if rules:
        whole = pl.DataFrame([values.alias(name) for name, values in work.columns.items()])
        for rule in rules:
            work.fault(reason(rule), unkept(whole, rule) & bound)


def _any(faults: Mapping[str, pl.Series], height: int) -> pl.Series:
    found = pl.repeat(False, height, eager=True)
    for rows in faults.values():
        found = found | rows
    return found


def _parted(work: _Work, withdrawn: pl.Series) -> Checked:
    table, height = work.table, work.frame.height
    names = [spec.name for spec in table.row.columns_]
    position = pl.arange(0, height, eager=True, dtype=pl.Int64).alias(POSITION)
    failed = _any(work.faults, height)
    whole = pl.DataFrame([work.columns[name].alias(name) for name in names]).with_columns(
        _available(table), position, withdrawn.alias(WITHDRAWN)
    )
    bad = work.frame.select(names).with_columns(position)
    keys = whole.filter(failed).select(table.keys)
    if failed.any():
        masks = [
            pl.when(rows.filter(failed)).then(pl.lit(reason)).otherwise(None)
            for reason, rows in work.faults.items()
        ]
        bad = bad.filter(failed).with_columns(
            pl.concat_list(masks).list.drop_nulls().alias(REASONS)
        )
        whole = whole.filter(~failed)
    else:
        bad = bad.clear().with_columns(pl.lit(None, pl.List(pl.String)).alias(REASONS))
    return Checked(
        good=whole,
        bad=bad,
        bad_keys=keys,
        read=height,
        never=int(work.never.sum()),
        twice=int(work.twice.sum()),
        dropped=tuple(name for name in work.frame.columns if name not in names),
    )


def _available(table: Table[Any]) -> pl.Expr:
    if not isinstance(table, Source):
        return pl.lit(ALWAYS, pl.Int64).alias(AVAILABLE)
    if table.available is not None:
        return pl.col(table.available).alias(AVAILABLE)
    lag = 0 if table.lag is None else table.lag.microseconds
    return (pl.col(str(time_of(table.row))) + lag).alias(AVAILABLE)
