"""Slices that carry a difference: groups of requests, and what each adds to the whole.

A difference of mean losses is the sum over the slices of a column of share times difference within,
which is what a slice contributes. Many slices are looked at, so intervals hold for all at once: at
1 - .05 / m for m slices (Bonferroni), from the spread of the resamples of days and Student's t, for
percentiles that far out no number of draws would tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from asof.compute.bootstrap import blocks_for, day_weights
from asof.compute.interval import LEVEL, MIN_BLOCKS, MIN_DAYS
from asof.compute.matrix import Matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 4
"""Numbers are cut at so many quantiles, less one."""

LEAST = 0.02
"""A slice with a smaller share of the requests is not looked at."""

MOST_WORDS = 40
"""A column of more categories is a name, not a group."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A group of requests: its column, and either its `value` or the numbers that bound it.

    Numbers lie in [low, high); None is no bound. Both None and no value: the value is missing.
    """

    column: str
    value: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """What a slice contributes to the difference: `low` and `high` hold for all slices at once."""

    slice: Slice
    rows: int
    share: float
    within: float
    contribution: float
    low: float
    high: float


def carried(
    seen: Matrix, terms: Floats, day: Ints, *, draws: int = 1000, seed: int = 0
) -> tuple[list[Carried], int]:
    """Slices by what they contribute to the mean of `terms`, and how many were looked at.

    `terms` float64[n] are the differences of the losses of single requests, whose features are
    `seen`. A slice is given where its contribution is shown to have the sign of the whole and to be
    more than its share; greatest first. None where the days are too few.

    >>> rng = np.random.default_rng(0)
    >>> values = rng.integers(0, 3, 6000).astype(float)[:, None]
    >>> seen = Matrix(("kind",), values, {"kind": ("a", "b", "c")})
    >>> terms = rng.normal(1.0 * (values[:, 0] == 2), 1.0)
    >>> found, many = carried(seen, terms, np.repeat(np.arange(60), 100))
    >>> [each.slice.value for each in found], many
    (['c'], 3)
    """
    slices = list(_slices(seen))
    _, dense = np.unique(day, return_inverse=True)
    days = int(dense.max()) + 1 if len(dense) else 0
    total = float(terms.mean()) if len(terms) else 0.0
    if not slices or days < MIN_DAYS or not total:
        return [], len(slices)
    rows = np.bincount(dense).astype(np.float64)
    blocks = blocks_for(np.bincount(dense, weights=terms) / rows)
    if days / blocks.length < MIN_BLOCKS:
        return [], len(slices)
    inside = np.array([np.bincount(dense[i], terms[i], days) for _, i in slices])
    weights = day_weights(days, blocks.length, draws, seed)
    drawn = (weights @ inside.T) / (weights @ rows)[:, None]
    reach = _times(days / blocks.length, len(slices), blocks.shortfall) * drawn.std(axis=0, ddof=1)
    found: list[Carried] = []
    for (what, members), half in zip(slices, reach.tolist(), strict=True):
        within = float(terms[members].mean())
        share = len(members) / len(terms)
        value = share * within
        shown = abs(value) > half and np.sign(value) == np.sign(total)
        if shown and abs(within) > abs(total):
            found.append(
                Carried(what, len(members), share, within, value, value - half, value + half)
            )
    return sorted(found, key=lambda each: -abs(each.contribution)), len(slices)


def _times(blocks: float, slices: int, shortfall: float) -> float:
    """How many standard deviations an interval reaches that holds for all slices."""
    from scipy.special import stdtrit

    tail = 1 - (1 - LEVEL) / (2 * slices)
    wider = blocks / (blocks - 1) / (1 - shortfall)
    return float(stdtrit(blocks - 1, tail) * np.sqrt(wider))


def _slices(seen: Matrix) -> Iterator[tuple[Slice, Ints]]:
    """The slices of all columns that are large enough, with the positions of their rows."""
    least = LEAST * len(seen.values)
    for position, name in enumerate(seen.names):
        column = seen.values[:, position]
        parts = (
            _by_value(name, column, seen.categories[name])
            if name in seen.categories
            else _by_size(name, column)
        )
        found = [(what, rows) for what, rows in parts if len(rows) >= least]
        if len(found) > 1 or (found and len(found[0][1]) < len(column)):
            yield from found


def _by_value(name: str, column: Floats, words: Sequence[str]) -> Iterator[tuple[Slice, Ints]]:
    if len(words) <= MOST_WORDS:
        for code, word in enumerate(words):
            yield Slice(name, word), np.flatnonzero(column == code)
        yield Slice(name), np.flatnonzero(np.isnan(column))


def _by_size(name: str, column: Floats) -> Iterator[tuple[Slice, Ints]]:
    """Single values where there are few, else bins with about as many rows each."""
    known = column[~np.isnan(column)]
    values = np.unique(known)
    if 1 < len(values) <= BINS:
        for value in values.tolist():
            yield Slice(name, f"{value:g}"), np.flatnonzero(column == value)
    elif len(values) > BINS:
        edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)).tolist()
        bounds = [None, *edges, None]
        place = np.searchsorted(edges, column, side="right")
        place[np.isnan(column)] = -1
        for bin_, (low, high) in enumerate(pairwise(bounds)):
            yield Slice(name, low=low, high=high), np.flatnonzero(place == bin_)
    yield Slice(name), np.flatnonzero(np.isnan(column))
