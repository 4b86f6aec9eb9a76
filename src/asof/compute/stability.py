"""How far what is seen at one look lies from what was seen at another, label or no label.

The measure is the population stability index over ten classes that are equally full at the first
look: sum of (q - p) ln(q / p), the symmetrised Kullback-Leibler divergence of the class shares
(Jeffreys 1946; Yurdakul 2018 on its use). Half a row is added to each class, so that an empty one
does not make it infinite. It grows with what changes, not with what that costs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asof.compute.metric import equal_mass_bins

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CLASSES = 10


def classes(values: Floats, among: NDArray[np.bool_]) -> Ints:
    """The class of each value, int64[n]: equally full `among` some rows, missing is one more.

    >>> classes(np.array([1.0, 2.0, np.nan]), np.array([True, True, True])).tolist()[2]
    10
    """
    known = ~np.isnan(values)
    inside = values[known & among]
    found = np.full(len(values), CLASSES, dtype=np.int64)
    if len(inside):
        bins = equal_mass_bins(inside, CLASSES)
        cuts = [float(inside[bins == each].min()) for each in np.unique(bins)[1:]]
        found[known] = np.searchsorted(np.array(cuts), values[known], side="right")
    return found


def shares(of: Ints, period: Ints, periods: int) -> Floats:
    """The share of each class in each period, float64[periods, 11]; period -1 is left out."""
    kept = period >= 0
    cells = period[kept] * (CLASSES + 1) + of[kept]
    counts = np.bincount(cells, minlength=periods * (CLASSES + 1)) + 0.5
    counts = counts.reshape(periods, CLASSES + 1)
    found: Floats = counts / counts.sum(axis=1, keepdims=True)
    return found


def apart(then: Floats, now: Floats) -> Floats:
    """The index between class shares `then` and `now` along their last axis.

    >>> float(apart(np.array([0.5, 0.5]), np.array([0.5, 0.5])))
    0.0
    """
    found: Floats = ((now - then) * np.log(now / then)).sum(axis=-1)
    return found
