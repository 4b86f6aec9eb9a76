"""Called with room, functions take no memory from the system each time they call another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from asof.engine.frames import with_room

resource = pytest.importorskip("resource", reason="Windows does not count them")
CALLS = 200


def leaf(*words: int) -> int:
    return len(words)


def below(depth: int) -> None:
    """Call something many times from each depth down to one: at some a piece of frames ends."""
    for _ in range(CALLS):
        leaf(depth, 1, 2, 3)
    if depth:
        below(depth - 1)


def faults(call: Callable[[], None]) -> int:
    """How many pages were asked of the system meanwhile."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    call()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_calls_across_the_end_of_a_piece_ask_for_no_memory() -> None:
    def deep() -> None:
        below(400)

    deep()
    assert faults(lambda: with_room(deep)) + CALLS < faults(deep)


def test_a_recursion_without_end_is_told_as_elsewhere() -> None:
    with pytest.raises(RecursionError):
        with_room(lambda: below(10**6))
