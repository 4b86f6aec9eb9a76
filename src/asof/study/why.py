"""Why a feature has its value: the rows that it saw, and those that it did not, with the reason.

The debugger of the law. Nothing is recomputed on the side: the value comes from the same plan and
kernel as always, and the rows are those of the same tables, told apart by the same rule.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.codes import match
from asof.compute.evaluate import TICK, evaluate
from asof.compute.requests import names
from asof.compute.schedule import microseconds, moment
from asof.compute.table import Versions, repeats
from asof.compute.window.contract import NEVER
from asof.declare.expressions import (
    Expression,
)
from asof.declare.features import walk
from asof.declare.kept import ALWAYS
from asof.declare.place import nearest
from asof.declare.rows import Row, time_of
from asof.declare.sources import Reference
from asof.declare.windows import Age, Aggregate, Lookup
from asof.engine.history import History
from asof.errors import UsageError
from asof.study.moments import clock, iso

Fact = Aggregate[Any, Any] | Age[Any] | Lookup[Any, Any]


@dataclass(frozen=True)
class RowSeen:
    """A version of a row of the right join value: whether it counted, and if not why."""

    key: str
    event_time: int | None
    known_from: int
    known_until: int | None
    values: dict[str, Any]
    seen: bool
    reason: str


@dataclass(frozen=True)
class FactSeen:
    """One fact that a feature is made of: what it looked for, and the rows that it met.

    `rows` are the nearest ones; `seen` and `unseen` count all.
    """

    fact: str
    table: str
    join: dict[str, Any]
    span: tuple[int, int] | None
    seen: int
    unseen: int
    rows: tuple[RowSeen, ...]


@dataclass(frozen=True)
class FeatureSeen:
    """A feature's value for a request, as of a moment, and the facts that it is made of."""

    feature: str
    value: Any
    expression: str
    facts: tuple[FactSeen, ...]


