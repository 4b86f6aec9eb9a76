"""Requests and labels by brute force, from the words of the law."""

from __future__ import annotations

from typing import Any

import oracle
import polars as pl
from questions import Brute, on_row
from world import World

from asof.declare.kept import AVAILABLE, POSITION, RECORDED, WITHDRAWN
from asof.declare.windows import Aggregate, Span


def fires(stored: pl.DataFrame) -> dict[str, tuple[int, dict[str, Any]]]:
    """When each request is asked, with which row: one moment and one row after another (2a, 4a)."""
    rows = stored.sort(AVAILABLE, RECORDED, POSITION).to_dicts()
    ticking = sorted({r["at"] for r in rows if r["at"] is not None} | {r[AVAILABLE] for r in rows})
    current: dict[str, dict[str, Any]] = {}
    found: dict[str, tuple[int, dict[str, Any]]] = {}

    def look(name: str, moment: int) -> None:
        row = current[name]
        if name not in found and not row[WITHDRAWN] and row["at"] <= moment:
            found[name] = moment, row

    for moment in ticking:
        for name in current:  # versions available before the moment come first
            look(name, moment)
        for row in rows:
            if row[AVAILABLE] == moment:
                current[row["request"]] = row
                look(row["request"], moment)
    return found


def label_of(world: World, stored: Any, asked: dict[str, Any], due: int) -> float | None:
    """What the label's rows say as of the due time: what is available at it counts (6a)."""
    label = world.system.label
    name = label.joined.table.name
    brute = Brute(world.tables[name].table, stored[name], asked, due + 1, own=name == "asked")
    if label.span is None:
        key = [brute.asked_value(e) for _, e in label.joined.pairs]
        pairs = brute._rows(Aggregate(label.joined, Span("", 0, 1), None))  # type: ignore[arg-type]
        seen = oracle.visible([row for row, _ in pairs], due + 1)
        told = [
            record
            for row, record in pairs
            if row in seen and row.kept and [record[own] for own, _ in label.joined.pairs] == key
        ]
        value = on_row(label.value, told[0]) if told else None
        return None if value is None else float(value)
    span = Span(
        "", label.span.start - (due + 1 - asked["at"]), label.span.stop - (due + 1 - asked["at"])
    )
    fact = label.value
    assert isinstance(fact, Aggregate)
    found = brute.value(Aggregate(fact.joined, span, fact.statistic))
    if found is None:
        return None
    return float(found > 0) if label.happens else float(found)
