"""The loss of single requests: the metric's, or where that is no mean the nearest that is one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asof.compute.metric import Metric, metric

Floats = NDArray[np.float64]

_READ = {"binary": "log_loss", "regression": "mae"}


def readable(measured: Metric) -> Metric:
    """The metric if it is a mean of losses of requests, else log loss or mean absolute error.

    >>> readable(metric("auc")).name, readable(metric("brier")).name
    ('log_loss', 'brier')
    """
    return measured if measured.is_mean else metric(_READ[measured.task])


def oriented(measured: Metric, y: Floats, p: Floats) -> Floats:
    """The losses of single requests, less being better: accuracy becomes the share of mistakes."""
    if not len(y):
        return np.empty(0, dtype=np.float64)
    terms = measured.losses(y, p)
    return terms if measured.lower_is_better else 1.0 - terms
