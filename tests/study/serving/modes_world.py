"""A small world: a level that wanders within the day, asked about every half hour.

What decides an outcome is the level of the last hour, so that features of the night know little.
`Ask.fixed` decides nothing. Every sixth question is known only half an hour before it is asked, the
others a day and a half before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import asof
from asof import Col, Key, Moment, Time, days, hours, minutes

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 40


class Ask(asof.Row):
    ask: Key[int]
    fixed: Col[float]
    known_at: Moment
    comes_at: Time


class Level(asof.Row):
    level: Col[float]
    measured_at: Time


class Answer(asof.Row):
    ask: Key[int]
    yes: Col[bool]
    told_at: Time


asks = asof.source(Ask, "asks.parquet", available=Ask.known_at)
levels = asof.source(Level, "levels.parquet", lag=minutes(0))
answers = asof.source(Answer, "answers.parquet", lag=minutes(0))

system = asof.System(
    "small-world",
    requests=asks,
    at=Ask.comes_at,
    features=asof.features(
        Ask, fixed=Ask.fixed, level=levels.all(Ask).last(hours(2)).latest(Level.level)
    ),
    label=asof.outcome(answers.same(Ask.ask), Answer.yes, wait=hours(2)),
    model=make_pipeline(SimpleImputer(), LogisticRegression()),
    retraining=asof.every(days(10)),
    start=datetime(2024, 1, 11, tzinfo=UTC),
    until=datetime(2024, 2, 10, tzinfo=UTC),
)


def write(folder: Path, *, seed: int = 0, strength: float = 3.0, outcome: str = "") -> None:
    """The world's files; `strength` 0 lets nothing decide, `outcome` makes all alike."""
    rng = np.random.default_rng(seed)
    minutes_of = np.arange(0, DAYS * 24 * 60, 15)
    wander = np.zeros(len(minutes_of))
    for i in range(1, len(wander)):  # it forgets within some hours
        wander[i] = 0.93 * wander[i - 1] + rng.normal(scale=0.37)
    begin = np.datetime64(BEGIN.replace(tzinfo=None), "us")
    at = begin + minutes_of.astype("timedelta64[m]")
    pl.DataFrame({"level": wander, "measured_at": _utc(at)}).write_parquet(
        folder / "levels.parquet"
    )
    asked = np.arange(8, len(minutes_of) - 12, 2)
    comes = at[asked] + np.timedelta64(5, "m")
    late = np.arange(len(asked)) % 6 == 0
    known = comes - np.where(late, np.timedelta64(30, "m"), np.timedelta64(36 * 60, "m"))
    chance = 1 / (1 + np.exp(-strength * wander[asked]))
    yes = rng.random(len(asked)) < chance
    if outcome:
        yes = np.full(len(asked), outcome == "yes")
    number = np.arange(len(asked))
    pl.DataFrame(
        {"ask": number, "fixed": rng.normal(size=len(asked)), "known_at": _utc(known),
         "comes_at": _utc(comes)}
    ).write_parquet(folder / "asks.parquet")  # fmt: skip
    pl.DataFrame(
        {"ask": number, "yes": yes, "told_at": _utc(comes + np.timedelta64(60, "m"))}
    ).write_parquet(folder / "answers.parquet")


def _utc(values: np.ndarray) -> pl.Series:
    return pl.Series(values).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
