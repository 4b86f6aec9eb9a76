"""`asof ingest`: load files, and say in counts what they brought."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from asof.declare.place import nearest
from asof.declare.system import System
from asof.declare.tables import Table
from asof.engine.clock import now
from asof.engine.ingest import ingest
from asof.engine.reports import IngestReport
from asof.errors import UsageError
from asof.faces.console import print_json
from asof.faces.project import project
from asof.stores.store import Store


def run(
    reference: str,
    name: str | None,
    file: str | None,
    *,
    as_json: bool,
    replace: bool,
    history: bool,
) -> None:
    """Run the command."""
    found = project(reference)
    tables = [table_of(found.system, name)] if name else list(found.system.tables)
    label = found.system.label.joined.table.name
    with Store(found.store) as store:
        reports = [
            ingest(
                _from(table, file),
                store,
                now=now(),
                base=found.folder,
                history=history,
                replacing=replace,
                label=table.name == label,
            )
            for table in tables
            if file or table.path is not None
        ]
    if as_json:
        print_json({"ingested": [asdict(report) for report in reports]})
        return
    for report in reports:
        tell(report)


def tell(report: IngestReport, *, err: bool = False) -> None:
    """What an ingest did, in a sentence, and what is worth knowing about it."""
    click.echo(report.words(), err=err)
    for note in dict.fromkeys(note for load in report.loads for note in load.notes):
        click.echo(f"  {note}", err=err)


def _from(table: Table[Any], file: str | None) -> Table[Any]:
    return table if file is None else dataclasses.replace(table, path=str(Path(file).resolve()))


def table_of(system: System[Any], name: str) -> Table[Any]:
    """The table of that name."""
    names = [table.name for table in system.tables]
    for table in system.tables:
        if table.name == name:
            return table
    raise UsageError(
        f"{system.name} has no table '{name}'.",
        found=f"tables: {', '.join(names)}",
        mend=nearest(name, names) or "Give one of its tables.",
    )
