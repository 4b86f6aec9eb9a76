"""What a start needs of the past: a snapshot of the rows that still matter, and of open requests.

It is taken from the tables, by another process, as of an offset. What a window can still see, the
newest version of what is looked up, requests that are not mature: the rest has been said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.evaluate import POLARS, TICK
from asof.compute.online.requests import Asked
from asof.compute.requests import Served
from asof.compute.table import versions
from asof.declare.kept import AVAILABLE, POSITION, RECORDED, WITHDRAWN
from asof.declare.rows import time_of
from asof.declare.sources import Ticks
from asof.declare.system import System
from asof.declare.tables import Table
from asof.engine.history import History
from asof.engine.live.carried import first_given, framed_answers, lived_from, newest
from asof.engine.live.fit import Declared
from asof.engine.live.serving import LiveServing
from asof.stores.store import Store

_FIRED, _RIPE, _OPEN = "fired", "ripe", "open"
_AT, _WHEN = "at_", "fired_"


@dataclass(frozen=True)
class Before:
    """What happened before a moment: keys that fired, since when labels are known, open requests.

    `fired` holds a key a row. An open request has no label that is due yet.
    """

    fired: pl.DataFrame
    ripe: NDArray[np.int64]
    open: list[Asked]


def before(
    system: System[Any],
    stored: Mapping[str, pl.DataFrame],
    moment: int,
    given: pl.DataFrame | None = None,
) -> Before:
    """What happened before a moment, from the rows of all tables as the store keeps them.

    `given` are answers, in the order in which they were given: those to requests whose declared
    moment is still to come suffice.
    """
    return _before(system, _history(system, stored, moment, given), moment)


def _history(
    system: System[Any],
    stored: Mapping[str, pl.DataFrame],
    moment: int,
    given: pl.DataFrame | None = None,
) -> History | None:
    """What was asked before a moment, None where nothing was; `given` are the first answers.

    A server may be asked ahead of the declared moment: what it answered then has fired.
    """
    if not stored[system.asked.name].height:
        return None
    tables = {table.name: versions(table, stored[table.name]) for table in system.tables}
    history = History(system, tables, moment, empty=True)
    if given is not None and (ahead := _ahead(history, given)):
        history = History(system, tables, moment, served=ahead, empty=True)
    return history if len(history) else None


def _ahead(history: History, given: pl.DataFrame) -> Served:
    """The requests that have been answered, and whose declared moment is still to come."""
    fired = pl.Series("request", history.names, dtype=pl.String).to_frame()
    early = given.join(fired, on="request", how="anti")
    return dict(early.group_by("request").agg(pl.col("fired").min()).iter_rows())


def _before(system: System[Any], history: History | None, moment: int) -> Before:
    if history is None:
        return Before(pl.DataFrame(schema=_key_schema(system)), np.empty(0, dtype=np.int64), [])
    requests, due = history.requests, history.outcomes.due
    fired_keys = requests.frame.select(requests.keys)
    # Due before it was asked, and asked since: it is mature all the same.
    open_ = np.flatnonzero(due >= moment)
    rows, keys = requests.frame[open_].rows(), fired_keys[open_].rows()
    at, fired = requests.at[open_].tolist(), requests.fired[open_].tolist()
    named = [history.names[i] for i in open_.tolist()]
    pending = [
        Asked(name, key, row, planned, when)
        for name, key, row, planned, when in zip(named, keys, rows, at, fired, strict=True)
    ]
    ripe = history.ripe
    return Before(fired_keys, ripe[ripe < moment], pending)


def take_snapshot(declared: Declared, directory: Path) -> int:
    """Seal what is journalled, keep a snapshot as of then, and prune the journal; its offset.

    Called in a process of its own, beside the server.
    """
    system = declared()
    with Store(directory) as store:
        sealed = store.seal()
        offset = sealed.upto
        moment = store.journal.last_stamp(upto=offset) + 1
        stored = {table.name: store.rows(table, offset=offset) for table in system.tables}
        last = newest(system, store)
        answered: Mapping[str, pl.DataFrame] = {} if last is None else last.frames
        since = lived_from(store) if last is None else last.offset
        given = first_given(answered, store.predictions(after=since, offset=offset))
        history = _history(system, stored, moment, given)
        past = _before(system, history, moment)
        frames = {f"rows.{name}": rows for name, rows in needed(system, stored, past, moment)}
        frames |= framed(system, past) | framed_answers(history, moment, given, answered)
        facts = {"moment": moment, "fingerprint": system.fingerprint}
        store.snapshots.keep(offset, frames, facts)
        store.prune(snapshot=offset)
    return offset


def needed(
    system: System[Any], stored: Mapping[str, pl.DataFrame], past: Before, moment: int
) -> list[tuple[str, pl.DataFrame]]:
    """By table the rows that can still matter after a moment, with what a start looks at of them.

    They are in the order of their times, and of their taking where these are equal: a start need
    not sort them.
    """
    asked = system.asked
    tables = {table.name: table for table in system.tables}
    serving = LiveServing(system, tables)
    since = serving.as_of(moment)  # batch features are looked up as of their last refresh
    found: list[tuple[str, pl.DataFrame]] = []
    for name, rows in stored.items():
        version = versions(tables[name], rows)
        kept = version.known_until >= since
        whole = name == system.label.joined.table.name or (
            name == asked.name and isinstance(system.requests, Ticks)
        )
        looking = serving.features.tables.get(name)
        if not whole and (looking is None or looking.reach is not None):
            near = np.zeros(len(version), dtype=np.bool_)
            if looking is not None and looking.reach is not None:
                near |= version.event_time >= since - looking.reach
            if name == asked.name:
                near |= _open(version.frame, asked.keys, past)
            kept &= near
        places = np.zeros(rows.height, dtype=np.bool_)
        places[version.taken[kept]] = True
        # A withdrawal is no version: it ends one that may be kept.
        places |= (rows[AVAILABLE] >= since).to_numpy()
        found.append((name, _in_time(tables[name], rows.filter(pl.Series(places)))))
    return found


def _in_time(table: Table[Any], rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order of their times, in one piece."""
    time = time_of(table.row)
    by = [AVAILABLE] if time is None else [time, AVAILABLE]
    kept = [spec.name for spec in table.row.columns_]
    looked_at = rows.select(*kept, AVAILABLE, RECORDED, POSITION, WITHDRAWN)
    return looked_at.sort(by, maintain_order=True)


