"""`asof check`: the declaration in words, and what its data show of leaks."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import click

from asof.engine.reports import IngestReport
from asof.errors import ExitCode
from asof.faces.console import print_json
from asof.faces.project import project
from asof.stores.store import Store
from asof.study.leakage import Leakage, leakage, load, missing


def run(reference: str, *, as_json: bool) -> None:
    """Run the command; leaves with 1 if something is surely a leak."""
    found = project(reference)
    system = found.system
    if not as_json:
        click.echo(str(system))
    looked: Leakage | None = None
    loaded: list[IngestReport] = []
    with Store(found.store) as store:
        lacking = missing(system, store, found.folder)
        if not lacking:
            loaded = load(system, store, found.folder)
            looked = leakage(system, store)
    if as_json:
        print_json(
            {
                "system": system.name,
                "fingerprint": system.fingerprint,
                "declaration": str(system),
                "without_data": list(lacking),
                "leakage": None if looked is None else looked.to_dict(),
            }
        )
    else:
        click.echo()
        if looked is None:
            click.echo(f"No data to look at: nothing of {', '.join(lacking)}.")
        for line in _apart(loaded):
            click.echo(line)
        for line in looked.lines() if looked is not None else ():
            click.echo(line)
    if looked is not None and looked.sure:
        sys.exit(ExitCode.ANSWER_IS_NO)


def _apart(loaded: Sequence[IngestReport]) -> Iterator[str]:
    """How many rows of each file are in quarantine, and the reason that most of them have."""
    for report in loaded:
        if report.set_apart:
            rows = "row" if report.set_apart == 1 else "rows"
            reason = next(iter(report.quarantined), "")
            more = (
                f", and {len(report.quarantined) - 1:,} more" if len(report.quarantined) > 1 else ""
            )
            why = f": {reason}{more}" if reason else ""
            yield f"{report.set_apart:,} {rows} of {report.source} in quarantine{why}."
