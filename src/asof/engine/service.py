"""The model in service: what the decisions on record say of it, and decisions taken by hand.

A life that was replayed or lived keeps its decisions under its run; those by hand belong to the
declaration and outlast a replay. Read together, in the order of their moments, they say which model
is in service as of any moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from asof.declare.system import System
from asof.engine.registry import require_fit
from asof.errors import UsageError
from asof.stores.models import Model
from asof.stores.records import Decision
from asof.stores.store import Store

REPLAYED, LIVED = "backtest", "live"
"""The kinds of runs that have models in service."""

PROMOTED, ROLLED_BACK = "promoted", "rolled back"
"""The kinds of decisions that put a model into service; `evidence["id"]` is the registry's."""


@dataclass(frozen=True)
class InService:
    """A model in service since a moment (us UTC): its id in the registry, its name in its life."""

    id: str
    name: str
    since: int
    reason: str
    by_hand: bool


def keep_life(
    store: Store,
    system: System[Any],
    decisions: Iterable[Decision],
    ids: dict[str, str],
    *,
    kind: str,
    stamp: int,
) -> int:
    """Keep the decisions of a life as a run; `ids` are the registry's, by the life's own names."""
    run = store.records.begin_run(kind, system.fingerprint, stamp=stamp)
    kept = [
        Decision(each.moment, each.kind, each.reason, _named(each.evidence, ids), run)
        for each in decisions
    ]
    store.records.decide(kept)
    return run


def _named(evidence: Any, ids: dict[str, str]) -> dict[str, Any]:
    name = evidence.get("model")
    return {**evidence, "id": ids[name]} if name in ids else dict(evidence)


def in_service(store: Store, system: System[Any], at: int) -> InService | None:
    """The model in service as of a moment: one promoted at that moment serves it (LAW 2a)."""
    held = _held(store, system, at)
    return held[-1] if held else None


def promote(
    store: Store, system: System[Any], identity: str, *, at: int, reason: str = ""
) -> InService:
    """Put a registered model into service by hand, from `at` on; nothing if it is there already.

    Raises:
        UsageError: there is no such model, or it was fitted for another declaration.
    """
    record = store.models.find(identity)
    require_fit(system, record)
    now = in_service(store, system, at)
    if now is not None and now.id == record.id:
        return now
    words = f"promoted by hand{f': {reason}' if reason else ''}"
    return _decide(store, system, record, PROMOTED, words, _after(store, system, at))


def roll_back(store: Store, system: System[Any], *, at: int, reason: str = "") -> InService:
    """Put the model that served before into service again, by hand, from `at` on.

    Raises:
        UsageError: none served before.
    """
    at = _after(store, system, at)
    held = _held(store, system, at)
    if len(held) < 2:
        raise UsageError(
            "There is no model to roll back to: "
            f"{'only one has served' if held else 'none has served'}.",
            found=f"{held[0].name} ({held[0].id})" if held else "no promotion on record",
            mend="Promote one of those that asof models lists.",
        )
    words = f"rolled back by hand from {held[-1].name}{f': {reason}' if reason else ''}"
    return _decide(store, system, store.models.find(held[-2].id), ROLLED_BACK, words, at)


def _held(store: Store, system: System[Any], at: int) -> list[InService]:
    """The models that a rollback would go through, the last of them in service as of `at`."""
    held: list[InService] = []
    for decision in decisions_of(store, system):
        if decision.moment > at or decision.kind not in (PROMOTED, ROLLED_BACK):
            continue
        if decision.kind == ROLLED_BACK:
            del held[-2:]
        told = decision.evidence
        hand = told.get("by") == "hand"
        held.append(
            InService(told["id"], told["model"], decision.moment, decision.reason, by_hand=hand)
        )
    return held


def decisions_of(store: Store, system: System[Any]) -> list[Decision]:
    """The decisions of the last life of a system, and those by hand, in order of their moments.

    What was lived goes before what was replayed: a new backtest does not undo what served.
    """
    mark = system.fingerprint
    runs = [run for run in store.records.runs() if run.fingerprint == mark]
    by_hand = [
        each for each in store.records.decisions() if each.evidence.get("fingerprint") == mark
    ]
    lives: list[Decision] = []
    lived = [run.run for run in runs if run.kind == LIVED]
    if lived:
        lives = [each for run in lived for each in store.records.decisions(run=run)]
    first = min((each.moment for each in lives if each.kind == PROMOTED), default=None)
    replayed = [run.run for run in runs if run.kind == REPLAYED]
    before = store.records.decisions(run=replayed[-1]) if replayed else []
    past = [each for each in before if first is None or each.moment < first]
    return _in_order([*past, *lives, *by_hand])


def _in_order(decisions: Sequence[Decision]) -> list[Decision]:
    return sorted(decisions, key=lambda each: each.moment)  # stable: as they were kept


def _after(store: Store, system: System[Any], at: int) -> int:
    """The moment of a decision by hand: now, and later than every decision on record."""
    last = [each.moment for each in decisions_of(store, system)]
    return max([at, *(moment + 1 for moment in last[-1:])])


def _decide(
    store: Store, system: System[Any], record: Model, kind: str, reason: str, at: int
) -> InService:
    name = str(record.metadata["name"])
    evidence = {
        "model": name, "id": record.id, "by": "hand", "fingerprint": system.fingerprint,
    }  # fmt: skip
    store.records.decide([Decision(at, kind, reason, evidence)])
    return InService(record.id, name, at, reason, by_hand=True)
