"""A waterfall of paired bars: predictors of the same requests, each beside the one before it.

Where requests train the fits that answer one another, as in folds, resamples of days miss a part
of the spread (Bates, Hastie & Tibshirani 2024, JASA 119, "Cross-validation: what does it estimate
and how well does it do it?"), and most where fits are compared that hardly differ (Bayle, Mackey &
Janson 2025, arXiv 2508.04409, "The relative instability of model comparison with
cross-validation"). What they miss is counted here; the derivation is the project's own.

To first order, what a request i brings to the difference of two such stages is a sum over the rows
j that its fits were trained on, c[i, j] e[i] e[j] K(i, j): e is what the truth leaves unexplained,
different for each row and 0 on average, K how alike the two rows are, and c[i, j] the weight of row
j in the fit that answers i after, less its weight before. Resamples see the spread of each i with
its e[j] as given, the sum of c[i, j]^2. But a pair of two scored requests comes twice, as c[i, j]
and as c[j, i], with the same product e[i] e[j]; so the variance is 1 + t times as large,

    t = sum of c[i, j] c[j, i] over scored i and j / sum of c[i, j]^2 over scored i and all j

and the bar is widened by the root of that (`counted_twice`). With folds of all rows, t is the share
of the rows trained on that are scored themselves; where samples of different sizes are compared it
is about 0, and where each fit is trained on the past, exactly. Pairs of one day are counted though
resamples of days see them: on the side of caution, and little where a fold has many days.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asof.compute.interval import DRAWS, Estimate, estimate, paired
from asof.compute.metric import Metric

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Fits = Sequence[tuple[Ints, Ints]]
"""The fits of a stage: the rows each is trained on, and the places of the requests it answers."""

ALIKE = 1e-9
"""Predictions no further apart are the same answer: linear algebra rounds by how rows are cut."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage: its level, and its difference from the stage `since` (None for the first).

    `same` says that its answers are those of the stage before, which makes the difference zero.
    """

    level: Estimate
    step: Estimate | None
    since: int | None
    same: bool


def waterfall(
    metric: Metric,
    y: Floats,
    stages: Sequence[Floats | str],
    day: Ints,
    *,
    twice: Sequence[float] = (),
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Bar]:
    """A bar for each stage: predictions float64[n], or the words why there are none.

    `twice` is for each stage what its step has counted twice, by which it is widened (none given: 0
    for all).

    A stage without predictions has no figure, and the next is compared with the last that has
    some. Differences are this stage minus the one before, on the same requests and resamples.

    >>> from asof.compute.metric import metric
    >>> day, y = np.repeat(np.arange(40), 5), np.zeros(200)
    >>> bars = waterfall(metric("brier"), y, [y + .1, "not run", y + .2], day)
    >>> round(bars[2].step.value, 6), bars[2].since, bars[1].level.why
    (0.03, 0, 'not run')
    """
    bars: list[Bar] = []
    last: int | None = None
    for number, found in enumerate(stages):
        if isinstance(found, str):
            bars.append(Bar(_none(found, y, day), None, last, same=False))
            continue
        level = estimate(metric, y, found, day, draws=draws, seed=seed)
        step, same = None, False
        before = None if last is None else stages[last]
        if before is not None and not isinstance(before, str):
            same = alike(before, found)
            after = before if same else found
            widen = math.sqrt(1 + (twice[number] if twice else 0.0))
            step = paired(metric, y, before, after, day, draws=draws, seed=seed, widen=widen)
        bars.append(Bar(level, step, last, same))
        last = number
    return bars


def counted_twice(scored: Ints, before: Fits, after: Fits, *, anew: bool) -> float:
    """By what share the resamples understate the variance of a step, at least 0.

    `scored` int64[n] are the rows that are scored, and each fit answers places 0 to n - 1 among
    them. Where features are made `anew` the rows have other K before and after: what counts are
    the weights after.

    >>> rows = np.arange(10)
    >>> folds = [(rows[rows % 5 != k], rows[rows % 5 == k]) for k in range(5)]
    >>> counted_twice(rows, folds, folds, anew=True)
    1.0
    >>> past = [(rows[:k], rows[k:k + 1]) for k in range(10)]
    >>> counted_twice(rows, past, past, anew=True)
    0.0
    """
    if anew:
        before = [(rows[:0], at) for rows, at in before]
    both = _answering(before, len(scored)) * len(after) + _answering(after, len(scored))
    pairs, cell, many = np.unique(both, return_inverse=True, return_counts=True)
    first, second = pairs // len(after), pairs % len(after)
    rows = max(int(each.max(initial=0)) for each in (scored, *(r for r, _ in (*before, *after))))
    place = np.full(rows + 1, -1)
    place[scored] = cell
    # By cells of requests that the same two fits answer: c hangs on the cell of i and the row j.
    crossed = _met(after, place, len(pairs))[second] - _met(before, place, len(pairs))[first]
    squares = np.zeros(len(pairs))
    for number in range(len(before)):
        inside = np.zeros(rows + 1, dtype=np.bool_)
        inside[before[number][0]] = True
        for at in np.flatnonzero(first == number):
            squares[at] = _square(before[number][0], after[int(second[at])][0], inside)
    whole = float(many @ squares)
    return max(float((crossed * crossed.T).sum()) / whole, 0.0) if whole else 0.0


def _answering(fits: Fits, n: int) -> Ints:
    """The number of the fit that answers each of n places."""
    found = np.zeros(n, dtype=np.int64)
    for number, (_, at) in enumerate(fits):
        found[at] = number
    return found


def _met(fits: Fits, cell: Ints, cells: int) -> Floats:
    """The weight that rows of each cell have in each fit, float64[fits, cells]."""
    found = np.zeros((len(fits), cells))
    for number, (rows, _) in enumerate(fits):
        of = cell[rows]
        if len(rows):
            found[number] = np.bincount(of[of >= 0], minlength=cells) / len(rows)
    return found


def _square(before: Ints, after: Ints, inside: NDArray[np.bool_]) -> float:
    """The sum of c^2 over all rows; `inside` says which of them are `before`."""
    one, other = 1 / max(len(before), 1), 1 / max(len(after), 1)
    shared = int(np.count_nonzero(inside[after]))
    return one**2 * len(before) + other**2 * len(after) - 2 * one * other * shared


def alike(p: Floats, q: Floats) -> bool:
    """Whether two predictors give the same answers, up to rounding.

    >>> alike(np.array([0.5]), np.array([0.5 + 1e-13])), alike(np.array([0.5]), np.array([0.6]))
    (True, False)
    """
    return bool(np.allclose(p, q, rtol=ALIKE, atol=ALIKE))


def _none(why: str, y: Floats, day: Ints) -> Estimate:
    return Estimate(None, None, None, len(y), len(np.unique(day)), why=why)
