"""Outcomes: what became of each request, as of its due time and no later (LAW 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.evaluate import evaluate
from asof.compute.plan import answer, plan, visible_row
from asof.compute.requests import Requests, due_times
from asof.compute.slots import is_mature
from asof.compute.table import Versions
from asof.compute.window.contract import NEVER
from asof.declare.expressions import (
    Expression,
)
from asof.declare.labels import Label
from asof.declare.windows import Aggregate, Span
from asof.units import Duration

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Outcomes:
    """The label of each request, in the order of the requests.

    `value` is NaN where nothing came by the due time. `due` and `known_at` (when what tells the
    label became known; `NEVER` where nothing came) are microseconds; `late` marks requests whose
    outcome came only after it was due, and `came_at` is when an outcome came, late or not.
    """

    value: Floats
    due: Times
    known_at: Times
    late: Mask
    came_at: Times
    fired: Times
    until: int

    def mature(self, at: int) -> Mask:
        """Which requests are mature as of a moment: asked and due before it, and due by `until`."""
        return is_mature(self.fired, self.due, until=self.until, as_of=at)

    def labelled(self, at: int, since: int | None = None) -> NDArray[np.int64]:
        """Positions of the mature requests that have a label, asked from `since` on."""
        chosen = self.mature(at) & ~np.isnan(self.value)
        if since is not None:
            chosen &= self.fired >= since
        return np.flatnonzero(chosen)


def outcomes(
    label: Label[Any], asked: Requests, tables: Mapping[str, Versions], until: int, *, own: str
) -> Outcomes:
    """The label of every request; what came after `until` is not known to anybody."""
    due = due_times(label, asked)
    if label.span is None:
        value, known_at, came_at = _of_row(label, asked, tables[label.joined.table.name], due)
    else:
        value = _of_window(label, asked, tables, due, own)
        known_at = np.where(np.isnan(value), NEVER, due)
        came_at = known_at
    late = np.isnan(value) & (came_at != NEVER)
    return Outcomes(value, due, known_at, late, came_at, asked.fired, until)


def _of_row(
    label: Label[Any], asked: Requests, table: Versions, due: Times
) -> tuple[Floats, Times, Times]:
    columns = [own for own, _ in label.joined.pairs]
    values = asked.frame.select(
        [evaluate(e).alias(str(number)) for number, (_, e) in enumerate(label.joined.pairs)]
    )
    condition = label.joined.condition
    told = _numbers(table.frame, label.value)
    if condition is not None:
        kept = table.frame.select(evaluate(condition).fill_null(value=False)).to_series().to_numpy()
        told = np.where(kept, told, np.nan)
    # Available at the due time counts (6a); a view sees what is before its moment: ask just after.
    at_due = visible_row(table, columns, values, due + 1)
    at_last = visible_row(table, columns, values, np.full(len(due), NEVER - 1, dtype=np.int64))
    if not len(told):
        nothing = np.full(len(due), np.nan)
        return nothing, np.full(len(due), NEVER), np.full(len(due), NEVER)
    value = np.where(at_due >= 0, told[at_due], np.nan)
    later = np.where(at_last >= 0, told[at_last], np.nan)
    known_at = np.where(np.isnan(value), NEVER, table.known_from[at_due])
    late = np.isnan(value) & ~np.isnan(later)
    return value, known_at, np.where(late, table.known_from[at_last], known_at)


def _of_window(
    label: Label[Any], asked: Requests, tables: Mapping[str, Versions], due: Times, own: str
) -> Floats:
    """The aggregate of what happened in the window after `at`, as known at the due time."""
    fact = label.value
    wait = label.constant_wait
    if not isinstance(fact, Aggregate) or wait is None:
        raise TypeError("a label of a window is an aggregate with a wait")
    seen = looked_back(fact, wait)
    found = answer(plan([("label", seen)]), asked.frame, due + 1, tables, own=own)
    value = _numbers(found, found.columns[0])
    return np.where(np.isnan(value), np.nan, value > 0) if label.happens else value


def looked_back(fact: Aggregate[Any, Any], wait: Duration) -> Aggregate[Any, Any]:
    """The window after `at` as seen from just after the due time, `wait` after its end.

    The kernel looks from one moment at rows and at what is known: the window lies so much further
    back.
    """
    back = wait.microseconds + 1
    span = Span(fact.span.name, fact.span.start - back, fact.span.stop - back)
    return Aggregate(fact.joined, span, fact.statistic)


def _numbers(frame: pl.DataFrame, value: Expression[Any, Any] | str) -> Floats:
    chosen = pl.col(value) if isinstance(value, str) else evaluate(value)
    column = frame.select(chosen.cast(pl.Float64).fill_null(float("nan")))
    return column.to_series().to_numpy().astype(np.float64)
