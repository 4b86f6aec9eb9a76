"""From the rows of a keyed source to versions: as of which moments each row is the one of its key.

As of T the version with the greatest (available_at, recorded, position) among those with
`available_at < T` is the key's, or none if that version is a withdrawal. So a version ends at the
availability of the next, and one that repeats the content of the version before it is none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from asof.compute.window.contract import NEVER, Moments

Bools = npt.NDArray[np.bool_]


def known_until(
    key: Moments,
    available_at: Moments,
    recorded: Moments,
    position: Moments,
    content: Moments,
    withdrawn: Bools | None = None,
) -> Moments:
    """The last moment as of which each row is visible; visible from after its `available_at`.

    All int64[n]: `key` dense codes from 0, `content` equal for equal content (times and join
    columns included), withdrawn bool[n]. A row that is never visible (a withdrawal, a repetition,
    one superseded at its own moment) ends no later than it begins. Rows without a key never end:
    they need none of this.

    >>> at = np.array([10, 20, 30, 40])
    >>> zeros, place, content = np.zeros(4, dtype=np.int64), np.arange(4), np.array([5, 5, 7, 5])
    >>> known_until(zeros, at, zeros, place, content).tolist()[:3]
    [30, 20, 40]
    """
    ends = np.full(len(key), NEVER, dtype=np.int64)
    if withdrawn is not None:
        ends[withdrawn] = available_at[withdrawn]
    several = np.flatnonzero((np.bincount(key) > 1)[key]) if len(key) else key
    if len(several) == 0:
        return ends
    by_version = np.lexsort(
        (position[several], recorded[several], available_at[several], key[several])
    )
    rows = several[by_version]
    same_key = key[rows][1:] == key[rows][:-1]
    same = content[rows][1:] == content[rows][:-1]
    if withdrawn is not None:
        gone = withdrawn[rows]
        same = (same & ~gone[1:] & ~gone[:-1]) | (gone[1:] & gone[:-1])
    repeats = np.concatenate([np.zeros(1, dtype=np.bool_), same_key & same])
    ends[rows[repeats]] = available_at[rows[repeats]]
    changes = rows[~repeats]
    followed = np.flatnonzero(key[changes][1:] == key[changes][:-1])
    ends[changes[followed]] = available_at[changes[followed + 1]]
    if withdrawn is not None:
        ends[withdrawn] = available_at[withdrawn]
    return ends
