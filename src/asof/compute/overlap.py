"""How far two periods overlap, looked at through the features: a classifier that tells them apart.

It is judged on days that it was not fitted on. A month holds 30 days of weather, not 28,000
independent rows: folds of rows would recognise the day, and call any two months different.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.compute.interval import Estimate, estimate
from asof.compute.metric import metric
from asof.compute.split import by_block

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COLUMNS = 12
"""Columns whose part in telling the periods apart is measured; chosen by what each tells alone."""

_EDGE = 1e-3  # the classifier is never surer than this of a period


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """How well the periods are told apart, what the first is worth as the second, and by what.

    `auc` is that of held-out days. `covered` is the share of the second period that lies where the
    first has rows: the mean odds of the first period's rows to belong to the second, at most 1 (the
    odds are the second density over the first, both periods being equally full, so that their mean
    over the first falls short of 1 by what of the second lies elsewhere). `effective_rows` is that
    share times Kish's (sum w)^2 / sum w^2 of the first period's rows (Kish 1965, Survey Sampling),
    weighted by those odds (Bickel et al. 2007, ICML), as a share of them; `effective_days` the same
    of days. Kish alone says only how even the weights are: rows that are all equally unlike the
    second period would be worth all of themselves.
    `loses` pairs columns with the AUC that is lost when a column is shuffled, greatest first.
    `second` float64[n] is the held-out probability of each row to be of the second period, were
    both periods equally full.
    """

    auc: Estimate
    covered: float
    effective_rows: float
    effective_days: float
    loses: tuple[tuple[str, float], ...]
    second: Floats


def overlap(
    values: Floats,
    second: NDArray[np.bool_],
    day: Ints,
    names: tuple[str, ...],
    *,
    folds: int = 5,
    draws: int = 400,
    seed: int = 0,
) -> Overlap:
    """How far the rows of the `second` period overlap with the others.

    `values` float64[n, k], NaN for missing; `day` int64[n] the civil day. Days are held out whole.

    >>> rng = np.random.default_rng(0)
    >>> day = np.repeat(np.arange(40), 30)
    >>> found = overlap(rng.normal(size=(1200, 1)), day >= 20, day, ("x",))
    >>> 0.3 < found.auc.value < 0.7, found.effective_days > 12
    (True, True)
    """  # fmt: skip
    y = second.astype(np.float64)
    fold = day_folds(day, second, folds, seed)
    chosen = _telling(values, second)
    models = [_fitted(values[fold != k], second[fold != k], seed) for k in range(folds)]
    p = _held_out(models, values, fold)
    auc = estimate(metric("auc"), y, p, day, draws=draws, seed=seed)
    # Balanced afterwards: classes weighted in the fit cost thirty times as much, in binning.
    odds = p / (1 - p) * (len(y) - y.sum()) / y.sum()
    even = np.clip(odds / (1 + odds), _EDGE, 1 - _EDGE)
    odds = (even / (1 - even))[~second]
    dense = np.unique(day[~second], return_inverse=True)[1]
    by_day: Floats = np.bincount(dense, weights=odds).astype(np.float64)
    loses = _losses(models, values, fold, y, p, chosen, seed)
    named = sorted(((names[c], lost) for c, lost in loses), key=lambda pair: -pair[1])
    covered = min(float(odds.mean()), 1.0)
    rows, days = covered * kish(odds) / len(odds), covered * kish(by_day)
    return Overlap(auc, covered, rows, days, tuple(named), even)


def day_folds(day: Ints, second: NDArray[np.bool_], folds: int, seed: int) -> Ints:
    """Folds of whole days, each with days of both periods.

    `second` says which rows are of the second period.
    """
    fold = np.empty(len(day), dtype=np.int64)
    for side in (False, True):
        fold[second == side] = by_block(day[second == side], folds, f"overlap {seed}")
    return fold


def _fitted(values: Floats, second: NDArray[np.bool_], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    make: Any = HistGradientBoostingClassifier
    made = make(
        max_iter=50,
        max_leaf_nodes=8,
        min_samples_leaf=50,
        early_stopping=False,
        random_state=seed,
    )
    return made.fit(values, second)


def _held_out(models: list[Any], values: Floats, fold: Ints) -> Floats:
    p = np.empty(len(values))
    for k, model in enumerate(models):
        p[fold == k] = model.predict_proba(values[fold == k])[:, 1]
    return np.clip(p, _EDGE, 1 - _EDGE)


def _losses(
    models: list[Any], values: Floats, fold: Ints, y: Floats, p: Floats, columns: Ints, seed: int
) -> list[tuple[int, float]]:
    """What the AUC of held-out days loses when a column's values are shuffled among its rows."""
    whole = metric("auc").value(y, p)
    shuffled = np.random.Generator(np.random.PCG64(seed)).permutation(len(values))
    found: list[tuple[int, float]] = []
    for column in columns.tolist():
        other = values.copy()
        other[:, column] = values[shuffled, column]
        lost = whole - metric("auc").value(y, _held_out(models, other, fold))
        if lost > 0:
            found.append((column, lost))
    return found


def _telling(values: Floats, second: NDArray[np.bool_]) -> Ints:
    """The columns that tell the periods apart best, each by itself."""
    y = second.astype(np.float64)
    filled = np.where(np.isnan(values), -np.inf, values)
    apart = [
        abs(metric("auc").value(y, np.unique(column, return_inverse=True)[1] / len(column)) - 0.5)
        for column in filled.T
    ]
    return np.argsort(-np.array(apart), kind="stable")[:COLUMNS]


def kish(weights: Floats) -> float:
    """How many equally weighted values weighted ones are worth: (sum w)^2 / sum w^2.

    >>> kish(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    return float(weights.sum() ** 2 / np.square(weights).sum())
