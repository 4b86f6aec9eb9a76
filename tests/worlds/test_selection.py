"""Labels that happen to be in are a selection: a world in which bad news travels fast (LAW 6d).

A loan that goes bad is known to in one or two weeks, one that is repaid after six to eight. Whoever
trains on the labels that are in takes nearly every recent loan for a bad one. The law trains on
cohorts whose labels are due, whatever they are.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
from sklearn.tree import DecisionTreeClassifier

import asof
from asof import Col, Key, Time, days, hours
from asof.compute.estimator import fit, predict
from asof.compute.interval import Estimate, estimate
from asof.compute.metric import metric
from asof.compute.schedule import microseconds
from asof.compute.table import versions
from asof.declare.kept import AVAILABLE, DECLARED, LOAD, POSITION, RECORDED, WITHDRAWN
from asof.engine.history import History
from asof.engine.replay import Replayed, replay
from asof.units import DAY

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
LIFE, START, LOANS = 390, 300, 30_000  # days of the world, the life's first day, loans in all
DOUBLES = 120  # days in which business doubles


class Loan(asof.Row):
    loan_id: Key[int]
    debt: Col[float]
    lent_at: Time


class End(asof.Row):
    loan_id: Key[int]
    bad: Col[bool]
    ended_at: Time


loans = asof.source(Loan)
ends = asof.source(End)
system = asof.System(
    "loans",
    requests=loans,
    at=Loan.lent_at + hours(1),
    features=asof.features(Loan, debt=Loan.debt),
    label=asof.outcome(ends.same(Loan.loan_id), End.bad, wait=days(60)),
    model=DecisionTreeClassifier(max_depth=4, min_samples_leaf=200, random_state=0),
    metric="log_loss",
    retraining=asof.every(days(7)),
    start=datetime.fromtimestamp(FIRST.timestamp() + START * 86_400, tz=UTC),
    until=datetime.fromtimestamp(FIRST.timestamp() + LIFE * 86_400, tz=UTC),
)


def stored(frame: pl.DataFrame, known: np.ndarray) -> pl.DataFrame:
    return frame.with_columns(
        pl.Series(AVAILABLE, known), pl.lit(None, pl.Int64).alias(DECLARED),
        pl.lit(0, pl.Int64).alias(RECORDED), pl.int_range(pl.len()).alias(POSITION),
        pl.lit("load").alias(LOAD), pl.lit(False).alias(WITHDRAWN),
    )  # fmt: skip


def world(seed: int) -> History:
    """A loan goes bad with a probability that depends on the debt alone, always in the same way."""
    chance = np.random.default_rng(seed)
    n = LOANS
    growth = 2 ** (LIFE / DOUBLES) - 1
    day = np.log2(1 + np.sort(chance.random(n)) * growth) * DOUBLES
    lent = microseconds(FIRST) + (day * DAY).astype(np.int64)
    debt = chance.random(n)
    bad = chance.random(n) < 1 / (1 + np.exp(2.2 - 2 * debt))
    took = np.where(bad, chance.uniform(7, 14, n), chance.uniform(42, 56, n))
    ended = lent + (took * DAY).astype(np.int64)
    number = np.arange(n)
    told = pl.DataFrame({"loan_id": number, "debt": debt, "lent_at": lent})
    came = pl.DataFrame({"loan_id": number, "bad": bad, "ended_at": ended})
    tables = {
        "loan": versions(loans, stored(told, lent)),
        "end": versions(ends, stored(came, ended)),
    }
    return History(system, tables, microseconds(FIRST) + LIFE * DAY)


def shortcut(life: Replayed) -> np.ndarray:
    """Answers of models that were trained on the labels that are in as of each trigger."""
    history, found = life.history, np.full(len(life.history), np.nan)
    matrix, outcomes = history.serving.matrix, history.outcomes
    for number, trained in life.fits.items():
        at = trained.trigger
        seen = (outcomes.fired < at) & (outcomes.known_at < at) & ~np.isnan(outcomes.value)
        rows = np.flatnonzero(seen)
        fitted = fit(system.model, matrix.take(rows), outcomes.value[rows], "binary")
        served = np.flatnonzero(life.models == int(number[1:]))
        found[served] = predict(fitted, matrix.take(served))
    return found


def truth(life: Replayed) -> tuple[np.ndarray, Estimate]:
    """The scored requests, and the share of bad loans among them with its interval over days."""
    outcomes = life.history.outcomes
    scored = np.flatnonzero(
        (life.models >= 0) & outcomes.mature(life.history.until) & ~np.isnan(outcomes.value)
    )
    value, day = outcomes.value[scored], outcomes.fired[scored] // DAY
    # The mean of y is the mean absolute error of nought.
    return scored, estimate(metric("mae"), value, np.zeros(len(scored)), day)


WORLDS = range(1, 7)


def test_mature_cohorts_foretell_the_truth_and_the_shortcut_does_not() -> None:
    inside = []
    for seed in WORLDS:
        life = replay(world(seed), workers=1)
        scored, rate = truth(life)
        assert len(life.fits) >= 5
        assert len(scored) > 3_000
        served, taken = life.predictions[scored], shortcut(life)[scored]
        inside.append(rate.low < served.mean() < rate.high)
        assert taken.mean() > rate.high + (rate.high - rate.low) / 2
        y = life.history.outcomes.value[scored]
        loss = metric("log_loss").value
        assert loss(y, served) < loss(y, taken)
    assert all(inside), inside


def test_the_shortcut_sees_labels_that_are_not_due() -> None:
    """Why it fails: of recent loans it knows the bad ones alone."""
    history = world(0)
    outcomes, at = history.outcomes, microseconds(FIRST) + START * DAY
    recent = (outcomes.fired < at) & (outcomes.fired >= at - 40 * DAY)
    seen = recent & (outcomes.known_at < at)
    assert outcomes.value[recent].mean() < 0.35
    assert outcomes.value[seen].mean() == 1.0
    assert not np.isin(np.flatnonzero(recent), history.training_rows(at)).any()
