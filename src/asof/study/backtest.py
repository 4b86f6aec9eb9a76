"""Backtest: a system's whole life replayed on its history, as a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import polars as pl

from asof.compute.interval import DRAWS
from asof.compute.schedule import moment
from asof.declare.system import System
from asof.engine.clock import now
from asof.engine.history import history_of
from asof.engine.ingest import ingest
from asof.engine.kept import training
from asof.engine.messages import line
from asof.engine.registry import keep_model
from asof.engine.replay import Progress, Replayed, replay
from asof.engine.reports import IngestReport
from asof.engine.service import keep_life
from asof.errors import EstimatorError
from asof.stores.records import Decision
from asof.stores.store import Store, store_of
from asof.study.decisions import decisions
from asof.study.facts import Life
from asof.study.findings import document
from asof.study.life import life_facts, predictions_frame
from asof.study.saving import saved


@dataclass(frozen=True, repr=False)
class Backtest:
    """A replayed life: `facts` for reading, `predictions` a frame with a row a request.

    In a notebook it shows itself, and printed it says the same in words; `to_json()` gives the
    same facts, `save(folder)` writes the report.
    """

    facts: Life
    life: Replayed = field(repr=False)
    ingested: tuple[IngestReport, ...] = ()

    @cached_property
    def predictions(self) -> pl.DataFrame:
        """One row a request: when it was asked, the answer, the model, the label."""
        return predictions_frame(self.life)

    def to_json(self) -> str:
        """The facts, and what was counted from them, as one JSON document."""
        return document(self.facts)

    def html(self) -> str:
        """The report as one self-contained page."""
        from asof.study.report.page import page

        return page(self.facts)

    def svg(self, theme: Literal["light", "dark"] = "light") -> str:
        """The life as one self-contained picture, for slides and documents."""
        from asof.study.report.picture import picture

        return picture(self.facts, theme)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.facts.system}>"

    def __str__(self) -> str:
        from asof.study.report.terminal import lines

        return "\n".join(lines(self.facts))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from asof.study.report.notebook import mimebundle

        return mimebundle(self.facts)

    def save(self, folder: Path) -> Path:
        """Write report, facts, predictions and messages into `folder`, whole or not at all.

        A report that is there is replaced.

        Raises:
            UsageError: the folder holds something else. StoreError: it cannot be written.
        """

        def write(part: Path) -> None:
            (part / "report.html").write_text(self.html(), encoding="utf-8")
            (part / "life.svg").write_text(self.svg(), encoding="utf-8")
            (part / "facts.json").write_text(self.to_json(), encoding="utf-8")
            (part / "messages.jsonl").write_text(
                "".join(map(line, self.life.log.messages)), encoding="utf-8"
            )
            self.predictions.write_parquet(part / "predictions.parquet")

        return saved(folder, write)


def ingest_declared(system: System[Any], store: Store, base: Path) -> tuple[IngestReport, ...]:
    """Load the declared files of a system; what is loaded already changes nothing."""
    label = system.label.joined.table.name
    return tuple(
        ingest(table, store, now=now(), base=base, label=table.name == label)
        for table in system.tables
        if table.path is not None
    )


def backtest(
    system: System[Any],
    *,
    base: Path | str = ".",
    store: Store | None = None,
    question: str = "",
    draws: int = DRAWS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """Replay a system's whole life on its history.

    `base` is the folder in which the declared paths begin; tables and models are kept below it in
    `.asof/`. `draws` resamples make an interval. `workers` fits run side by side (default: one a
    core). Files that are not loaded yet are loaded first. `question` is printed with the answer;
    `progress` is told how far it has come.

    Raises:
        DataRefused: a file was refused as a whole, or there is nothing to replay.
        EstimatorError: a fitted estimator gave no predictions.
    """
    base = Path(base)
    with store_of(system.name, base, store) as kept:
        ingested = ingest_declared(system, kept, base)
        offset = kept.journal.head()
        history = history_of(system, kept, offset=offset)
        try:
            life = replay(history, progress=progress, workers=workers)
        except EstimatorError as error:
            error.where = error.where or system.declared
            raise
        _register(kept, system, life, offset)
        return Backtest(life_facts(life, kept, question=question, draws=draws), life, ingested)


def nothing_fitted(result: Backtest, told: str) -> EstimatorError | None:
    """Why a life had no model at all, if it had none; `told` is where the facts are."""
    fits = list(result.life.fits.values())
    if not fits or any(fit.fitted is not None for fit in fits):
        return None
    system, first = result.life.history.system, fits[0].reason
    seen = result.life.history.training.features
    holes = [column.name for column in seen.iter_columns() if column.null_count()]
    if "NaN" in first and holes:
        mend = (
            f"Fill what may be missing ({', '.join(holes[:3])}) with .or_else(0.0), or use an "
            "estimator that takes missing values, such as HistGradientBoostingClassifier()."
        )
    else:
        mend = f"The decisions in {told} hold the traceback."
    failed = "the only fit failed" if len(fits) == 1 else f"all {len(fits):,} fits failed"
    return EstimatorError(
        f"No model ever answered: {failed}.",
        found=first.splitlines()[0],
        mend=mend,
        where=system.declared,
    )


def _register(store: Store, system: System[Any], life: Replayed, offset: int) -> None:
    """Keep the decisions, and every fitted model with what it takes to fit it again."""
    ids: dict[str, str] = {}
    for name, fit in life.fits.items():
        if fit.fitted is not None:
            trained = training(life.history, fit.trigger)
            ids[name] = keep_model(store, system, name, fit, offset, trained).id
    taken = [
        Decision(each.moment, each.kind, each.words, each.evidence)
        for each in decisions(life.log.messages)
    ]
    keep_life(store, system, taken, ids, stamp=now())


def run_name(facts: Life, variant: str) -> str:
    """The folder of a run: the day as of which it is told, the system, the variant."""
    day = moment(facts.as_of).date().isoformat()
    return "-".join(part for part in (day, facts.system, variant) if part)
