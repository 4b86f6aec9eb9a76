"""A policy's value on the lattice is that of its full replay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import asof
from asof import days, hours
from asof.compute.lattice import cells
from asof.compute.metric import metric
from asof.compute.walk import NONE, Rules, World, policies, walk
from asof.declare.schedules import AnyOf, Never, Schedule
from asof.engine.history import History
from asof.engine.kept import KeptFits
from asof.engine.replay import Replayed, replay
from asof.study.compare.gather import gather, looks_of, plan

GRID = 2  # days between looks
SERVINGS = {
    "online": asof.online(),
    "features": asof.batch_features(hours(7)),
    "skewed": asof.batch_features(hours(12), takes=hours(1), trained="fresh"),
    "predictions": asof.batch_predictions(hours(9), ahead=hours(14), takes=hours(2)),
    "stated": asof.batch_predictions(days(1), ahead=days(1), otherwise=0.3),
}


def scored(life: Replayed) -> tuple[np.ndarray, np.ndarray]:
    outcomes = life.history.outcomes
    rows = np.flatnonzero(
        ~np.isnan(outcomes.value) & ~np.isnan(life.predictions) & (outcomes.due <= outcomes.until)
    )
    return outcomes.value[rows], life.predictions[rows]


def drawn(rng: np.random.Generator) -> tuple[Schedule, int, float]:
    """A policy as it is declared, and as it walks: every so many looks, labels or both."""
    kind = rng.integers(4)
    step = int(rng.integers(1, 8)) if kind in (1, 3) else 0
    volume = float(rng.integers(40, 900)) if kind in (2, 3) else NONE
    parts = [asof.every(days(GRID * step))] if step else []
    parts += [asof.after(labels=int(volume))] if volume < NONE else []
    if not parts:
        return Never(), 0, NONE
    return (parts[0] if len(parts) == 1 else AnyOf(tuple(parts))), step, volume


@pytest.mark.parametrize("number", range(20))
def test_a_walk_is_worth_its_replay(
    number: int, world: Callable[..., History], kept: KeptFits
) -> None:
    rng = np.random.default_rng(number)
    serving = list(SERVINGS)[number % len(SERVINGS)]
    takes = hours(int(rng.choice([0, 5, 30, 48, 75, 110])))
    schedule, step, volume = drawn(rng)
    base = {"serving": SERVINGS[serving], "training_takes": takes}
    every_look = world(**base)
    looks = looks_of(every_look)
    wanted = plan(every_look, looks)
    found = gather(wanted, kept)
    numbers = np.arange(len(looks))
    schedules = (numbers % step == 0)[None, :] if step else np.zeros((0, len(looks)), dtype=bool)
    matured = np.array([every_look.matured(int(at)) for at in looks])
    place = World(
        cells(found.lattice, found.prior), schedules, matured,
        np.zeros((0, len(looks), len(looks))), takes.microseconds,
    )  # fmt: skip
    walked = walk(place, policies([Rules(schedule=0 if step else -1, volume=volume)]))

    life = replay(world(**base, retraining=schedule), kept=kept, workers=1)
    y, p = scored(life)
    assert looks[walked.trained[0]].tolist() == [fit.trigger for fit in life.fits.values()]
    assert len(y) == len(wanted.rows)
    total = metric("log_loss").losses(y, p).sum()
    assert walked.total[0] == pytest.approx(total, rel=1e-9)
    served = [(int(looks[k] + takes.microseconds), int(k)) for k in np.flatnonzero(walked.trained)]
    assert found.lattice.total(served) == pytest.approx(total, rel=1e-9)
    assert found.served(walked.served[0]) == pytest.approx(p, rel=1e-9)
