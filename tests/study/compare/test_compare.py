"""What a comparison says of a world that drifts, and of worlds that say nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import asof
from asof import days, hours
from asof.engine.fitting import fit_one
from asof.engine.kept import KeptFits
from asof.engine.registry import keep_model
from asof.errors import UsageError
from asof.stores.store import Store
from asof.study.compare.compare import Compared
from asof.study.compare.cost import cpu_a_row, fitted_again
from asof.study.compare.families import YARDSTICKS
from asof.study.compare.gather import gather, looks_of, plan

Run = Callable[..., Compared]


def test_in_a_world_that_drifts_it_says_to_retrain(usual: Compared) -> None:
    facts = usual.facts
    named = {each.name: each for each in facts.named}
    never = named["never"]
    assert facts.looks == 22
    assert facts.beside == "every 5 days"
    assert never.difference is not None
    assert never.difference.sign > 0
    assert facts.advice is not None
    assert facts.advice.name != "never"
    assert never.fits == 1
    assert named["every 5 days"].fits == facts.looks
    assert facts.slope is not None
    assert facts.slope > 0
    assert all(each.pairs >= 15 for each in facts.freshness)


def test_differences_are_those_of_the_levels(usual: Compared) -> None:
    named = {each.name: each for each in usual.facts.named}
    best = named[usual.facts.beside].total.value
    for each in usual.facts.named:
        point = next(point for point in usual.facts.points if point.name == each.name)
        assert each.total.value == pytest.approx(point.value, rel=1e-9)
        if each.difference is not None:
            assert each.difference.value == pytest.approx(each.total.value - best, abs=1e-12)


def test_no_policy_is_ahead_of_hindsight(usual: Compared) -> None:
    facts = usual.facts
    by_number = {each.retrainings: each for each in facts.hindsight}
    for each in facts.points:
        assert by_number[each.fits - 1].value <= each.value + 1e-12
    x, y = [each.cost for each in facts.hull], [each.value for each in facts.hull]
    for each in facts.points:
        assert each.value >= np.interp(each.cost, x, y) - 1e-9
    assert all(each.judged is not None for each in facts.hindsight)


def test_the_frontier_is_that_of_the_many_without_yardsticks(usual: Compared) -> None:
    facts = usual.facts
    values = [each.value for each in facts.frontier]
    assert values == sorted(values, reverse=True)
    assert not {each.family for each in facts.frontier} & set(YARDSTICKS)
    for each in facts.points:
        if each.family not in YARDSTICKS:
            assert any(f.cost <= each.cost and f.value <= each.value for f in facts.frontier)
    assert facts.policies == len(facts.points) == len(usual.frame)


def test_the_winner_of_the_first_half_is_judged_on_the_second(usual: Compared) -> None:
    halves = usual.facts.halves
    assert halves[0].role == "winner"
    assert halves[0].first == min(each.first for each in halves)
    assert all(each.regret >= 0 for each in halves)
    assert usual.facts.first_half + usual.facts.second_half == usual.facts.looks


def test_variants_are_replayed_beside_the_policies(usual: Compared) -> None:
    same, short = usual.facts.variants
    every = next(each for each in usual.facts.named if each.name == "every 5 days")
    assert same.how == short.how == "replay"
    assert same.total.value == pytest.approx(every.total.value, rel=1e-9)
    assert same.difference is not None
    assert same.difference.value == pytest.approx(0, abs=1e-12)
    assert short.difference is not None
    assert short.difference.low is not None


def test_a_variant_that_cannot_be_compared_says_why(compared: Run, filed) -> None:
    late = filed.but(training_takes=days(3))
    other = filed.but(until=filed.until - timedelta(days=9))
    late, other = compared(variants={"late": late, "other": other}).facts.variants
    assert late.difference is None
    assert "unanswered" in late.why
    assert other.difference is None
    assert other.why == "it asks about other requests"


def test_what_was_computed_is_kept(compared: Run, usual: Compared) -> None:
    again = compared().facts
    assert again.lattice.reused == again.lattice.fits == again.looks
    assert again.lattice.predicted == 0
    assert [each.total for each in again.named] == [each.total for each in usual.facts.named]


def test_it_says_what_it_will_take_before_it_begins(compared: Run) -> None:
    told: list[int] = []
    facts = compared(announce=lambda _, memory: told.append(memory)).facts
    twice = compared(announce=lambda _, memory: told.append(memory), seeds=2).facts
    assert told == [facts.lattice.memory, twice.lattice.memory]
    assert twice.lattice.memory == 2 * facts.lattice.memory > 0


def test_a_metric_that_is_no_mean_is_replayed(compared: Run, filed) -> None:
    facts = compared(filed.but(metric="auc")).facts
    assert {each.how for each in facts.named} == {"replay"}
    assert facts.points == facts.frontier == facts.hindsight == facts.halves == ()
    assert any("not a mean" in note for note in facts.notes)
    never = next(each for each in facts.named if each.name == "never")
    assert never.difference is not None
    assert never.difference.value < 0


def test_accuracy_reads_upwards(compared: Run, filed) -> None:
    facts = compared(filed.but(metric="accuracy")).facts
    named = {each.name: each for each in facts.named}
    assert named["never"].total.value < named[facts.beside].total.value
    for each in facts.named:
        point = next(point for point in facts.points if point.name == each.name)
        assert each.total.value == pytest.approx(point.value, rel=1e-9)
    values = [each.value for each in facts.frontier]
    assert values == sorted(values)
    assert max(each.value for each in facts.hindsight) >= max(values) - 1e-12


def test_quantities_are_compared_too(compared: Run, sized) -> None:
    facts = compared(sized).facts
    assert facts.metric.name == "mae"
    assert facts.advice is not None
    assert not facts.trouble


def test_approval_makes_models_older(compared: Run, usual: Compared) -> None:
    delayed = compared(approval=days(3)).facts
    named = {each.name: each.total.value for each in delayed.named}
    assert named["every 5 days"] > usual.facts.named[0].total.value
    assert delayed.requests < usual.facts.requests


def test_a_part_of_the_life_says_so(compared: Run, usual: Compared) -> None:
    facts = compared(quick=True).facts
    assert facts.looks < usual.facts.looks
    assert any("first third" in note for note in facts.notes)


def test_an_estimator_without_a_seed_is_said(compared: Run, filed) -> None:
    facts = compared(filed.but(model=KNeighborsClassifier(30)), seeds=2, every=days(8)).facts
    assert any("no seed" in note for note in facts.notes)
    assert facts.unit.every(1) == "every 8 days"


def empty(result: Compared, *words: str) -> None:
    """Nothing but words: no figure, no picture, no traceback."""
    assert result.facts.trouble
    text = str(result)
    assert text == result._repr_mimebundle_()["text/plain"]
    assert repr(result).startswith("<Compared of ")
    for each in words:
        assert each in text.replace("\n", " ")
    assert "<svg" not in result.html()
    assert result.svg() == ""
    json.loads(result.to_json())


def test_one_look_is_too_few(compared: Run, filed) -> None:
    empty(compared(every=days(90)), "needs at least 3")


def test_one_class_has_nothing_to_learn(compared: Run, filed, results, result) -> None:
    label = asof.outcome(
        results.same(filed.requests.row.visit_id), result.size > 99, wait=hours(29)
    )
    empty(compared(filed.but(label=label)), "could not be fitted", "nothing to learn")


def test_no_label_counts_yet(compared: Run, filed) -> None:
    late = filed.but(start=filed.until - timedelta(hours=20), retraining=asof.every(hours(6)))
    empty(compared(late), "o request of the life has a label")


def test_few_days_have_values_and_no_intervals(compared: Run, filed) -> None:
    short = filed.but(start=filed.until - timedelta(days=6), retraining=asof.every(days(1)))
    facts = compared(short).facts
    assert facts.advice is not None
    assert facts.advice.verdict == "not identifiable"
    assert all(each.total.low is None and each.total.why for each in facts.named)
    assert "not identifiable" in compared(short).html()


def test_too_many_looks_are_refused(compared: Run, filed) -> None:
    with pytest.raises(UsageError, match="looks are too many"):
        compared(filed.but(retraining=asof.every(asof.minutes(30))))


class Moody(LogisticRegression):
    """Cannot be fitted on some numbers of rows."""

    def fit(self, x, y):
        if 1500 < len(y) < 2000:
            raise ValueError("not today")
        return super().fit(x, y)


def test_a_failed_fit_leaves_the_one_before(compared: Run, filed) -> None:
    facts = compared(filed.but(model=Moody())).facts
    assert facts.lattice.failed > 0
    assert any("fits failed" in note for note in facts.notes)
    assert facts.advice is not None


class Slow(LogisticRegression):
    """Its first fit in a process pays for more than the fit, as one that imports does."""

    spent = 0.0

    def fit(self, X, y):
        until = time.thread_time() + (0 if Slow.spent else 0.5)
        while time.thread_time() < until:
            Slow.spent = until
        return super().fit(X, y)


def test_the_cost_of_fits_that_a_backtest_made_is_not_that_of_the_first(world, tmp_path) -> None:
    history = world(model=Slow())
    (first,) = plan(history, looks_of(history)[:1]).trainings
    given = (first.model, first.seen, first.rows, first.label, first.task, first.moment)
    with Store(tmp_path / "store") as store:
        kept = KeptFits(store, workers=1)
        assert not fitted_again([first], kept)  # it is to be made
        assert cpu_a_row([first], kept) is None
        keep_model(store, history.system, "m1", fit_one(*given), 0, first)
        kept = KeptFits(store, workers=1)
        assert fitted_again([first], kept) == [first.unit] * 2
        Slow.spent = 0.0
        cost = cpu_a_row([first], kept)
    assert cost is not None
    assert 0 < cost * len(first.rows) < 0.5


def test_a_cost_that_was_noted_is_not_measured_again(world, kept) -> None:
    history = world()
    wanted = plan(history, looks_of(history)[:2])
    found = gather(wanted, kept)
    assert not fitted_again(wanted.trainings, kept)
    assert found.cpu_a_row > 0
