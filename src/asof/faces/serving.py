"""`asof serving`: answer the same requests in several modes, print what each loses, write it."""

from __future__ import annotations

import sys
from pathlib import Path

from asof.compute.schedule import moment
from asof.errors import ExitCode
from asof.faces.console import print_json, shown, work_line
from asof.faces.ingest import tell
from asof.faces.project import Project, project
from asof.stores.store import Store
from asof.study.backtest import ingest_declared, require_ours
from asof.study.serving.facts import ServingFacts
from asof.study.serving.page import of
from asof.study.serving.serving import ServingStudy, serving


def run(
    reference: str,
    *,
    features: str,
    predictions: str,
    max_loss: float | None,
    max_cost: float | None,
    quick: bool,
    as_json: bool,
    quiet: bool,
    out: str | None,
    draws: int,
    workers: int | None,
) -> None:
    """Run the command; leaves with 1 where nothing is within the budget."""
    found = project(reference)
    if out:
        require_ours(Path(out))
    with Store(found.store) as store:
        for report in ingest_declared(found.system, store, found.folder):
            if not quiet and report.stored:
                tell(report, err=True)
        result = serving(
            found.system,
            features=features,
            predictions=predictions,
            max_loss=max_loss,
            max_cost=max_cost,
            quick=quick,
            base=found.folder,
            store=store,
            question=found.question,
            draws=draws,
            workers=workers,
            progress=work_line(quiet=quiet),
        )
    folder = Path(out) if out else found.runs / _name(result.facts, found.variant)
    folder.parent.mkdir(parents=True, exist_ok=True)
    page = result.save(folder)
    if as_json:
        print_json(result.to_json())
    else:
        _show(result, found, reference, page)
    budget = max_loss is not None or max_cost is not None
    if budget and result.facts.advice.mode is None and not result.facts.trouble:
        sys.exit(ExitCode.ANSWER_IS_NO)


def _name(facts: ServingFacts, variant: str) -> str:
    day = moment(facts.as_of).date().isoformat()
    return "-".join(part for part in (day, facts.system, variant, "serving") if part)


def _show(result: ServingStudy, found: Project, reference: str, page: Path) -> None:
    from rich.console import Console

    from asof.study.report.told import render

    then = [(f"asof backtest {reference}", "the life of the mode that is declared")]
    if not any(mode.declared for mode in result.facts.modes):
        then = [(f"asof check {reference}", f"what {found.system.name} declares")]
    render(of(result.facts), Console(highlight=False), report=shown(page), then=then)
