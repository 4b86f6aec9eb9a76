"""Simulated worlds in which it is known which bar of the gap is not zero, and how long it is.

Each world is a shop front: visits, and whether they end in a sale. In each exactly one thing goes
wrong between the notebook and production, in `nothing` nothing does, and `brief` is the same with
hardly a history before the life. Whatever else could go wrong is there too, but does not matter: a
note that comes late and tells nothing, a reading as old as midnight that tells nothing, refits that
bring nothing. So the other bars compare two different models, and are zero but for what a few rows
more or less teach a model.

The process, per visit:

    day      0, 1, ...; equally many visits a day, independent of one another but for what follows
    clock    hour of the day, uniform between 1:00 and 8:00
    x        normal, known with the visit
    note     normal, happens ten minutes before the visit, is known three hours after it
    early    normal, a reading at noon of the day before, known at once
    reading  normal, a reading twenty minutes before the visit, known at once
    shut     hours from the last closing to midnight; each day closes once, uniform 8:00 to 24:00
    mood     of the day, 1 or -1, for each day anew; code: names the day
    line     what is sold, by the calendar
    long     whether the outcome is told after 150 days and not after six hours
    sold     with probability 1 / (1 + exp(-odds)), `odds` as the world says

A model sees `features` of the world, as one of three views shows them:

    notebook   by event time:             note, reading, since = shut + clock
    fresh      as known at the visit:     0,    reading, since = shut + clock
    stale      as known at midnight:      0,    early,   since = shut

(0 where nothing is known; x, clock, line and code are the visit's own in every view.)

Moods are drawn for each day anew: were a day's like that of the day before, folds of days would
gain by the days on both sides, and the bar of the past would truly not be zero.

`simulated` draws the history of a seed, `written` writes its tables for `system`, which declares
it. `fresh` draws any number of visits of the life by the same code. Nothing is random but through
the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

import asof
from asof import Col, Key, Moment, Time, days, hours

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = 60_000_000
DAY = 1440 * MINUTE

A_DAY = 30
"""Visits a day."""

LONG_DAYS = 150
LINES = range(1, 5)


@dataclass(frozen=True)
class Visits:
    """Visits and all that their odds hang on, an array each."""

    day: Ints
    clock: Floats
    x: Floats
    note: Floats
    early: Floats
    reading: Floats
    shut: Floats
    mood: Floats
    code: Floats
    line: Floats
    long: Mask

    def __len__(self) -> int:
        return len(self.day)

    def view(self, name: str) -> dict[str, Floats]:
        """The features as the notebook, a fresh or a stale look shows them."""
        lines = {f"line{k}": (self.line == k).astype(np.float64) for k in LINES}
        return {
            "x": self.x,
            "clock": self.clock,
            "code": self.code,
            "note": self.note if name == "notebook" else np.zeros(len(self)),
            "reading": self.early if name == "stale" else self.reading,
            "since": self.shut if name == "stale" else self.shut + self.clock,
            **lines,
        }


def _no_line(day: Ints, _: np.random.Generator) -> Floats:
    return np.zeros(len(day))


@dataclass(frozen=True)
class GapWorld:
    """A world: what goes wrong in it, the bar that must show it, its odds, and its size.

    The life is the last `life` of `days` days; `lines` says what is sold on a day of it, from 0 on.
    `long` is the share of outcomes told late, `changes` what the system declares otherwise.
    """

    name: str
    wrong: str
    carries: str | None
    odds: Callable[[Visits], Floats]
    features: tuple[str, ...] = ("x", "note", "reading")
    changes: dict[str, Any] = field(default_factory=dict)
    lines: Callable[[Ints, np.random.Generator], Floats] = _no_line
    long: float = 0.0
    moods: bool = False
    wait: int = 24
    """Hours until an outcome is due; it is told after six."""
    days: int = 140
    life: int = 28

    @property
    def begins(self) -> int:
        """The first day of the life."""
        return self.days - self.life


# --- the process ---------------------------------------------------------------------------------


def simulated(world: GapWorld, seed: int) -> tuple[Visits, Mask]:
    """The history of a seed: its visits in order of time, and which of them were sales."""
    chance = np.random.default_rng([seed, *world.name.encode()])
    day = np.repeat(np.arange(world.days), A_DAY)
    shut = _shut(chance, world.days)
    mood = _moods(chance, world.days) * world.moods
    code = chance.permutation(world.days).astype(np.float64)
    visits = _drawn(world, day, chance, shut=shut[day], mood=mood[day], code=code[day])
    order = np.lexsort((visits.clock, visits.day))
    visits = replace(visits, **{name: array[order] for name, array in vars(visits).items()})
    return visits, chance.random(len(visits)) < chances(world, visits)


def fresh(world: GapWorld, size: int, seed: int) -> Visits:
    """Visits of the life drawn from the same process, in order of their days.

    Only how far the life has come is that of the calendar: each visit is of a day of its own, its
    closing and its mood drawn for it alone, its code one that no model has seen.
    """
    chance = np.random.default_rng([seed, 1, *world.name.encode()])
    day = world.begins + np.arange(size) * world.life // size
    mood = _moods(chance, size) * world.moods
    code = np.full(size, -1.0)
    return _drawn(world, day, chance, shut=_shut(chance, size), mood=mood, code=code)


def chances(world: GapWorld, visits: Visits) -> Floats:
    """The true probability that a visit ends in a sale."""
    found: Floats = 1.0 / (1.0 + np.exp(-world.odds(visits)))
    return found


def _drawn(world: GapWorld, day: Ints, chance: np.random.Generator, **of_days: Floats) -> Visits:
    n = len(day)
    return Visits(
        day=day,
        clock=chance.integers(60, 480, n) / 60.0,
        x=_normal(chance, n),
        note=_normal(chance, n),
        early=_normal(chance, n),
        reading=_normal(chance, n),
        line=world.lines(day - world.begins, chance),
        long=chance.random(n) < world.long,
        **of_days,
    )


def _normal(chance: np.random.Generator, size: int) -> Floats:
    """Standard normal values in steps of 1/20: so few that a tree need not look for its bins."""
    return np.round(chance.normal(size=size) * 20) / 20


def _shut(chance: np.random.Generator, size: int) -> Floats:
    return chance.integers(1, 16 * 60, size) / 60.0


def _moods(chance: np.random.Generator, size: int) -> Floats:
    return np.where(chance.random(size) < 0.5, -1.0, 1.0)


class KnowsDays(ClassifierMixin, BaseEstimator):
    """A logistic regression with an effect for each code in the last column, 0 for unknown ones."""

    def fit(self, X: Floats, y: Ints) -> KnowsDays:
        self.codes_, place = np.unique(X[:, -1], return_inverse=True)
        coded = sparse.csr_array((np.ones(len(X)), (np.arange(len(X)), place)))
        self.line_ = LogisticRegression().fit(sparse.hstack([X[:, :-1], coded], format="csr"), y)
        self.classes_ = self.line_.classes_
        return self

    def predict_proba(self, X: Floats) -> Floats:
        others, effects = np.split(self.line_.coef_[0], [X.shape[1] - 1])
        place = np.minimum(np.searchsorted(self.codes_, X[:, -1]), len(self.codes_) - 1)
        effect = np.where(self.codes_[place] == X[:, -1], effects[place], 0.0)
        p = 1.0 / (1.0 + np.exp(-(X[:, :-1] @ others + effect + self.line_.intercept_[0])))
        return np.column_stack([1.0 - p, p])


# --- the declaration -----------------------------------------------------------------------------


class Visit(asof.Row):
    visit: Key[int]
    at: Time
    x: Col[float]
    clock: Col[float]
    code: Col[float]
    line: Col[float]
    settled_at: Moment


class Sale(asof.Row):
    visit: Key[int]
    sold: Col[bool]
    sold_at: Time
    told_at: Moment


class Note(asof.Row):
    visit: Key[int]
    value: Col[float]
    noted_at: Time
    told_at: Moment


class Reading(asof.Row):
    visit: Col[int]
    value: Col[float]
    read_at: Time


class Closing(asof.Row):
    closed_at: Time


def system(world: GapWorld) -> asof.System[Visit]:
    """The declaration of a world, its files in the folder that the study is given as base."""
    visits = asof.source(Visit, "visits.parquet")
    sales = asof.source(Sale, "sales.parquet", available=Sale.told_at)
    notes = asof.source(Note, "notes.parquet", available=Note.told_at)
    readings = asof.source(Reading, "readings.parquet")
    closings = asof.source(Closing, "closings.parquet")
    features: dict[str, Any] = {
        "x": Visit.x,
        "clock": Visit.clock,
        "code": Visit.code,
        "note": notes.same(Visit.visit).last(hours(1)).latest(Note.value).or_else(0.0),
        "reading": readings.same(Visit.visit).last(days(2)).latest(Reading.value),
        "since": closings.all(Visit).last(days(2)).since().in_hours(),
        **{f"line{k}": Visit.line.equals(float(k)) for k in LINES},
    }
    sold = sales.same(Visit.visit)
    declared = asof.System(
        world.name,
        requests=visits,
        at=Visit.at + hours(0),
        features=asof.features(Visit, **{name: features[name] for name in world.features}),
        label=asof.outcome(sold, Sale.sold, due=Visit.settled_at)
        if world.long
        else asof.outcome(sold, Sale.sold, wait=hours(world.wait)),
        model=LogisticRegression(),
        train=asof.sliding(days(93)),
        retraining=asof.every(days(14)),
        serving=_nightly("fresh"),
        start=FIRST + timedelta(days=world.begins),
        until=FIRST + timedelta(days=world.days + LONG_DAYS + 2),
    )
    return declared.but(**world.changes) if world.changes else declared


def _nightly(trained: Any) -> Any:
    return asof.batch_features(asof.daily(time(0), zone="UTC"), trained=trained)


def written(world: GapWorld, visits: Visits, sold: Mask, folder: Path) -> None:
    """Write the tables of a history into a folder."""
    number = np.arange(len(visits))
    midnight = visits.day * DAY
    at = midnight + _minutes(visits.clock)
    told = at + np.where(visits.long, LONG_DAYS * DAY, 360 * MINUTE)
    closed_of, place = np.unique(visits.day, return_index=True)
    _write(
        folder / "visits.parquet", visit=number, at=_moments(at), x=visits.x, clock=visits.clock,
        code=visits.code, line=visits.line, settled_at=_moments(told + MINUTE),
    )  # fmt: skip
    _write(
        folder / "sales.parquet", visit=number, sold=sold, sold_at=_moments(at),
        told_at=_moments(told),
    )  # fmt: skip
    _write(
        folder / "notes.parquet", visit=number, value=visits.note,
        noted_at=_moments(at - 10 * MINUTE), told_at=_moments(at + 180 * MINUTE),
    )  # fmt: skip
    _write(
        folder / "readings.parquet",
        visit=np.tile(number, 2),
        value=np.concatenate([visits.early, visits.reading]),
        read_at=_moments(np.concatenate([midnight - DAY // 2, at - 20 * MINUTE])),
    )
    closed = closed_of * DAY - _minutes(visits.shut[place])
    _write(folder / "closings.parquet", closed_at=_moments(closed))


def _minutes(in_hours: Floats) -> Ints:
    return np.round(in_hours * 60).astype(np.int64) * MINUTE


def _moments(since_first: Ints) -> pl.Series:
    micros = int(FIRST.timestamp()) * 1_000_000 + since_first
    return pl.Series(micros).cast(pl.Datetime("us", "UTC"))


def _write(path: Path, **columns: Any) -> None:
    pl.DataFrame(columns).write_parquet(path)


# --- the worlds ----------------------------------------------------------------------------------


def _tried_out(day: Ints, chance: np.random.Generator) -> Floats:
    """A line sold alone in the week before the life, then not for a week, then every second time.

    What became of it is known some days into the life: the first model is fitted without.
    """
    tried = (day >= -7) & (day < 0)
    return (tried | ((day >= 7) & (chance.random(len(day)) < 0.5))).astype(np.float64)


def _new_each_week(day: Ints, _: np.random.Generator) -> Floats:
    """From the beginning of the life on each week sells something else."""
    return np.where(day < 0, 0, day // 7 + 1).astype(np.float64)


WEEKLY = asof.every(days(7))

WORLDS = {
    world.name: world
    for world in (
        GapWorld(
            "leakage",
            "the note tells, and is known only after the visit",
            "available",
            lambda v: v.x + 0.8 * v.note,
        ),
        GapWorld(
            "correlation",
            "each day has a mood, and a code by which a model knows it again",
            "blocks",
            lambda v: v.x + 1.2 * v.mood,
            features=("x", "note", "reading", "code"),
            changes={"model": KnowsDays(), "train": asof.sliding(days(107))},
            moods=True,
        ),
        GapWorld(
            "delay",
            "outcomes that take long are mostly sales",
            "mature",
            lambda v: v.x + np.where(v.long, 3.0, 0.0),
            changes={
                "serving": _nightly("aligned"),
                "train": asof.expanding(),
                "retraining": WEEKLY,
            },
            long=0.35,
        ),
        GapWorld(
            "staleness",
            "the reading tells, and the one of the day before does not",
            "stale",
            lambda v: v.x + 0.8 * v.reading,
            changes={"serving": _nightly("aligned")},
        ),
        GapWorld(
            "skew",
            "hours since closing tell; they are counted to midnight where served",
            "skew",
            lambda v: v.x + 0.16 * (v.shut + v.clock - 12),
            features=("x", "note", "reading", "since", "clock"),
            changes={"retraining": WEEKLY},
        ),
        GapWorld(
            "ageing",
            "a new line sells better, which the only fit came too early to learn",
            "policy",
            lambda v: v.x + 1.4 * v.line,
            features=("x", "note", "reading", "line1"),
            changes={"retraining": asof.never()},
            lines=_tried_out,
            wait=7 * 24,
            days=210,
            life=42,
        ),
        GapWorld(
            "covariates",
            "each week of the life sells something else, at other rates",
            "past",
            lambda v: v.x + np.where(v.line == 0, 0.0, np.where(v.line % 2 == 0, -0.8, 0.8)),
            features=("x", "note", "reading", *(f"line{k}" for k in LINES)),
            changes={"serving": _nightly("aligned"), "retraining": WEEKLY},
            lines=_new_each_week,
            wait=12,
        ),
        GapWorld("nothing", "nothing", None, lambda v: v.x),
        GapWorld(
            "brief",
            "nothing, but hardly anything is known before the life",
            None,
            lambda v: v.x,
            changes={"train": asof.expanding()},
            days=42,
        ),
    )
}
