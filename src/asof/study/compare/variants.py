"""Variants given by hand: each replayed in full, beside the best plain schedule of the lattice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.declare.system import System
from asof.engine.history import History, read_tables, until_of
from asof.engine.kept import KeptFits
from asof.engine.replay import Replayed, start_of
from asof.errors import DataRefused, EstimatorError
from asof.stores.store import Store
from asof.study.backtest import ingest_declared
from asof.study.compare.facts import PolicyFact
from asof.study.compare.figures import Judge
from asof.study.expected import featured, replay_guessed, replayed
from asof.study.facts import Figure

Floats = NDArray[np.float64]


def variant_facts(
    variants: Mapping[str, System[Any]],
    store: Store,
    base: Path,
    kept: KeptFits,
    judge: Judge | None,
    served: Floats | None,
    cpu_a_row: float,
) -> tuple[PolicyFact, ...]:
    """Each variant over its whole life, judged on the requests of the lattice.

    Its cost is that of its fits, at `cpu_a_row` CPU seconds a training row.
    A variant that has no answer for one of them, or asks about other requests, has no difference.
    """
    if judge is None or served is None:
        return ()
    ground = _Ground(store, base, kept, judge, served, cpu_a_row)
    return tuple(
        _one(name, system, ground, len(variants) - 1 - number)
        for number, (name, system) in enumerate(variants.items())
    )


@dataclass(frozen=True)
class _Ground:
    """Where variants are replayed, and what they are judged beside."""

    store: Store
    base: Path
    kept: KeptFits
    judge: Judge
    served: Floats
    cpu_a_row: float


def _one(name: str, system: System[Any], on: _Ground, more: int) -> PolicyFact:
    """One variant, with `more` of them to come."""
    try:
        ingest_declared(system, on.store, on.base)
        history = History(system, read_tables(system, on.store), until_of(system, on.store))
        featured(history, on.kept.work)
        start = start_of(history.system, history)
        after = replay_guessed(history, start) * more
        life = replayed(history, on.kept, "variants", after)
    except (DataRefused, EstimatorError) as refused:
        return _none(name, refused.what.rstrip("."))
    fits = len(life.fits)
    cost = on.cpu_a_row * sum(fit.rows for fit in life.fits.values())
    if trouble := _other(life, on.judge):
        return PolicyFact(
            name, "variant", "replay", fits, cost, Figure.missing(trouble), None, trouble
        )
    p = life.predictions[on.judge.found.plan.rows]
    return PolicyFact(
        name, "variant", "replay", fits, cost, on.judge.total(p), on.judge.difference(p, on.served)
    )


def _none(name: str, why: str) -> PolicyFact:
    return PolicyFact(name, "variant", "replay", 0, 0.0, Figure.missing(why), None, why)


def _other(life: Replayed, judge: Judge) -> str:
    """Why a life cannot be judged on the requests of the lattice, or nothing."""
    plan = judge.found.plan
    mine, theirs = life.history, plan.history
    if len(mine) != len(theirs) or not np.array_equal(mine.requests.fired, theirs.requests.fired):
        return "it asks about other requests"
    same = np.array_equal(mine.outcomes.value, theirs.outcomes.value, equal_nan=True)
    if not same or mine.system.task != theirs.system.task:
        return "it has other labels"
    missing = int(np.isnan(life.predictions[plan.rows]).sum())
    return f"it leaves {missing:,} of the requests unanswered" if missing else ""
