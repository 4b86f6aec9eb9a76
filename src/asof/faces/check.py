"""`asof check`: the declaration in words, and what its data show of leaks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from asof.declare.tables import Table
from asof.engine.files import find
from asof.engine.reports import IngestReport
from asof.errors import ExitCode
from asof.faces.console import print_json
from asof.faces.project import project
from asof.stores.store import Store
from asof.study.leakage import Leakage, leakage, load, missing


def run(reference: str, *, as_json: bool) -> None:
    """Run the command; leaves with 1 if something is surely a leak.

    Raises:
        DataRefused: a declared file is not there and nothing else was loaded of its table, or a
            file was refused as a whole.
    """
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
                "without_data": [table.name for table in lacking],
                "leakage": None if looked is None else looked.to_dict(),
            }
        )
    else:
        click.echo()
        if looked is None:
            click.echo(f"No data to look at: nothing of {_named(lacking)}.")
        for report in loaded:
            if report.set_apart:
                click.echo(report.apart())
        for line in looked.lines() if looked is not None else ():
            click.echo(line)
    if looked is not None and looked.sure:
        sys.exit(ExitCode.ANSWER_IS_NO)
    for table in lacking:
        if table.path is not None:
            find(table, found.folder)  # says which file is missing, and where it was looked for


def _named(lacking: Sequence[Table[Any]]) -> str:
    """Tables, each with the file that is not there; the rows of some are only handed in."""
    return ", ".join(
        f"{table.name} ({table.path or 'rows that are handed in'})" for table in lacking
    )
