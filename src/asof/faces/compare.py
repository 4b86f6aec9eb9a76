"""`asof compare`: walk thousands of retraining policies over one lattice, print which to run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from asof.engine.clock import elapsed
from asof.errors import UsageError
from asof.faces.console import print_json, shown
from asof.faces.ingest import tell
from asof.faces.project import Project, project
from asof.stores.store import Store
from asof.study.backtest import ingest_declared, require_ours
from asof.study.compare.compare import Compared, compare
from asof.study.compare.gather import Plan
from asof.study.compare.page import of
from asof.study.report import numbers
from asof.study.report.terminal import Pace
from asof.units import HOUR, Duration, days


@dataclass(frozen=True)
class Options:
    """What `asof compare` can be told: `every` in days, `approval` in hours."""

    every: float | None
    approval: float
    seeds: int
    quick: bool
    draws: int
    workers: int | None


def run(
    references: Sequence[str], options: Options, *, as_json: bool, quiet: bool, out: str | None
) -> None:
    """Run the command."""
    found = project(references[0])
    if out:
        require_ours(Path(out))
    with Store(found.store) as store:
        for report in ingest_declared(found.system, store, found.folder):
            if not quiet and report.stored:
                tell(report, err=True)
        result = compare(
            found.system,
            variants={each.name: each.project.system for each in _variants(references, found)},
            base=found.folder,
            store=store,
            every=_every(options.every),
            approval=Duration(round(options.approval * HOUR)),
            seeds=options.seeds,
            quick=options.quick,
            question=found.question,
            draws=options.draws,
            workers=options.workers,
            announce=None if quiet else _announce,
            progress=None if quiet else _progress(),
        )
    name = "-".join(part for part in (found.system.name, found.variant, "compare") if part)
    folder = Path(out) if out else found.runs / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    page = result.save(folder)
    if as_json:
        print_json(result.to_json())
    else:
        _show(result, references[0], page, quick=options.quick)


@dataclass(frozen=True)
class _Variant:
    """A system given by hand, and what it is called."""

    name: str
    project: Project


def _variants(references: Sequence[str], base: Project) -> list[_Variant]:
    """The systems after the first; all of them in the same folder, over the same tables."""
    found: list[_Variant] = []
    for reference in references[1:]:
        other = project(reference)
        if other.folder != base.folder:
            raise UsageError(
                f"{reference} lies in another folder than {references[0]}.",
                mend="Compare systems over the same tables: declare them in one folder.",
            )
        found.append(_Variant(other.variant or Path(reference.partition(":")[0]).stem, other))
    return found


def _every(number: float | None) -> Duration | None:
    if number is not None and number <= 0:
        raise UsageError(f"--every {number} would never move on.", mend="Write --every 7.")
    return None if number is None else days(number)


def _announce(plan: Plan) -> None:
    fits = numbers.many(len(plan.looks), "fit")
    requests = numbers.many(len(plan.rows), "request")
    click.echo(f"lattice of {fits} and {requests}: {plan.memory / 1e6:,.1f} MB", err=True)


def _progress() -> Callable[[float, float], None] | None:
    """Tells on stderr how much of the fitting is done: one line on a terminal, else few."""
    if sys.stderr is None or sys.stderr.closed:
        return None
    return _Line()


class _Line:
    """How much of the fits is done; with another seed it is told from the start again."""

    def __init__(self) -> None:
        self._begun, self._before = elapsed(), 0.0
        self._pace, self._live = Pace(), sys.stderr.isatty()

    def __call__(self, done: float, total: float) -> None:
        now, part = elapsed(), done / total if total else 1.0
        if part < self._before:
            self._begun, self._pace = now, Pace()
        self._before = part
        passed = now - self._begun
        words = f"fits {numbers.share(min(part, 1))}  {numbers.clock(passed)}"
        if 0 < part < 1:
            words += f", {numbers.clock(passed * (1 - part) / part)} left"
        if self._live:
            click.echo(f"\r{words:<78}", nl=part >= 1, err=True)
        elif self._pace.due(part, passed):
            click.echo(words, err=True)


def _show(result: Compared, reference: str, page: Path, *, quick: bool) -> None:
    from rich.console import Console

    from asof.study.report.told import render

    then = [(f"asof compare {reference}", "the whole life")] if quick else []
    then.append((f"asof backtest {reference}", "the life of the policy that is declared"))
    render(of(result.facts), Console(highlight=False), report=shown(page), then=then)
