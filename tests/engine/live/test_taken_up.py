"""A life that is cut off after any of its messages goes on as if it had not been."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression

import asof
from asof import Col, Key, Time
from asof.compute.matrix import Matrix
from asof.compute.runtime import choose
from asof.declare.kept import KEPT
from asof.engine.fitting import fit_one
from asof.engine.live.core import Core
from asof.engine.live.journalled import DECIDED, Past
from asof.engine.live.serving import Served
from asof.engine.messages import Deferred, MessageLog, Trained, TrainingBegan, TrainingFailed
from asof.stores.encoded import Layout
from asof.units import seconds

START, END = 1_000_000_000_000, 1_000_003_200_000
TAKES = 700_000


class Asked(asof.Row):
    asked_id: Key[int]
    size: Col[float]
    at: Time


class Told(asof.Row):
    asked_id: Key[int]
    value: Col[float]
    at: Time


asked, told = asof.source(Asked), asof.source(Told)
SYSTEM = asof.System(
    "taken_up",
    requests=asked,
    at=Asked.at,
    features=asof.features(Asked, size=Asked.size),
    label=asof.outcome(told.same(Asked.asked_id), Told.value, wait=seconds(1)),
    model=LinearRegression(),
    looks=seconds(0.3),
    training_takes=seconds(0.7),
    start=datetime(2025, 1, 1, tzinfo=UTC),
)


class Life:
    """A core whose fits take their time, and every third of which fails."""

    def __init__(self, retraining):
        values = np.arange(8.0)[:, None]
        fit = fit_one(
            LinearRegression(), Matrix(("size",), values, {}), np.arange(8), values[:, 0],
            "regression", 0,
        )  # fmt: skip
        self.runtime = choose(fit.fitted, Matrix(("size",), values, {}))
        self.system = SYSTEM.but(retraining=retraining)
        self.log, self.pending = MessageLog(), []
        self.core = Core(self.system, self.log, self, self.pending.append)

    def served(self, name, since):
        return Served(name, name, since, self.runtime)

    def begin(self, life=None):
        empty = {t.name: pl.DataFrame(schema=Layout.of(t.row).schema) for t in self.system.tables}
        assert set(KEPT) <= set(empty["asked"].columns)
        self.core.begin(empty, START if life is None else life.last, life=life)
        if life is None:
            self.core.begin_life(START)
        elif life.state.training is not None:
            self.pending.append(TrainingBegan(life.state.training, f"m{life.state.begun}", ""))

    def live(self):
        while True:
            timer = self.core.next_timer
            due = self.pending[0].at + TAKES if self.pending else None
            coming = [at for at in (timer, due) if at is not None and at <= END]
            if not coming:
                return
            if due is not None and due == min(coming):
                began = self.pending.pop(0)
                number = int(began.model[1:])
                self.core.finish(
                    TrainingFailed(due, began.model, began.at, "why", "")
                    if number % 3 == 0
                    else Trained(due, began.model, began.at, 8)
                )
            self.core.take(min(coming))


@pytest.mark.parametrize(
    "retraining",
    [asof.every(seconds(0.4)), asof.every(seconds(1.1)), asof.never(),
     asof.every(seconds(0.5)) | asof.after(labels=3)],
)  # fmt: skip
def test_a_life_goes_on_after_a_cut_anywhere(retraining):
    whole = Life(retraining)
    whole.begin()
    whole.live()
    said = [one for one in whole.log.messages if type(one).__name__ in DECIDED]
    assert len(said) > 2
    if "0.4" in repr(retraining):
        assert any(isinstance(one, Deferred) for one in said)
        assert any(isinstance(one, TrainingFailed) for one in said)
    for cut in range(len(said)):
        past = Past(start=START, last=max([START, *(one.at for one in said[:cut])]))
        for one in said[:cut]:
            past.decided(one)
        again = Life(retraining)
        again.begin(past)
        again.live()
        went_on = [one for one in again.log.messages if type(one).__name__ in DECIDED]
        assert said[:cut] + went_on == said, f"cut after {cut} messages"
