"""The model in service: what the decisions on record say of it, and decisions taken by hand.

A running system writes its decisions into the journal, and so does who decides by hand; a life that
was replayed keeps its own under its run. Read together, in the order of their moments, they say
which model is in service as of any moment, to a server that starts and to a batch run alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from asof.declare.system import System
from asof.engine.messages import BEGAN, Promoted
from asof.engine.registry import require_fit
from asof.errors import StoreError, UsageError
from asof.stores.models import Model
from asof.stores.records import Decision
from asof.stores.server import running
from asof.stores.store import Store

REPLAYED = "backtest"
"""The kind of run that a replayed life is kept as."""

PROMOTED = "promoted"
"""The kind of a replayed decision that puts a model into service; its evidence holds the `id`."""


@dataclass(frozen=True)
class InService:
    """A model in service since a moment (us UTC): its id in the registry, its name in its life."""

    id: str
    name: str
    since: int
    reason: str


def keep_life(
    store: Store,
    system: System[Any],
    decisions: Iterable[Decision],
    ids: Mapping[str, str],
    *,
    stamp: int,
) -> int:
    """Keep the decisions of a replayed life as a run; `ids` are the registry's, by name."""
    run = store.records.begin_run(REPLAYED, system.fingerprint, stamp=stamp)
    store.records.decide(
        [
            Decision(each.moment, each.kind, each.reason, _with_id(each.evidence, ids), run)
            for each in decisions
        ]
    )
    return run


def _with_id(evidence: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    identity = ids.get(str(evidence.get("model")))
    return dict(evidence) if identity is None else {**evidence, "id": identity}


def in_service(store: Store, system: System[Any], at: int) -> InService | None:
    """The model in service as of a moment: one promoted at that moment serves it (LAW 2a)."""
    served = [each for each in promotions(store, system) if each.since <= at]
    return served[-1] if served else None


def promotions(store: Store, system: System[Any]) -> list[InService]:
    """The models that were put into service, in the order of their moments.

    The journal's are those that fit the declaration. Before a life on a server began, or where
    none did, the last replay of the declaration counts too.
    """
    told = store.journal.read(kinds=(BEGAN, Promoted.__name__))
    began = min((int(one.payload["start"]) for one in told if one.kind == BEGAN), default=None)
    lived = [
        InService(one.payload["id"], one.payload["model"], one.payload["at"], one.payload["reason"])
        for one in told
        if one.kind == Promoted.__name__ and "id" in one.payload
    ]
    fitting = {each.id: _fits(store, system, each.id) for each in lived}
    before = [each for each in _replayed(store, system) if began is None or each.since < began]
    both = [*before, *(each for each in lived if fitting[each.id])]
    return sorted(both, key=lambda each: each.since)  # stable: at one moment, as they were kept


def _replayed(store: Store, system: System[Any]) -> Iterator[InService]:
    mark = system.fingerprint
    runs = [run.run for run in store.records.runs(kind=REPLAYED) if run.fingerprint == mark]
    for each in store.records.decisions(run=runs[-1]) if runs else ():
        if each.kind == PROMOTED:
            told = each.evidence
            yield InService(told["id"], told["model"], each.moment, each.reason)


def _fits(store: Store, system: System[Any], identity: str) -> bool:
    try:
        require_fit(system, store.models.find(identity))
    except UsageError:
        return False
    return True


def promote(
    store: Store, system: System[Any], identity: str, *, at: int, reason: str = ""
) -> InService:
    """Put a registered model into service by hand, from `at` on; nothing if it is there already.

    Raises:
        UsageError: there is no such model, or it was fitted for another declaration.
        StoreError: a server runs on the store; it takes such decisions itself.
    """
    record = store.models.find(identity)
    require_fit(system, record)
    served = promotions(store, system)
    if served and served[-1].id == record.id:
        return served[-1]
    words = f"promoted by hand{f': {reason}' if reason else ''}"
    return _decide(store, record, served, words, at)


def roll_back(store: Store, system: System[Any], *, at: int, reason: str = "") -> InService:
    """Put the model that served before into service again, by hand, from `at` on.

    Raises:
        UsageError: none served before.
        StoreError: a server runs on the store; it takes such decisions itself.
    """
    served = promotions(store, system)
    if len(served) < 2:
        raise UsageError(
            "There is no model to roll back to.",
            found=f"models that have served: {', '.join(each.name for each in served) or 'none'}",
            mend="Promote one of those that asof models lists.",
        )
    words = f"rolled back by hand from {served[-1].name}{f': {reason}' if reason else ''}"
    return _decide(store, store.models.find(served[-2].id), served, words, at)


def _decide(
    store: Store, record: Model, served: list[InService], reason: str, at: int
) -> InService:
    """Journal a promotion, later than every other on record."""
    server = running(store.directory)
    if server is not None:
        raise StoreError(
            "A server runs on this store, and takes decisions by hand itself.",
            found=f"process {server.pid} on {server.host}, {server.address or 'starting'}",
            mend=f"Ask it: POST {server.address or 'http://...'}/v1/promote or /v1/rollback.",
        )
    name = next((each.name for each in served if each.id == record.id), None)
    name = name or f"{record.metadata['name']}-{record.id[:6]}"
    at = max([at, *(each.since + 1 for each in served)])
    told = Promoted(at, name, reason)
    store.journal.append(Promoted.__name__, {**asdict(told), "id": record.id}, stamp=at)
    return InService(record.id, name, at, reason)
