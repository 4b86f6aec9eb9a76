"""Slots of request time, and when the figure of a slot is final (LAW 6e).

Times are int64 microseconds UTC. A slot i holds the requests with edges[i] <= at < edges[i + 1].
As of a moment it counts the requests that have fired before it, and among them the mature ones. A
slot is final from the first moment on, not before its end, at which the mature share of its
requests reaches the declared share; what it held then is its figure for decisions, and stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asof.errors import DeclarationError

Times = NDArray[np.int64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NEVER = int(np.iinfo(np.int64).max)
"""`final_at` of a slot that does not become final by what is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Finality:
    """What there is to say about each slot as of a moment; arrays of length k.

    `n` requests have fired and `mature` of them can be scored, a share of `mature_share` (NaN
    where n is 0). `final` slots may be decided on; `final_at` is the moment at which they became
    so, and for the others the moment at which they will, if no further request fires and `until`
    stays where it is: NEVER if that is not enough.
    """

    n: Ints
    mature: Ints
    mature_share: NDArray[np.float64]
    final: Bools
    final_at: Times


def slots(at: Times, edges: Times) -> Ints:
    """The slot of each request, int64[n]; -1 before the first edge and from the last on.

    `edges` int64[k + 1] rise strictly, else `DeclarationError`.

    >>> slots(np.array([9, 10, 19, 20, 30]), np.array([10, 20, 30])).tolist()
    [-1, 0, 0, 1, -1]
    """
    if len(edges) < 2 or not bool(np.all(edges[1:] > edges[:-1])):
        raise DeclarationError(
            "Slots need at least two edges, each later than the one before.",
            found=f"{len(edges)} edges",
        )
    index = np.asarray(np.searchsorted(edges, at, side="right"), dtype=np.int64) - 1
    return np.where(index < len(edges) - 1, index, -1)


def counts(slot: Ints, k: int, *, among: Bools | None = None) -> Ints:
    """Requests in each of k slots, int64[k]; with `among` only those where it is true.

    >>> counts(np.array([0, 2, 2, -1]), 3).tolist()
    [1, 0, 2]
    """
    inside = slot >= 0 if among is None else (slot >= 0) & among
    return np.bincount(slot[inside], minlength=k).astype(np.int64)


def is_mature(fired: Times, due: Times, *, until: int, as_of: int) -> Bools:
    """Which requests are mature as of a moment, bool[n] (LAW 6b).

    Those that fired before it and whose label was due before it, and not later than `until`, the
    last moment of which the label's source tells.

    >>> is_mature(np.array([1, 1, 9]), np.array([5, 9, 9]), until=9, as_of=9).tolist()
    [True, False, False]
    """
    return (fired < as_of) & (due < as_of) & (due <= until)


def finality(
    at: Times,
    fired: Times,
    due: Times,
    edges: Times,
    *,
    until: int,
    as_of: int,
    share: float = 1.0,
) -> Finality:
    """Size, maturity and finality of each slot as of a moment.

    `at` int64[n] puts a request into its slot, `fired` (at or later) is when it was asked, `due`
    when its label is taken. A slot without requests has no figure, and is not final.
    `DeclarationError` if the share is not above 0 and at most 1.

    A request on day 1, due on day 3, makes the slot of days 0 and 1 final just after day 3:

    >>> day = 1
    >>> found = finality(np.array([1]), np.array([1]), np.array([3]), np.array([0, 2]),
    ...                  until=9, as_of=5)
    >>> found.final.tolist(), found.final_at.tolist(), found.mature_share.tolist()
    ([True], [4], [1.0])
    """
    if not 0 < share <= 1:
        raise DeclarationError(
            "The mature share from which a slot is final is above 0 and at most 1.",
            found=f"share={share!r}",
            mend="Write 0.95 for 95%.",
        )
    slot = slots(at, edges)
    k = len(edges) - 1
    n = counts(slot, k, among=fired < as_of)
    mature = counts(slot, k, among=is_mature(fired, due, until=until, as_of=as_of))
    of = np.divide(mature, n, out=np.full(k, np.nan), where=n > 0)
    # A request that fires later is not known yet: it must not move the moment foreseen.
    known = (slot >= 0) & (fired < as_of)
    final_at = _final_at(slot[known], fired[known], due[known], edges[1:], until=until, share=share)
    return Finality(n, mature, of, final_at <= as_of, final_at)


def _final_at(
    slot: Ints, fired: Times, due: Times, ends: Times, *, until: int, share: float
) -> Times:
    """The first moment, not before a slot's end, at which the share of mature requests suffices."""
    # Two events a request: it is seen just after it fired, and mature just after that and its due
    # time. Those before the end of the slot count at its end.
    ripens = due <= until
    of = np.concatenate([slot, slot[ripens]])
    when = np.concatenate([fired, np.maximum(fired, due)[ripens]]) + 1
    when = np.maximum(when, ends[of])
    is_ripe = np.arange(len(of)) >= len(slot)
    order = np.lexsort((when, of))
    of, when, is_ripe = of[order], when[order], is_ripe[order]
    starts = np.searchsorted(of, np.arange(len(ends)))
    ripe, seen = (_since_start(flag, of, starts) for flag in (is_ripe, ~is_ripe))
    last_of_moment = np.ones(len(of), dtype=np.bool_)
    last_of_moment[:-1] = (of[1:] != of[:-1]) | (when[1:] != when[:-1])
    enough = last_of_moment & (ripe / np.maximum(seen, 1) >= share)
    final_at = np.full(len(ends), NEVER, dtype=np.int64)
    np.minimum.at(final_at, of[enough], when[enough])
    return final_at


def _since_start(flag: Bools, of: Ints, starts: Ints) -> Ints:
    """Running count of the flag within each slot."""
    running = np.zeros(len(flag) + 1, dtype=np.int64)
    np.cumsum(flag, out=running[1:])
    since: Ints = running[1:] - running[starts[of]]
    return since
