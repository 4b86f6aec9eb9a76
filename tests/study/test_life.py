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

START = datetime(2024, 1, 1, tzinfo=UTC)


class Parcel(asof.Row):
    parcel_id: Key[int]
    heavy: Col[float]
    sent_at: Time


class Arrival(asof.Row):
    parcel_id: Key[int]
    late: Col[bool]
    arrived_at: Time
    told_at: Moment


def life(tmp_path: Path, wait: asof.units.Duration):
    """Parcels each hour; one outcome in twenty is told after 60 h, the others after 10 h."""
    random = np.random.default_rng(3)
    count = 2000
    sent = [START + timedelta(hours=h) for h in range(count)]
    heavy = random.normal(size=count)
    late = random.random(count) < 1 / (1 + np.exp(-heavy))
    told = [s + timedelta(hours=60 if n % 20 == 0 else 10) for n, s in enumerate(sent)]
    pl.DataFrame({"parcel_id": range(count), "heavy": heavy, "sent_at": sent}).write_parquet(
        tmp_path / "parcels.parquet"
    )
    pl.DataFrame(
        {"parcel_id": range(count), "late": late, "arrived_at": told, "told_at": told}
    ).write_parquet(tmp_path / "arrivals.parquet")
    parcels = asof.source(Parcel, "parcels.parquet")
    arrivals = asof.source(Arrival, "arrivals.parquet", available=Arrival.told_at)
    system = asof.System(
        "parcels",
        parcels,
        Parcel.sent_at,
        features=asof.features(Parcel, heavy=Parcel.heavy),
        label=asof.outcome(arrivals.same(Parcel.parcel_id), Arrival.late, wait=wait),
        model=LogisticRegression(),
        retraining=asof.every(days(20)),
    )
    return asof.backtest(system, base=tmp_path, draws=200).facts


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
