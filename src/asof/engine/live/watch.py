"""The log of a running system: each decision, and each change for the better or the worse.

What stays as it is, is not said again; what can be counted stands in the figures instead.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict

from asof.compute.schedule import moment
from asof.engine.clock import Stamps
from asof.engine.live.parity import Parity
from asof.engine.messages import IN_WORDS, Message, TrainingFailed

LOG = logging.getLogger("asof.live")

_AHEAD = 1_000_000
"""Microseconds by which stamps run ahead of the clock when that is worth a word (LAW 1f)."""


class Watch:
    """Remembers what was said last, so that only what is new is said."""

    def __init__(self) -> None:
        self._ready: tuple[bool, str] | None = None
        self._behind = False
        self._sealing = self._parity = ""
        self._differing = 0

    def decided(self, message: Message, ids: Mapping[str, str]) -> None:
        """A decision was taken; `ids` are the registry's by the names of the life."""
        words = IN_WORDS.get(type(message).__name__)
        if words is None:
            return
        told = asdict(message)
        model = told.get("model")
        name = f"{model} ({ids[model]})" if model is not None and model in ids else model
        level = logging.ERROR if isinstance(message, TrainingFailed) else logging.INFO
        LOG.log(level, words.format(**{**told, "model": name}))

    def fitted(self, name: str, failure: str, due: int) -> None:
        """A fit has ended sooner than declared: it counts later only, but is told now."""
        until = moment(due).isoformat(timespec="seconds").replace("+00:00", "Z")
        if failure:
            LOG.error("the fit of %s failed, which counts at %s: %s", name, until, failure)
        else:
            LOG.info("%s is fitted, and serves at %s at the earliest", name, until)

    def looked(self, ready: tuple[bool, str], stamps: Stamps) -> None:
        """It was looked whether all is well."""
        if ready != self._ready:
            self._ready = ready
            if ready[0]:
                LOG.info("ready")
            else:
                LOG.warning("not ready: %s", ready[1])
        ahead = stamps.ahead()
        if (ahead > _AHEAD) != self._behind:
            self._behind = ahead > _AHEAD
            if self._behind:
                LOG.warning("the clock fell back: stamps run %.1f s ahead of it", ahead / 1e6)
            else:
                LOG.info("the clock has caught up with the stamps")

    def sealed(self, failure: str) -> None:
        """The journal was moved into the tables, or could not be, for a reason."""
        if failure and failure != self._sealing:
            LOG.error("the journal could not be moved into the tables: %s", failure)
        elif self._sealing and not failure:
            LOG.info("the journal is moved into the tables again")
        self._sealing = failure

    def checked(self, parity: Parity) -> None:
        """A sample of answers was computed again, or could not be."""
        if parity.failed and parity.failed != self._parity:
            LOG.error("answers could not be computed again: %s", parity.failed)
        self._parity = parity.failed
        if parity.differing > self._differing:
            LOG.warning(
                "%d of %d answers computed again differ: %s",
                parity.differing, parity.checked, dict(parity.why),
            )  # fmt: skip
        self._differing = parity.differing
