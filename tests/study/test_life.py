"""What the facts say of outcomes that come too late, on rows whose truth is plain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

import asof
from asof import Col, Key, Moment, Time, days, hours
from asof.declare.labels import Label

START = datetime(2024, 1, 1, tzinfo=UTC)


class Parcel(asof.Row):
    parcel_id: Key[int]
    heavy: Col[float]
    sent_at: Time
    promised_at: Moment


class Arrival(asof.Row):
    parcel_id: Key[int]
    late: Col[bool]
    arrived_at: Time
    told_at: Moment


def life(tmp_path: Path, wait: asof.units.Duration):
    return lived(tmp_path, wait).facts


def lived(tmp_path: Path, wait: asof.units.Duration):
    """Parcels each hour; one outcome in twenty is told after 60 h, the others after 10 h."""
    random = np.random.default_rng(3)
    count = 2000
    sent = [START + timedelta(hours=h) for h in range(count)]
    heavy = random.normal(size=count)
    late = random.random(count) < 1 / (1 + np.exp(-heavy))
    told = [s + timedelta(hours=60 if n % 20 == 0 else 10) for n, s in enumerate(sent)]
    promised = [s + timedelta(days=300 if n % 30 == 0 else 2) for n, s in enumerate(sent)]
    pl.DataFrame(
        {"parcel_id": range(count), "heavy": heavy, "sent_at": sent, "promised_at": promised}
    ).write_parquet(tmp_path / "parcels.parquet")
    pl.DataFrame(
        {"parcel_id": range(count), "late": late, "arrived_at": told, "told_at": told}
    ).write_parquet(tmp_path / "arrivals.parquet")
    system = parcels_system(asof.outcome(arrivals.same(Parcel.parcel_id), Arrival.late, wait=wait))
    return asof.backtest(system, base=tmp_path, draws=200)


parcels = asof.source(Parcel, "parcels.parquet")
arrivals = asof.source(Arrival, "arrivals.parquet", available=Arrival.told_at)


def parcels_system(label: Label[Parcel]):
    return asof.System(
        "parcels",
        parcels,
        Parcel.sent_at,
        features=asof.features(Parcel, heavy=Parcel.heavy),
        label=label,
        model=LogisticRegression(),
        retraining=asof.every(days(20)),
    )


def test_a_wait_that_is_too_short_is_told_with_the_one_that_would_do(tmp_path: Path):
    facts = life(tmp_path, hours(20))
    assert facts.labels.late == pytest.approx(facts.labels.mature / 20, rel=0.1)
    note = next(note for note in facts.notes if "due time" in note)
    assert note.startswith("5.0% of the outcomes")
    assert "60.0 h" in note or "2.5 days" in note


def test_a_wait_that_is_long_enough_is_not_remarked_upon(tmp_path: Path):
    facts = life(tmp_path, hours(70))
    assert facts.labels.late == 0
    assert not any("due time" in note for note in facts.notes)
    assert facts.labels.half_known == hours(10).microseconds
    assert facts.labels.most_known == hours(60).microseconds


def test_predictions_have_no_label_before_it_is_due(tmp_path: Path):
    report = lived(tmp_path, hours(70))
    asked = report.predictions
    open_ = asked["due"].to_physical() >= report.facts.as_of
    assert 0 < open_.sum() == report.facts.labels.open  # though most told after ten hours
    assert asked.filter(open_)["label"].null_count() == open_.sum()
    known = asked.filter(~open_)
    assert known["label"].null_count() == report.facts.labels.never_came
    loss = -(known["label"] * known["prediction"].log()
             + (1 - known["label"]) * (1 - known["prediction"]).log()).mean()  # fmt: skip
    assert loss == pytest.approx(report.facts.served.total.value)


def test_where_leads_are_longer_than_the_life_every_study_says_that_no_week_is_final(tmp_path):
    lived(tmp_path, hours(70))  # leaves the files
    system = parcels_system(
        asof.outcome(
            arrivals.same(Parcel.parcel_id), Arrival.late, due=Parcel.promised_at + hours(70)
        )
    )
    report = asof.backtest(system, base=tmp_path, draws=50)
    assert str(report) == report._repr_mimebundle_()["text/plain"]
    assert repr(report) == f"<Backtest of {system.name}>"
    told = str(report).replace("\n", " ")
    assert "no week is final yet" in told
    assert "with final_share=0.95 in the declaration" in told
    counted = asof.backtest(system.but(final_share=0.95), base=tmp_path, draws=50).facts
    final = sum(slot.final for slot in counted.slots)
    assert f"{final} of {len(counted.slots)} weeks would count" in told
    assert counted.served.total.value is not None
    for study in (asof.compare, asof.serving):
        words = study(system, base=tmp_path)._repr_mimebundle_()["text/plain"]
        assert "no week is final yet (final_share= says when one is)" in words.replace("\n", " ")
