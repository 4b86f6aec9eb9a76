"""`asof models` and `asof reproduce`: the fitted models, and a proof that one can be made again."""

from __future__ import annotations

import sys

import click

from asof.errors import ExitCode
from asof.faces.console import print_json
from asof.faces.project import project
from asof.stores.store import Store
from asof.study.moments import clock
from asof.study.periods import zone_of
from asof.study.reproduce import reproduce


def list_models(reference: str, *, as_json: bool) -> None:
    """Every model of the system's store, those of its variants included."""
    found = project(reference)
    zone = zone_of(found.system)
    with Store(found.kept()) as store:
        known = [model for model in store.models.list() if "fingerprint" in model.metadata]
    if as_json:
        print_json({"models": [{"id": m.id, "trigger": m.moment, **m.metadata} for m in known]})
        return
    click.echo(f"{'id':<16}  model  {'trained as of, ' + zone:<26}  {'rows':>10}")
    for model in known:
        kept = model.metadata
        ours = "" if kept["fingerprint"] == found.system.fingerprint else "  (another variant)"
        trained = clock(model.moment, zone)
        click.echo(f"{model.id}  {kept['name']:<5}  {trained:<26}  {kept['rows']:>10,}{ours}")


def reproduce_model(reference: str, identity: str, *, as_json: bool) -> None:
    """Fit a model again; leaves with 1 if the two differ."""
    found = project(reference)
    with Store(found.kept()) as store:
        result = reproduce(found.system, store, identity)
    if as_json:
        print_json(result.to_dict())
    else:
        click.echo(result.words())
    if not result.equal:
        sys.exit(ExitCode.ANSWER_IS_NO)
