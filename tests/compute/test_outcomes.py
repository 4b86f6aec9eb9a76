"""Labels as of a moment: which requests are mature, and which of them are trained on."""

from __future__ import annotations

import numpy as np

from asof.compute.outcomes import Outcomes
from asof.compute.window.contract import NEVER


def outcomes(fired: list[int], due: list[int], value: list[float], until: int) -> Outcomes:
    known = np.where(np.isnan(value), NEVER, due)
    late = np.zeros(len(due), dtype=np.bool_)
    return Outcomes(np.array(value), np.array(due), known, late, known, np.array(fired), until)


def test_mature_is_asked_and_due_before_the_moment_and_due_by_until():
    found = outcomes(fired=[4, 4, 4, 5], due=[4, 5, 6, 4], value=[1.0] * 4, until=5)
    assert found.mature(6).tolist() == [True, True, False, True]
    assert found.mature(5).tolist() == [True, False, False, False]


def test_labelled_are_the_mature_ones_that_came_asked_from_a_moment_on():
    found = outcomes(fired=[1, 2, 3, 4], due=[5] * 4, value=[1.0, 0.0, np.nan, 1.0], until=9)
    assert found.labelled(6).tolist() == [0, 1, 3]
    assert found.labelled(6, since=2).tolist() == [1, 3]
    assert found.labelled(5).tolist() == []
