"""Records: the system's settings, its runs, and the decisions taken in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from asof.stores.database import DECISIONS, RUNS, SETTINGS, Database

LIVE_FROM = "live_from"
"""Setting: the moment (us UTC) from which rows that enter are live (LAW 1c); unset before."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run (a backtest, a life): its kind, the system's fingerprint, when, and its facts."""

    run: int
    kind: str
    fingerprint: str
    stamp: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided at a moment (us UTC), why in words, and on what evidence."""

    moment: int
    kind: str
    reason: str
    evidence: Mapping[str, Any]
    run: int | None = None


class Records:
    """Small facts about the system, in SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def setting(self, name: str) -> Any:
        """The value of a setting such as `until` or `live_from`; None where it was never set."""
        query = sa.select(SETTINGS.c.value).where(SETTINGS.c.name == name)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none()

    def set(self, name: str, value: Any) -> None:
        """Set or move a setting."""
        query = insert(SETTINGS).values(name=name, value=value)
        moved = query.on_conflict_do_update(index_elements=["name"], set_={"value": value})
        with self._database.write(f"keep the setting {name}") as connection:
            connection.execute(moved)

    def fix(self, name: str, value: Any) -> Any:
        """Set a setting unless it is set already; the value that holds."""
        query = insert(SETTINGS).values(name=name, value=value).on_conflict_do_nothing()
        with self._database.write(f"keep the setting {name}") as connection:
            connection.execute(query)
        return self.setting(name)

    def begin_run(
        self, kind: str, fingerprint: str, *, stamp: int, facts: Mapping[str, Any] | None = None
    ) -> int:
        """Keep that a run began; its number."""
        query = RUNS.insert().values(
            kind=kind, fingerprint=fingerprint, stamp=stamp, facts=dict(facts or {})
        )
        with self._database.write("keep the run") as connection:
            key = connection.execute(query).inserted_primary_key
        assert key is not None  # noqa: S101  an insert of one row always has a key
        return int(key[0])

    def runs(self, *, kind: str | None = None) -> list[Run]:
        """All runs, or those of one kind, in the order in which they began."""
        query = sa.select(RUNS).order_by(RUNS.c.run)
        if kind is not None:
            query = query.where(RUNS.c.kind == kind)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Run(row.run, row.kind, row.fingerprint, row.stamp, row.facts) for row in rows]

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Keep decisions, all or none; they are never deleted (LAW 8a)."""
        rows = [
            {
                "run": decision.run,
                "moment": decision.moment,
                "kind": decision.kind,
                "reason": decision.reason,
                "evidence": dict(decision.evidence),
            }
            for decision in decisions
        ]
        if not rows:
            return
        with self._database.write("keep the decisions") as connection:
            connection.execute(DECISIONS.insert(), rows)

    def decisions(self, *, run: int | None = None) -> list[Decision]:
        """The decisions of a run, or all, in the order in which they were kept."""
        query = sa.select(DECISIONS).order_by(DECISIONS.c.id)
        if run is not None:
            query = query.where(DECISIONS.c.run == run)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Decision(row.moment, row.kind, row.reason, row.evidence, row.run) for row in rows]
