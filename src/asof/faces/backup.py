"""`asof backup`: a whole copy of what a system keeps, made while its server goes on."""

from __future__ import annotations

from pathlib import Path

import click

from asof.faces.console import print_json, shown
from asof.faces.project import project
from asof.stores.store import Store


def run(reference: str, folder: str, *, as_json: bool) -> None:
    """Run the command."""
    found = project(reference)
    target = Path(folder).absolute()
    with Store(found.kept()) as store:
        copied = store.copy_to(target)
    if as_json:
        print_json({"system": found.system.name, "folder": str(target), **copied._asdict()})
        return
    click.echo(
        f"{found.system.name} is copied to {shown(target)}: all up to message {copied.offset:,}, "
        f"{copied.size / 1e6:,.1f} MB."
    )
