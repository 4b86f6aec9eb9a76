"""A training that somebody asks for: taken as a look at its moment, or refused in words."""

from __future__ import annotations

from asof.compute.schedule import moment
from asof.engine.live.answers import Begun
from asof.engine.live.core import Core
from asof.engine.live.telling import waits_for
from asof.errors import UsageError


def train(core: Core, at: int, reason: str) -> Begun:
    """Begin to fit a model as of a moment that no request has seen yet.

    Raises:
        UsageError: the life has not begun, a model is being fitted, or no label is mature.
    """
    core.pass_timers(at)
    core.expect_due(at)
    _require_begun(core, at)
    _require_idle(core)
    _require_labels(core, at)
    words = f"asked for by hand{f': {reason}' if reason else ''}"
    core.look_by_hand(at, words)
    return Begun(f"m{core.loop.state.begun}", at, words)


def _require_begun(core: Core, at: int) -> None:
    if core.start is None or core.start > at:
        raise UsageError(
            "The life of the system has not begun; it begins with a training of its own.",
            found=waits_for(core),
            mend="Wait until then, or declare another start= and start the server again.",
            where=core.system.declared,
        )


def _require_idle(core: Core) -> None:
    trigger = core.loop.state.training
    if trigger is not None:
        raise UsageError(
            "A model is being fitted already, and one is at a time.",
            found=f"m{core.loop.state.begun}, as of {moment(trigger):%Y-%m-%d %H:%M:%S} UTC",
            mend="Wait until it has ended: asof status says what became of it.",
        )


def _require_labels(core: Core, at: int) -> None:
    if not core.labels.matured(at):
        raise UsageError(
            "There is no labelled row to train on.",
            found=f"no label is mature, {core.labels.waiting:,} requests wait for theirs",
            mend="Wait until labels are due, or send what tells them.",
            where=core.system.label.declared,
        )
