"""Gap: the way from a notebook's figure to production's, as a report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.effort import Unit
from asof.compute.interval import DRAWS
from asof.declare.system import System
from asof.engine.history import History, read_tables, until_of
from asof.engine.kept import KeptFits
from asof.engine.replay import start_of
from asof.engine.work import Progress, Work
from asof.stores.store import Store, store_of
from asof.study.backtest import ingest_declared
from asof.study.expected import featured, replay_guessed, replayed
from asof.study.facts import Figure
from asof.study.gap import judge, page
from asof.study.gap.diagnosis import QUICK_ROWS, ROWS
from asof.study.gap.facts import GapFacts
from asof.study.gap.stages import guessed, run, stages
from asof.study.gap.world import FOLDS, QUICK_FOLDS, Setting, World, reseeded, world
from asof.study.report.study import Study
from asof.study.report.told import Told

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Gap(Study):
    """The gap of a system: `facts` for reading, `frame` a row a stage.

    In a notebook it shows itself; `to_json()` gives the same facts, `save(folder)` writes the
    report.
    """

    facts: GapFacts
    predictions: Mapping[str, Floats] = field(repr=False)

    picture: ClassVar[str] = "gap.svg"

    @property
    def frame(self) -> pl.DataFrame:
        """One row a stage: its level and its step, each with the interval."""
        return pl.DataFrame(
            {
                "stage": [each.key for each in self.facts.stages],
                "since": [each.since or None for each in self.facts.stages],
                **_columns("level", [each.level for each in self.facts.stages]),
                **_columns("step", [each.step for each in self.facts.stages]),
                "n": [each.level.n for each in self.facts.stages],
                "why": [each.level.why for each in self.facts.stages],
            },
            schema_overrides={"since": pl.String},
        )

    @property
    def written(self) -> GapFacts:
        """The facts, to be written."""
        return self.facts

    def told(self) -> Told:
        """What the gap says, for all faces."""
        return page.of(self.facts)


def gap(
    system: System[Any],
    *,
    base: Path | str = ".",
    store: Store | None = None,
    question: str = "",
    draws: int = DRAWS,
    seeds: int = 1,
    quick: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Gap:
    """Replay a system's life with one idealisation after another taken away.

    `seeds` times fits and folds are drawn anew, to see by how much that alone moves a step.
    `quick` looks at two periods of the life with three folds, and says so. What was computed
    before, by this or another study, is kept and used again. `progress` is told how far it has
    come. The other arguments are those of `backtest`.

    Raises:
        DataRefused: a file was refused as a whole, or there is nothing to replay.
    """
    base = Path(base)
    with store_of(system.name, base, store) as opened:
        ingest_declared(system, opened, base)
        tables = read_tables(system, opened)
        history = History(system, tables, until_of(system, opened))
        work = Work(progress, lanes=workers or os.cpu_count() or 1)
        study = _Study(KeptFits(opened, workers=workers, work=work), work, workers, question, draws)
        found = study.gap(history, Setting(QUICK_FOLDS if quick else FOLDS, quick), seeds)
        work.over()
        return found


@dataclass(frozen=True)
class _Study:
    """One gap under way."""

    kept: KeptFits
    work: Work
    workers: int | None
    question: str
    draws: int

    def gap(self, history: History, setting: Setting, seeds: int) -> Gap:
        start = start_of(history.system, history)
        self.work.plan("stages", guessed(history, start, setting))
        self.work.plan("figures", [self._figures(history, setting)])
        whole = [*replay_guessed(history, start), *guessed(history, start, setting)]
        self.work.plan("other seeds", whole * (seeds - 1))
        featured(history, self.work)
        life = replayed(history, self.kept, "life", workers=self.workers)
        here = world(life, setting)
        why = judge.nothing(here)
        if why:
            return Gap(judge.facts_of(here, self.question, self.draws, seeds, why), {})
        first = run(here, stages(here, self.work), self.kept)
        others: list[Mapping[str, Floats | str]] = []
        for seed in range(1, seeds):
            self.work.plan("other seeds", whole * (seeds - 1 - seed))
            others.append(self._another(here, seed))
        with self.work.doing(self._figures(history, setting)):
            return Gap(*judge.told(here, self.kept, first, others, self.question, self.draws))

    def _another(self, here: World, seed: int) -> Mapping[str, Floats | str]:
        """The same stages and the same life with another seed."""
        model = here.history.system.model
        for _ in range(seed):
            model = reseeded(model)
        system = here.history.system.but(model=model)
        history = History(system, here.history.tables, here.history.until)
        self.work.plan("stages", guessed(history, here.life.start, here.setting))
        featured(history, self.work)
        life = replayed(history, self.kept, "life", workers=self.workers)
        other = world(life, Setting(here.setting.folds, here.setting.quick, seed))
        if not np.array_equal(other.scored, here.scored):
            return {}
        found = run(other, stages(other, self.work), self.kept)
        return {**found.predictions, "policy": life.predictions[here.scored]}

    def _figures(self, history: History, setting: Setting) -> Unit:
        """The figures with their intervals, and the diagnosis, which costs most."""
        rows = 2 * (QUICK_ROWS if setting.quick else ROWS)
        return Unit("figures", float(min(len(history), rows) * len(history.system.features.names)))


def _columns(name: str, figures: Sequence[Figure | None]) -> dict[str, pl.Series]:
    return {
        head: pl.Series(
            [getattr(each, part) if each else None for each in figures], dtype=pl.Float64
        )
        for head, part in (
            (name, "value"),
            (f"{name}_low", "low"),
            (f"{name}_high", "high"),
        )
    }
