"""Which requests of a life stand in its figures: those whose label counts, in slots that are final.

Where labels take equally long, the mature requests of a young slot are those that were asked first,
and as good as any. Where due times vary they are a selection, and such a slot stays out of every
figure over the life until it is final (LAW 6e).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asof.compute.slots import finality, slots
from asof.engine.history import History
from asof.study.periods import periods, zone_of


def counted(history: History, start: int, as_of: int) -> NDArray[np.bool_]:
    """The requests, bool[n], asked from `start` on that figures as of a moment rest on."""
    fired, outcomes = history.requests.fired, history.outcomes
    found: NDArray[np.bool_] = outcomes.mature(as_of) & ~np.isnan(outcomes.value)
    found &= fired >= start
    if history.system.label.constant_wait is not None or not found.any():
        return found
    edges = periods(start, int(fired[-1]), zone_of(history.system)).edges
    inside = fired >= start
    final = finality(
        fired[inside], fired[inside], outcomes.due[inside], edges,
        until=history.until, as_of=as_of, share=history.system.final_share,
    ).final  # fmt: skip
    found &= np.append(final, False)[slots(fired, edges)]
    return found


def not_final(history: History, start: int) -> str:
    """That outcomes are known at the end of a life and no slot is final, in words; else ""."""
    fired, outcomes = history.requests.fired, history.outcomes
    as_of = max(int(fired[-1]) + 1, min(history.until, int(outcomes.due.max()) + 1))
    known = outcomes.mature(as_of) & ~np.isnan(outcomes.value) & (fired >= start)
    if not known.any():
        return ""
    words = periods(start, int(fired[-1]), zone_of(history.system)).words
    return f"no {words} is final yet (final_share= says when one is)"
