"""`asof backtest`: replay a life, print what happened, write the report."""

from __future__ import annotations

from pathlib import Path

from asof.faces.console import ProgressLine, print_json, shown
from asof.faces.ingest import tell
from asof.faces.project import Project, project
from asof.stores.store import Store
from asof.study.backtest import (
    Backtest,
    backtest,
    ingest_declared,
    nothing_fitted,
    run_name,
)
from asof.study.periods import zone_of
from asof.study.saving import require_ours


def run(
    reference: str,
    *,
    as_json: bool,
    quiet: bool,
    out: str | None,
    draws: int,
    workers: int | None,
) -> None:
    """Run the command."""
    found = project(reference)
    if out:
        require_ours(Path(out))  # said before the work, not after
    with Store(found.store) as store:
        for report in ingest_declared(found.system, store, found.folder):
            if not quiet and report.stored:
                tell(report, err=True)
        with ProgressLine(zone_of(found.system), quiet=quiet) as progress:
            result = backtest(
                found.system,
                base=found.folder,
                store=store,
                question=found.question,
                draws=draws,
                workers=workers,
                progress=progress,
            )
    folder = Path(out) if out else found.runs / run_name(result.facts, found.variant)
    folder.parent.mkdir(parents=True, exist_ok=True)
    page = result.save(folder)
    if as_json:
        print_json(result.to_json())
    else:
        _show(result, found, reference, page)
    if (trouble := nothing_fitted(result, shown(page.with_name("facts.json")))) is not None:
        raise trouble


def _show(result: Backtest, found: Project, reference: str, page: Path) -> None:
    from rich.console import Console

    from asof.study.report.terminal import render

    asked = result.predictions["request"][0] if result.predictions.height else ""
    feature = found.system.features.names[-1]
    then = [
        (f"asof why {reference} {asked} {feature}", "which rows a feature saw, and which not"),
        (f"asof models {reference}", "every model; asof reproduce proves one equal"),
    ]
    if any(source.quarantined for source in result.facts.sources):
        then.append((f"asof quarantine list {reference}", "rows that broke their contract"))
    render(result.facts, Console(highlight=False), report=shown(page), then=then)