def _open(frame: pl.DataFrame, keys: tuple[str, ...], past: Before) -> NDArray[np.bool_]:
    """The rows of requests that have not fired, or whose label is not due."""
    closed = set(past.fired.rows()) - {asked.key for asked in past.open}
    return np.array([key not in closed for key in frame.select(keys).rows()], dtype=np.bool_)


def _key_schema(system: System[Any]) -> pl.Schema:
    """The columns of a request's key, as a snapshot keeps them."""
    asked = system.asked
    kinds = {spec.name: POLARS.get(spec.type, pl.Int64()) for spec in asked.row.columns_}
    ticks: dict[str, Any] = {TICK: pl.Int64()} if isinstance(system.requests, Ticks) else {}
    return pl.Schema({name: kinds[name] for name in asked.keys} | ticks)


def framed(system: System[Any], past: Before) -> dict[str, pl.DataFrame]:
    """What happened before, as a snapshot keeps it; see `read_before`."""
    asked = system.asked
    kinds = {spec.name: spec for spec in asked.row.columns_}
    schema = {name: POLARS.get(kinds[name].type, pl.Int64()) for name in kinds}
    ticks: dict[str, Any] = {TICK: pl.Int64} if isinstance(system.requests, Ticks) else {}
    keys = _key_schema(system)
    rows = [(*one.row, one.at, one.fired, one.name) for one in past.open]
    whole: dict[str, Any] = schema | ticks | {_AT: pl.Int64, _WHEN: pl.Int64, "name_": pl.String}
    return {
        _FIRED: pl.DataFrame(past.fired.get_columns(), schema=list(keys)).cast(keys),
        _RIPE: pl.DataFrame({_RIPE: past.ripe}),
        _OPEN: pl.DataFrame(rows, schema=whole, orient="row"),
    }


def read_before(system: System[Any], frames: Mapping[str, pl.DataFrame]) -> Before:
    """What a snapshot says of the time before it."""
    asked = system.asked
    names = [*asked.keys, *([TICK] if isinstance(system.requests, Ticks) else [])]
    told = frames[_OPEN]
    keys = told.select(names).rows()
    pending = [
        Asked(name, key, tuple(row), at, fired)
        for key, (*row, at, fired, name) in zip(keys, told.rows(), strict=True)
    ]
    return Before(frames[_FIRED], frames[_RIPE][_RIPE].to_numpy(), pending)
