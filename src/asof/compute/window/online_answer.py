"""Questions of the online face: those between which nothing becomes known."""

from __future__ import annotations

from asof.compute.window.contract import Floats, Moments
from asof.compute.window.jit import F8SSS, I8, I8S, I8SS, I8SSS, U1, VOID, compiled, inlined
from asof.compute.window.online_memory import MOMENT, ROWS_AT, SIZE, state_of, whole
from asof.compute.window.state import HIGH, LOW, STATE, State, advance, answer, hide, show
from asof.compute.window.visible import is_set

AWAY = -2
"""The key of a row that is left out while its own question is answered."""


@inlined(VOID, STATE, I8S, I8, U1)
def _turn_own(state: State, key: Moments, own: int, leave: bool) -> None:
    """Hide the visible rows of a key that some span sees, or show those that were hidden so."""
    low = state.event_time.shape[0]
    high = 0
    for span in range(state.reach.shape[0]):
        low = min(low, state.reach[span, LOW])
        high = max(high, state.reach[span, HIGH])
    for place in range(low, high):
        if leave:
            if key[place] == own and is_set(state.bits, 0, place):
                hide(state, place)
                key[place] = AWAY
        elif key[place] == AWAY:
            key[place] = own
            show(state, place)


@compiled(VOID, I8S, I8S, I8S, I8SS, I8, I8, I8SSS, F8SSS)
def answer_all(
    arena: Moments,
    directory: Moments,
    desk: Moments,
    asked: Moments,
    begin: int,
    end: int,
    counts: Moments,
    floats: Floats,
) -> None:
    """Answer the questions from `begin` to before `end`.

    asked: int64[3, m]: group, moment, the key to leave out (-1 for none). A code that nobody has
    added is answered as the group without rows, which lies at the beginning of the arena.
    """
    for to in range(begin, end):
        group = asked[0, to]
        at = int(directory[group]) if 0 <= group < directory.shape[0] else 0
        at = max(at, 0)
        state = state_of(arena, desk, at)
        capacity = state.event_time.shape[0]
        identity = whole(arena, arena[at + ROWS_AT] + 2 * capacity, capacity)
        advance(state, asked[1, to], arena[at + SIZE])
        arena[at + MOMENT] = asked[1, to]
        own = asked[2, to]
        key = whole(arena, arena[at + ROWS_AT] + 3 * capacity, capacity)
        for back in range(2):
            if own >= 0:
                _turn_own(state, key, own, back == 0)
            if back == 0:
                answer(state, counts, floats, to)
        for span in range(counts.shape[0]):
            for edge in range(1 + state.codes.shape[0], counts.shape[1]):
                if counts[span, edge, to] >= 0:
                    counts[span, edge, to] = identity[counts[span, edge, to]]
