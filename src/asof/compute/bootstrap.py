"""Resampling of days: how long blocks must be, and how often each day is drawn.

The unit that varies is the day, not the row: the rows of one day share its weather, its news, its
faults. A resample is therefore a weight for each day, and neighbouring days are drawn together in
blocks as long as their likeness asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


SHORT = 60
"""Shorter series have too few days for their correlation to be told lag by lag."""

_MOST_MISSED = 0.6  # the first-order formula means nothing beyond


@dataclass(frozen=True, slots=True)
class Blocks:
    """How long blocks must be, and what they still miss.

    `length` is their mean, in days. Blocks cut the correlation at their ends, so the variance of
    the resamples falls short of the truth by the share `shortfall`, to first order G / (g length)
    (Politis & White 2004, section 3); whoever makes an interval widens it by that.
    """

    length: float
    shortfall: float


def blocks_for(series: Floats) -> Blocks:
    """The blocks that a series (a value a day) asks for; single days where it is uncorrelated.

    Politis & White 2004 (Econometric Reviews 23, section 3) with the correction of Patton,
    Politis & White 2009, for the stationary bootstrap: the length (G / g)^(2/3) N^(1/3), at most
    min(3 sqrt(N), N / 3); g is the long-run variance, G the same sum with each covariance times
    its lag. From 60 days on both are estimated with flat-top weights and their empirical band. On
    shorter series that is mostly noise (on 30 independent days every eighth choice left fewer
    than 8 blocks), so they follow from the first autocorrelation r alone, as in an autoregression
    of order one: G / g = 2 r / (1 - r^2), with r freed of its bias (Kendall 1954, Biometrika 41).
    A G / g below 0 counts as 0: where neighbours balance each other, single days err on the side
    of caution.

    >>> blocks_for(np.zeros(9))
    Blocks(length=1.0, shortfall=0.0)
    >>> blocks_for(np.repeat([0.0, 1.0, 0.0, 3.0], 30)).length > 5
    True
    """
    n = len(series)
    if n < 3:
        return Blocks(1.0, 0.0)
    centred = series - series.mean()
    if float(centred @ centred) <= n * float(np.square(1e-14 * np.abs(series).max())):
        return Blocks(1.0, 0.0)  # nothing but rounding
    ratio = _lag_ratio(centred) if n >= SHORT else _lag_ratio_of_first(centred)
    longest = float(np.ceil(min(3 * np.sqrt(n), n / 3)))
    length = min(max(float(np.cbrt(ratio * ratio * n)), 1.0), longest)
    return Blocks(length, min(ratio / length, _MOST_MISSED))


def _lag_ratio_of_first(centred: Floats) -> float:
    """G / g, at least 0, of an autoregression of order one."""
    n = len(centred)
    r = float(centred[1:] @ centred[:-1]) / float(centred @ centred)
    r = min(max(r + (1 + 3 * r) / n, 0.0), 0.95)
    return 2 * r / (1 - r * r)


def _lag_ratio(centred: Floats) -> float:
    """G / g, at least 0, with flat-top weights."""
    n = len(centred)
    run = max(5, int(np.log10(n)))
    lags = int(np.ceil(np.sqrt(n))) + run
    cross = np.array([centred[k:] @ centred[: n - k] for k in range(lags + 1)])
    band = _band(centred, cross, run)
    k = np.arange(1, band + 1)
    weighted = np.where(k <= band / 2, 1.0, 2 * (1 - k / band)) * cross[1 : band + 1]
    long_run = float(cross[0] + 2 * weighted.sum())
    return max(float(2 * (k * weighted).sum()) / long_run, 0.0) if long_run else 0.0


def _band(centred: Floats, cross: Floats, run: int) -> int:
    """Twice the lag after which `run` autocorrelations in a row are insignificant."""
    n, lags = len(centred), len(cross) - 1
    squares = np.square(centred)
    head = np.cumsum(squares)[::-1]  # head[k]: sum over the first n - k
    tail = np.cumsum(squares[::-1])[::-1]  # tail[k]: sum over all but the first k
    scale = np.sqrt(head[1 : lags + 2] * tail[1 : lags + 2])
    with np.errstate(divide="ignore", invalid="ignore"):
        small = np.nan_to_num(np.abs(cross) / scale, nan=np.inf) < 2 * np.sqrt(np.log10(n) / n)
    for lag in range(lags + 1 - run):
        if small[lag : lag + run].all():
            return min(2 * max(lag, 1), lags)
    return lags


def day_weights(days: int, length: float, draws: int, seed: int) -> Floats:
    """How often each day is drawn in each resample, float64[draws, days]; rows sum to `days`.

    Stationary bootstrap (Politis & Romano 1994, JASA 89): blocks start anywhere, run over the end
    into the beginning, and have geometric lengths with mean `length` (1: days one by one). The
    result is a function of the arguments alone.

    >>> day_weights(5, 2.0, 3, seed=0).sum(axis=1).tolist()
    [5.0, 5.0, 5.0]
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    if length <= 1:
        even = np.full(days, 1 / days)
        return rng.multinomial(days, even, size=draws).astype(np.float64)
    begins = rng.random((draws, days), dtype=np.float32) < 1 / length
    begins[:, 0] = True
    step = np.arange(days, dtype=np.int32)
    # A day is its block's shift plus its place in the resample; the shift is drawn once a block.
    block = np.cumsum(begins.ravel(), dtype=np.int32) - 1
    shift = rng.integers(0, days, size=int(block[-1]) + 1, dtype=np.int32)
    drawn = (shift[block].reshape(draws, days) + step) % days
    drawn += np.arange(draws, dtype=np.int32)[:, None] * days
    return np.bincount(drawn.ravel(), minlength=draws * days).reshape(draws, days).astype(float)