@dataclass(frozen=True)
class Why:
    """Why a request's features are what they are. Moments are microseconds UTC.

    Those among the values of rows are aware datetimes.
    """

    request: str
    zone: str
    at: int
    asked: int
    as_of: int
    row: dict[str, Any]
    features: tuple[FeatureSeen, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data: moments as RFC 3339 in UTC, those of always null."""
        told = asdict(self)
        for name in ("at", "asked", "as_of"):
            told[name] = iso(told[name])
        for fact in (fact for feature in told["features"] for fact in feature["facts"]):
            if fact["span"] is not None:
                fact["span"] = [iso(self.as_of + edge) for edge in fact["span"]]
            for row in fact["rows"]:
                for name in ("event_time", "known_from", "known_until"):
                    at = row[name]
                    row[name] = None if at is None or at == ALWAYS else iso(at)
        found: dict[str, Any] = _told(told)
        return found

    def lines(self) -> Iterator[str]:
        """The same in words, a line at a time."""
        asked = clock(self.asked, self.zone)
        yield f"request {self.request}, asked {asked} by the clocks of {self.zone}"
        if self.as_of != self.asked:
            yield f"features as of {clock(self.as_of, self.zone)}"
        for feature in self.features:
            yield ""
            yield f"{feature.feature} = {_value(feature.value, self.zone)}"
            yield f"  {feature.expression}"
            for fact in feature.facts:
                yield from self._fact(fact)

    def _fact(self, fact: FactSeen) -> Iterator[str]:
        join = ", ".join(
            f"{name} = {_value(value, self.zone)}" for name, value in fact.join.items()
        )
        yield f"  {fact.table} with {join or 'any key'}: {fact.seen:,} seen, {fact.unseen:,} not"
        if fact.span is not None:
            start, stop = (clock(self.as_of + edge, self.zone) for edge in fact.span)
            yield f"  window {start} to before {stop}"
        for row in fact.rows:
            mark = "seen    " if row.seen else "not seen"
            at = "" if row.event_time is None else f" at {clock(row.event_time, self.zone)}"
            values = ", ".join(
                f"{name} {_value(value, self.zone)}" for name, value in row.values.items()
            )
            yield f"    {mark}  {row.key or 'row'}{at}  {values}"
            yield f"              {row.reason}"


def _told(value: Any) -> Any:
    """Plain data with its moments as RFC 3339."""
    match value:
        case dict():
            items = cast("dict[str, Any]", value).items()
            return {name: _told(one) for name, one in items}
        case list() | tuple():
            return [_told(one) for one in cast("list[Any]", value)]
        case datetime():
            return iso(microseconds(value))
        case _:
            return value


def _value(value: Any, zone: str) -> str:
    """A value in words, a moment by a zone's clocks.

    A text that cannot be told from its surroundings, or breaks the line, is quoted.
    """
    if value is None:
        return "missing"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, datetime):
        return clock(microseconds(value), zone)
    told = str(value)
    return told if told.isprintable() and told.strip() == told != "" else json.dumps(
        told, ensure_ascii=False
    )  # fmt: skip


def why(
    history: History, zone: str, request: str, feature: str | None = None, *, rows: int = 10
) -> Why:
    """Why the features of a request, or one of them, are what they are.

    `request` is its key (parts joined by `/`). Without `feature` all values are told, without
    rows.

    Raises:
        UsageError: there is no such request or feature.
    """
    position = _position(history, request)
    asked = history.requests.take(np.array([position]))
    seen = history.seen(asked)
    as_of = int(seen.as_of[0])
    wanted = history.system.features.columns
    if feature is not None:
        wanted = tuple((name, e) for name, e in wanted if name == feature)
        if not wanted:
            known = list(history.system.features.names)
            raise UsageError(
                f"{history.system.name} has no feature '{feature}'.",
                found=f"{len(known)} features, such as {', '.join(known[:4])}",
                mend=nearest(feature, known) or "Leave it out to see all values.",
            )
    return Why(
        request,
        zone,
        int(asked.at[0]),
        int(asked.fired[0]),
        as_of,
        _timed(history.system.asked.row, asked.frame.row(0, named=True)),
        tuple(
            FeatureSeen(
                name,
                seen.features[name][0],
                repr(expression),
                tuple(_facts(history, asked.frame, as_of, expression, rows, zone))
                if feature
                else (),
            )
            for name, expression in wanted
        ),
    )


def _position(history: History, request: str) -> int:
    known = names(history.requests)
    found = (known == request).arg_true()
    if len(found):
        return int(found[0])
    some = known.head(3).to_list()
    raise UsageError(
        f"There is no request '{request}'.",
        found=f"{len(known):,} requests, such as {', '.join(some)}",
        mend="Give the key of the requested row; parts of a key are joined by '/'.",
    )


def _facts(
    history: History,
    asked: pl.DataFrame,
    as_of: int,
    expression: Expression[Any, Any],
    rows: int,
    zone: str,
) -> Iterator[FactSeen]:
    for fact in walk(expression):
        if isinstance(fact, Aggregate | Age | Lookup):
            yield _fact(history, asked, as_of, fact, rows, zone)


def _fact(
    history: History, asked: pl.DataFrame, as_of: int, fact: Fact, limit: int, zone: str
) -> FactSeen:
    joined = fact.joined
    table = history.tables[joined.table.name]
    values = asked.select([evaluate(e).alias(own) for own, e in joined.pairs])
    own = [name for name, _ in joined.pairs]
    equal = match(values, table.frame.select(own)) == 0 if own else np.ones(len(table), bool)
    condition = joined.condition
    if condition is not None:
        kept = table.frame.select(evaluate(condition).fill_null(value=False))
        equal &= kept.to_series().to_numpy()
    met = table.take(np.flatnonzero(equal))
    met = met.where(~repeats(met))
    span = None if isinstance(fact, Lookup) else (fact.span.start, fact.span.stop)
    own_source = history.asked == table.table.name
    kinds = _kinds(met, as_of, span, asked if own_source else None)
    hidden = {*own, time_of(table.table.row), *table.table.keys}
    counted = int((kinds == "seen").sum())
    return FactSeen(
        repr(fact),
        joined.table.name,
        _timed(table.table.row, values.row(0, named=True)) if own else {},
        span,
        counted,
        len(met) - counted,
        tuple(
            _row(met, int(position), str(kinds[position]), as_of, zone, hidden)
            for position in _nearest(met, kinds, as_of, limit)
        ),
    )


def _row(
    met: Versions, position: int, kind: str, as_of: int, zone: str, hidden: set[str | None]
) -> RowSeen:
    """One version as it is told."""
    known_from, known_until = int(met.known_from[position]), int(met.known_until[position])
    values = met.frame.row(position, named=True)
    moments = {spec.name for spec in met.table.row.columns_ if spec.type is datetime}
    shown = {name: value for name, value in values.items() if name not in hidden}
    timed = not isinstance(met.table, Reference)
    return RowSeen(
        "/".join(
            iso(values[name]) if name in moments else str(values[name]) for name in met.table.keys
        ),
        int(met.event_time[position]) if timed else None,
        known_from,
        None if known_until == NEVER else known_until,
        _timed(met.table.row, shown),
        kind == "seen",
        _reason(kind, known_from, known_until, as_of, zone),
    )


def _timed(row: type[Row], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a row's columns by name, those that are moments as such."""
    moments = {TICK, *(spec.name for spec in row.columns_ if spec.type is datetime)}
    return {
        name: moment(value) if name in moments and value is not None else value
        for name, value in values.items()
    }


def _kinds(
    met: Versions, as_of: int, span: tuple[int, int] | None, asked: pl.DataFrame | None
) -> NDArray[Any]:
    """For each version whether it was seen, or the first reason for which it was not."""
    if span is None or isinstance(met.table, Reference):
        early = late = np.zeros(len(met), dtype=np.bool_)
    else:
        early = met.event_time < as_of + span[0]
        late = met.event_time >= as_of + span[1]
    keys = list(met.table.keys)
    own = (
        np.zeros(len(met), dtype=np.bool_)
        if asked is None
        else match(asked.select(keys), met.frame.select(keys)) == 0
    )
    return np.select(
        [own, met.known_from >= as_of, met.known_until < as_of, early, late],
        ["own", "unknown", "replaced", "before", "after"],
        "seen",
    )


def _reason(kind: str, known_from: int, known_until: int, as_of: int, zone: str) -> str:
    known, asked = clock(known_from, zone), clock(as_of, zone)
    match kind:
        case "seen":
            return f"known {known}" if known_from > ALWAYS else "always known"
        case "own":
            return "the asked row itself is never in a window of its own source"
        case "unknown":
            return f"known {known}, asked {asked}"
        case "replaced":
            return f"replaced or withdrawn {clock(known_until, zone)}, asked {asked}"
        case "before":
            return "happened before the window"
        case _:
            return "happens after the window"


def _nearest(met: Versions, kinds: NDArray[Any], as_of: int, limit: int) -> NDArray[np.int64]:
    """Positions of the versions nearest to the asked moment, of those seen and of the others."""
    times = met.known_from if isinstance(met.table, Reference) else met.event_time
    order = np.argsort(np.abs(times - as_of), kind="stable")
    seen = kinds[order] == "seen"
    return np.sort(np.concatenate([order[seen][:limit], order[~seen][:limit]]))
