"""The study on a world whose truth is known, and on worlds that leave nothing to say."""

from __future__ import annotations

import json
from pathlib import Path
from time import thread_time

import modes_world as world
import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

import asof
from asof import days, hours
from asof.errors import UsageError
from asof.study.backtest import backtest
from asof.study.serving.facts import ModeFact
from asof.study.serving.serving import ServingStudy, serving
from asof.units import DAY, HOUR

LISTS = {"features": "1h,nightly", "predictions": "nightly", "draws": 200, "workers": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("world")
    world.write(made)
    return made


@pytest.fixture(scope="module")
def study(folder: Path) -> ServingStudy:
    return serving(world.system, base=folder, **LISTS)


def studied(folder: Path, system=world.system, **more) -> ServingStudy:
    return serving(system, base=folder, **{**LISTS, **more})


def test_staleness_is_found_where_it_is(study: ServingStudy):
    facts = study.facts
    hourly, nightly = facts.mode("features 1h"), facts.mode("features nightly")
    assert hourly.verdict == nightly.verdict == "worse"
    assert 0 < hourly.loss < nightly.loss
    assert facts.stalest == "features nightly"
    assert facts.worth == nightly.loss
    assert hourly.kept == pytest.approx(1 - hourly.loss / nightly.loss)
    skewed = facts.mode("features nightly, trained fresh")
    assert skewed.worse_than_nothing
    assert skewed.loss > nightly.loss
    assert not skewed.on_front
    assert facts.advice.mode == "online"


def test_every_mode_is_scored_on_the_same_requests(study: ServingStudy):
    facts = study.facts
    assert {mode.total.n for mode in facts.modes} == {facts.scored}
    online = facts.mode("online")
    for mode in facts.modes[1:]:
        assert mode.difference.value == pytest.approx(mode.total.value - online.total.value)
        assert mode.difference.low < mode.difference.value < mode.difference.high


def test_the_declared_mode_has_the_figure_of_the_backtest(study: ServingStudy, folder: Path):
    life = backtest(world.system, base=folder, draws=200, workers=1)
    served, online = life.facts.served.total, study.facts.mode("online")
    assert online.declared
    assert online.total.value == served.value
    assert (online.total.low, online.total.high) == (served.low, served.high)
    constant = next(each for each in life.facts.series if each.name == "constant")
    assert study.facts.nothing.value == constant.total.value


def test_coverage_and_waste_are_those_of_a_count_by_hand(study: ServingStudy, folder: Path):
    mode = counted_by_hand(study, folder)
    assert mode.total.n == study.facts.scored, "what no run could know is scored too"
    for other in study.facts.modes:
        if other.kind not in ("predictions", "hybrid"):
            assert other.waste is None
            assert other.why_no_waste


def test_a_run_predicts_what_comes_at_its_moment_and_not_what_is_known_from_then_on(tmp_path: Path):
    world.write(tmp_path)
    asks = pl.read_parquet(tmp_path / "asks.parquet")
    comes = pl.col("comes_at").dt.truncate("30m")
    known = pl.when(pl.col("ask") % 6 == 0).then(comes.dt.truncate("1d")).otherwise("known_at")
    asks.with_columns(comes_at=comes, known_at=known).write_parquet(tmp_path / "asks.parquet")
    counted_by_hand(studied(tmp_path, features=""), tmp_path)
    half = world.system.but(serving=asof.batch_predictions(days(1), ahead=hours(12)))
    facts = studied(tmp_path, half, features="", predictions="").facts
    at, known = moments_of(tmp_path)
    inside = (known < at - at % DAY) & (at % DAY < 12 * HOUR)
    assert next(each for each in facts.modes if each.declared).used == int(inside.sum())


def moments_of(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """When each request of the life is asked, and from when on it is known, in microseconds."""
    start, stop = (int(m.timestamp() * 1e6) for m in (world.system.start, world.system.until))
    asks = pl.read_parquet(folder / "asks.parquet")
    at, known = (asks[name].dt.timestamp("us").to_numpy() for name in ("comes_at", "known_at"))
    life = (at >= start) & (at < stop)
    return at[life], known[life]


def counted_by_hand(study: ServingStudy, folder: Path) -> ModeFact:
    """Nightly predictions, whose coverage and waste are those of the rows."""
    asks = pl.read_parquet(folder / "asks.parquet")
    at, known = (asks[name].dt.timestamp("us").to_numpy() for name in ("comes_at", "known_at"))
    start, stop = (int(m.timestamp() * 1e6) for m in (world.system.start, world.system.until))
    last = at[at < stop].max()
    made = sum(
        int(((known < run) & (at >= run) & (at < run + DAY)).sum())
        for run in range(start, int(last) + 1, DAY)
    )
    life = (at >= start) & (at < stop)
    covered = int((known < at - at % DAY)[life].sum())
    mode = study.facts.mode("predictions nightly")
    assert mode.coverage.asked == int(life.sum())
    assert (mode.used, mode.made) == (covered, made)
    assert mode.covered == pytest.approx(covered / life.sum())
    assert mode.waste == pytest.approx(1 - covered / made)
    return mode


def test_a_hybrid_answers_online_what_no_run_knew(study: ServingStudy):
    facts = study.facts
    batch, both = facts.mode("predictions nightly"), facts.mode("hybrid nightly")
    assert batch.covered == pytest.approx(5 / 6, abs=0.02)
    assert both.covered == 1
    assert both.coverage.served == both.coverage.asked
    assert 0 < both.loss < batch.loss
    assert both.difference.low < both.loss < both.difference.high
    assert (both.made, both.used, both.waste) == (batch.made, batch.used, batch.waste)
    assert (both.fits, both.why) == (0, "")
    online, share = facts.mode("online"), batch.used / both.answers
    expected = share * batch.cpu_per_thousand + (1 - share) * online.cpu_per_thousand
    assert both.cpu_per_thousand == pytest.approx(expected)
    told = " ".join(study._repr_mimebundle_()["text/plain"].split())
    assert "online for the rest" in told
    assert "online for the rest" in " ".join(study.svg().split())


def test_where_every_request_is_known_ahead_there_is_no_hybrid(tmp_path: Path):
    world.write(tmp_path)
    asks = pl.read_parquet(tmp_path / "asks.parquet")
    asks = asks.with_columns(known_at=pl.col("comes_at") - pl.duration(days=3))
    asks.write_parquet(tmp_path / "asks.parquet")
    found = studied(tmp_path, features="", predictions="nightly")
    assert [each.kind for each in found.facts.modes] == ["online", "predictions"]
    assert found.facts.modes[1].covered == 1


def test_runs_that_overlap_predict_more_than_once(folder: Path):
    far = asof.batch_predictions(hours(12), ahead=hours(24))
    found = studied(folder, world.system.but(serving=far), features="", predictions="12h")
    mode = next(each for each in found.facts.modes if each.declared)
    assert mode.waste == pytest.approx(0.5, abs=0.1)
    assert mode.cpu_per_thousand == pytest.approx(
        1000 * mode.cpu_seconds / mode.answers * mode.made / mode.used
    )


def test_ages_are_those_of_the_schedule(study: ServingStudy):
    ages = {mode.name: (mode.age_half, mode.age_most) for mode in study.facts.modes}
    assert ages["online"] == (0, 0)
    assert ages["features nightly"][0] == pytest.approx(DAY / 2, rel=0.1)
    assert ages["features nightly"][1] == pytest.approx(0.9 * DAY, rel=0.1)
    assert max(ages["features 1h"]) < HOUR


def test_a_second_run_takes_every_fit_from_the_first(study: ServingStudy, folder: Path):
    again = studied(folder)
    assert again.facts.reused == again.facts.fits > 0
    for mode, before in zip(again.facts.modes, study.facts.modes, strict=True):
        assert mode.total == before.total
        assert mode.difference == before.difference
        assert mode.fit_cpu_seconds == 0
    skewed = study.facts.mode("features nightly, trained fresh")
    assert skewed.reused == skewed.fits, "trained fresh is the fit of online features"


def test_quick_is_a_stated_part(folder: Path, study: ServingStudy):
    facts = studied(folder, quick=True).facts
    assert facts.part == pytest.approx(1 / 3, abs=0.02)
    assert facts.scored < study.facts.scored / 2.5
    assert facts.end <= facts.until
    whole = study.facts.mode("features nightly").difference
    quick = facts.mode("features nightly").difference
    assert quick.high - quick.low > whole.high - whole.low


@pytest.mark.parametrize(
    ("budget", "wanted"),
    [
        ({"max_loss": 0.0}, "online"),
        ({"max_loss": 10.0}, "predictions nightly"),
        ({"max_cost": 1e9}, "online"),
        ({"max_cost": 0.0}, None),
        ({"max_cost": 0.0, "max_loss": 10.0}, None),
    ],
)
def test_a_budget_decides(folder: Path, budget, wanted):
    found = studied(folder, **budget)
    taken = found.facts.advice.mode
    if wanted == "predictions nightly":  # whatever is easiest of what is better than no model
        eligible = [m for m in found.facts.modes if m.kind != "skewed" and not m.worse_than_nothing]
        assert taken == max(eligible, key=lambda m: (m.every, m.kind == "predictions")).name
    else:
        assert taken == wanted
    assert str(found._repr_mimebundle_()["text/plain"])


def test_a_budget_below_nothing_is_refused(folder: Path):
    with pytest.raises(UsageError, match="--max-loss"):
        studied(folder, max_loss=-1.0)


def test_nothing_decides_and_nothing_is_claimed(tmp_path: Path):
    world.write(tmp_path, strength=0.0)
    facts = studied(tmp_path).facts
    assert facts.worth is None
    assert facts.advice.mode is None
    assert "not shown" in facts.advice.why


@pytest.mark.parametrize("outcome", ["yes", "no"])
def test_one_class_is_said(tmp_path: Path, outcome: str):
    world.write(tmp_path, outcome=outcome)
    found = studied(tmp_path)
    assert found.facts.trouble
    assert outcome in found.facts.trouble
    assert found.facts.advice.mode is None
    assert found.svg() == ""
    assert "<svg" not in found.html()
    json.loads(found.to_json())


class Speechless(HistGradientBoostingClassifier):
    """Learns, and has no answer."""

    def predict_proba(self, X):
        raise RuntimeError("no answer")


def test_an_estimator_that_cannot_answer_is_said(folder: Path):
    found = studied(folder, world.system.but(model=Speechless(max_iter=1)))
    assert "Speechless failed" in found.facts.trouble
    assert all(mode.why for mode in found.facts.modes)
    json.loads(found.to_json())


def test_a_mode_that_fails_stands_beside_those_that_do_not(folder: Path):
    """Before the first midnight nothing is known: a model that takes no missing value fails."""
    found = studied(folder, world.system.but(model=LogisticRegression()))
    online, nightly = found.facts.mode("online"), found.facts.mode("features nightly")
    assert online.total.value is not None
    assert nightly.total.value is None
    assert "NaN" in nightly.why
    assert "NaN" in found.html()


def test_what_is_scored_has_an_answer_in_every_mode(folder: Path):
    """The first fits of the night see the first day, of which no night knew: they fail."""
    changed = world.system.but(model=LogisticRegression(), train=asof.sliding(days(10)))
    facts = studied(folder, changed, features="nightly").facts
    served = {mode.name: mode for mode in facts.modes}
    night, ahead, both = (
        served[f"{kind} nightly"] for kind in ("features", "predictions", "hybrid")
    )
    assert {mode.total.n for mode in (served["online"], night, ahead, both)} == {facts.scored}
    assert night.coverage.unanswered == ahead.coverage.unanswered > 0
    assert facts.scored <= facts.asked - night.coverage.unanswered
    assert both.coverage.unanswered == 0
    assert both.coverage.served == facts.asked


def test_where_more_is_better_a_loss_is_what_is_lacking(folder: Path):
    facts = studied(folder, world.system.but(metric="auc")).facts
    for name in ("features 1h", "features nightly"):
        mode = facts.mode(name)
        assert mode.verdict == "worse"
        assert mode.difference.value < 0
        assert (mode.loss, mode.at_most) == (-mode.difference.value, -mode.difference.low)
        assert not mode.worse_than_nothing


class Thinker(LogisticRegression):
    """Takes its time over every answer."""

    def predict_proba(self, X):
        begun = thread_time()
        while thread_time() < begun + BURNT:
            pass
        return super().predict_proba(X)


BURNT = 0.25


def test_what_answers_take_is_among_what_a_mode_costs(folder: Path):
    thinking = make_pipeline(SimpleImputer(), Thinker())
    facts = studied(folder, world.system.but(model=thinking), features="", predictions="").facts
    online = facts.mode("online")
    assert online.cpu_seconds > online.fits * BURNT
    assert online.cpu_per_thousand == pytest.approx(1000 * online.cpu_seconds / online.answers)


class Room(asof.Row):
    room: asof.Key[int]
    size: asof.Col[float]


def test_a_run_predicts_every_row_at_the_ticks_ahead_of_it(folder: Path):
    pl.DataFrame({"room": [1, 2, 3], "size": [1.0, 2.0, 3.0]}).write_parquet(
        folder / "rooms.parquet"
    )
    rooms = asof.reference(Room, "rooms.parquet")
    level = world.levels.all(Room)
    ticking = asof.System(
        "rooms",
        requests=asof.ticks(rooms, hours(6)),
        features=asof.features(Room, size=Room.size),
        label=asof.outcome(level.next(hours(1)).mean(world.Level.level), wait=hours(1)),
        model=LinearRegression(),
        start=world.system.start,
        until=world.system.until,
    )
    mode = studied(folder, ticking, features="", predictions="nightly").facts.mode(
        "predictions nightly"
    )
    assert mode.made == mode.used == mode.coverage.asked == 3 * 4 * 30


def test_what_is_saved(study: ServingStudy, tmp_path: Path):
    page = study.save(tmp_path / "there")
    assert sorted(each.name for each in page.parent.iterdir()) == [
        "facts.json", "report.html", "serving.svg"
    ]  # fmt: skip
    assert study.save(tmp_path / "there") == page
    assert [each.name for each in tmp_path.iterdir()] == ["there"]
    assert json.loads((page.parent / "facts.json").read_text())["system"] == "small-world"
    assert study.frame.height == len(study.facts.modes)
    assert np.isclose(study.frame["metric"][0], study.facts.modes[0].total.value)
