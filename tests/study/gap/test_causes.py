"""What changed between the days before a life and those in it, where that is known; and slices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import two_periods

from asof.study.gap import causes
from asof.study.gap.facts import DivisionFact, GapFacts
from asof.study.gap.gap import gap


def told(facts: GapFacts) -> str:
    return " ".join(str(said) for said in causes.diagnosed(facts))


def looked_at(folder: Path, **world: float) -> tuple[GapFacts, DivisionFact | None]:
    two_periods.written(folder, **world)
    facts = gap(two_periods.system(), base=folder, draws=300).facts
    return facts, facts.diagnosis.division


def test_features_alone_change(tmp_path: Path):
    facts, found = looked_at(tmp_path, warmer=-1.0)
    assert found is not None
    assert (found.of_x.sign, found.of_y.sign) == (1, 0)
    assert found.total.value == pytest.approx(found.of_x.value + found.of_y.value, abs=1e-12)
    said = told(facts)
    assert "The features changed, not shown is that what follows from them did" in said
    assert "came with the features (X)" in said
    assert facts.diagnosis.drivers[0].name == "warm"


def test_what_follows_alone_changes(tmp_path: Path):
    facts, found = looked_at(tmp_path, weaker=0.3)
    assert found is not None
    assert (found.of_x.sign, found.of_y.sign) == (0, 1)
    said = told(facts)
    assert "What follows from the features changed" in said
    assert "came with what follows from the same features (Y given X)" in said


def test_nothing_changes(tmp_path: Path):
    facts, found = looked_at(tmp_path)
    assert found is not None
    assert (found.of_x.sign, found.of_y.sign) == (0, 0)
    assert "No change is shown that the model feels" in told(facts)


def test_a_change_of_which_no_part_is_shown_is_a_change_all_the_same(tmp_path: Path):
    facts, found = looked_at(tmp_path)
    assert found is not None
    division = replace(found, total=replace(found.total, value=0.08, low=0.03, high=0.14))
    shown = replace(facts, diagnosis=replace(facts.diagnosis, division=division))
    assert "A change is shown, but not of which of the two: the" in told(shown)
    assert "No change is shown" not in told(shown)


def test_periods_that_do_not_overlap_are_not_divided(tmp_path: Path):
    facts, found = looked_at(tmp_path, weaker=0.3, apart=9.0)
    assert found is None
    assert facts.diagnosis.verdict == "not identifiable"
    assert "what follows from them is not identifiable: the periods overlap" in told(facts)


def test_a_metric_that_is_no_mean_is_read_through_log_loss(tmp_path: Path):
    two_periods.written(tmp_path, weaker=0.3)
    found = gap(two_periods.system(metric="auc"), base=tmp_path, draws=200).facts
    division = found.diagnosis.division
    assert division is not None
    assert division.loss == "log loss"
    assert division.of_y.sign == 1
    assert "the log loss of the same models changes by +" in told(found)
