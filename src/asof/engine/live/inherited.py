"""What a start finds: the newest snapshot, the models that can answer, and why others cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import polars as pl

from asof.declare.kept import AVAILABLE, RECORDED
from asof.declare.system import System
from asof.declare.tables import Table
from asof.engine.live.front import ROWS
from asof.engine.live.journalled import InLife
from asof.engine.live.serving import Served
from asof.engine.registry import with_runtime
from asof.errors import StoreError, UsageError
from asof.stores.snapshots import Snapshot
from asof.stores.store import Store

_ROW_BY_ROW = 50_000
"""So many rows after a snapshot are quicker taken one by one than all tables read anew."""


class Kept(NamedTuple):
    """A snapshot, and the tables of which rows came after it."""

    snapshot: Snapshot
    later: list[str]


def kept(system: System[Any], store: Store) -> Kept | None:
    """The newest snapshot of a declaration, unless it is no help.

    That is so where too much came since, or what superseded rows of the snapshot (LAW 2c), or may
    be an earlier version than the one that it has (LAW 2f).
    """
    found = store.snapshots.newest(upto=store.journal.head()).snapshot
    if found is None or found.facts["fingerprint"] != system.fingerprint:
        return None
    came: Counter[str] = Counter()
    for chunk in store.journal.messages(after=found.offset, kinds=[ROWS], content=False):
        for one in chunk:  # what was loaded from a file says itself of which table it is
            came[one.source or one.payload["source"]] += int(one.payload["rows"])
    later = [table for table in system.tables if table.name in came]
    if came.total() > _ROW_BY_ROW or any(
        _superseded(store, table.name, found.offset) or _reaches_back(store, table, found)
        for table in later
    ):
        return None
    return Kept(found, [table.name for table in later])


def _superseded(store: Store, source: str, offset: int) -> bool:
    """Whether something that was loaded up to an offset has been superseded since."""
    then = store.loads.unseen(source, offset=offset)
    return any(old <= offset and old not in then for old in store.loads.unseen(source))


def _reaches_back(store: Store, table: Table[Any], snapshot: Snapshot) -> bool:
    """Whether what was loaded or released since has rows that were known before the snapshot.

    Versions are taken in the order in which they became known, and its own are taken already.
    """
    since = [one.offset for one in store.loads.all(table.name) if one.offset > snapshot.offset]
    if not table.keys or not since:
        return False
    earlier = pl.col(AVAILABLE) < int(snapshot.facts["moment"])
    rows = store.scan(table, after=snapshot.offset).filter(earlier, pl.col(RECORDED).is_in(since))
    return bool(rows.select(pl.len()).collect().item())


class Inherited(NamedTuple):
    """Models that may still answer, in the order of their promotions.

    `damaged` says why a later one cannot be read, `strange` why a later one answers another
    question than the declared one; both are "" where there is none.
    """

    models: list[Served]
    damaged: str
    strange: str


def ready_to_serve(system: System[Any], store: Store, one: InLife) -> Served:
    """A model of a life, ready to predict.

    Raises:
        UsageError: it was fitted for another question, or is gone.
        StoreError: its artifact is not what was registered.
    """
    record, runtime = with_runtime(system, store, one.id)
    return Served(one.name, record.id, one.since, runtime)


def inherited(system: System[Any], store: Store, served: Sequence[InLife], run: int) -> Inherited:
    """The last of the models that served and, with batch predictions, that of the run `run`.

    What cannot be read, and what was fitted for another declaration, is passed over: a model that
    served before it does so again.
    """
    found: list[Served] = []
    damaged = strange = ""
    passed: set[str] = set()
    for one in reversed(served):
        if one.id in passed:
            continue
        try:
            found.append(ready_to_serve(system, store, one))
        except StoreError as error:
            damaged = damaged or f"{error.what} {error.found}"
            passed.add(one.id)
            continue
        except UsageError as error:
            strange = strange or f"{error.what} {error.found}"
            passed.add(one.id)
            continue
        if one.since <= run:
            break
    return Inherited(found[::-1], damaged, strange)
