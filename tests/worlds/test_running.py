"""A system that runs row by row does what its replay does: features, labels, decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from shops import Shop

from asof.compute.online import requests, table, windows
from asof.compute.online.features import taken_rows
from asof.compute.online.requests import Asked
from asof.compute.runtime import Runtime, choose
from asof.compute.table import versions
from asof.declare.kept import AVAILABLE
from asof.engine.fitting import fit_one
from asof.engine.history import History
from asof.engine.kept import training
from asof.engine.live.by_hand import train
from asof.engine.live.core import Core
from asof.engine.live.journalled import Past
from asof.engine.live.serving import LiveServing, Served
from asof.engine.live.snapshot import before, framed, needed, read_before
from asof.engine.messages import (
    LookByHand,
    MessageLog,
    Predicted,
    Requested,
    Trained,
    TrainingBegan,
)
from asof.engine.replay import replay, start_of


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nothing can need again is forgotten at once, and not only when there is much of it."""
    monkeypatch.setattr(table, "_LEAST", 8)
    monkeypatch.setattr(windows, "_LEAST", 8)
    monkeypatch.setattr(requests, "_HELD", 3)


def history(shop: Shop, name: str) -> History:
    system = shop.systems[name]
    tables = {t.name: versions(t, shop.stored[t.name]) for t in system.tables}
    return shop.history(name, tables)


def asked_of(of: History) -> list[Asked]:
    found = of.requests
    rows, keys = found.frame.rows(), found.frame.select(found.keys).rows()
    at, fired = found.at.tolist(), found.fired.tolist()
    return [Asked(of.names[i], keys[i], rows[i], at[i], fired[i]) for i in range(len(rows))]


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_features_of_rows_that_come_are_those_of_the_tables(
    shop: Shop, name: str, share: float
) -> None:
    of = history(shop, name)
    system = of.system
    asked = asked_of(of)
    first = int(share * len(asked))
    begun = asked[first].fired
    serving = LiveServing(system, {t.name: t for t in system.tables})
    early = {t: f.filter(pl.col(AVAILABLE) < begun) for t, f in shop.stored.items()}
    serving.begin(early if share else shop.stored, begun)
    if share:
        for table in system.tables:
            later = shop.stored[table.name].filter(pl.col(AVAILABLE) >= begun)
            serving.put(table.name, taken_rows(table, later))
    seen = of.serving
    wanted = seen.features[first:].rows()
    for start in range(first, len(asked), 7):
        batch = asked[start : start + 7]
        as_of = [serving.as_of(one.fired) for one in batch]
        assert as_of == seen.as_of[start : start + 7].tolist()
        rows, covered = serving._rows(batch, as_of)
        assert covered == seen.covered[start : start + 7].tolist()
        told = serving.features.ask(rows, as_of)
        for i, values in enumerate(told):
            if covered[i]:
                assert tuple(values) == wanted[start + i - first], (batch[i].name, as_of[i])


class Life:
    """A core whose fits are made at once, from the history as of their trigger."""

    def __init__(self, of: History, start: int) -> None:
        self.of = of
        self.runtimes: dict[str, Runtime] = {}
        self.log = MessageLog()
        self.pending: list[TrainingBegan] = []
        self.core = Core(of.system, self.log, self, self.pending.append)
        self.answers: dict[str, float] = {}
        self.models: dict[str, str] = {}

    def served(self, name: str, since: int) -> Served:
        return Served(name, name, since, self.runtimes[name])

    def restart(self, at: int, stored: Mapping[str, pl.DataFrame]) -> None:
        """Begin anew from what a snapshot as of a moment keeps."""
        assert not self.pending
        system, state = self.of.system, self.core.loop.state
        so_far = {t.name: stored[t.name].filter(pl.col(AVAILABLE) < at) for t in system.tables}
        past = before(system, so_far, at)
        kept = dict(needed(system, so_far, past, at))
        past = read_before(system, framed(system, past))
        assert sum(map(len, kept.values())) < sum(map(len, so_far.values()))
        life = Past(start=self.core.start)
        for message in self.log.messages:
            life.decided(message)
        assert life.state == state
        models = list(self.core.serving.models)
        self.core = Core(system, self.log, self, self.pending.append)
        self.core.begin(kept, at, life=life, past=past)
        for model in models:
            self.core.serving.promote(model)

    def advance(self, at: int) -> None:
        """As a rehearsal's tick does, but for waiting."""
        takes = self.of.system.training_takes.microseconds
        while True:
            timer = self.core.next_timer
            due = self.pending[0].at + takes if self.pending else None
            coming = [m for m in (timer, due) if m is not None and m <= at]
            limit = min([at, *coming])
            fired = self.core.expect_due(limit)
            if fired and self.core.serving.model is not None:
                for reply in self.core.answer(fired):
                    self.answers[reply.asked.name] = reply.prediction
                    self.models[reply.asked.name] = reply.model.name
            if not coming:
                self.core.tidy()
                return
            if due is not None and due == limit:
                began = self.pending.pop(0)
                one = training(self.of, began.at)
                fit = fit_one(one.model, one.seen, one.rows, one.label, one.task, began.at)
                assert fit.fitted is not None, fit.reason
                self.runtimes[began.model] = choose(fit.fitted, one.seen.take(one.rows[:64]))
                self.core.finish(Trained(due, began.model, began.at, fit.rows))
                continue
            self.core.take(limit)


