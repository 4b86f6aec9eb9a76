"""Minima over any stretch of rows, while rows appear and vanish anywhere: blocks of blocks.

Every 16 values are summed up by their minimum, every 16 minima by theirs, and so on. A value that
appears or vanishes touches one block a level, and stops at the first whose minimum stays. Unlike a
monotone queue it does not care about order, so late rows and withdrawals cost no more than others,
and it serves all spans at once. A hidden value is infinite. Maxima are minima of what is negated.
"""

from __future__ import annotations

import math

from asof.compute.window.contract import Floats, Moments
from asof.compute.window.jit import F8, F8SS, I8, I8S, VOID, inlined

FAN = 16


@inlined(VOID, F8SS, I8, I8S, I8, F8)
def appear(tree: Floats, which: int, levels: Moments, place: int, value: float) -> None:
    """Put a value at a leaf that was hidden."""
    tree[which, place] = value
    for level in range(1, levels[0]):
        place >>= 4
        entry = levels[1 + level] + place
        if tree[which, entry] <= value:
            return
        tree[which, entry] = value


@inlined(VOID, F8SS, I8, I8S, I8)
def vanish(tree: Floats, which: int, levels: Moments, place: int) -> None:
    """Hide a leaf."""
    gone = tree[which, place]
    tree[which, place] = math.inf
    for level in range(1, levels[0]):
        place >>= 4
        entry = levels[1 + level] + place
        if tree[which, entry] < gone:
            return
        start = levels[level] + (place << 4)
        least = math.inf
        for child in range(start, min(start + FAN, levels[1 + level])):
            least = min(least, tree[which, child])
        if least == gone:
            return
        tree[which, entry] = least


@inlined(F8, F8SS, I8, I8S, I8, I8)
def least(tree: Floats, which: int, levels: Moments, low: int, high: int) -> float:
    """The minimum of the leaves from `low` to before `high`; infinite if none is visible."""
    found = math.inf
    level = 1
    while high - low > 2 * FAN:
        base = levels[level]
        left = (low + FAN - 1) >> 4
        right = high >> 4
        for entry in range(base + low, base + (left << 4)):
            found = min(found, tree[which, entry])
        for entry in range(base + (right << 4), base + high):
            found = min(found, tree[which, entry])
        low = left
        high = right
        level += 1
    base = levels[level]
    for entry in range(base + low, base + high):
        found = min(found, tree[which, entry])
    return found
