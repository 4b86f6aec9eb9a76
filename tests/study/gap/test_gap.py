"""The stages on small simulated worlds: what they mean, and what they must agree with."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import shopfront
from sklearn.linear_model import LogisticRegression

import asof
from asof import days, hours
from asof.compute.interval import paired
from asof.compute.metric import metric
from asof.declare.policies import BatchPredictions
from asof.engine.history import History, read_tables, until_of
from asof.engine.replay import replay
from asof.engine.work import Work
from asof.stores.store import Store
from asof.study.backtest import backtest, ingest_declared
from asof.study.gap import words
from asof.study.gap.facts import GapFacts, StageFact
from asof.study.gap.gap import Gap, gap
from asof.study.gap.world import Setting, World, world
from asof.study.report.words import because
from asof.units import Duration

ONLINE = ["notebook", "available", "size", "blocks", "past", "mature", "policy"]


def stage(found: Gap, key: str) -> StageFact:
    told = found.facts.stage(key)
    assert told is not None
    return told


def looked_at(folder: Path, setting: Setting, **changes: Any) -> World:
    system = shopfront.system(**changes)
    with Store(folder / ".asof" / system.name) as store:
        ingest_declared(system, store, folder)
        tables = read_tables(system, store)
        history = History(system, tables, until_of(system, store))
    return world(replay(history, workers=1), setting)


def test_stages_stand_in_their_order(online: Gap, skewed: Gap):
    assert [each.key for each in online.facts.stages] == ONLINE
    assert [each.key for each in skewed.facts.stages] == [*ONLINE[:-1], "stale", "skew", "policy"]


def test_all_stages_are_scored_on_the_same_requests(skewed: Gap):
    assert {each.level.n for each in skewed.facts.stages} == {skewed.facts.n}
    assert {len(p) for p in skewed.predictions.values()} == {skewed.facts.n}


@pytest.mark.parametrize(
    "changes", [{}, {"serving": shopfront.nightly("fresh")}, {"metric": "auc"}]
)
def test_the_last_stage_is_the_backtests_own_figure(front: Path, changes: dict[str, Any]):
    system = shopfront.system(**changes)
    life = backtest(system, base=front, draws=50)
    found = gap(system, base=front, draws=50)
    assert stage(found, "policy").level.value == life.facts.served.total.value
    assert found.facts.n == life.facts.served.total.n
    gained = stage(found, "policy").level.value - found.facts.constant.value
    assert found.facts.beyond.value == pytest.approx(gained)


def test_steps_add_up_to_the_whole(skewed: Gap):
    steps = sum(each.step.value for each in skewed.facts.steps)
    first, last = skewed.facts.stages[0].level.value, skewed.facts.stages[-1].level.value
    assert steps == pytest.approx(last - first, abs=1e-12)
    assert skewed.facts.total.value == pytest.approx(steps, abs=1e-12)


@pytest.mark.parametrize(
    "serving",
    [
        asof.online(),
        shopfront.nightly(),
        shopfront.nightly("fresh"),
        # Over midnight, where a period begins, and not up to the next run.
        asof.batch_predictions(asof.daily(shopfront.time(6), zone="UTC"), ahead=hours(20)),
        asof.batch_predictions(asof.daily(shopfront.time(0), zone="UTC"), ahead=days(1)),
    ],
)
def test_a_policy_that_refits_each_period_has_no_age(front: Path, serving: Any):
    ahead = isinstance(serving, BatchPredictions)
    system = shopfront.system(ahead=ahead, serving=serving, retraining=asof.every(days(7)))
    found = gap(system, base=front, draws=50)
    last = stage(found, "policy")
    assert found.facts.period_words == "week"
    assert last.same
    assert last.step is not None
    assert (last.step.value, last.step.low, last.step.high) == (0, 0, 0)


def test_a_step_between_folds_is_widened_by_what_it_counts_twice(front: Path, online: Gap):
    """With other features the rows that stand in for each other are all that are trained on."""
    here = looked_at(front, Setting())
    y, day = here.value[here.scored], here.day[here.scored]
    before, after = (online.predictions[key] for key in ("notebook", "available"))
    plain = paired(metric(here.history.system.measured), y, before, after, day, draws=200)
    step = stage(online, "available").step
    assert step is not None
    twice = len(here.scored) / len(here.labelled)
    wider = (step.high - step.low) / (plain.high - plain.low)
    assert wider == pytest.approx((1 + twice) ** 0.5, rel=0.02)


def test_what_is_told_late_is_the_notebooks_gain(online: Gap):
    """Sales of the same half day tell the mood of the day, and are known six hours later."""
    step = stage(online, "available").step
    assert step is not None
    assert step.low is not None
    assert step.low > 0
    assert online.facts.worsens(step) == 1


def test_skew_is_measured_where_it_is_declared(skewed: Gap):
    fresh, stale = stage(skewed, "mature").level.value, stage(skewed, "skew").level.value
    assert fresh is not None
    assert stale is not None
    assert stale > fresh  # the mood of the day is not known at midnight
    assert stage(skewed, "skew").fits == stage(skewed, "mature").fits


@pytest.mark.parametrize("early", [hours(0), hours(2)])
def test_a_notebook_sees_last_versions_by_event_time(front: Path, early: Duration):
    """Asked `early`, it looks from the visit itself all the same."""
    here = looked_at(front, Setting(), ahead=True, early=early)
    seen, visits = here.notebook, here.history.requests.frame
    sales = pl.read_parquet(front / "sales.parquet")
    at = visits["at"].cast(pl.Int64).to_numpy()
    sold_at = sales["sold_at"].cast(pl.Int64).to_numpy()
    shop, sold = sales["shop"].to_numpy(), sales["sold"].to_numpy()
    half_day = 12 * 3_600_000_000
    for row in range(5, len(at), 307):
        inside = (shop == visits["shop"][row]) & (sold_at >= at[row] - half_day)
        inside &= sold_at < at[row]
        assert seen.values[row, seen.names.index("known")] == inside.sum()
        if inside.any():
            rate = seen.values[row, seen.names.index("rate")]
            assert rate == pytest.approx(sold[inside].mean())


def test_folds_and_sizes_are_what_they_say(front: Path):
    from asof.study.gap.stages import stages

    visits = pl.read_parquet(front / "visits.parquet")
    here = looked_at(front, Setting(), start=visits["at"][1200])  # a visit as the life begins
    found = {each.key: each for each in stages(here, Work())}
    for key in ("notebook", "available"):
        for part in found[key].parts:
            others = here.row_fold[here.labelled] != here.row_fold[here.scored[part.at]][0]
            assert part.training.rows.tolist() == here.labelled[others].tolist()
    for key, fold in (("size", here.row_fold), ("blocks", here.day_fold)):
        for part in found[key].parts:
            own = set(fold[here.scored[part.at]])
            assert len(own) == 1
            assert not own & set(fold[part.training.rows])
            assert len(part.training.rows) <= len(here.trained(part.training.moment))
    for part in found["blocks"].parts:
        assert not set(here.day[here.scored[part.at]]) & set(here.day[part.training.rows])
    fired, due = here.history.requests.fired, here.history.outcomes.due
    for part in found["past"].parts:
        assert fired[part.training.rows].max() < part.training.moment
        assert fired[here.scored[part.at]].min() >= part.training.moment
    for part in found["mature"].parts:
        assert due[part.training.rows].max() < part.training.moment
    for each in found.values():
        answered = np.sort(np.concatenate([part.at for part in each.parts]))
        assert answered.tolist() == list(range(len(here.scored)))


def test_asked_again_nothing_is_fitted(front: Path, skewed: Gap):
    again = gap(shopfront.system(serving=shopfront.nightly("fresh")), base=front, draws=200)
    assert again.facts.cost.fits_now == 0
    assert again.facts.stages == skewed.facts.stages


def test_quick_looks_at_a_stated_part(front: Path):
    found = gap(shopfront.system(), base=front, draws=50, quick=True)
    assert found.facts.quick
    assert found.facts.part == "2 of 7 weeks, whole"
    assert (found.facts.folds, found.facts.periods) == (3, 2)
    assert 0 < found.facts.n < 700


def test_seeds_mark_what_another_seed_moves(front: Path):
    found = gap(shopfront.system(), base=front, draws=50, quick=True, seeds=2)
    assert found.facts.seeds == 2
    assert all(each.spread is not None for each in found.facts.steps)
    size = stage(found, "size")
    assert size.noise == (abs(size.step.value) < size.spread)


def test_another_seed_is_another_fit():
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    from asof.study.gap.world import reseeded

    assert reseeded(RandomForestClassifier(random_state=4)).random_state == 5
    assert reseeded(RandomForestClassifier()).random_state == 1
    piped = make_pipeline(RandomForestClassifier(random_state=0))
    assert reseeded(piped)[-1].random_state == 1
    assert piped[-1].random_state == 0


# --- what cannot be said -------------------------------------------------------------------------


def measured(folder: Path, visits: pl.DataFrame, sales: pl.DataFrame, **changes: Any) -> GapFacts:
    found = gap(
        shopfront.system(**changes), base=shopfront.written(folder, visits, sales), draws=50
    )
    assert json.loads(found.to_json())["system"] == "front"
    assert "<svg" not in found.html() or len(found.facts.shown) > 1
    if found.facts.why:  # once in the title, if there is room, and once in the advice
        body = found.html().partition("<body>")[2]
        assert 1 <= body.count(escape(because(found.facts.why))) <= 2
    return found.facts


def test_one_class_has_words(tmp_path: Path):
    visits, sales = shopfront.tables(length=60, a_day=10)
    facts = measured(tmp_path, visits, sales.with_columns(sold=pl.lit(value=False)))
    assert facts.why
    assert not facts.stages


def test_too_few_requests_have_words(tmp_path: Path):
    visits, sales = shopfront.tables(length=33, a_day=20)
    facts = measured(tmp_path, visits.head(610), sales.head(610))
    assert "at least 20" in facts.why


def test_few_days_have_no_folds_of_days(tmp_path: Path):
    visits, sales = shopfront.tables(length=9, a_day=120)
    start = shopfront.FIRST + shopfront.timedelta(days=4)
    facts = measured(tmp_path, visits, sales, start=start)
    blocks = facts.stage("blocks")
    assert blocks is not None
    assert not blocks.level.shown
    assert "folds of whole days need 10" in blocks.level.why
    past = facts.stage("past")
    assert past is not None
    assert past.since == "size"
    assert past.step is not None
    assert past.step.low is None  # too few days for an interval
    assert facts.diagnosis.verdict == "too few days"


class Moody(LogisticRegression):
    """Fails where it is given many rows."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        if len(y) > 1300:
            raise ValueError("too moody for so many rows")
        return super().fit(X, y, sample_weight)


def test_a_stage_whose_fits_fail_has_words(front: Path):
    found = gap(shopfront.system(model=Moody(), retraining=asof.never()), base=front, draws=50)
    for key in ("notebook", "size", "mature"):
        assert stage(found, key).level.value is None
        assert "fits failed: ValueError: too moody" in stage(found, key).level.why
    last = stage(found, "policy")
    assert last.level.shown
    assert last.step is None
    assert found.facts.total.value is None
    assert "has no gap to show" in words.title(found.facts)


def test_runs_that_can_know_nobody_have_words(front: Path):
    runs = asof.batch_predictions(asof.daily(shopfront.time(6), zone="UTC"), ahead=days(1))
    found = gap(shopfront.system(serving=runs), base=front, draws=50)
    assert "no run could know" in found.facts.why