@pytest.mark.parametrize(("ticks", "restarts"), [(1, ()), (40, (3, 17, 18))])
def test_a_life_that_runs_is_the_life_that_is_replayed(
    shop: Shop, name: str, ticks: int, restarts: tuple[int, ...]
) -> None:
    """At some ticks all is forgotten but what a snapshot keeps."""
    of = history(shop, name)
    whole = replay(of, workers=1)
    life = lived(shop, of, whole.start, ticks, restarts)
    wanted = {
        of.names[i]: whole.predictions[i]
        for i in range(whole.first, whole.last)
        if whole.models[i] >= 0
    }
    assert set(life.answers) == set(wanted)
    apart = [abs(life.answers[n] - wanted[n]) for n in wanted]
    assert max(apart) <= 1e-9
    at = {of.names[i]: i for i in range(len(of))}
    assert life.models == {n: f"m{whole.models[at[n]]}" for n in wanted}
    assert decided(life.log) == decided(whole.log)


def lived(
    shop: Shop,
    of: History,
    begun: int,
    ticks: int,
    restarts: Sequence[int] = (),
    asked: Sequence[int] = (),
) -> Life:
    """A life in ticks, in which somebody asks for a model at some moments."""
    life = Life(of, begun)
    early = {t: f.filter(pl.col(AVAILABLE) < begun) for t, f in shop.stored.items()}
    life.core.begin(early, begun)
    life.core.begin_life(begun)
    end = int(of.requests.fired[-1]) + 1
    moments = np.linspace(begun, end, ticks + 1).astype(np.int64)[1:].tolist()
    moments = sorted({*moments, *asked})
    rows = {t.name: taken_rows(t, shop.stored[t.name]) for t in of.system.tables}
    for tick, (first, last) in enumerate(zip([begun, *moments], moments, strict=False)):
        if tick in restarts:
            life.restart(first, shop.stored)
        for name_, coming in rows.items():
            life.core.put(name_, [row for row in coming if first <= row.available_at < last])
        life.advance(last)
        if last in asked:
            train(life.core, last, "why")
    return life


@pytest.mark.parametrize("name", ["system", "online"])
def test_a_model_by_hand_is_the_same_however_the_life_is_cut(shop: Shop, name: str) -> None:
    """It learns from what was known when somebody asked, and serves what is asked from then on."""
    of = history(shop, name)
    begun, end = start_of(of.system, of), int(of.requests.fired[-1])
    asked = [int(begun + share * (end - begun)) for share in (0.13, 0.62)]
    once = lived(shop, of, begun, 1, asked=asked)
    cut = lived(shop, of, begun, 20, (4, 6, 15, 17), asked)
    assert decided(once.log) == decided(cut.log)
    assert once.models == cut.models
    assert max(abs(once.answers[n] - cut.answers[n]) for n in once.answers) <= 1e-9
    hand = [m for m in once.log.messages if isinstance(m, TrainingBegan) and "by hand" in m.reason]
    assert [m.at for m in hand] == asked
    looks = [m for m in once.log.messages if isinstance(m, LookByHand)]
    assert [(m.at, m.reason) for m in looks] == [(at, "asked for by hand: why") for at in asked]
    assert {m.model for m in hand} <= set(once.models.values())


def test_a_look_by_hand_that_was_cut_off_trains_after_the_start(shop: Shop) -> None:
    of = history(shop, "online")
    begun, end = start_of(of.system, of), int(of.requests.fired[-1])
    at = (begun + end) // 2
    life = lived(shop, of, begun, 1, asked=[at])
    looked = next(i for i, m in enumerate(life.log.messages) if isinstance(m, LookByHand))
    began = life.log.messages[looked + 1]
    assert isinstance(began, TrainingBegan)
    past = Past(start=begun)
    for message in life.log.messages[: looked + 1]:
        past.decided(message)
    again = Life(of, begun)
    stored = {t: f.filter(pl.col(AVAILABLE) < at) for t, f in shop.stored.items()}
    again.core.begin(stored, at, life=past)
    again.core.pass_timers(at)
    assert again.pending == [began]


def decided(log: MessageLog) -> list[Any]:
    return [m for m in log.messages if not isinstance(m, Requested | Predicted)]
