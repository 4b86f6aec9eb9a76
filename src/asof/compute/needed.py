"""Which columns of its tables a declaration reads, so that the others need not be read at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from asof.compute.plan import Plan, Work, plan
from asof.declare.policies import Persistence
from asof.declare.rows import time_of
from asof.declare.system import System
from asof.declare.tables import Table
from asof.declare.windows import Age, Aggregate, Lookup, columns_in

_ORDERED = ("latest", "first", "latest_known")


@dataclass
class Needed:
    """What facts read of a table: columns, and the event times from the moment on (us)."""

    table: Table[Any]
    columns: set[str] = field(default_factory=set[str])
    told: set[str] = field(default_factory=set[str])
    """Those that are more than compared."""
    start: int | None = None
    stop: int | None = None


class Read(NamedTuple):
    """The columns of a table that are read."""

    columns: frozenset[str]
    compared: frozenset[str]
    """Whole numbers among them that are only compared: with join values, or as tied content."""


def needed(planned: Plan) -> dict[str, Needed]:
    """What a plan reads, by table."""
    found: dict[str, Needed] = {}
    for work in planned.work:
        table = work.joined.table
        need = found.setdefault(table.name, Needed(table))
        need.told |= set(_told(work))
        need.columns |= need.told | {own for own, _ in work.joined.pairs}
        for fact in work.facts.values():
            if isinstance(fact, Lookup):
                continue
            span = fact.span
            need.start = span.start if need.start is None else min(need.start, span.start)
            need.stop = span.stop if need.stop is None else max(need.stop, span.stop)
            ordered = isinstance(fact, Age) or fact.statistic.kind in _ORDERED
            if ordered and not table.keys:  # equal moments are told apart by content (LAW 3b)
                need.columns |= _all(table)
    return found


def needed_columns(system: System[Any]) -> Mapping[str, Read]:
    """What features, labels, requests and yardsticks of a system read, by table: declared columns.

    Rows without a key are read in part: what their windows, joins and conditions name, and their
    time. Of a table with a key, versions are compared in all that they say (LAW 2b), and of the
    asked rows everything is theirs to tell.
    """
    facts = list(system.features.columns)
    if system.label.span is not None:
        facts.append(("label", system.label.value))
    read = needed(plan(facts))
    whole = {system.asked.name}
    whole |= {each.joined.table.name for each in system.baselines if isinstance(each, Persistence)}
    found: dict[str, Read] = {}
    for table in system.tables:
        if table.name in whole or table.keys or table.name not in read:
            found[table.name] = Read(frozenset(_all(table)), frozenset())
        else:
            need = read[table.name]
            numbers = {spec.name for spec in table.row.columns_ if spec.type is int}
            columns = frozenset({*need.columns, str(time_of(table.row))})
            found[table.name] = Read(columns, columns & numbers - need.told)
    return found


def _all(table: Table[Any]) -> set[str]:
    return {spec.name for spec in table.row.columns_}


def _told(work: Work) -> Iterator[str]:
    """The columns that are keys, conditions or values."""
    joined = work.joined
    yield from joined.table.keys
    if joined.condition is not None:
        yield from (column.name for column in columns_in(joined.condition))
    for fact in work.facts.values():
        of = fact.of if isinstance(fact, Lookup) else None
        of = fact.statistic.of if isinstance(fact, Aggregate) else of
        if of is not None:
            yield from (column.name for column in columns_in(of))
