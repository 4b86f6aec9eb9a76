"""The model in service: what the decisions on record say of it, and decisions taken by hand.

A running system writes its decisions into the journal, and so does who decides by hand; a life that
was replayed keeps its own under its run. Read together, in the order of their moments, they say
which model is in service as of any moment, to a server that starts and to a batch run alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from asof.declare.system import System
from asof.engine.belonging import require_fit
from asof.engine.messages import BEGAN, Promoted, PromotedByHand
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
    """A model in service since a moment (us UTC): its id in the registry, its name in its life.

    `back`: it took the place of what was promoted after it.
    """

    id: str
    name: str
    since: int
    reason: str
    back: bool = False


@dataclass(frozen=True)
class ByHand:
    """A decision by hand to put a model into service, in place of what came after it if `back`.

    `name` is that under which it served, if it did.
    """

    record: Model
    name: str | None
    reason: str
    back: bool

    def named(self, ids: Mapping[str, str]) -> str:
        """What the model is called in a life, by the ids of the names in it.

        One that never served, or whose name another has by now, has its id beside its name.
        """
        mine = self.record.id
        known = next((name for name, one in ids.items() if one == mine), self.name)
        if known is not None and ids.get(known, mine) == mine:
            return known
        return f"{self.record.metadata['name']}-{mine[:6]}"

    def message(self, at: int, name: str) -> PromotedByHand:
        """The decision, taken at a moment (us UTC), about a model of that name."""
        return PromotedByHand(at, name, self.reason, self.back)


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
    kinds = (Promoted.__name__, PromotedByHand.__name__)
    told = store.journal.read(kinds=(BEGAN, *kinds))
    began = min((int(one.payload["start"]) for one in told if one.kind == BEGAN), default=None)
    lived = [
        InService(
            one.payload["id"],
            one.payload["model"],
            one.payload["at"],
            one.payload["reason"],
            one.payload.get("back", False),
        )
        for one in told
        if one.kind in kinds and "id" in one.payload
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


def chain(promoted: Iterable[InService]) -> list[InService]:
    """The promotions that stand, oldest first: the last serves, and each stands before the next.

    Going back takes what came after away, so that going back again goes further.
    """
    found: list[InService] = []
    for one in promoted:
        while one.back and found and found[-1].id != one.id:
            found.pop()
        if not found or found[-1].id != one.id:
            found.append(one)
    return found


def to_promote(store: Store, system: System[Any], identity: str, reason: str) -> ByHand:
    """The decision to put a registered model into service.

    Raises:
        UsageError: there is no such model, or it was fitted for another declaration.
    """
    return _to_promote(store, system, promotions(store, system), identity, reason)


def _to_promote(
    store: Store, system: System[Any], served: Iterable[InService], identity: str, reason: str
) -> ByHand:
    record = store.models.find(identity, fingerprint=system.fingerprint)
    require_fit(system, record)
    words = f"promoted by hand{f': {reason}' if reason else ''}"
    return ByHand(record, _name(served, record.id), words, back=False)


def to_roll_back(store: Store, system: System[Any], reason: str) -> ByHand:
    """The decision to put the model before the one in service into service again.

    Raises:
        UsageError: none served before.
    """
    return _to_roll_back(store, promotions(store, system), reason)


def _to_roll_back(store: Store, served: Sequence[InService], reason: str) -> ByHand:
    standing = chain(served)
    if len(standing) < 2:
        first = f"nothing served before {standing[-1].name}" if standing else "none has served"
        others = ", ".join(dict.fromkeys(each.name for each in served))
        raise UsageError(
            "There is no model to roll back to.",
            found=f"{first}; models that have served: {others or 'none'}",
            mend="Promote one of those that asof models lists.",
        )
    before, last = standing[-2:]
    words = f"rolled back by hand from {last.name}{f': {reason}' if reason else ''}"
    return ByHand(store.models.find(before.id), before.name, words, back=True)


def _name(served: Iterable[InService], identity: str) -> str | None:
    return next((each.name for each in served if each.id == identity), None)


def promote(
    store: Store, system: System[Any], identity: str, *, at: int, reason: str = ""
) -> InService:
    """Put a registered model into service by hand, from `at` on; nothing if it is there already.

    Raises:
        UsageError: there is no such model, or it was fitted for another declaration.
        StoreError: a server runs on the store; it takes such decisions itself.
    """
    served = promotions(store, system)
    decided = _to_promote(store, system, served, identity, reason)
    if served and served[-1].id == decided.record.id:
        return served[-1]
    return _decide(store, decided, served, at)


def roll_back(store: Store, system: System[Any], *, at: int, reason: str = "") -> InService:
    """Put the model that served before into service again, by hand, from `at` on.

    Raises:
        UsageError: none served before.
        StoreError: a server runs on the store; it takes such decisions itself.
    """
    served = promotions(store, system)
    return _decide(store, _to_roll_back(store, served, reason), served, at)


def _decide(store: Store, decided: ByHand, served: Sequence[InService], at: int) -> InService:
    """Journal a promotion, later than every other on record."""
    server = running(store.directory)
    if server is not None:
        raise StoreError(
            "A server runs on this store, and takes decisions by hand itself.",
            found=f"process {server.pid} on {server.host}, {server.address or 'starting'}",
            mend=f"Ask it: POST {server.address or 'http://...'}/v1/promote or /v1/rollback.",
        )
    at = max([at, *(each.since + 1 for each in served)])
    told = decided.message(at, decided.named({each.name: each.id for each in served}))
    identity = decided.record.id
    store.journal.append(type(told).__name__, {**asdict(told), "id": identity}, stamp=at)
    return InService(identity, told.model, at, told.reason, told.back)
