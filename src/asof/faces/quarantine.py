"""`asof quarantine`: rows that broke their contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from asof.engine.clock import now
from asof.engine.quarantine import in_quarantine, release, show
from asof.errors import UsageError
from asof.faces.console import print_json
from asof.faces.ingest import table_of
from asof.faces.project import project
from asof.faces.remote import ask
from asof.stores.server import running
from asof.stores.store import Store
from asof.study.report.numbers import many


def list_rows(reference: str, table: str | None, *, as_json: bool) -> None:
    """Every row in quarantine: name, file, reasons."""
    found = project(reference)
    with Store(found.kept()) as store:
        rows = in_quarantine(store, table and table_of(found.system, table).name)
    if as_json:
        print_json({"quarantine": [asdict(row) for row in rows]})
        return
    for row in rows:
        click.echo(f"{row.name:<12} {row.source:<16} {row.file:<24} {'; '.join(row.reasons)}")
    click.echo(f"{many(len(rows), 'row')} in quarantine.")


def show_row(reference: str, name: str, *, as_json: bool) -> None:
    """One row as it was read, and why it is here."""
    found = project(reference)
    with Store(found.kept()) as store:
        row = show(store, name)
    if as_json:
        print_json(asdict(row))
        return
    click.echo(f"{row.name} of {row.source}, from {row.file}: {'; '.join(row.reasons)}")
    for column, value in row.row.items():
        click.echo(f"  {column:<24} {value!r}")


def release_row(reference: str, name: str, mended: Sequence[str]) -> None:
    """Take a row in, with the given values in the place of its own.

    Where a server runs on the stores it takes the row, else the stores do.
    """
    values: dict[str, str] = {}
    for pair in mended:
        column, sign, value = pair.partition("=")
        if not sign:
            raise UsageError(f"--set {pair} gives no value.", mend="Write --set COLUMN=VALUE.")
        values[column] = value
    found = project(reference)
    with Store(found.kept()) as store:
        server = running(store.directory)
        if server is not None:
            told = ask(server, "/v1/quarantine/release", {"row": name, "set": values})
            stored = int(told["stored"])
        else:
            table = table_of(found.system, show(store, name).source)
            stored = release(table, store, name, now=now(), mended=values or None).stored
    click.echo(f"Row {name} is in: {stored:,} stored.")
