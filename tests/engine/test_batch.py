"""A batch run: the same answers as a life that predicts in batches, at every run of it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import asof
from asof.compute.requests import names
from asof.compute.schedule import moment
from asof.engine import batch
from asof.engine.batch_output import Output
from asof.engine.ingest import ingest
from asof.errors import DataRefused, EstimatorError, StoreError, UsageError
from asof.stores.records import LIVE_FROM
from asof.stores.store import Store
from asof.study.reproduce import reproduce

sys.path.insert(0, str(Path(__file__).parent))
world: Any = import_module("batch_world")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, asof.backtest]]:
    """The shop's folder, and its lives with both models."""
    folder = tmp_path_factory.mktemp("orders")
    world.write(folder)
    systems = {"trees": world.system, "lines": world.linear}
    return folder, {
        name: asof.backtest(system, base=folder, draws=20) for name, system in systems.items()
    }


@pytest.mark.parametrize("model", ["trees", "lines"])
def test_every_run_of_a_life_is_a_batch_run_to_the_bit(lived, model: str):
    folder, lives = lived
    life = lives[model].life
    history, system = life.history, life.history.system
    called = names(history.requests).to_numpy()
    inside = np.arange(len(history)) >= life.first
    runs = np.unique(history.serving.as_of[inside & ~life.fallback])
    assert len(runs) > 20
    asked = 0
    for run in runs[::3]:
        rows = np.flatnonzero((history.serving.as_of == run) & history.serving.covered)
        found = asof.score(system, as_of=moment(int(run)), base=folder).frame()
        told = dict(zip(found["request"], found["prediction"], strict=True))
        for row in rows:
            if inside[row]:
                assert told[called[row]] == life.predictions[row]
                asked += 1
    assert asked > 100


def test_what_was_asked_before_is_not_asked_again(lived):
    """A correction that moves an order to tomorrow does not ask about it a second time (LAW 4a)."""
    folder, lives = lived
    history = lives["trees"].life.history
    fired = dict(zip(names(history.requests), history.requests.fired, strict=True))
    at = world.BEGIN + timedelta(days=20)
    for day in range(0, 12, 3):
        run = at + timedelta(days=day)
        found = asof.score(world.system, as_of=run, base=folder).frame()
        micros = int(run.timestamp() * 1e6)
        assert all(fired.get(name, micros) >= micros for name in found["request"])
        assert found["request"].n_unique() == found.height


def test_a_run_answers_from_its_moment_on_and_not_at_its_end(lived):
    folder, lives = lived
    life = lives["trees"].life
    history = life.history
    called, moments = names(history.requests), history.requests.fired
    hour = 3_600_000_000
    known = dict(
        history.tables["order"].frame.group_by("order_id").agg(pl.col("told_at").min()).iter_rows()
    )
    chosen = [
        n for n in range(life.first + 9, life.last, 9)
        if known[int(called[n])] < moments[n] - 2 * hour and history.requests.at[n] == moments[n]
    ][20:23]  # fmt: skip
    assert len(chosen) == 3
    for n in chosen:
        at = moment(int(moments[n]))
        from_then = asof.score(world.system, as_of=at, ahead=asof.hours(1), base=folder)
        up_to_then = asof.score(
            world.system, as_of=at - timedelta(hours=1), ahead=asof.hours(1), base=folder
        )
        assert called[n] in from_then.frame()["request"]
        assert called[n] not in up_to_then.frame()["request"]


def test_cutting_into_batches_and_threads_change_nothing(lived, monkeypatch: pytest.MonkeyPatch):
    folder, _ = lived
    at = world.BEGIN + timedelta(days=30)
    rows = folder / "orders.parquet"
    for system in (world.linear, world.system):
        whole = asof.score(system, requests=rows, as_of=at, base=folder).frame()
        monkeypatch.setattr(batch, "_CELLS", 0)
        monkeypatch.setattr(batch, "_BLOCK", 7)
        cut = asof.score(system, requests=rows, as_of=at, base=folder, workers=3)
        monkeypatch.undo()
        assert cut.rows == whole.height > 900
        assert cut.frame().equals(whole)


