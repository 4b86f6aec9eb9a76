"""Rank order: the order of rows in which `latest` and `first` are taken, whatever way they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from asof.compute.window.contract import Moments
from asof.compute.window.grouping import in_order, tied_places, ties_of

Ties = Callable[[Moments], Sequence[npt.NDArray[Any]]]


def rank_order(
    event_time: Moments,
    known_from: Moments,
    ties: Ties | None = None,
    group: npt.NDArray[Any] | None = None,
) -> Moments | None:
    """The order by event time, then availability, then `ties`; None if the rows stand in it.

    `ties` gives, for the positions of rows with equal times, arrays that sort as the key and then
    the content do (codes, numbers), the most telling first. Rows that are equal in all of them,
    and without `ties` all rows of equal times, keep their order. With `group`, rows of different
    groups need no order between them: where none of one group are tied, rows are left as they
    stand.

    >>> key = np.array([0, 8, 7])
    >>> rank_order(np.array([2, 1, 1]), np.array([5, 9, 9]), lambda rows: [key[rows]]).tolist()
    [2, 1, 0]
    """
    event_time, known_from = np.ascontiguousarray(event_time), np.ascontiguousarray(known_from)
    order: Moments | None = None
    standing = ties_of(event_time, known_from)
    if standing < 0:
        if in_order(known_from):
            order = np.argsort(event_time, kind="stable")
        else:
            order = np.lexsort((known_from, event_time))
        event_time = event_time[order]
        known_from = known_from[order]
        standing = ties_of(event_time, known_from)
    if ties is None or not standing:
        return order
    places = np.empty(2 * standing, dtype=np.int64)
    places = places[: tied_places(event_time, known_from, places)]
    rows = places if order is None else order[places]
    times = (known_from[places], event_time[places])
    if group is not None and not _meet(group[rows], times):
        return order
    within = (*reversed(ties(rows)), *times)
    if order is None:
        order = np.arange(len(event_time), dtype=np.int64)
    order[places] = rows[np.lexsort(within)]
    return order


def _meet(group: npt.NDArray[Any], times: tuple[Moments, Moments]) -> bool:
    """Whether two rows of one group have equal times."""
    by_group = np.lexsort((group, *times))
    equal = np.ones(max(len(group) - 1, 0), dtype=np.bool_)
    for column in (group, *times):
        equal &= column[by_group][1:] == column[by_group][:-1]
    return bool(equal.any())
