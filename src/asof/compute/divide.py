"""What of a change in loss came with the features, and what with what follows from them.

The losses of one and the same model in a first and a second period are compared over what the two
periods share (Cai, Namkoong & Yadlowsky 2023, arXiv 2303.02011, "Diagnosing model performance under
distribution shift"). With e(x) the probability that a request with features x is of the second
period, both being equally full, the shared part has the density of both together times e (1 - e),
and with R0 and R1 what a request with features x is expected to lose in either period

    of y given x  mean of R1 - R0 over the shared part
    of x          the rest of the whole change

e and both R are learnt, on other days than those they are used for. A plain weighting by a learnt e
would hide how much its learning moves the result: its interval of x held zero in 7 of 16 worlds
where nothing changed (those below: x in 13, y in 16). So the means are the augmented ones for
overlap weights (Li, Morgan & Zaslavsky 2018, JASA 113; Crump et al. 2006, NBER T330, for their
influence function), in which errors of e and R enter only as products:

    mean of R0 = sum [first] e (loss - R0) + w R0 / sum w,  w = e^2 [first] + (1 - e)^2 [second]

and the other way round for R1. It needs periods that overlap: where e knows the period, the shared
part is a few rows, and there is no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.compute.bootstrap import blocks_for, day_weights
from asof.compute.interval import DRAWS, MIN_DAYS, Estimate, resampled
from asof.compute.overlap import day_folds, kish

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Divided:
    """The change of the loss from the first period to the second, and what it is made of.

    `shared_days` are what the days of each period are worth in the shared part (Kish).
    """

    total: Estimate
    of_x: Estimate
    of_y: Estimate
    shared_days: tuple[float, float]


def divided(
    values: Floats,
    loss: Floats,
    second: Bools,
    e: Floats,
    day: Ints,
    *,
    folds: int = 5,
    draws: int = DRAWS,
    seed: int = 0,
) -> Divided:
    """Divide the change of the mean loss; days of each period are resampled by themselves.

    `values` float64[n, k] are the features, `e` float64[n] the probability of each row to be of the
    `second` period, were both equally full, `day` int64[n] the civil day.

    >>> rng = np.random.default_rng(0)
    >>> x, day, second = rng.normal(size=4000), np.arange(4000) // 50, np.arange(4000) >= 2000
    >>> x[second] += 0.7
    >>> e = 1 / (1 + np.exp(-0.7 * (x - 0.35)))  # the truth, for normal x moved by .7
    >>> found = divided(x[:, None], x**2 + rng.normal(size=4000), second, e, day, draws=400)
    >>> found.of_x.low > 0, found.of_y.low < 0 < found.of_y.high
    (True, True)
    """
    before, after = _expected(values, loss, second, day, folds, seed)
    sides = [
        _by_day(day[~second], loss, e, before, after, rows=~second, first=True),
        _by_day(day[second], loss, e, before, after, rows=second, first=False),
    ]
    days = [each.shape[1] for each in sides]
    values_of = _parts([np.ones((1, n)) @ each.T for n, each in zip(days, sides, strict=True)])
    shared = (kish(sides[0][5]), kish(sides[1][5]))
    n = len(loss)
    if min(days) < MIN_DAYS:
        why = f"{min(days):,} days: an interval needs at least {MIN_DAYS}"
        bare = [Estimate(float(v[0]), None, None, n, sum(days), why=why) for v in values_of]
        return Divided(bare[0], bare[1], bare[2], shared)
    blocks = [blocks_for(each[1] / each[0]) for each in sides]
    drawn = _parts(
        [day_weights(days[i], blocks[i].length, draws, seed + i) @ sides[i].T for i in range(2)]
    )
    few = min((0, 1), key=lambda i: days[i] / blocks[i].length)
    number = int(days[few] / blocks[few].length)
    found = [
        Estimate(
            float(v[0]), *resampled(d, float(v[0]), days[few], blocks[few]),
            n, sum(days), number, blocks[few].length, draws,
        )
        for v, d in zip(values_of, drawn, strict=True)
    ]  # fmt: skip
    return Divided(found[0], found[1], found[2], shared)


def _expected(
    values: Floats, loss: Floats, second: Bools, day: Ints, folds: int, seed: int
) -> tuple[Floats, Floats]:
    """What each row is expected to lose in either period, learnt on other days."""
    fold = day_folds(day, second, folds, seed)
    found = np.empty((2, len(loss)))
    for period, inside in enumerate((~second, second)):
        for k in range(folds):
            rows = inside & (fold != k)
            model = _regressor(seed).fit(values[rows], loss[rows])
            found[period, fold == k] = model.predict(values[fold == k])
    return found[0], found[1]


def _regressor(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    make: Any = HistGradientBoostingRegressor
    return make(
        max_iter=50, max_leaf_nodes=8, min_samples_leaf=50, early_stopping=False, random_state=seed
    )


def _by_day(
    day: Ints, loss: Floats, e: Floats, before: Floats, after: Floats, *, rows: Bools, first: bool
) -> Floats:
    """For each day of a period, summed: rows, loss, w, w R0 and w R1 (augmented), weight in S."""
    loss, e, before, after = loss[rows], e[rows], before[rows], after[rows]
    shared = e if first else 1 - e
    w = shared**2
    own = shared * (loss - (before if first else after))
    of_before, of_after = w * before, w * after
    if first:
        of_before = of_before + own
    else:
        of_after = of_after + own
    _, dense = np.unique(day, return_inverse=True)
    terms = (np.ones_like(loss), loss, w, of_before, of_after, shared)
    return np.array([np.bincount(dense, weights=each) for each in terms], dtype=np.float64)


def _parts(summed: list[Floats]) -> tuple[Floats, Floats, Floats]:
    """Total, of x, of y given x, from sums of either period float64[draws, 6]."""
    first, second = (each / each[:, :1] for each in summed)  # both equally full
    total = second[:, 1] - first[:, 1]
    both = first + second
    of_y = (both[:, 4] - both[:, 3]) / both[:, 2]
    return total, total - of_y, of_y