def test_a_file_of_what_is_known_is_answered_as_the_source(lived, tmp_path: Path):
    folder, _ = lived
    at = world.BEGIN + timedelta(days=25)
    known = asof.score(world.system, as_of=at, base=folder)
    every = pl.read_parquet(folder / "orders.parquet")
    rows = (
        every.filter(pl.col("told_at") < at)
        .unique("order_id", keep="last", maintain_order=True)
        .filter(pl.col("order_id").cast(pl.String).is_in(known.frame()["request"].implode()))
    )
    rows.write_parquet(tmp_path / "asked.parquet")
    rows.with_columns(pl.col(pl.Datetime).dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ")).write_csv(
        tmp_path / "asked.csv"
    )
    wanted = known.frame().sort("request")
    assert wanted.height > 10
    for given in (tmp_path / "asked.parquet", str(tmp_path / "asked.csv"), rows):
        found = asof.score(world.system, requests=given, as_of=at, base=folder)
        assert found.frame().sort("request").equals(wanted)


def test_rows_that_break_the_contract_are_listed_in_their_place(lived):
    folder, _ = lived
    rows = {
        "order_id": ["1", "two", "3", "4"],
        "shop": ["ahorn", "birke", None, "eiche"],
        "weight": ["1.5", "1", "-2", "nan"],
        "express": ["yes", "no", "no", "perhaps"],
        "gone": ["no", "no", "no", "no"],
        "told_at": ["2024-01-19T00:00Z"] * 4,
        "sent_at": ["2024-01-20T08:00Z", "2024-01-20T08:00Z", "2024-01-19T08:00Z", "soon"],
        "unasked": [0, 0, 0, 0],
    }
    at = datetime(2024, 1, 20, tzinfo=UTC)
    found = asof.score(world.system, requests=pl.DataFrame(rows), as_of=at, base=folder)
    frame = found.frame()
    assert frame["order_id"].to_list() == [1, None, 3, 4]
    assert frame["reason"].to_list() == [
        None,
        "order_id is not a whole number",
        "weight is below 0",
        "weight is null; express is not true or false; sent_at is not a time",
    ]
    assert frame["prediction"].is_null().to_list() == [False, True, True, True]
    assert frame["model"].is_null().to_list() == [False, True, True, True]
    assert (found.rows, found.predicted, found.early) == (4, 1, 0)
    assert sum(found.reasons.values()) == 3


def test_a_withdrawn_row_is_not_answered_and_an_early_one_is_counted(lived):
    folder, _ = lived
    rows = pl.read_parquet(folder / "orders.parquet").head(2)
    rows = rows.with_columns(gone=pl.Series([True, False]))
    found = asof.score(
        world.system, requests=rows, as_of=world.BEGIN + timedelta(days=30), base=folder
    )
    assert found.reasons == {"the row takes its key back": 1}
    assert (found.predicted, found.early) == (1, 1)


