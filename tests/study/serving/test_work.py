"""How much is left, as told while modes are replayed."""

from __future__ import annotations

import pytest

from asof.study.serving.work import Work


def test_work_grows_to_its_end_and_never_falls():
    told: list[tuple[float, float]] = []
    work = Work(3, [10.0, 20.0, 30.0], 6.0, lambda done, total: told.append((done, total)))
    for _ in range(3):
        for fit in range(4):
            work.within(fit, 3, 0)
        work.over(reused=False)
    shares = [done / total for done, total in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert {total for _, total in told} == {198.0}
    assert told[1][0] == pytest.approx(10 + 3)


def test_modes_whose_fits_were_kept_are_only_answered():
    told: list[tuple[float, float]] = []
    work = Work(4, [100.0], 5.0, lambda done, total: told.append((done, total)))
    work.over(reused=True)
    work.over(reused=True)
    assert told[-1] == (10.0, 20.0)
    work.over(reused=False)
    assert told[-1] == (115.0, 220.0)


def test_nobody_has_to_listen():
    work = Work(1, [1.0], 1.0, None)
    work.within(1, 1, 0)
    work.over(reused=False)


def test_modes_that_share_the_fits_of_others_cost_no_fits():
    told: list[tuple[float, float]] = []
    work = Work(2, [100.0], 5.0, lambda done, total: told.append((done, total)), shared=1)
    work.within(1, 1, 0)
    assert told[-1] == (102.5, 110.0)
    work.over(reused=False)
    work.within(1, 1, 0)
    work.over(reused=True)
    assert told[-1] == (110.0, 110.0)
