"""The law by brute force: row by row, in plain Python, with exact fractions.

Written from the words of the law alone; nothing here shares code with what it judges.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

QUANTUM = Fraction(1, 2**64)
LARGE = 2**96 * QUANTUM


@dataclass(frozen=True)
class Row:
    """A stored row of a source: one version of its key, or a row without a key."""

    key: int | None
    event_time: int
    available_at: int
    recorded: int
    position: int
    withdrawn: bool = False
    join: int | None = 0
    kept: bool = True
    """What the feature's filter says of it."""
    values: tuple[float | None, ...] = ()
    codes: tuple[int | None, ...] = ()

    @property
    def content(self) -> tuple[Hashable, ...]:
        return (self.event_time, self.join, self.kept, self.values, self.codes)

    @property
    def order(self) -> tuple[int, int, int]:
        return (self.available_at, self.recorded, self.position)

    @property
    def rank(self) -> tuple[object, ...]:
        """By event time, availability, key, content; nulls before values."""
        key = -1 if self.key is None else self.key
        return (
            self.event_time,
            self.available_at,
            key,
            tuple((v is not None, v or 0) for v in self.values),
            tuple((c is not None, c or 0) for c in self.codes),
        )


def visible(rows: Iterable[Row], moment: int) -> list[Row]:
    """The rows that a question as of a moment may see (LAW 2a, 2b, 2d)."""
    seen: list[Row] = []
    versions: dict[int, list[Row]] = {}
    for row in rows:
        if row.available_at < moment:
            if row.key is None:
                seen.append(row)
            else:
                versions.setdefault(row.key, []).append(row)
    for told in versions.values():
        told.sort(key=lambda row: row.order)
        current: Row | None = None
        for row in told:
            if row.withdrawn:
                current = None
            elif current is None or row.content != current.content:
                current = row
        if current is not None:
            seen.append(current)
    return seen


def window(
    rows: Iterable[Row], moment: int, start: int, stop: int, join: int | None, own: int | None
) -> list[Row]:
    """The rows in a window, in rank order (LAW 3a, 3b)."""
    inside = [
        row
        for row in visible(rows, moment)
        if row.kept
        and join is not None
        and row.join == join
        and moment + start <= row.event_time < moment + stop
        and (own is None or row.key != own)
    ]
    return sorted(inside, key=lambda row: row.rank)


def known(rows: Iterable[Row], column: int) -> list[float]:
    return [v for row in rows if (v := row.values[column]) is not None]


def to_double(exact: Fraction) -> float:
    """Rounded once; missing (NaN) beyond the largest double."""
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.nan


def total(rows: Sequence[Row], column: int) -> float:
    """The sum by the rounded-quantum definition (LAW 3c)."""
    values = known(rows, column)
    if not values:
        return math.nan if rows else 0.0
    if any(abs(Fraction(v)) >= LARGE for v in values):
        return to_double(sum((Fraction(v) for v in values), Fraction(0)))
    return to_double(sum((round(Fraction(v) / QUANTUM) for v in values), 0) * QUANTUM)


def mean(rows: Sequence[Row], column: int) -> float:
    count = len(known(rows, column))
    return total(rows, column) / count if count else math.nan


def deviation(rows: Sequence[Row], column: int) -> float:
    """The standard deviation with n - 1, from exact fractions."""
    values = [Fraction(v) for v in known(rows, column)]
    if len(values) < 2:
        return math.nan
    middle = sum(values, Fraction(0)) / len(values)
    variance = sum(((v - middle) ** 2 for v in values), Fraction(0)) / (len(values) - 1)
    if variance == 0:
        return 0.0
    root = math.isqrt((variance.numerator << 4400) // variance.denominator)
    return to_double(Fraction(root, 1 << 2200))


def least(rows: Sequence[Row], column: int) -> float:
    return min(known(rows, column), default=math.nan)


def most(rows: Sequence[Row], column: int) -> float:
    return max(known(rows, column), default=math.nan)


def latest_known(rows: Sequence[Row], column: int) -> float:
    return (known(rows, column) or [math.nan])[-1]


def first_known(rows: Sequence[Row], column: int) -> float:
    return (known(rows, column) or [math.nan])[0]


def distinct(rows: Sequence[Row], column: int) -> int:
    return len({code for row in rows if (code := row.codes[column]) is not None})