def test_where_no_row_keeps_the_contract_nothing_is_written(lived, tmp_path: Path):
    folder, _ = lived
    rows = pl.read_parquet(folder / "orders.parquet").with_columns(weight=pl.lit(-1.0))
    with pytest.raises(DataRefused, match="None of") as refused:
        asof.score(
            world.system, requests=rows, as_of=world.BEGIN + timedelta(days=30), base=folder,
            out=tmp_path / "out.parquet",
        )  # fmt: skip
    assert "weight is below 0" in refused.value.found
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_column_is_refused_before_the_store_goes_live(lived, tmp_path: Path):
    folder, _ = lived
    rows = pl.read_parquet(folder / "orders.parquet").drop("weight")
    with pytest.raises(DataRefused, match="weight"):
        asof.score(world.system, requests=rows, base=folder)
    with Store(folder / ".asof" / "orders") as store:
        assert store.records.setting(LIVE_FROM) is None


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop that nothing was done with yet but loading."""
    world.write(tmp_path, many=300)
    with Store(tmp_path / ".asof" / "orders") as store:
        for table in world.system.tables:
            ingest(table, store, now=0, base=tmp_path)
    return tmp_path


AT = world.BEGIN + timedelta(days=30)


def test_without_a_model_it_says_how_to_get_one(shop: Path):
    with pytest.raises(UsageError, match="No model of orders is in service") as refused:
        asof.score(world.system, as_of=AT, base=shop)
    assert "--fit" in refused.value.mend


def test_a_model_fitted_now_is_kept_and_can_be_made_again(shop: Path):
    first = asof.score(world.system, as_of=AT, base=shop, fit=True)
    named = asof.score(world.system, as_of=AT, base=shop, model=first.model[:8])
    assert named.frame().equals(first.frame())
    assert first.predicted > 5
    with Store(shop / ".asof" / "orders") as store:
        assert reproduce(world.system, store, first.model).equal


def test_a_model_of_other_features_is_refused_by_what_differs(shop: Path):
    other = world.system.but(
        features=asof.features(
            world.Order, weight=world.Order.weight,
            coming=world.mine.next(asof.days(2)).count(), new=world.Order.express,
        )
    )  # fmt: skip
    linear = asof.score(world.linear, as_of=AT, base=shop, fit=True)
    with pytest.raises(UsageError, match="another declaration") as refused:
        asof.score(other, as_of=AT, base=shop, model=linear.model)
    assert refused.value.found == (
        f"its fingerprint is {world.linear.fingerprint}: "
        "coming has another meaning; mean is gone; new is new"
    )


def test_a_variant_with_the_same_question_may_use_the_model(shop: Path):
    first = asof.score(world.system, as_of=AT, base=shop, fit=True)
    variant = world.system.but(retraining=asof.never())
    assert asof.score(variant, as_of=AT, base=shop, model=first.model).predicted


def test_a_spoilt_artifact_is_not_loaded(shop: Path):
    first = asof.score(world.system, as_of=AT, base=shop, fit=True)
    with Store(shop / ".asof" / "orders") as store:
        artifact = store.directory / "models" / store.models.find(first.model).artifact
    artifact.write_bytes(artifact.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError, match="not what was registered"):
        asof.score(world.system, as_of=AT, base=shop, model=first.model)


def test_what_becomes_known_at_the_moment_or_later_is_not_seen(shop: Path):
    first = asof.score(world.system, as_of=AT, base=shop, fit=True)
    later = pl.read_parquet(shop / "visits.parquet").head(40)
    moved = later.with_columns(seen_at=pl.lit(AT), visited_at=pl.lit(AT - timedelta(hours=1)))
    with Store(shop / ".asof" / "orders") as store:
        ingest(world.visits, store, now=1, data=moved)
    again = asof.score(world.system, as_of=AT, base=shop, model=first.model)
    assert again.frame().equals(first.frame())
    assert again.offset > first.offset
    known = moved.with_columns(seen_at=pl.lit(AT - timedelta(microseconds=1)))
    with Store(shop / ".asof" / "orders") as store:
        ingest(world.visits, store, now=2, data=known)
    seen = asof.score(world.system, as_of=AT, base=shop, model=first.model)
    assert not seen.frame().equals(first.frame())


def test_as_of_now_makes_the_store_live_once(shop: Path):
    asked = asof.score(world.system, as_of=AT, base=shop, fit=True)
    rows = pl.read_parquet(shop / "orders.parquet").head(3)
    first = asof.score(world.system, requests=rows, base=shop, model=asked.model)
    assert first.live_from == first.as_of
    second = asof.score(world.system, requests=rows, base=shop, model=asked.model)
    assert second.live_from is None
    with Store(shop / ".asof" / "orders") as store:
        assert store.records.setting(LIVE_FROM) == first.as_of
        kept = store.records.runs(kind="score")
    assert [run.facts["as_of"] for run in kept][-1] == second.to_dict()["as_of"]


@pytest.mark.parametrize(
    ("as_of", "words"),
    [(datetime(2024, 1, 20), "time zone"), (datetime(9000, 1, 1, tzinfo=UTC), "not known yet")],  # noqa: DTZ001
)
def test_a_moment_without_a_zone_or_to_come_is_refused(shop: Path, as_of: datetime, words: str):
    with pytest.raises(UsageError, match=words):
        asof.score(world.system, as_of=as_of, base=shop)


class Stop(BaseException):
    """Somebody stops it."""


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_a_run_that_is_stopped_leaves_what_was_there(
    lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    folder, _ = lived
    out = tmp_path / name
    out.write_text("before", encoding="utf-8")
    monkeypatch.setattr(batch, "_CELLS", 0)
    monkeypatch.setattr(batch, "_BLOCK", 10)

    def stop(done: int, total: int | None) -> None:
        assert total is not None
        assert done < total
        if done > 300:
            raise Stop

    rows = folder / "orders.parquet"
    with pytest.raises(Stop):
        asof.score(world.system, requests=rows, as_of=AT, base=folder, out=out, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert out.read_text(encoding="utf-8") == "before"
    done = asof.score(world.system, requests=rows, as_of=AT, base=folder, out=out)
    assert done.frame().height == done.rows


def test_an_estimator_that_fails_is_told_and_nothing_is_left(
    lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder, _ = lived
    answers = world.LGBMClassifier.predict_proba

    def fails(self: object, data: np.ndarray) -> np.ndarray:
        if len(data) < 300:
            message = "no more"
            raise ValueError(message)
        return answers(self, data)

    monkeypatch.setattr(world.LGBMClassifier, "predict_proba", fails)
    monkeypatch.setattr(batch, "_CELLS", 0)
    monkeypatch.setattr(batch, "_BLOCK", 40)
    with pytest.raises(EstimatorError, match="failed when it was asked") as failed:
        asof.score(
            world.system, requests=folder / "orders.parquet", as_of=AT, base=folder,
            out=tmp_path / "out.parquet",
        )  # fmt: skip
    assert failed.value.where == world.system.declared
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_said_in_words(tmp_path: Path):
    schema = {"a": pl.Int64()}
    with pytest.raises(UsageError, match="no folder"):
        Output(tmp_path / "no" / "out.csv", schema, {})
    if Path("/dev/full").exists():
        output = Output(tmp_path / "out.csv", schema, {})
        (tmp_path / output._part.name).symlink_to("/dev/full")
        with pytest.raises(StoreError, match="disk is full"), output:
            output.write(pl.DataFrame({"a": range(100_000)}))
        assert list(tmp_path.iterdir()) == []


def test_output_says_in_its_metadata_what_was_asked(lived, tmp_path: Path):
    folder, _ = lived
    done = asof.score(world.system, as_of=AT, base=folder, out=tmp_path / "out.parquet")
    noted = pl.read_parquet_metadata(tmp_path / "out.parquet")
    assert noted["asof.as_of"] == "2024-01-31T00:00:00Z"
    assert (noted["asof.model"], noted["asof.offset"]) == (done.model, str(done.offset))
    assert done.frame().columns == [
        "request", "order_id", "as_of", "model", "prediction", "reason",
    ]  # fmt: skip


def test_ticks_ask_about_every_known_row_at_each_of_their_moments(shop: Path):
    """Each shop at each tick within reach, as a life answers it."""
    hour = asof.ticks(world.shops, asof.hours(6))
    system = asof.System(
        "mornings",
        requests=hour,
        features=asof.features(
            world.Shop, floors=world.Shop.floors, hour=hour.moment.local("UTC").hour(),
            seen=world.visits.same(world.Shop.shop).last(asof.days(3)).count(),
        ),
        label=asof.happens(
            world.visits.same(world.Shop.shop), within=asof.hours(3), wait=asof.hours(60)
        ),
        model=world.lines,
        serving=world.system.serving,
        start=world.system.start,
        until=world.system.until,
    )  # fmt: skip
    life = asof.backtest(system, base=shop, draws=20).life
    history = life.history
    called = names(history.requests).to_numpy()
    run = int(history.serving.as_of[-1])
    found = asof.score(system, as_of=moment(run), base=shop).frame()
    told = dict(zip(found["request"], found["prediction"], strict=True))
    rows = np.flatnonzero((history.serving.as_of == run) & history.serving.covered)
    assert len(rows) >= 2
    assert all(told[called[row]] == life.predictions[row] for row in rows)
    assert found.height == 2 * 5  # two shops, thirty hours
    assert found.columns[:3] == ["request", "shop", "moment"]
    given = pl.DataFrame({"shop": ["ahorn", "birke"], "floors": [3, 1], "town": ["Ulm", "Bonn"]})
    again = asof.score(system, requests=given, as_of=moment(run), base=shop).frame()
    assert again.sort("request").equals(found.sort("request"))
