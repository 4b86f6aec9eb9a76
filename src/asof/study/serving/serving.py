"""Serving: batch or real time, answered by replaying the same requests in every mode."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from asof.compute.interval import DRAWS
from asof.compute.schedule import moment
from asof.declare.system import System
from asof.engine.history import History, read_tables, until_of
from asof.engine.kept import KeptFits, Progress
from asof.engine.replay import start_of
from asof.engine.reports import IngestReport
from asof.errors import UsageError
from asof.stores.store import Store
from asof.study.backtest import ingest_declared, require_ours
from asof.study.periods import zone_of
from asof.study.serving import judge, page
from asof.study.serving.facts import ServingFacts
from asof.study.serving.measure import Measured, measure
from asof.study.serving.modes import FEATURES, PREDICTIONS, Mode, modes
from asof.study.serving.work import work
from asof.units import DAY

QUICK = 1 / 3
"""The part of the days of a life that `quick` replays: its first ones, as one block of time."""


@dataclass(frozen=True)
class ServingStudy:
    """The same requests answered in several modes: `facts` for reading, `frame` a row a mode.

    In a notebook it shows itself; `to_json()` gives the same facts, `save(folder)` writes the
    report.
    """

    facts: ServingFacts
    ingested: tuple[IngestReport, ...] = field(default=(), repr=False)

    @property
    def frame(self) -> pl.DataFrame:
        """One row a mode."""
        return self.facts.frame

    def to_json(self) -> str:
        """The facts as one JSON document."""
        return self.facts.to_json()

    def html(self) -> str:
        """The report as one self-contained page."""
        return page.html(self.facts)

    def svg(self, theme: Literal["light", "dark"] = "light") -> str:
        """The modes as one self-contained picture, for slides and documents."""
        return page.svg(self.facts, theme)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return page.mimebundle(self.facts)

    def save(self, folder: Path) -> Path:
        """Write report, picture and facts into `folder`, whole or not at all.

        A report that is there is replaced.

        Raises:
            UsageError: the folder holds something else.
        """
        require_ours(folder)
        part, old = (folder.with_name(f".{folder.name}.{kind}") for kind in ("part", "old"))
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            (part / "report.html").write_text(self.html(), encoding="utf-8")
            (part / "serving.svg").write_text(self.svg(), encoding="utf-8")
            (part / "facts.json").write_text(self.to_json(), encoding="utf-8")
            if folder.exists():
                folder.rename(old)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
            if old.exists() and not folder.exists():
                old.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        return folder / "report.html"


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
    opened = store or Store(base / ".asof" / system.name)
    try:
        ingested = ingest_declared(system, opened, base)
        tables = read_tables(system, opened)
        until = until_of(system, opened)
        online = History(system.but(serving=asked[0].serving), tables, until)
        start = start_of(system, online)
        ends = _until(online, start, until) if quick else until
        ground = History(online.system, tables, ends) if quick else online
        kept = KeptFits(opened, workers=workers)
        told = work(system, ground, start, asked, progress)
        measured: list[tuple[Mode, Measured]] = []
        for mode in asked:
            variant = system.but(serving=mode.serving, start=moment(start))
            history = History(variant, tables, ends)
            found = measure(history, kept, workers=workers, progress=told.within)
            told.over(reused=0 < found.fits == found.reused)
            measured.append((mode, found))
        whole = (int(online.requests.fired[-1]) + 1 - start) / DAY
        facts = judge.facts(
            judge.Setting(system, ground, start, whole, zone, question, draws),
            measured,
            max_loss=max_loss,
            max_cost=None if max_cost is None else max_cost / 1000,
        )
        return ServingStudy(facts, ingested)
    finally:
        if store is None:
            opened.close()


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
