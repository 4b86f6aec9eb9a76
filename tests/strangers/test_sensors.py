"""Hourly sensors with gaps and corrections: a regression, the value in six hours."""

from __future__ import annotations

import csv
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

SYSTEM = '''\
"""What will a sensor show in six hours?"""

from sklearn.ensemble import HistGradientBoostingRegressor

import asof
from asof import Col, Key, KeyTime, Moment, days, hours, minutes


class Reading(asof.Row):
    sensor: Key[str]
    taken_at: KeyTime
    value: Col[float | None] = asof.col(ge=0, le=500)
    arrived_at: Moment


readings = asof.source(Reading, "readings.csv", available=Reading.arrived_at)

same = readings.same(Reading.sensor)
levels = asof.stats(mean=asof.mean(Reading.value), most=asof.max(Reading.value))
features = asof.features(
    Reading,
    value=Reading.value,
    hour=Reading.taken_at.local("UTC").hour(),
    recent=same.last(hours(6), hours(24)).of(levels),
    yesterday=same.last(hours(1), before=hours(23)).latest(Reading.value),
    readings=same.last(days(1)).count(Reading.value),
)

system = asof.System(
    "air",
    requests=readings,
    at=Reading.taken_at,
    features=features,
    label=asof.outcome(
        same.next(minutes(1), after=hours(6)).first(Reading.value), wait=hours(2)
    ),
    model=HistGradientBoostingRegressor(max_iter=40, max_depth=4, random_state=0),
    metric="mae",
    retraining=asof.every(days(7)),
    baselines=(asof.persistence(same, Reading.value),),
)
'''


def write(folder: Path) -> None:
    """Ten weeks of six sensors: gaps, nulls, late rows, corrections a day later."""
    chance, rows = random.Random(3), []
    for sensor in range(6):
        level, silent = 40.0 + 5 * sensor, 0
        for hour in range(24 * 70):
            level += 0.05 * (45 - level) + chance.gauss(0, 3)
            silent = chance.randrange(2, 12) if chance.random() < 0.01 else max(0, silent - 1)
            if silent:
                continue
            taken = datetime(2024, 3, 1, tzinfo=UTC) + timedelta(hours=hour)
            value = max(0.0, level + 20 * math.sin(2 * math.pi * hour / 24))
            arrived = taken + timedelta(minutes=chance.choice([4, 6, 9, 70]))
            told = "" if chance.random() < 0.02 else f"{value:.1f}"
            rows.append([f"s{sensor}", taken, told, arrived])
            if chance.random() < 0.03:
                rows.append([f"s{sensor}", taken, f"{value + 2:.1f}", taken + timedelta(days=1)])
    rows.sort(key=lambda row: row[3])
    with (folder / "readings.csv").open("w", newline="") as file:
        stamped = [[s, t.isoformat(), v, a.isoformat()] for s, t, v, a in rows]
        csv.writer(file).writerows([["sensor", "taken_at", "value", "arrived_at"], *stamped])


def rows(stranger) -> list[tuple[str, datetime, float | None, datetime]]:
    with (stranger.folder / "readings.csv").open() as file:
        return [
            (
                row["sensor"],
                datetime.fromisoformat(row["taken_at"]),
                float(row["value"]) if row["value"] else None,
                datetime.fromisoformat(row["arrived_at"]),
            )
            for row in csv.DictReader(file)
        ]


def as_of(file, sensor: str, moment: datetime) -> dict[datetime, float | None]:
    """One value an hour, the latest version known before a moment."""
    return {  # in the order of arrival: the last one stays
        taken: value for name, taken, value, arrived in file if name == sensor and arrived < moment
    }


def test_a_label_is_the_value_in_six_hours_as_known_when_due(stranger):
    file = rows(stranger)
    answers = stranger.answers
    some = answers[:: answers.height // 40]
    values = 0
    for request, due, label in some.select("request", "due", "label").iter_rows():
        sensor, taken = request.split("/")
        at = datetime.fromisoformat(taken)
        assert due == at + timedelta(hours=8, minutes=1)
        known = as_of(file, sensor, due + timedelta(microseconds=1))  # at the due time counts
        assert label == known.get(at + timedelta(hours=6))
        values += label is not None
    assert values > 30


def test_features_take_corrections_only_once_they_are_known(stranger):
    file = rows(stranger)
    hour = timedelta(hours=1)
    corrected = [row for row in file if row[3] - row[1] == timedelta(days=1)][5:60:18]
    for sensor, taken, _, _ in corrected:
        at = taken + 3 * hour
        first = next((r for r in file if r[:2] == (sensor, at)), None)
        if first is None:
            continue
        asked = first[3]
        told = stranger.features(f"{sensor}/{at:%Y-%m-%dT%H:%M:%SZ}")
        known = as_of(file, sensor, asked)
        own = known.pop(at, None)
        assert own is None
        window = [v for t, v in known.items() if asked - 24 * hour <= t < asked and v is not None]
        assert told["readings"] == len(window)
        assert abs(told["recent_mean_1d"] - sum(window) / len(window)) < 1e-9
        assert told["recent_most_1d"] == max(window)


def test_what_is_said(stranger):
    assert "mean absolute error" in stranger.said
    assert "constant mean" in stranger.said
    assert "last known by sensor" in stranger.said
    facts = stranger.facts
    assert facts["labels"]["positive_share"] is None
    assert facts["labels"]["never_came"] > 300  # gaps and nulls are no outcomes
    known = stranger.asof("why", "system.py", "s2/2024-03-20T12:00:00Z", "readings", "--rows", "2")
    assert "the asked row itself is never in a window of its own source" in known
    assert stranger.reproduces_every_model() == facts["cost"]["fits"]
