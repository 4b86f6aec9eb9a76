"""A waterfall of paired bars: predictors of the same requests, each beside the one before it.

Intervals of cross-validated figures are too narrow where fits are compared that hardly differ
(Bates, Hastie & Tibshirani 2024, JASA 119, "Cross-validation: what does it estimate and how well
does it do it?"; Bayle et al. 2020, NeurIPS, on the stability that comparisons lack). To first order
the difference of two such fits is a sum over pairs of a request scored and a row trained on. A pair
of two that are both scored counts twice, each once in the other's fit, which resamples of days do
not see. With a share s of such rows among those trained on, the variance is 1 + s times as large,
and a bar between two stages of folds is widened by the root of that: exactly what is missing where
the fits' noise is all that differs, and on the side of caution where more does.
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
    folded: Sequence[float] = (),
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Bar]:
    """A bar for each stage: predictions float64[n], or the words why there are none.

    `folded` is for each stage of folds the share of its training rows that are scored themselves,
    for the others 0 (none given: 0 for all).

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
            shared = min(folded[last or 0], folded[number]) if folded else 0.0
            widen = math.sqrt(1 + shared)
            step = paired(metric, y, before, after, day, draws=draws, seed=seed, widen=widen)
        bars.append(Bar(level, step, last, same))
        last = number
    return bars


def alike(p: Floats, q: Floats) -> bool:
    """Whether two predictors give the same answers, up to rounding.

    >>> alike(np.array([0.5]), np.array([0.5 + 1e-13])), alike(np.array([0.5]), np.array([0.6]))
    (True, False)
    """
    return bool(np.allclose(p, q, rtol=ALIKE, atol=ALIKE))


def _none(why: str, y: Floats, day: Ints) -> Estimate:
    return Estimate(None, None, None, len(y), len(np.unique(day)), why=why)
