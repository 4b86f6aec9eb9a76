"""What a running system tells of itself: its status, and its decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, NamedTuple

from asof.compute.schedule import moment
from asof.declare.system import System
from asof.engine.clock import Stamps, StreamStamps
from asof.engine.live.core import Core
from asof.engine.live.fits import LiveFits
from asof.engine.live.front import Front
from asof.engine.live.journalled import Past, payload
from asof.engine.live.parity import Parity
from asof.engine.live.sealing import Sealing
from asof.engine.messages import Trained, TrainingFailed
from asof.engine.replay import ENOUGH
from asof.stores.live import LiveJournal
from asof.stores.store import Store


class Beside(NamedTuple):
    """What works beside the front."""

    parity: Parity
    sealing: Sealing
    fits: LiveFits


class Telling:
    """Tells how a system does, from what its parts count; moments as RFC 3339 in UTC."""

    def __init__(
        self,
        system: System[Any],
        front: Front,
        journal: LiveJournal,
        stamps: Stamps,
        past: Past,
        beside: Beside,
        store: Store,
    ) -> None:
        self._system = system
        self._front = front
        self._journal = journal
        self._stamps = stamps
        self._past = past
        self._parity, self._sealing, self._fits = beside
        self._models = store.models
        self._known: tuple[str, int] = ("", 0)

    def status(self, ready: tuple[bool, str], *, at: int) -> Mapping[str, Any]:
        """How the system does at a moment; `figures` are made of it."""
        core, health = self._front.core, self._journal.health
        model, labels = core.serving.model, core.labels
        return {
            "system": self._system.name,
            "fingerprint": self._system.fingerprint,
            "ready": ready[0],
            "reason": ready[1],
            "clock": "stream" if isinstance(self._stamps, StreamStamps) else "real",
            "now": _told(at),
            "stamps_ahead_seconds": self._stamps.ahead() / 1e6,
            "life_began": None if core.start is None else _told(core.start),
            "model": None if model is None else model.id,
            "model_name": None if model is None else model.name,
            "model_since": None if model is None else _told(model.since),
            "model_as_of": None if model is None else _told(self._fitted_as_of(model.id)),
            "runtime": None if model is None else model.runtime.kind,
            "models": dict(self._past.ids),
            "training": core.loop.state.training is not None,
            "fits": self._fitting(),
            "decisions": len(self._past.decisions),
            "next_decision": None if core.next_timer is None else _told(core.next_timer),
            "labels": {"mature": labels.matured(core.clock.at), "waiting": labels.waiting},
            "outlook": core.outlook.figures(),
            "asked_apart": self._apart(),
            "counts": asdict(self._front.counts),
            "rows": {
                name: {"taken": self._front.rows[name], "quarantined": self._front.aside[name]}
                for name in core.tables
            },
            "ages": self._front.ages(at),
            "journal": {
                "offset": health.offset, "durable": health.durable, "backlog": health.backlog,
                "lag_seconds": health.lag, "failing": health.failing, "lost": health.lost,
            },
            "sealing": self._sealing.failed,
            "sealed": _told(self._sealing.at),
            "parity": self._parity.told(),
        }  # fmt: skip

    def _fitted_as_of(self, model: str) -> int:
        """As of when a model was trained; the last one that was asked about is remembered."""
        if self._known[0] != model:
            self._known = (model, self._models.find(model).moment)
        return self._known[1]

    def _apart(self) -> Mapping[str, Any]:
        """How far from the moments that they are about the last answers were asked (LAW 4b)."""
        apart = self._front.apart
        return {
            "answers": len(apart),
            "median_seconds": median(apart) / 1e6 if apart else None,
            "largest_seconds": max(apart) / 1e6 if apart else None,
        }

    def _fitting(self) -> Mapping[str, Any]:
        """How many fits ended since the start, when one did well last, why the last one failed."""
        ended = (
            one for one in reversed(self._past.decisions)
            if isinstance(one, Trained | TrainingFailed)
        )  # fmt: skip
        failing, last = "", None
        for one in ended:
            if isinstance(one, Trained):
                last = _told(one.at)
                break
            failing = failing or one.reason
        if self._fits.fitted + self._fits.failed:  # known before it counts, and is decided
            failing = self._fits.failing
        return {
            "fitted": self._fits.fitted, "failed": self._fits.failed,
            "under_way": self._fits.under_way, "last_fitted": last, "failing": failing,
        }  # fmt: skip

    def decisions(self, last: int) -> Sequence[Mapping[str, Any]]:
        """The last decisions, oldest first."""
        return [
            {"moment": one.at, "kind": type(one).__name__, **_timed(payload(one, self._past.ids))}
            for one in self._past.decisions[-last:]
        ]


def waits_for(core: Core) -> str:
    """What a system without a model waits for, in words."""
    if core.loop.state.training is not None:
        return "the first is being trained"
    due = core.next_timer
    when = "" if due is None else f", next at {_told(due)}"
    if core.start is not None:
        told = f"a training comes as declared{when}" if when else "no training is scheduled"
        return told if core.start > core.clock.at else f"{told}; asof train trains a model now"
    known = core.labels.matured(core.clock.at)
    return f"{known:,} labels are mature, {ENOUGH:,} are needed; it is looked at each time{when}"


def _told(at: int) -> str:
    return moment(at).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _timed(decision: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a decision says besides its moment, other moments as RFC 3339."""
    told = {name: value for name, value in decision.items() if name != "at"}
    return told | {name: _told(told[name]) for name in ("trigger",) if name in told}
