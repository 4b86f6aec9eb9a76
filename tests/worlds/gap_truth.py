"""How long the bars of a gap truly are: the same fits, scored on fresh visits.

A stage answers each visit by one of its fits, chosen by fold, period or both. A fresh visit has a
fold and a period too, and is answered by the same fit from the view of the features that the stage
sees. Its expected loss is computed with the true probability of a sale, which takes the noise of
outcomes out: as exact as ten times as many whose outcomes are drawn.

That is conditional on the fits, as the intervals are, and takes the days to be others, as the
intervals do. One kind of stage has no such truth: a fit of folds of rows that knows the days that
it is asked about (world `correlation`) cannot be asked about other days. The bars of these stages
are judged on fresh visits of the very days of the history, with their moods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from gap_worlds import GapWorld, Visits, chances, fresh, simulated, system, written
from numpy.typing import NDArray

from asof.compute.estimator import Fitted, predict
from asof.compute.interval import DRAWS
from asof.compute.matrix import Matrix
from asof.declare.policies import Online
from asof.engine.history import History, read_tables, until_of
from asof.engine.kept import KeptFits
from asof.engine.replay import replay
from asof.stores.store import Store
from asof.study.backtest import ingest_declared
from asof.study.gap.diagnosis import diagnosis
from asof.study.gap.judge import bars_of
from asof.study.gap.stages import Part, Run, run, stages
from asof.study.gap.world import Setting, World, world

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Group = tuple[tuple[str, int], ...]

DAY = 86_400_000_000
CHOSEN_BY = {
    "notebook": ("row",),
    "available": ("row",),
    "size": ("row", "period"),
    "blocks": ("day", "period"),
    "policy": ("fit",),
}
"""What decides which fit of a stage answers a visit; of the others it is the period."""

OF_ROWS = ("notebook", "available", "size")
"""Stages whose fits have seen rows of the days that they are asked about."""


@dataclass(frozen=True)
class BarTruth:
    """A bar as the study shows it, and its true length.

    `same`: both stages answer the same. Without an interval `low` and `high` are None.
    """

    stage: str
    value: float
    low: float | None
    high: float | None
    same: bool
    truth: float


@dataclass(frozen=True)
class Measured:
    """The bars of one history, and what the study says of its periods, None where not asked."""

    bars: tuple[BarTruth, ...]
    verdict: str | None = None


class Judge:
    """Fresh visits of the life of a world, by which fits are judged."""

    def __init__(self, of: GapWorld, visits: Visits, places: Mapping[str, Ints]) -> None:
        self.world = of
        self._visits = visits
        self._chance = chances(of, visits)
        self._places = places
        self._seen = {view: matrix_of(of, visits, view) for view in ("notebook", "fresh", "stale")}
        self._kept: dict[tuple[str, Group], tuple[Matrix, Floats]] = {}

    def loss(self, view: str, fitted: Fitted, group: Group) -> float:
        """What a fit adds to the mean expected log loss of all visits by those of a group."""
        seen, chance = self._asked(view, group)
        p = np.clip(predict(fitted, seen), 1e-15, 1 - 1e-15)
        return -float(chance @ np.log(p) + (1 - chance) @ np.log1p(-p)) / len(self._visits)

    def size(self, view: str, group: Group) -> int:
        """How many visits a group has."""
        return len(self._asked(view, group)[1])

    def _asked(self, view: str, group: Group) -> tuple[Matrix, Floats]:
        if (view, group) not in self._kept:
            self._kept[view, group] = self._shown(view, group)
        return self._kept[view, group]

    def _shown(self, view: str, group: Group) -> tuple[Matrix, Floats]:
        asked = np.ones(len(self._visits), dtype=np.bool_)
        for name, value in group:
            asked &= self._places[name] == value
        rows = np.flatnonzero(asked)
        return self._seen[view].take(rows), self._chance[rows]

    def among(self, history: Visits) -> Judge:
        """The same visits, but on the days of a history, with their closings, moods and codes."""
        day, place = np.unique(history.day, return_index=True)
        of = place[np.searchsorted(day, self._visits.day)]
        visits = replace(
            self._visits, shut=history.shut[of], mood=history.mood[of], code=history.code[of]
        )
        return Judge(self.world, visits, self._places)


def matrix_of(of: GapWorld, visits: Visits, view: str) -> Matrix:
    """The features of visits, as the engine computes them."""
    columns = visits.view(view)
    values = np.column_stack([columns[name] for name in of.features])
    return Matrix(of.features, np.asfortranarray(values), {})


class Judges:
    """The judge of a world: the same fresh visits for every history of it."""

    def __init__(self, of: GapWorld, size: int, seed: int) -> None:
        self.world = of
        self._visits = fresh(of, size, seed)
        self._judge: Judge | None = None

    def of(self, here: World) -> Judge:
        """The judge, with folds and periods like those of a history."""
        if self._judge is None:
            self._judge = Judge(self.world, self._visits, self._places(here))
        return self._judge

    def _places(self, here: World) -> dict[str, Ints]:
        since = self._visits.day - self.world.begins
        own = here.day[here.scored] - here.day[here.life.first]
        fold = np.zeros(self.world.life, dtype=np.int64)
        fold[own] = here.day_fold[here.scored]
        return {
            "row": np.arange(len(since)) % here.setting.folds,
            "day": fold[since],
            "period": _last(here.periods.edges[:-1] - here.life.start, since),
            "fit": _last(_triggers(here) - here.life.start, since),
        }


def _last(moments: Ints, day: Ints) -> Ints:
    """The last of some moments, all of them midnights, on each day of a life."""
    return np.searchsorted(moments // DAY, day, side="right") - 1


def _triggers(here: World) -> Ints:
    return np.array(sorted(fit.trigger for fit in here.life.fits.values()))


# --- the gap and its truth -----------------------------------------------------------------------


def measured(
    of: GapWorld, seed: int, folder: Path, judges: Judges, *, looked: bool = False
) -> Measured:
    """The bars of the history of a seed, in an empty folder, and the truth about them.

    They are what `asof.gap` shows (a test holds it to that), and if `looked` what it says of the
    periods.
    """
    visits, sold = simulated(of, seed)
    written(of, visits, sold, folder)
    declared = system(of)
    with Store(folder / ".asof" / declared.name) as store:
        ingest_declared(declared, store, folder)
        history = History(declared, read_tables(declared, store), until_of(declared, store))
        kept = KeptFits(store, workers=1)
        here = world(replay(history, workers=1, kept=kept), Setting())
        first = run(here, stages(here, kept.work), kept)
        judge = judges.of(here)
        fits = list(answering(here, first, kept))
        verdict = diagnosis(here, kept, DRAWS).verdict if looked else None
    truth = losses(here, fits, judge)
    on_these_days = losses(here, fits, judge.among(visits)) if of.moods else truth
    keys = [*first.predictions, "policy"]
    bars: list[BarTruth] = []
    for key, bar in zip(keys, bars_of(here, first, DRAWS), strict=True):
        if bar.step is None or bar.since is None:
            continue
        assert bar.step.value is not None
        since = keys[bar.since]
        true = on_these_days if since in OF_ROWS else truth
        length = 0.0 if bar.same else true[key] - true[since]
        step = bar.step
        bars.append(BarTruth(key, bar.step.value, step.low, step.high, bar.same, length))
    return Measured(tuple(bars), verdict)


@dataclass(frozen=True)
class Answers:
    """A fit of a stage, the view that it is asked with, and the scored requests it answers."""

    stage: str
    view: str
    fitted: Fitted
    at: Ints


def answering(here: World, first: Run, kept: KeptFits) -> Sequence[Answers]:
    """All fits of all stages, those of the life too."""
    views = {here.notebook.digest: "notebook", here.history.serving.matrix.digest: "stale"}
    views[here.fresh.matrix.digest] = "fresh"
    found = [
        Answers(stage.key, views[part.asked.digest], _fitted(part, kept), part.at)
        for stage in first.stages
        for part in stage.parts
    ]
    served = "fresh" if isinstance(here.history.system.serving, Online) else "stale"
    triggers = _triggers(here)
    fit = np.searchsorted(triggers, here.history.requests.fired[here.scored], side="right") - 1
    for each in here.life.fits.values():
        at = np.flatnonzero(triggers[fit] == each.trigger)
        if len(at):
            assert each.fitted is not None
            found.append(Answers("policy", served, each.fitted, at))
    return found


def _fitted(part: Part, kept: KeptFits) -> Fitted:
    fitted = kept.fit(part.training).fitted
    assert fitted is not None
    return fitted


def losses(here: World, fits: Sequence[Answers], judge: Judge) -> dict[str, float]:
    """The expected loss of each stage."""
    triggers = _triggers(here)
    own = {
        "row": here.row_fold[here.scored],
        "day": here.day_fold[here.scored],
        "period": here.period,
        "fit": np.searchsorted(triggers, here.history.requests.fired[here.scored], side="right")
        - 1,
    }
    found = dict.fromkeys((each.stage for each in fits), 0.0)
    answered = dict.fromkeys(found, 0)
    for each in fits:
        chosen_by = CHOSEN_BY.get(each.stage, ("period",))
        group = tuple((name, _only(own[name][each.at])) for name in chosen_by)
        found[each.stage] += judge.loss(each.view, each.fitted, group)
        answered[each.stage] += judge.size(each.view, group)
    assert set(answered.values()) == {judge.size("fresh", ())}, answered  # each visit, once
    return found


def _only(values: Ints) -> int:
    (value,) = np.unique(values)
    return int(value)
