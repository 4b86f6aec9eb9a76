"""How far predictions and features move from look to look: what the yardsticks read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asof.compute.stability import apart, classes, shares
from asof.study.compare.gather import Gathered, Plan

Floats = NDArray[np.float64]

MOST_ROWS = 40_000
"""Of more requests every so many are read: the index of a look settles long before."""


def distances(found: Gathered) -> Floats:
    """`[measure, i, k]`: how far look k lies from the training at look i, by predictions, features.

    What a look sees are the requests since the look before. A model's predictions are compared
    with those of the first stretch that it could serve. NaN where there is nothing to compare.
    """
    return np.stack([_predictions(found), _features(found.plan)])


def _predictions(found: Gathered) -> Floats:
    looks = found.plan.looks
    apart_by = np.full((len(looks), len(looks)), np.nan)
    period = np.searchsorted(looks, found.plan.scored.chosen, side="right")
    for model, predictions in enumerate(found.predictions):
        if predictions is None or model + 2 >= len(looks):
            continue
        own = period[found.plan.first[model] :]
        kinds = classes(predictions, own == model + 1)
        by = shares(kinds, np.where(own < len(looks), own, -1), len(looks))
        apart_by[model, model + 2 :] = apart(by[model + 1], by[model + 2 :])
    return apart_by


def _features(plan: Plan) -> Floats:
    looks, fired = plan.looks, plan.history.requests.fired
    spacing = int(np.median(np.diff(looks)))
    rows = np.flatnonzero((fired >= looks[0] - spacing) & (fired < looks[-1]))
    rows = rows[:: max(1, len(rows) // MOST_ROWS)]
    period = np.searchsorted(looks, fired[rows], side="right")
    values = plan.history.serving.matrix.values
    total = np.zeros((len(looks), len(looks)))
    for column in range(values.shape[1]):
        kinds = classes(values[rows, column], period == 0)
        by = shares(kinds, period, len(looks))
        for look in range(len(looks)):
            total[look] += apart(by[look], by)
    mean: Floats = total / max(values.shape[1], 1)
    return mean
