"""Which rows are visible now: a bit for each, under levels of summary bits.

A bit of one level says whether the 64 bits below it hold any. The nearest visible row on either
side is found in a step a level, however many rows in between are hidden. `levels` is the layout:
the number of levels, the word at which each begins, the number of words.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from asof.compute.window.contract import Moments
from asof.compute.window.jit import I8, I8S, I8SS, U1, VOID, compiled, emitted, inlined

LEVELS = 10
"""Room for a layout: fewer than eight levels, their number before, the total behind."""


@compiled(I8, I8S, I8, I8, I8)
def lay_out(levels: Moments, size: int, fan: int, leaves: int) -> int:
    """Write the layout of levels over `size` leaves; how many entries they have in all.

    An entry stands for 2^fan entries below it, one of the lowest level for 2^leaves leaves.

    >>> import numpy as np
    >>> levels = np.zeros(LEVELS, dtype=np.int64)
    >>> lay_out(levels, 100, 6, 6), levels[:4].tolist()
    (3, [2, 0, 2, 3])
    >>> lay_out(levels, 40, 4, 0), levels[:5].tolist()
    (44, [3, 0, 40, 43, 44])
    """
    here = max(1, (size + (1 << leaves) - 1) >> leaves)
    total = here
    count = 1
    levels[1] = 0
    while here > 1:
        count += 1
        levels[count] = total
        here = (here + (1 << fan) - 1) >> fan
        total += here
    levels[0] = count
    levels[count + 1] = total
    return total


@emitted
def _low_bit(_typing: Any, word: Any) -> Any:
    """The place of the lowest bit that is set; the word is not zero."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(word), code


@emitted
def _high_zeros(_typing: Any, word: Any) -> Any:
    """How many zeros stand above the highest bit that is set; the word is not zero."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(word), code


@inlined(U1, I8SS, I8, I8)
def is_set(bits: Moments, which: int, place: int) -> bool:
    """Whether a bit of the lowest level is set."""
    word: int = bits[which, place >> 6]
    return (word >> (place & 63)) & 1 == 1


@inlined(VOID, I8SS, I8, I8S, I8)
def put(bits: Moments, which: int, levels: Moments, place: int) -> None:
    """Set a bit."""
    for level in range(levels[0]):
        word = levels[1 + level] + (place >> 6)
        old = bits[which, word]
        bits[which, word] = old | (1 << (place & 63))
        if old != 0:
            return
        place >>= 6


@inlined(VOID, I8SS, I8, I8S, I8)
def drop(bits: Moments, which: int, levels: Moments, place: int) -> None:
    """Clear a bit."""
    for level in range(levels[0]):
        word = levels[1 + level] + (place >> 6)
        new = bits[which, word] & ~(1 << (place & 63))
        bits[which, word] = new
        if new != 0:
            return
        place >>= 6


@inlined(I8, I8SS, I8, I8S, I8)
def before(bits: Moments, which: int, levels: Moments, place: int) -> int:
    """The last set bit below `place`, or -1."""
    top = levels[0]
    found: int = -1
    level = 0
    while level < top and found < 0:
        inside = place & 63
        place >>= 6
        if inside > 0:
            word = bits[which, levels[1 + level] + place] & ((1 << inside) - 1)
            if word != 0:
                found = (place << 6) + 63 - _high_zeros(word)
        level += 1
    if found < 0:
        if place == 0 or bits[which, levels[top]] == 0:
            return -1
        found = 0  # all that the highest word sums up lies below
        level = top + 1
    for below in range(level - 2, -1, -1):
        word = bits[which, levels[1 + below] + found]
        found = (found << 6) + 63 - _high_zeros(word)
    return found


@inlined(I8, I8SS, I8, I8S, I8)
def onward(bits: Moments, which: int, levels: Moments, place: int) -> int:
    """The first set bit at `place` or above, or -1."""
    for level in range(levels[0]):
        inside = place & 63
        place >>= 6
        if levels[1 + level] + place >= levels[2 + level]:
            return -1
        word = bits[which, levels[1 + level] + place] & (-1 << inside)
        if word != 0:
            found: int = (place << 6) + _low_bit(word)
            for below in range(level - 1, -1, -1):
                word = bits[which, levels[1 + below] + found]
                found = (found << 6) + _low_bit(word)
            return found
        place += 1
    return -1
