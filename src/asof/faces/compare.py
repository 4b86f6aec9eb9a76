"""`asof compare`: walk thousands of retraining policies over one lattice, print which to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from asof.engine.work import Progress
from asof.errors import UsageError
from asof.faces.project import Project, project
from asof.faces.study import Face, conduct
from asof.stores.store import Store
from asof.study.compare.compare import Compared, compare
from asof.study.compare.gather import Plan
from asof.study.report import numbers
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


def run(face: Face, others: Sequence[str], options: Options) -> None:
    """Run the command for a system, with `others` as its variants."""

    def study(found: Project, store: Store, progress: Progress) -> Compared:
        return compare(
            found.system,
            variants={each.name: each.project.system for each in _variants(face, others, found)},
            base=found.folder,
            store=store,
            every=_every(options.every),
            approval=Duration(round(options.approval * HOUR)),
            seeds=options.seeds,
            quick=options.quick,
            question=found.question,
            draws=options.draws,
            workers=options.workers,
            announce=None if face.quiet else _announce,
            progress=progress,
        )

    def then(_result: Compared, _found: Project) -> list[tuple[str, str]]:
        whole = [(f"asof compare {face.reference}", "the whole life")]
        declared = (f"asof backtest {face.reference}", "the life of the policy that is declared")
        return [*(whole if options.quick else []), declared]

    conduct(face, "compare", study, then, quick=options.quick)


@dataclass(frozen=True)
class _Variant:
    """A system given by hand, and what it is called."""

    name: str
    project: Project


def _variants(face: Face, others: Sequence[str], base: Project) -> list[_Variant]:
    """The other systems; all of them in the same folder, over the same tables."""
    found: list[_Variant] = []
    for reference in others:
        other = project(reference)
        if other.folder != base.folder:
            raise UsageError(
                f"{reference} lies in another folder than {face.reference}.",
                mend="Compare systems over the same tables: declare them in one folder.",
            )
        found.append(_Variant(other.variant or Path(reference.partition(":")[0]).stem, other))
    return found


def _every(number: float | None) -> Duration | None:
    if number is not None and number <= 0:
        raise UsageError(f"--every {number} would never move on.", mend="Write --every 7.")
    return None if number is None else days(number)


def _announce(plan: Plan, memory: int) -> None:
    fits = numbers.many(len(plan.looks), "fit")
    requests = numbers.many(len(plan.rows), "request")
    click.echo(f"lattice of {fits} and {requests}: {memory / 1e6:,.1f} MB", err=True)
