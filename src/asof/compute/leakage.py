"""Signs of a leak that data show before the first fit: figures, without words.

A leak is a value that was not known when it is said to have been. What is known as of a moment is
held by the law; what no law can know is whether the declared availability is true. These figures
say where it cannot be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.outcomes import Outcomes, looked_back
from asof.compute.plan import answer, plan
from asof.compute.requests import Requests
from asof.compute.table import Versions
from asof.compute.window.contract import NEVER
from asof.declare.labels import Label
from asof.declare.statistics import Statistic
from asof.declare.windows import Aggregate

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Mask = NDArray[np.bool_]

BLOCKS = 5
"""A feature is judged in so many stretches of request time, and counts as it does in the worst: a
leak is there all the time, while luck and a shift of seasons are not."""
JUDGED = 3
"""In so many stretches at least, or nothing is said."""
FEW = 20
"""A stretch needs so many of both outcomes, or twice as many known values of a quantity."""
VARIED = 20
"""Values of which fewer are different agree by chance."""
CAUGHT = 0.995
"""The share of outcomes that a wait should let in (LAW 6c)."""
MANY_LATE = 0.01
"""The share of outcomes that come too late above which another wait is proposed (LAW 6c)."""


@dataclass(frozen=True)
class Alone:
    """How well one feature alone tells the outcome, in the worst of the `blocks` that can judge it.

    `score` is the AUC for yes and no (0.5 to 1), the magnitude of Spearman's rank correlation for
    a quantity (0 to 1). `missing`: it is not the value that tells, but whether there is one.
    `equal` is the share of rows in which the value is the outcome itself, 0 for a yes and no.
    """

    name: str
    score: float
    missing: bool
    equal: float
    blocks: int


def alone(features: pl.DataFrame, y: Floats, *, binary: bool) -> tuple[Alone, ...]:
    """Each feature judged alone against the known outcomes `y`, the strongest first.

    Rows are in the order of request time. The direction of a number is that of all rows; a word
    stands for the mean outcome of its rows in the other blocks. What too few blocks can judge is
    left out.

    >>> y = np.tile([0.0, 1.0, 1.0, 0.0], 60)
    >>> frame = pl.DataFrame({"copy": 3 * y, "other": np.arange(240) % 7})
    >>> [(each.name, each.score) for each in alone(frame, y, binary=True)][:1]
    [('copy', 1.0)]
    """
    block = np.arange(len(y)) * BLOCKS // max(len(y), 1)
    found = (_judged(column, y, block, binary=binary) for column in features.iter_columns())
    return tuple(sorted((one for one in found if one is not None), key=lambda one: -one.score))


def _judged(column: pl.Series, y: Floats, block: Times, *, binary: bool) -> Alone | None:
    absent = column.is_null().to_numpy()
    if column.dtype == pl.String:
        value, fixed, equal = _by_others(column, y, block), True, 0.0
    else:
        value, fixed = column.cast(pl.Float64).fill_null(float("nan")).to_numpy(), False
        equal = 0.0 if binary else _equal(value, y, block)
    told = [(_worst(value, y, block, binary=binary, fixed=fixed), False)]
    if absent.any():
        told.append((_worst(absent.astype(np.float64), y, block, binary=binary), True))
    judged = [(strength, blocks, missing) for (strength, blocks), missing in told if blocks]
    if not judged:
        return None
    strength, blocks, missing = max(judged)
    score = (1 + strength) / 2 if binary else strength
    return Alone(column.name, score, missing, equal, blocks)


def _worst(
    value: Floats, y: Floats, block: Times, *, binary: bool, fixed: bool = False
) -> tuple[float, int]:
    """The least strength among the blocks that can judge, at least 0, and how many those are."""
    strengths = [
        strength
        for number in range(BLOCKS)
        for here in ((block == number) & ~np.isnan(value),)
        if (strength := _strength(value[here], y[here], binary=binary)) is not None
    ]
    if len(strengths) < JUDGED:
        return 0.0, 0
    sign = 1.0 if fixed or sum(strengths) >= 0 else -1.0
    return max(0.0, min(sign * strength for strength in strengths)), len(strengths)


def _strength(value: Floats, y: Floats, *, binary: bool) -> float | None:
    """How far values order outcomes, -1 to 1: 2 AUC - 1, or the rank correlation."""
    if binary:
        yes = y > 0
        n, m = int(yes.sum()), int((~yes).sum())
        if min(n, m) < FEW:
            return None
        above = _ranks(value)[yes].sum() - n * (n + 1) / 2
        return float(2 * above / (n * m) - 1)
    if len(y) < 2 * FEW or len(np.unique(y)) < 2:
        return None
    if value.min() == value.max():
        return 0.0
    return float(np.corrcoef(_ranks(value), _ranks(y))[0, 1])


def _ranks(values: Floats) -> Floats:
    return pl.Series(values).rank("average").to_numpy().astype(np.float64)


def _by_others(words: pl.Series, y: Floats, block: Times) -> Floats:
    """For each row the mean outcome of its word in the other blocks; NaN where it has none."""
    frame = pl.DataFrame({"word": words, "y": y, "block": block})
    everywhere = frame.select(
        total=pl.col("y").sum().over("word") - pl.col("y").sum().over("word", "block"),
        rows=pl.len().over("word") - pl.len().over("word", "block").cast(pl.Int64),
    )
    rows = everywhere["rows"].to_numpy()
    mean = everywhere["total"].to_numpy() / np.where(rows > 0, rows, 1)
    return np.where((rows > 0) & words.is_not_null().to_numpy(), mean, np.nan)


def _equal(value: Floats, y: Floats, block: Times) -> float:
    """In the worst block the share of known values that are the outcome itself."""
    shares = [
        float((value[here] == y[here]).mean())
        for number in range(BLOCKS)
        for here in ((block == number) & ~np.isnan(value),)
        if here.sum() >= 2 * FEW and len(np.unique(y[here])) >= VARIED
    ]
    return min(shares) if len(shares) >= JUDGED else 0.0


def known_before(outcomes: Outcomes, labelled: NDArray[np.int64]) -> float:
    """The share of labelled requests whose label was known before they were asked."""
    if not len(labelled):
        return 0.0
    return float((outcomes.known_at[labelled] < outcomes.fired[labelled]).mean())


def window_known(
    label: Label[Any], asked: Requests, due: Times, tables: Mapping[str, Versions], own: str
) -> float:
    """Of the requests whose outcome is made of rows of a window, the share for which all is known.

    That is: as many rows, and the same value, when they are asked as when the label is due. `own`
    names the table of the requests. A forecast that is corrected later is not the outcome.
    """
    fact, wait = label.value, label.constant_wait
    if not isinstance(fact, Aggregate) or wait is None or not len(asked):
        return 0.0
    number: Statistic[Any, float] = Statistic("count", None)
    rows: Aggregate[Any, Any] = Aggregate(fact.joined, fact.span, number)
    then = plan([("value", fact), ("rows", rows)])
    last = plan([("value", looked_back(fact, wait)), ("rows", looked_back(rows, wait))])
    # The kernel looks from one moment at rows and at what is known: that of `at`, for the window
    # counts from there. A request that fires later knows no less.
    before = answer(then, asked.frame, asked.at, tables, own=own)
    after = answer(last, asked.frame, due + 1, tables, own=own)
    there = (after["rows"] > 0).fill_null(value=False)
    same = (before["rows"] == after["rows"]) & before["value"].eq_missing(after["value"])
    known = same.fill_null(value=False).filter(there).to_numpy()
    return float(known.mean()) if len(known) else 0.0


@dataclass(frozen=True)
class Late:
    """The share of outcomes that came after they were due; the wait that lets `CAUGHT` of them in.

    `wanted` is microseconds from the moment of the request, `beyond` from its due time.
    """

    share: float
    wanted: int
    beyond: int


def late(outcomes: Outcomes, at: Times) -> Late | None:
    """How many outcomes came too late, among requests whose due time has passed; None without any.

    What is to come yet is not counted, so that the share is the least that it can be.
    """
    came = (outcomes.came_at != NEVER) & (outcomes.due <= outcomes.until)
    if not came.any():
        return None
    wanted = np.quantile((outcomes.came_at - at)[came], CAUGHT)
    beyond = np.quantile((outcomes.came_at - outcomes.due)[came], CAUGHT)
    return Late(float(outcomes.late[came].mean()), int(np.ceil(wanted)), int(np.ceil(beyond)))


def told_later(moments: pl.Series, known_from: Times) -> float:
    """The share of rows that tell of a moment after that from which they are said to be known."""
    if not len(moments):
        return 0.0
    later = moments.cast(pl.Int64) > pl.Series(known_from)
    return float(later.fill_null(value=False).to_numpy().mean())


def repeated(frame: pl.DataFrame, keys: Sequence[str]) -> float:
    """The share of rows that repeat an earlier one in every column but the key.

    0 where fewer than three other columns could tell rows apart.

    >>> frame = pl.DataFrame({"key": [1, 2, 3], "a": [1, 1, 1], "b": ["x"] * 3, "c": [5, 5, 6]})
    >>> round(repeated(frame, ["key"]), 3)
    0.333
    """
    others = [name for name in frame.columns if name not in keys]
    if len(others) < 3 or not frame.height:
        return 0.0
    return 1 - frame.select(others).n_unique() / frame.height


@dataclass(frozen=True)
class Marker:
    """A number that stands for "not known", and the share of the known values that it has."""

    value: float
    share: float


_MARKERS = (999.0, 9999.0, 99999.0, 999999.0)


def marker(values: pl.Series) -> Marker | None:
    """A number that stands for "not known", if there surely is one.

    Either -1 where nothing else is negative and little lies from 0 to 1, or nines, of either sign,
    further from all other values than those are from one another. Zero, and the ends of a range,
    are values like others.

    >>> marker(pl.Series([*range(196), -1, -1, -1, -1]))
    Marker(value=-1.0, share=0.02)
    """
    known = values.cast(pl.Float64).drop_nulls().to_numpy()
    for value in (-1.0, *_MARKERS, *(-nines for nines in _MARKERS)):
        here = known == value
        rest = known[~here]
        if here.sum() < 0.01 * len(known) or len(np.unique(rest)) < VARIED or not here.any():
            continue
        low, high = float(rest.min()), float(rest.max())
        if value == -1.0:
            apart = low >= 0 and here.sum() > 3 * (rest < 1).sum()
        else:
            apart = max(low - value, value - high) >= high - low
        if apart:
            return Marker(value, float(here.mean()))
    return None


def markers(frame: pl.DataFrame) -> Mapping[str, Marker]:
    """By column the number that stands for "not known", for the numeric columns that have one."""
    numeric = [column for column in frame.iter_columns() if column.dtype.is_numeric()]
    found = {column.name: marker(column) for column in numeric}
    return {name: one for name, one in found.items() if one is not None}
