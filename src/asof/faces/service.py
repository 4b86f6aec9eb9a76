"""`asof status`, `train`, `promote`, `rollback`, `backup`: a system that is in service.

Where a server runs on the stores it is asked over HTTP, else the stores are read and written.
"""

from __future__ import annotations

import click

from asof.faces.arguments import JSON, SYSTEM

_REASON = click.option("--reason", default="", help="Why, in a few words; it is kept.")


@click.command()
@SYSTEM
@JSON
def status(system: str, *, as_json: bool) -> None:
    """What is in service, what is loaded, and what was decided last."""
    from asof.faces.standing import show_status

    show_status(system, as_json=as_json)


@click.command()
@SYSTEM
@click.argument("folder")
@JSON
def backup(system: str, folder: str, *, as_json: bool) -> None:
    """Copy all that the system keeps into FOLDER, whole, while its server goes on."""
    from asof.faces.backup import run

    run(system, folder, as_json=as_json)


@click.command()
@SYSTEM
@_REASON
@JSON
def train(system: str, *, reason: str, as_json: bool) -> None:
    """Fit a model on what is mature now, by hand; it goes into service as declared."""
    from asof.faces.train import run

    run(system, reason, as_json=as_json)


@click.command()
@SYSTEM
@click.argument("model")
@_REASON
@JSON
def promote(system: str, model: str, *, reason: str, as_json: bool) -> None:
    """Put MODEL into service by hand."""
    from asof.faces.standing import promote_model

    promote_model(system, model, reason, as_json=as_json)


@click.command()
@SYSTEM
@_REASON
@JSON
def rollback(system: str, *, reason: str, as_json: bool) -> None:
    """Put the model that served before into service again, by hand."""
    from asof.faces.standing import roll_back_model

    roll_back_model(system, reason, as_json=as_json)
