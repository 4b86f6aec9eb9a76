"""Walks against a plain program that goes through one life, look by look, label by label."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asof.compute.lattice import Lattice, Scored, cells, firsts, lattice
from asof.compute.walk import NONE, Rules, World, policies, walk

LOOK, LOOKS, REQUESTS = 10, 14, 300


@dataclass
class Life:
    """One life: which look trains, from the law and the losses of single requests."""

    found: Lattice
    losses: list
    prior: np.ndarray
    world: World
    rules: Rules
    trained: list[int] = field(default_factory=list)
    ready: int = -1
    waiting: bool = False

    def run(self) -> list[int]:
        for look, at in enumerate(self.found.triggers.tolist()):
            wanted = look == 0 or self.waiting or self.wants(look, at)
            if self.ready > at:
                self.waiting = self.waiting or (look > 0 and self.wants(look, at))
            elif wanted:
                self.trained.append(look)
                self.ready, self.waiting = at + self.world.takes, False
        return self.trained

    def wants(self, look: int, at: int) -> bool:
        last, rules = self.trained[-1], self.rules
        if rules.schedule >= 0 and self.world.schedules[rules.schedule, look]:
            return True
        if self.world.matured[look] - self.world.matured[last] >= rules.volume:
            return True
        if self.world.distances[rules.measure, last, look] >= rules.distance:
            return True
        return self.watches(look, at)

    def watches(self, look: int, at: int) -> bool:
        """The labels of the model in service, by the look that was the first to know them."""
        model = self.trained[-1]
        active = self.found.triggers[model] + self.found.delay
        by_look: dict[int, list[float]] = {}
        for row, (chosen, known) in enumerate(
            zip(self.found.scored.chosen, self.found.scored.known, strict=True)
        ):
            if chosen >= active and known < at:
                first = int(np.searchsorted(self.found.triggers, known, side="right"))
                signal = self.losses[model][row - self.found.first[model]]
                signal -= self.prior[row] if self.rules.skill else 0.0
                by_look.setdefault(first, []).append(signal)
        if not by_look:
            return False
        begun, window = min(by_look), self.rules.window
        if look < begun + window:
            return False
        first = [s for k, found in by_look.items() if k < begun + window for s in found]
        recent = [s for k, found in by_look.items() if k > look - window for s in found]
        after = [s for k, found in by_look.items() if k >= begun + window for s in found]
        level = np.mean(first)
        rose = bool(recent) and np.mean(recent) - level >= self.rules.rise
        return rose or bool(sum(after) - level * len(after) >= self.rules.budget)


def drawn(seed: int):
    rng = np.random.default_rng(seed)
    triggers = np.arange(LOOKS) * LOOK
    takes, approval = int(rng.choice([0, 4, 10, 23])), int(rng.choice([0, 3]))
    chosen = np.sort(rng.integers(takes + approval, LOOKS * LOOK + 20, REQUESTS))
    scored = Scored(chosen, chosen + rng.integers(0, 30, REQUESTS))
    first = firsts(chosen, triggers, takes + approval)
    level = 1 + np.cumsum(rng.normal(0, 0.05, LOOKS))
    losses = [rng.gamma(2, level[k], REQUESTS - at) for k, at in enumerate(first)]
    found = lattice(triggers, takes + approval, scored, losses)
    prior = rng.gamma(2, 1, REQUESTS)
    schedules = rng.random((2, LOOKS)) < 0.2
    matured = np.array([int((scored.known < at).sum()) for at in triggers])
    apart = rng.random((1, LOOKS, LOOKS))
    world = World(cells(found, prior), schedules, matured, apart, takes)
    rules = [
        Rules(
            schedule=int(rng.integers(-1, 2)),
            volume=float(rng.choice([NONE, 40, 90])),
            skill=bool(rng.random() < 0.5),
            window=int(rng.integers(1, 4)),
            rise=float(rng.choice([NONE, 0.1, 0.4])),
            budget=float(rng.choice([NONE, 5, 20])),
            distance=float(rng.choice([NONE, 0.9])),
        )
        for _ in range(6)
    ]
    return found, losses, prior, world, rules


@settings(max_examples=60)
@given(st.integers(0, 100_000))
def test_walks_decide_as_a_life_decides(seed: int) -> None:
    found, losses, prior, world, rules = drawn(seed)
    walked = walk(world, policies(rules))
    for number, each in enumerate(rules):
        trained = Life(found, losses, prior, world, each).run()
        assert np.flatnonzero(walked.trained[number]).tolist() == trained, each
        served = [(int(found.triggers[k] + found.delay), k) for k in trained]
        assert walked.total[number] == pytest.approx(found.total(served), rel=1e-9)


def test_a_failed_fit_leaves_the_model_before_in_service() -> None:
    found, losses, prior, world, _ = drawn(0)
    parts = [None if k == 4 else part for k, part in enumerate(losses)]
    failing = lattice(found.triggers, found.delay, found.scored, parts)
    every = np.ones((1, LOOKS), dtype=bool)
    place = World(cells(failing, prior), every, world.matured, world.distances, 0)
    walked = walk(place, policies([Rules(schedule=0)]))
    assert walked.trained.all()
    assert walked.served[0, 3:6].tolist() == [3, 3, 5]
    assert np.isfinite(walked.total).all()


def test_nothing_before_the_first_model() -> None:
    found, losses, prior, world, _ = drawn(0)
    parts = [None, *losses[1:]]
    failing = lattice(found.triggers, found.delay, found.scored, parts)
    place = World(
        cells(failing, prior), np.ones((1, LOOKS), bool), world.matured, world.distances, 0
    )
    walked = walk(place, policies([Rules(schedule=0)]))
    assert walked.served[0, :2].tolist() == [-1, 1]
    assert walked.loss[0, 0] == 0


def test_policies_may_be_none_or_more_than_walk_side_by_side() -> None:
    *_, world, rules = drawn(5)
    assert walk(world, policies([])).total.shape == (0,)
    many = walk(world, policies(rules * 400))
    alone = walk(world, policies(rules))
    assert many.total.reshape(400, -1) == pytest.approx(np.tile(alone.total, (400, 1)))
