"""What a running system tells of itself: status, figures for those who watch it, decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from asof.compute.schedule import moment
from asof.declare.system import System
from asof.engine.clock import Stamps, StreamStamps
from asof.engine.live.answers import Figure
from asof.engine.live.core import Core
from asof.engine.live.fits import LiveFits
from asof.engine.live.front import Front
from asof.engine.live.journalled import Past, payload
from asof.engine.live.parity import Parity
from asof.engine.replay import ENOUGH
from asof.stores.live import LiveJournal


class Telling:
    """Tells how a system does, from what its parts count; moments as RFC 3339 in UTC."""

    def __init__(
        self,
        system: System[Any],
        front: Front,
        journal: LiveJournal,
        stamps: Stamps,
        past: Past,
        parity: Parity,
    ) -> None:
        self._system = system
        self._front = front
        self._journal = journal
        self._stamps = stamps
        self._past = past
        self._parity = parity

    def status(self, ready: tuple[bool, str], *, at: int, sealing: str) -> Mapping[str, Any]:
        """How the system does at a moment; `sealing` says what went wrong with it last."""
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
            "runtime": None if model is None else model.runtime.kind,
            "models": dict(self._past.ids),
            "training": core.loop.state.training is not None,
            "next_decision": None if core.next_timer is None else _told(core.next_timer),
            "labels": {"mature": labels.matured(core.clock.at), "waiting": labels.waiting},
            "outlook": core.outlook.figures(),
            "counts": asdict(self._front.counts),
            "journal": {
                "offset": health.offset, "durable": health.durable, "backlog": health.backlog,
                "lag_seconds": health.lag, "failing": health.failing, "lost": health.lost,
            },
            "sealing": sealing,
            "parity": self._parity.told(),
        }  # fmt: skip

    def figures(self, at: int, *, fits: LiveFits) -> Sequence[Figure]:
        """What only the engine can count, at a moment."""
        health, parity = self._journal.health, self._parity
        labels = self._front.core.labels
        return [
            Figure("journal_lag_seconds", "Age of the oldest message not durable.", health.lag),
            Figure("journal_backlog_bytes", "Bytes that wait to be durable.", health.backlog),
            Figure("answers_lost_total", "Answers never recorded.", health.lost, grows=True),
            Figure("fits_total", "Fits that ended.", fits.fitted, True, {"outcome": "fitted"}),
            Figure("fits_total", "Fits that ended.", fits.failed, True, {"outcome": "failed"}),
            Figure("labels_waiting", "Requests whose label is not due.", labels.waiting),
            Figure("parity_checked_total", "Answers recomputed.", parity.checked, grows=True),
            Figure("parity_differences_total", "Those that differ.", parity.differing, grows=True),
            Figure("decisions_total", "Decisions.", len(self._past.decisions), grows=True),
            *self._ages(at),
        ]

    def _ages(self, at: int) -> list[Figure]:
        return [
            Figure(
                "feature_age_seconds", "Age of the newest row that features see.",
                (at - newest) / 1e6, labels={"source": name},
            )
            for name, newest in self._front.core.serving.features.newest().items()
            if newest is not None
        ]  # fmt: skip

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
        return f"a training comes as declared{when}"
    known = core.labels.matured(core.clock.at)
    return f"{known:,} labels are mature, {ENOUGH:,} are needed; it is looked at each time{when}"


def _told(at: int) -> str:
    return moment(at).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _timed(decision: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a decision says besides its moment, other moments as RFC 3339."""
    told = {name: value for name, value in decision.items() if name != "at"}
    return told | {name: _told(told[name]) for name in ("trigger",) if name in told}
