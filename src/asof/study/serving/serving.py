"""Serving: batch or real time, answered by replaying the same requests in every mode."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from asof.compute.effort import Unit
from asof.compute.interval import DRAWS
from asof.compute.schedule import moment
from asof.declare.system import System
from asof.engine.history import History, read_tables, until_of
from asof.engine.kept import KeptFits
from asof.engine.replay import start_of
from asof.engine.reports import IngestReport
from asof.engine.work import Progress, Work
from asof.errors import UsageError
from asof.stores.store import Store, store_of
from asof.study.backtest import ingest_declared
from asof.study.expected import answers_of, features_of, fits_guessed
from asof.study.periods import zone_of
from asof.study.report.study import Study
from asof.study.report.told import Told
from asof.study.serving import judge, page
from asof.study.serving.facts import ServingFacts
from asof.study.serving.measure import Measured, hybrid, measure, prepared
from asof.study.serving.modes import FEATURES, PREDICTIONS, Mode, modes
from asof.units import DAY

QUICK = 1 / 3
"""The part of the days of a life that `quick` replays: its first ones, as one block of time."""


@dataclass(frozen=True, repr=False)
class ServingStudy(Study):
    """The same requests answered in several modes: `facts` for reading, `frame` a row a mode.

    In a notebook it shows itself; `to_json()` gives the same facts, `save(folder)` writes the
    report.
    """

    facts: ServingFacts
    ingested: tuple[IngestReport, ...] = field(default=(), repr=False)

    picture: ClassVar[str] = "serving.svg"

    @property
    def frame(self) -> pl.DataFrame:
        """One row a mode."""
        return self.facts.frame

    @property
    def written(self) -> ServingFacts:
        """The facts, to be written."""
        return self.facts

    def told(self) -> Told:
        """What the study says, for all faces."""
        return page.of(self.facts)


def serving(
    system: System[Any],
    *,
    features: str = FEATURES,
    predictions: str = PREDICTIONS,
    max_loss: float | None = None,
    max_cost: float | None = None,
    quick: bool = False,
    base: Path | str = ".",
    store: Store | None = None,
    question: str = "",
    draws: int = DRAWS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> ServingStudy:
    """Answer the requests of a life online, with batch features, and with batch predictions.

    `features` and `predictions` list how often each is made: `30min`, `6h`, `nightly` (midnight in
    the zone of the declaration) or `nightly@Europe/Berlin`. `max_loss` is the loss against online
    that is acceptable, `max_cost` the CPU milliseconds for a thousand useful predictions. `quick`
    replays the first third of the days. Fits are kept, and taken from where they are kept.

    Raises:
        DataRefused: a file was refused as a whole, or there is nothing to replay.
        UsageError: a list names what is no schedule, or a budget is below 0.
    """
    _check(max_loss=max_loss, max_cost=max_cost)
    zone = zone_of(system)
    asked = modes(system, features, predictions, zone)
    base = Path(base)
    with store_of(system.name, base, store) as opened:
        ingested = ingest_declared(system, opened, base)
        tables = read_tables(system, opened)
        until = until_of(system, opened)
        online = History(system.but(serving=asked[0].serving), tables, until)
        start = start_of(system, online)
        ends = _until(online, start, until) if quick else until
        ground = History(online.system, tables, ends) if quick else online
        work = Work(progress, lanes=workers or os.cpu_count() or 1)
        kept = KeptFits(opened, workers=workers, work=work)
        measured: list[tuple[Mode, Measured]] = []
        figures = Unit("figures", 0.1 * len(asked) * len(ground))
        work.plan("figures", [figures])
        anew = True
        for number, mode in enumerate(asked):
            if mode.kind == "hybrid":
                measured += _hybrid(mode, measured)
                continue
            after = _expected(ground, start, asked[number + 1 :], anew=anew)
            unit = features_of(ground)
            work.plan("modes", [*_expected(ground, start, [mode], anew=anew), *after])
            variant = system.but(serving=mode.serving, start=moment(start))
            history = prepared(variant, tables, ends, work, unit)
            found = measure(history, kept, workers=workers, after=after)
            if mode.kind in ("features", "predictions"):  # online, others may have fitted before
                anew = not 0 < found.fits == found.reused
            measured.append((mode, found))
        whole = (int(online.requests.fired[-1]) + 1 - start) / DAY
        with work.doing(figures):
            facts = judge.facts(
                judge.Setting(system, ground, start, whole, zone, question, draws),
                measured,
                max_loss=max_loss,
                max_cost=None if max_cost is None else max_cost / 1000,
            )
        work.over()
        return ServingStudy(facts, ingested)


def _hybrid(mode: Mode, measured: Sequence[tuple[Mode, Measured]]) -> list[tuple[Mode, Measured]]:
    """A hybrid from the modes that it is made of; nothing where runs knew every request."""
    beforehand = next(
        f for m, f in measured if m.kind == "predictions" and m.serving == mode.serving
    )
    if not beforehand.why and beforehand.known.all():
        return []
    return [(mode, hybrid(beforehand, measured[0][1]))]


def _expected(ground: History, start: int, modes: Sequence[Mode], *, anew: bool) -> list[Unit]:
    """What modes to come are taken to cost.

    A mode trained fresh takes the fits of online. Once the fits of a batch mode were all kept from
    before, those to come are taken to be.
    """
    fits = fits_guessed(ground, start) if anew else []
    found: list[Unit] = []
    for mode in (each for each in modes if each.kind != "hybrid"):
        found += [features_of(ground), answers_of(ground, start)]
        found += fits if mode.kind != "skewed" else [features_of(ground)]
    return found


def _until(online: History, start: int, until: int) -> int:
    """The end of the part of a life that is replayed quickly, in whole days from its start."""
    last = int(online.requests.fired[-1]) + 1
    days = max(1, round(QUICK * (last - start) / DAY))
    return min(until, start + days * DAY)


def _check(**budget: float | None) -> None:
    for name, value in budget.items():
        if value is not None and not (np.isfinite(value) and value >= 0):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option} {value} is no budget.", mend=f"Write {option} 0.005, or leave it out."
            )
