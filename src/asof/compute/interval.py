"""95 % intervals of figures over time, by a block bootstrap over days.

A figure of 277,337 requests over 306 days is a figure of 306 days: rows of one day err together.
So days are resampled, neighbouring ones in blocks as long as the correlation of their losses asks
for (`bootstrap.blocks_for`), and the same blocks on both sides of a difference.

The interval is the percentile interval of the resamples, with three amendments:

- it is stretched about its middle by t / z for the number of blocks and by sqrt(m / (m - 1)), as
  the expanded percentile interval is (Hesterberg 2015, The American Statistician 69, on why
  percentiles of small samples are too narrow), m blocks in the place of n rows, and by the
  variance that blocks miss because they cut the correlation at their ends (`bootstrap.Blocks`);
- it is moved by the mean bias of the resamples (Efron 1990, JASA 85, "More efficient bootstrap
  computations", on centring), which matters for the calibration error: resampling adds noise, and
  noise adds calibration error;
- ends beyond the metric's range are cut back to it.

Coverage, measured on means of simulated autoregressive days (correlation of neighbours 0, .3, .6;
1,000 lives each): 306 days 96, 94, 94 %; 100 days 96, 92, 90 %; 40 days 97, 95, 92 %; 14 days 97,
91, 81 %. Two weeks of days that hang together cannot show how much they do.

Where the days are too few for that there is no interval but a `why`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from asof.compute.bootstrap import Blocks, blocks_for, day_weights
from asof.compute.metric import Metric
from asof.compute.weighted import COSTLY, Statistic, under_weights
from asof.errors import MetricUndefined

Floats = NDArray[np.float64]
Ints = NDArray[np.int32] | NDArray[np.int64]

_Figures = TypeVar("_Figures", float, Floats)

LEVEL = 0.95
DRAWS = 2000
DRAWS_IF_COSTLY = 400
"""Average precision takes a pass over all rows a draw, and is drawn so often at most."""

MIN_DAYS = 8
"""Fewer days than these give no interval over a life: their likeness must be measured too."""

MIN_BLOCKS = 4
"""Nor do fewer blocks. A higher bar would not be more careful: of short lives it would keep those
whose correlation happened to be underrated (14 days with a correlation of .6: 58 % covered behind
a bar of 8 blocks, 75 % and more behind 4)."""

MIN_DAYS_OF_SLOT = 6
"""Fewer days than these give no interval in one slot: five days have 126 different resamples."""

_UNDEFINED_SHARE = 0.05  # more resamples than these without a value: no interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval, or in words why one of them is missing.

    `n` requests on `days` days; `blocks` is how many blocks of `block_length` days these hold,
    0 where it was not looked at. `draws` resamples were taken. `low` and `high` are both None or
    both numbers; if they or `value` are None, `why` says the reason, and is empty otherwise.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    days: int
    blocks: int = 0
    block_length: float = 0.0
    draws: int = 0
    why: str = ""


def estimate(
    metric: Metric, y: Floats, p: Floats, day: Ints, *, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """The metric of (y, p) with its interval; y, p float64[n], `day` int[n] the civil day.

    Days are numbers that grow with time (such as days since 1970 in the declared zone). Days
    without rows are left out, and their neighbours taken as neighbours.

    >>> from asof.compute.metric import metric
    >>> day = np.repeat(np.arange(40), 5)
    >>> y = np.random.default_rng(0).normal(size=200)
    >>> found = estimate(metric("mae"), y, np.zeros(200), day)
    >>> found.n, found.days, found.low < found.value < found.high
    (200, 40, True)
    """
    return _estimate(metric, y, (p,), day, _Scheme(draws, seed))


def paired(
    metric: Metric,
    y: Floats,
    p: Floats,
    q: Floats,
    day: Ints,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    widen: float = 1.0,
) -> Estimate:
    """The difference metric(q) - metric(p) on the same requests, in the same resamples.

    The interval is `widen` times as wide as the resamples make it.

    >>> from asof.compute.metric import metric
    >>> day, y = np.repeat(np.arange(40), 5), np.zeros(200)
    >>> same = paired(metric("brier"), y, y + 0.25, y + 0.25, day)
    >>> same.value, same.low, same.high
    (0.0, 0.0, 0.0)
    """
    return _estimate(metric, y, (q, p), day, _Scheme(draws, seed, widen=widen))


def by_slot(
    metric: Metric,
    y: Floats,
    p: Floats,
    day: Ints,
    slot: Ints,
    slots: int,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Estimate]:
    """One estimate of the metric a slot.

    `slot` int[n] is 0 to slots - 1, or -1 for rows in none. A week holds 7 days, and from 7 days
    nobody can tell how alike neighbours are, so within a slot single days are resampled: the
    interval says how much the figure hangs on the days that the slot happened to hold, taken as
    independent (7 such days: it covers 95 %; with a correlation of .3 between neighbours 87 %).
    Hours are not used instead: hours of a day share what made the day. A slot of fewer than 6
    days has a value and a `why`.

    >>> from asof.compute.metric import metric
    >>> day = np.repeat(np.arange(9), 5)
    >>> y = np.random.default_rng(0).normal(size=45)
    >>> week, rest = by_slot(metric("mae"), y, np.zeros(45), day, day // 7, 2)
    >>> week.low < week.value < week.high, rest.low, rest.why
    (True, None, '2 days: an interval needs at least 6')
    """
    scheme = _Scheme(draws, seed, single_days=True)
    order = np.argsort(slot, kind="stable")
    ends = np.searchsorted(slot[order], np.arange(slots + 1))

    def of_slots() -> Iterator[Estimate]:
        for start, end in pairwise(ends):
            rows = order[start:end]
            yield _estimate(metric, y[rows], (p[rows],), day[rows], scheme)

    return list(of_slots())


class _Scheme:
    """How to resample: draws, seed, blocks or single days; keeps the weights of single days."""

    def __init__(
        self, draws: int, seed: int, *, single_days: bool = False, widen: float = 1.0
    ) -> None:
        self.draws = draws
        self.seed = seed
        self.single_days = single_days
        self.widen = widen
        self._kept: dict[tuple[int, int], Floats] = {}

    def weights(self, days: int, length: float, draws: int) -> Floats:
        if not self.single_days:
            return day_weights(days, length, draws, self.seed)
        if (days, draws) not in self._kept:
            self._kept[days, draws] = day_weights(days, 1.0, draws, self.seed)
        return self._kept[days, draws]


def _estimate(
    metric: Metric, y: Floats, sides: tuple[Floats, ...], day: Ints, scheme: _Scheme
) -> Estimate:
    """The metric of the first side, less that of the second if there are two."""
    n = len(y)
    distinct, dense = np.unique(day, return_inverse=True)
    days = len(distinct)
    try:
        value = _less([metric.value(y, side) for side in sides])
    except MetricUndefined as undefined:
        return Estimate(None, None, None, n, days, why=undefined.what)
    least = MIN_DAYS_OF_SLOT if scheme.single_days else MIN_DAYS
    if days < least:
        why = f"{_count(days, 'day')}: an interval needs at least {least}"
        return Estimate(value, None, None, n, days, why=why)

    prepared = [under_weights(metric, y, side, dense, days) for side in sides]

    def statistic(weights: Floats) -> Floats:
        return _less([each(weights) for each in prepared])

    asked = Blocks(1.0, 0.0) if scheme.single_days else blocks_for(_series(statistic, days))
    length, blocks = asked.length, int(days / asked.length)
    if blocks < MIN_BLOCKS:
        why = (
            f"{days} days hold {_count(blocks, 'block')} of {length:.1f} days, so alike are "
            f"neighbouring days: an interval needs at least {MIN_BLOCKS}"
        )
        return Estimate(value, None, None, n, days, blocks, length, why=why)
    draws = min(scheme.draws, DRAWS_IF_COSTLY) if metric.name in COSTLY else scheme.draws
    drawn = statistic(scheme.weights(days, length, draws))
    why = _why_not(drawn, same=len(sides) == 2 and np.array_equal(sides[0], sides[1]))
    if why:
        return Estimate(value, None, None, n, days, blocks, length, draws, why)
    stretch = scheme.widen * _stretch(days / length, asked.shortfall)
    low, high = _ends(drawn, value, stretch)
    least_value, most = _range(metric, len(sides))
    low, high = max(low, least_value), min(high, most)
    return Estimate(value, low, high, n, days, blocks, length, draws)


def _less(sides: list[_Figures]) -> _Figures:
    return sides[0] if len(sides) == 1 else sides[0] - sides[1]


def _range(metric: Metric, sides: int) -> tuple[float, float]:
    """The values that the metric, or a difference of two, can take."""
    width = metric.bounds[1] - metric.bounds[0]
    return metric.bounds if sides == 1 else (-width, width)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _why_not(drawn: Floats, *, same: bool) -> str:
    """Why the resamples make no interval, or nothing.

    `same`: both sides of the difference are identical, which is certain and not a lack of data.
    """
    undefined = float(np.mean(np.isnan(drawn)))
    if undefined > _UNDEFINED_SHARE:
        return f"the figure does not exist in {undefined:.0%} of the resamples of days"
    most, least = float(np.nanmax(drawn)), float(np.nanmin(drawn))
    if not same and most - least <= 1e-12 * max(abs(most), abs(least)):  # nothing but rounding
        return "the figure is the same whichever days are drawn, so they cannot show its spread"
    return ""


def resampled(drawn: Floats, value: float, days: int, blocks: Blocks) -> tuple[float, float]:
    """Low and high end around a value from its resamples, made of `blocks` of so many days."""
    return _ends(drawn, value, _stretch(days / blocks.length, blocks.shortfall))


def _series(statistic: Statistic, days: int) -> Floats:
    """What each day says of the figure, float64[days]: its jackknife pseudo-values.

    For the mean of equally full days these are the daily means of the (paired) losses, the series
    of which the block length is chosen; for other metrics they are its nearest equivalent (Tukey's
    pseudo-values; Efron & Tibshirani 1993, section 11.5).
    """
    all_days = np.ones((1, days))
    without_one = all_days - np.eye(days)
    values = days * statistic(all_days) - (days - 1) * statistic(without_one)
    return np.where(np.isfinite(values), values, np.nanmean(values))


def _stretch(blocks: float, shortfall: float) -> float:
    """By how much percentiles of resamples of so many blocks are too narrow."""
    from scipy.special import stdtrit

    tail = (1 + LEVEL) / 2
    t_over_z = float(stdtrit(blocks - 1, tail)) / NormalDist().inv_cdf(tail)
    return t_over_z * math.sqrt(blocks / (blocks - 1) / (1 - shortfall))


def _ends(drawn: Floats, value: float, stretch: float) -> tuple[float, float]:
    """Low and high end of the interval around the value, from the resampled values."""
    around = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - np.nanmean(drawn)
    low, high = value + stretch * around
    return float(low), float(high)
