"""`asof why`: which rows a feature saw, and which it did not."""

from __future__ import annotations

import click

from asof.engine.history import history_of
from asof.faces.console import print_json
from asof.faces.project import project
from asof.stores.store import Store
from asof.study.periods import zone_of
from asof.study.why import why


def run(reference: str, request: str, feature: str | None, *, rows: int, as_json: bool) -> None:
    """Run the command."""
    found = project(reference)
    with Store(found.kept()) as store:
        history = history_of(found.system, store, whole=True, newest=True)
    told = why(history, zone_of(found.system), request, feature, rows=rows)
    if as_json:
        print_json(told.to_dict())
        return
    for line in told.lines():
        click.echo(line)
