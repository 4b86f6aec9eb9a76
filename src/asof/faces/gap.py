"""`asof gap`: take away one idealisation after another, print what each is worth, write it down."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from asof.engine.clock import elapsed
from asof.errors import AsofError
from asof.faces.console import print_json, shown
from asof.faces.ingest import tell
from asof.faces.project import project
from asof.stores.store import Store
from asof.study.backtest import ingest_declared
from asof.study.gap.facts import GapFacts
from asof.study.gap.gap import gap
from asof.study.gap.terminal import work_words
from asof.study.report.terminal import Pace


@dataclass(frozen=True)
class Options:
    """What `asof gap` can be told."""

    draws: int
    seeds: int
    quick: bool
    limit: float | None
    workers: int | None


def run(reference: str, options: Options, *, as_json: bool, quiet: bool, out: str | None) -> None:
    """Run the command.

    Raises:
        AsofError: production loses more than the stated limit (exit code 1).
    """
    found = project(reference)
    with Store(found.store) as store:
        for report in ingest_declared(found.system, store, found.folder):
            if not quiet and report.stored:
                tell(report, err=True)
        result = gap(
            found.system,
            base=found.folder,
            store=store,
            question=found.question,
            draws=options.draws,
            seeds=options.seeds,
            quick=options.quick,
            workers=options.workers,
            progress=_progress(quiet=quiet),
        )
    name = "-".join(part for part in (found.system.name, found.variant, "gap") if part)
    folder = Path(out) if out else found.runs / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    page = result.save(folder)
    if as_json:
        print_json(result.to_json())
    else:
        _show(result.facts, reference, page, quick=options.quick)
    _judge(result.facts, options.limit)


def _show(facts: GapFacts, reference: str, page: Path, *, quick: bool) -> None:
    from rich.console import Console

    from asof.study.gap.terminal import render

    then = [(f"asof gap {reference}", "the whole life, all folds")] if quick else []
    then.append((f"asof backtest {reference}", "what happened in this life, slot by slot"))
    render(facts, Console(highlight=False), report=shown(page), then=then)


def _judge(facts: GapFacts, limit: float | None) -> None:
    lost = facts.total.value
    if limit is None or lost is None:
        return
    lost = lost if facts.metric.lower_is_better else -lost
    if lost > limit:
        raise AsofError(
            f"Production loses more {facts.metric.words} than the stated limit.",
            found=f"{lost:.4f}, limit {limit:g}",
        )


def _progress(*, quiet: bool) -> Callable[[float, float], None] | None:
    """Tells on stderr how much of the work is done: one line on a terminal, else few."""
    if quiet or sys.stderr is None or sys.stderr.closed:
        return None
    begun, pace, live = elapsed(), Pace(), sys.stderr.isatty()

    def told(done: float, total: float) -> None:
        passed = elapsed() - begun
        words = work_words(done, total, passed)
        if live:
            click.echo(f"\r{words:<78}", nl=done >= total, err=True)
        elif pace.due(done / max(total, 1e-9), passed) or done >= total:
            click.echo(words, err=True)

    return told
