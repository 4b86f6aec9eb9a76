"""The gap of worlds whose truth is known. `benchmarks/worlds.py` lives each of them 200 times."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from gap_truth import Judge, Judges, Measured, matrix_of, measured
from gap_worlds import WORLDS, chances, fresh, simulated, system, written

from asof.compute.estimator import fit, predict
from asof.engine.history import History, read_tables, until_of
from asof.engine.replay import replay
from asof.stores.store import Store
from asof.study.backtest import ingest_declared
from asof.study.gap.gap import gap
from asof.study.gap.world import Setting, world

NAMES = list(WORLDS)
TRUE = [of for of in WORLDS.values() if of.name != "brief"]
"""Worlds in which a fit lacks no rows."""

Lives = dict[str, list[Measured]]


def lived(folder: Path, runs: int) -> Lives:
    found: Lives = {}
    for of in TRUE:
        judges = Judges(of, 20_000, seed=0)
        found[of.name] = []
        for seed in range(runs):
            (place := folder / f"{of.name}-{seed}").mkdir()
            found[of.name].append(measured(of, seed, place, judges))
    return found


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Lives:
    return lived(tmp_path_factory.mktemp("once"), 1)


@pytest.fixture(scope="module")
def often(tmp_path_factory: pytest.TempPathFactory) -> Lives:
    return lived(tmp_path_factory.mktemp("often"), 12)


def shares(lives: Lives) -> tuple[float, float]:
    """How many intervals cover the truth, and how many of the bars that should be zero hold it.

    What is the same answer twice is left out.
    """
    bars = [
        (name, bar)
        for name, runs in lives.items()
        for run in runs
        for bar in run.bars
        if not bar.same and bar.low is not None
    ]
    covered = [bar.low <= bar.truth <= bar.high for _, bar in bars]
    empty = [bar.low <= 0 <= bar.high for name, bar in bars if bar.stage != WORLDS[name].carries]
    return float(np.mean(covered)), float(np.mean(empty))


def carried(lives: Lives) -> list[bool]:
    """Whether the right bar is shown and the largest, of each run of the worlds that have one."""
    found = []
    for name, runs in lives.items():
        for run in runs:
            own = [bar for bar in run.bars if bar.stage == WORLDS[name].carries]
            most = max(bar.value for bar in run.bars)
            found += [bar.low is not None and bar.low > 0 and bar.value == most for bar in own]
    return found


def test_the_right_bar_carries_the_gap(once: Lives):
    assert len(carried(once)) == 7
    assert all(carried(once))


def test_intervals_cover_the_truth_and_hold_zero(once: Lives):
    covered, empty = shares(once)
    assert covered > 0.88  # of about 60 intervals: half as wide, they would cover two in three
    assert empty > 0.88


def test_the_bars_are_those_that_the_study_shows(tmp_path: Path):
    of = WORLDS["covariates"]
    found = measured(of, 0, tmp_path, Judges(of, 1000, seed=0), looked=True)
    facts = gap(system(of), base=tmp_path, workers=1).facts
    shown = [(each.key, each.step.value, each.step.low, each.step.high) for each in facts.steps]
    assert [(bar.stage, bar.value, bar.low, bar.high) for bar in found.bars] == shown
    assert found.verdict == facts.diagnosis.verdict


def test_what_was_never_sold_before_cannot_be_judged_by_what_was(tmp_path: Path):
    """Only the features changed, but no day before the life shows what follows from the new."""
    of = WORLDS["covariates"]
    found = measured(of, 1, tmp_path, Judges(of, 1000, seed=0), looked=True)
    assert found.verdict == "not identifiable"


@pytest.mark.slow
def test_how_far_the_intervals_can_be_trusted(often: Lives):
    assert np.mean(carried(often)) > 0.9
    covered, empty = shares(often)
    assert 0.92 < covered < 0.98
    assert 0.92 < empty < 0.98


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_sees_what_the_world_says(name: str, tmp_path: Path):
    of = WORLDS[name]
    visits, sold = simulated(of, 1)
    written(of, visits, sold, tmp_path)
    declared = system(of)
    with Store(tmp_path / ".asof") as store:
        ingest_declared(declared, store, tmp_path)
        history = History(declared, read_tables(declared, store), until_of(declared, store))
    here = world(replay(history, workers=1), Setting())
    views = {"notebook": here.notebook, "fresh": here.fresh.matrix}
    for view, seen in {**views, "stale": history.serving.matrix}.items():
        told = matrix_of(of, visits, view)
        assert seen.names == told.names
        np.testing.assert_allclose(seen.values, told.values, rtol=0, atol=1e-12)
    assert here.value.tolist() == sold.tolist()  # all of them are due before the history ends
    assert len(here.scored) == of.life * 30


@pytest.mark.parametrize("name", NAMES)
def test_fresh_visits_are_of_the_same_process(name: str):
    """What a history shows of its life, fresh visits show too."""
    of = WORLDS[name]
    lives = [simulated(of, seed) for seed in range(40)]
    others = fresh(of, 100_000, seed=5)
    for column in ("clock", "x", "note", "early", "reading", "shut", "line", "long"):
        drawn = [getattr(v, column)[v.day >= of.begins] for v, _ in lives]
        for moment in (np.mean, np.std):
            found = np.array([moment(each) for each in drawn])
            off = moment(getattr(others, column)) - found.mean()
            assert abs(off) < 4.5 * found.std() / np.sqrt(len(found)) + 0.02, column
    rate = np.array([sold[v.day >= of.begins].mean() for v, sold in lives])
    assert abs(chances(of, others).mean() - rate.mean()) < 4.5 * rate.std() / np.sqrt(len(rate))


def test_the_expected_loss_is_that_of_outcomes_and_more_exact():
    of = WORLDS["leakage"]
    visits, sold = simulated(of, 0)
    others = fresh(of, 100_000, seed=3)
    judge, chance = Judge(of, others, {}), chances(of, others)
    drawn = np.random.default_rng(0).random(len(others)) < chance
    losses, means = [], []
    for view in ("notebook", "fresh"):
        seen, line = matrix_of(of, visits, view), system(of).model
        fitted = fit(line, seen, sold.astype(float), "binary")
        p = predict(fitted, matrix_of(of, others, view))
        losses.append(-np.log(np.where(drawn, p, 1 - p)))
        means.append(-chance * np.log(p) - (1 - chance) * np.log(1 - p))
        expected = judge.loss(view, fitted, ())
        assert expected == pytest.approx(means[-1].mean(), rel=1e-12)
        assert abs(expected - losses[-1].mean()) < 4 * losses[-1].std() / np.sqrt(len(others))
    ours, theirs = np.var(means[1] - means[0]), np.var(losses[1] - losses[0])
    assert 10 * ours < theirs  # so many times more visits would be needed with outcomes


def test_the_table_says_what_the_runs_say(root: Path, tmp_path: Path):
    script = runpy.run_path(str(root / "benchmarks" / "worlds.py"))
    chosen = [WORLDS["leakage"], WORLDS["nothing"]]
    bar = {"stage": "available", "value": 0.3, "low": 0.1, "high": 0.5, "same": False, "truth": 0.2}
    other = bar | {"stage": "past", "value": 0.0, "low": -0.1, "truth": 0.6}
    unknown = other | {"low": None, "high": None}
    same = bar | {"stage": "policy", "value": 0.0, "low": 0.0, "high": 0.0, "same": True}
    runs = {
        "leakage": [
            {"verdict": "overlap", "bars": [bar, other, same]},
            {"bars": [bar | {"low": -0.1}, unknown, same]},
        ],
        "nothing": [{"bars": [other]}, {"bars": [bar]}],
    }
    lines = list(script["table"](chosen, runs))
    assert "| leakage | available | 2 | +0.2000 | 50.0 | 50.0 |" in lines
    assert "| nothing | none | 2 | 0 | any: 50.0 | |" in lines
    assert "| leakage | 50.0 |  |  | 100.0 |  |  |  | same |" in lines  # holds zero
    assert "| leakage | 100.0 |  |  | 0.0 |  |  |  | same |" in lines  # covers the truth
    assert "holds zero, %: 3 cells, 1 below 92, 2 above 98" in lines
    assert "covers the truth, %: 4 cells, 2 below 92, 2 above 98" in lines
    assert "| leakage | overlap: 1 |" in lines
    kept = tmp_path / "worlds.jsonl"
    records = [
        {"world": "leakage", "seed": 0, "named": "old", "bars": []},
        {"world": "leakage", "seed": 1, "named": "now", "bars": []},
        {"world": "leakage", "seed": 1, "named": "now", "bars": []},
    ]
    kept.write_text("".join(json.dumps(each) + "\n" for each in records))
    script["kept"].__globals__["KEPT"] = kept
    assert script["kept"]({"leakage": "now"}) == records[1:2]
