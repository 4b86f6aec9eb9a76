"""A metric as a function of how often each day counts: what a bootstrap over days evaluates.

`under_weights` prepares a metric on rows grouped by day and returns a function from weights (whole
numbers), float64[draws, days], to the metric's values, float64[draws]. With all weights 1 it is
the metric itself. A value is NaN where the metric does not exist for the days drawn (one outcome
only).

Means, RMSE, F1 and the calibration error are functions of sums over days, so a draw costs a few
multiplications a day; AUC is a function of sums over pairs of days. Average precision depends on
the order of all rows: these are sorted once, and a draw costs one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from asof.compute.metric import THRESHOLD, Metric, equal_mass_bins

Floats = NDArray[np.float64]
Days = NDArray[np.int64]
Statistic = Callable[[Floats], Floats]

COSTLY = ("average_precision",)
"""The metrics that take a pass over all rows for each draw."""

_AT_ONCE = 1 << 18  # rows times draws that are weighed at once: arrays that fit a processor's cache


def under_weights(metric: Metric, y: Floats, p: Floats, day: Days, days: int) -> Statistic:
    """The metric of (y, p) as a function of the weights of the days; `day` is 0 to days - 1.

    >>> from asof.compute.metric import metric
    >>> y, p, day = np.array([0.0, 1.0]), np.array([0.1, 0.6]), np.array([0, 1])
    >>> under_weights(metric("mae"), y, p, day, 2)(np.array([[1.0, 1.0], [2.0, 0.0]])).tolist()
    [0.25, 0.1]
    """
    if metric.is_mean:
        return _ratio(_by_day(day, days, metric.losses(y, p), None))
    return _PREPARE[metric.name](y, p, day, days)


def _by_day(day: Days, days: int, *terms: Floats | None) -> Floats:
    """Sums a day of each of the terms (None: of ones), float64[days, terms]."""
    sums = [np.bincount(day, weights=term, minlength=days).astype(float) for term in terms]
    return np.column_stack(sums)


def _ratio(sums: Floats, *, root: bool = False) -> Statistic:
    """Weighted first column over weighted second; its root for RMSE."""

    def statistic(weights: Floats) -> Floats:
        total = weights @ sums
        value = _divide(total[:, 0], total[:, 1])
        return np.sqrt(value) if root else value

    return statistic


def _divide(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _rmse(y: Floats, p: Floats, day: Days, days: int) -> Statistic:
    return _ratio(_by_day(day, days, np.square(y - p), None), root=True)


def _f1(y: Floats, p: Floats, day: Days, days: int) -> Statistic:
    """2 TP / (predicted yes + outcome yes)."""
    yes = (p > THRESHOLD).astype(np.float64)
    return _ratio(_by_day(day, days, 2 * yes * y, yes + y))


def _calibration_error(y: Floats, p: Floats, day: Days, days: int) -> Statistic:
    """The bins are those of all rows, and stay as they are in each resample."""
    bins = equal_mass_bins(p)
    width = int(bins.max()) + 1
    off = np.bincount(day * width + bins, weights=y - p, minlength=days * width)
    off = off.reshape(days, width)
    count = np.bincount(day, minlength=days).astype(float)

    def statistic(weights: Floats) -> Floats:
        return _divide(np.abs(weights @ off).sum(axis=1), weights @ count)

    return statistic


def _auc(y: Floats, p: Floats, day: Days, days: int) -> Statistic:
    """The share of (yes, no) pairs in order, ties for half (Hanley & McNeil 1982), weighted.

    Pairs are counted once for each pair of days; a draw is then a bilinear form of its weights.
    """
    yes = y == 1
    wins, pairs = _pairs_in_order(p[yes], day[yes], p[~yes], day[~yes], days)

    def statistic(weights: Floats) -> Floats:
        above = np.einsum("ij,ij->i", weights @ wins, weights)
        return _divide(above, (weights @ pairs[:, 0]) * (weights @ pairs[:, 1]))

    return statistic


def _pairs_in_order(
    p_yes: Floats, day_yes: Days, p_no: Floats, day_no: Days, days: int
) -> tuple[Floats, Floats]:
    """For days d, e: the pairs of a yes of d above a no of e, float64[days, days]; ties half.

    Beside it the number of yes and no a day, float64[days, 2]. Takes days passes over the yes.
    """
    up = np.argsort(p_yes, kind="stable")
    p_yes, day_yes = p_yes[up], day_yes[up]
    by_day = np.argsort(day_no, kind="stable")
    ends = np.searchsorted(day_no[by_day], np.arange(days + 1))
    # A no lies below the yes from `first` on, and ties with those from `tied` up to there.
    first = np.searchsorted(p_yes, p_no[by_day], side="right")
    tied = np.searchsorted(p_yes, p_no[by_day], side="left")
    places = len(p_yes) + 1
    wins = np.empty((days, days))
    for e, (start, end) in enumerate(pairwise(ends)):
        begins = np.bincount(first[start:end], minlength=places)
        begins += np.bincount(tied[start:end], minlength=places)
        below = np.cumsum(begins[:-1]) * 0.5
        wins[:, e] = np.bincount(day_yes, weights=below, minlength=days)
    count = [np.bincount(each, minlength=days).astype(float) for each in (day_yes, day_no)]
    return wins, np.column_stack(count)


def _average_precision(y: Floats, p: Floats, day: Days, days: int) -> Statistic:
    """The mean over positives of the precision among the rows at or above them."""
    del days
    down = np.argsort(-p, kind="stable")
    positive = y[down] == 1
    p_yes, p_no = -p[down][positive], -p[down][~positive]
    day_yes, day_no = day[down][positive], day[down][~positive]
    yes_until = np.searchsorted(p_yes, p_yes, side="right")
    no_until = np.searchsorted(p_no, p_yes, side="right")

    def some(weights: Floats) -> Floats:
        times = weights.astype(np.int32)  # whole numbers: half the memory, sums exact
        yes = times[:, day_yes]
        running = _running(yes)
        hits = running[:, yes_until]
        shown = _running(times[:, day_no])[:, no_until]
        shown += hits
        # Where nothing has been shown yet the positive itself has weight 0.
        precision = hits / np.maximum(shown, 1)
        return _divide(np.einsum("ij,ij->i", yes, precision), running[:, -1].astype(float))

    step = max(1, _AT_ONCE // len(y))

    def statistic(weights: Floats) -> Floats:
        starts = range(0, len(weights), step)
        return np.concatenate([some(weights[at : at + step]) for at in starts])

    return statistic


def _running(times: NDArray[np.int32]) -> NDArray[np.int32]:
    """Sums of the first 0, 1, ... columns."""
    sums = np.zeros((times.shape[0], times.shape[1] + 1), dtype=np.int32)
    np.cumsum(times, axis=1, out=sums[:, 1:])
    return sums


_PREPARE: dict[str, Callable[[Floats, Floats, Days, int], Statistic]] = {
    "auc": _auc,
    "average_precision": _average_precision,
    "f1": _f1,
    "calibration_error": _calibration_error,
    "rmse": _rmse,
}
