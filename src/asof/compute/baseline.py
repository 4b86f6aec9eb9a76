"""The yardsticks that every report carries: the prior, the rate of a group, persistence.

Each takes what was known for training and returns predictions for the rows asked about. Arrays
are float64 unless said otherwise; y is 0 or 1 for a binary label, in the label's unit for a
regression. A binary yardstick never says exactly 0 or 1, which one surprise would punish without
end; each says how it keeps away from them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asof.declare.metrics import Task
from asof.errors import DeclarationError, MetricUndefined

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]

STRENGTH = 20.0
"""Pseudo-rows of the prior in the rate of a group: a group of 20 rows counts half."""

_STATE_STRENGTH = 1.0  # of the three states of persistence, which hold many rows each


def prior(y: Floats, *, task: Task) -> float:
    """The mean of the training outcomes: the rate, for a binary label.

    A rate of n outcomes is kept within .5 / (n + 1) of 0 and 1, which is what Krichevsky &
    Trofimov 1981 (IEEE Trans. Inf. Theory 27) give n outcomes that are all alike; any other rate
    lies inside. `MetricUndefined` if there is no outcome.

    >>> prior(np.array([0.0, 0.0, 1.0, 1.0]), task="binary")
    0.5
    >>> prior(np.zeros(4), task="binary"), prior(np.zeros(4), task="regression")
    (0.1, 0.0)
    """
    if len(y) == 0:
        raise MetricUndefined("A prior needs training rows with an outcome; there are none.")
    mean = float(np.mean(y))
    if task == "regression":
        return mean
    edge = 0.5 / (len(y) + 1)
    return min(max(mean, edge), 1 - edge)


def smoothed_rate(
    train_codes: Codes, y: Floats, codes: Codes, *, task: Task, strength: float = STRENGTH
) -> Floats:
    """The mean outcome of each row's group in training, drawn towards the prior; float64[n].

    `train_codes` int32[m] and `codes` int32[n] number the groups from 0; a negative code, or one
    that training has not seen, gets the prior. A group of k rows with mean g gets
    (k g + strength * prior) / (k + strength): the m-estimate (Cestnik 1990, ECAI; as an encoding
    of categories Micci-Barreca 2001, SIGKDD Explorations 3, section 3). As the prior is neither 0
    nor 1 and the strength above 0, no binary rate is.

    >>> y, seen = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 0, 1], dtype=np.int32)
    >>> asked = np.array([0, 1, 7, -1], dtype=np.int32)
    >>> smoothed_rate(seen, y, asked, task="binary", strength=1).tolist()
    [0.625, 0.25, 0.5, 0.5]
    """
    if not strength > 0:
        raise DeclarationError(
            "The strength of a smoothed rate is a number of rows above 0.",
            found=f"strength={strength!r}",
            mend=f"Write strength={STRENGTH:.0f}, or leave it out.",
        )
    base = prior(y, task=task)
    known = train_codes >= 0
    groups = int(max(train_codes.max(initial=-1), codes.max(initial=-1))) + 1
    count = np.bincount(train_codes[known], minlength=groups)
    total = np.bincount(train_codes[known], weights=y[known], minlength=groups)
    rate = np.append((total + strength * base) / (count + strength), base)
    return rate[np.where(codes >= 0, codes, groups)]


def persistence(train_last: Floats, y: Floats, last: Floats, *, task: Task) -> Floats:
    """What follows the last known outcome of the same key, float64[n]; NaN: none is known.

    Regression: the last known value itself; where there is none, the mean of the training
    outcomes. Binary: the training rate among the rows whose last known outcome was the same (0, 1,
    none), with one pseudo-row of the prior, so that no rate is exactly 0 or 1. A last outcome
    other than these raises `MetricUndefined`.

    >>> before, y = np.array([0.0, 0.0, 1.0, np.nan]), np.array([0.0, 0.0, 1.0, 1.0])
    >>> persistence(before, y, np.array([0.0, 1.0, np.nan]), task="binary").round(3).tolist()
    [0.167, 0.75, 0.75]
    >>> persistence(before, y, np.array([7.0, np.nan]), task="regression").tolist()
    [7.0, 0.5]
    """
    if task == "regression":
        return np.where(np.isnan(last), prior(y, task=task), last)
    return smoothed_rate(_states(train_last), y, _states(last), task=task, strength=_STATE_STRENGTH)


def _states(last: Floats) -> Codes:
    """0 and 1 as they are, 2 for none."""
    missing = np.isnan(last)
    wrong = ~(missing | (last == 0) | (last == 1))
    if wrong.any():
        raise MetricUndefined(
            "The last known outcome of a binary label is 0, 1 or missing.",
            found=f"{int(wrong.sum()):,} of {len(last):,} are not, such as {last[wrong][0]!r}",
        )
    return np.where(missing, 2, np.where(missing, 0, last)).astype(np.int32)
