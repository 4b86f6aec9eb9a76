"""The time left, as a study tells it while it runs."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from asof import days, every
from asof.engine.work import Standing
from asof.study.compare.compare import compare
from asof.study.gap.gap import gap
from asof.study.serving.serving import serving

sys.path.insert(0, str(Path(__file__).parent / "serving"))
world = import_module("modes_world")

STUDIES = {"gap": gap, "compare": compare, "serving": serving}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(STUDIES))
def test_a_real_run_is_told_within_a_factor_of_two(name: str, tmp_path: Path):
    world.write(tmp_path)
    forest = RandomForestClassifier(n_estimators=150, random_state=0)
    system = world.system.but(
        model=make_pipeline(SimpleImputer(), forest), retraining=every(days(2))
    )
    told: list[Standing] = []
    STUDIES[name](system, base=tmp_path, draws=500, workers=2, progress=told.append)
    whole = told[-1].passed
    assert told[-1].part == 1
    assert told[-1].left == 0
    for quarter in (0.25, 0.5, 0.75):
        last = [each for each in told if each.passed <= quarter * whole][-1]
        rest = whole - last.passed
        assert last.left is not None
        assert 0.5 < last.left / rest < 2, (quarter, last)


def test_what_is_kept_costs_nothing(tmp_path: Path):
    world.write(tmp_path)
    told: list[Standing] = []
    gap(world.system, base=tmp_path, draws=20, quick=True, workers=1)
    gap(world.system, base=tmp_path, draws=20, quick=True, workers=1, progress=told.append)
    assert told
    assert {each.fits for each in told} == {0}
    known = [each.wanted for each in told].index(0)  # once the stages are known to be kept
    assert {each.wanted for each in told[known:]} == {0}
    assert told[known].part < 1
    assert told[-1].reused > 5
