"""`asof token`: who may ask a running system for what."""

from __future__ import annotations

from collections.abc import Sequence

import click

from asof.engine.clock import now
from asof.errors import UsageError
from asof.faces.console import print_json
from asof.faces.project import project
from asof.stores.store import Store
from asof.stores.tokens import Scope
from asof.study.moments import clock


def add_token(reference: str, name: str, scopes: Sequence[str], *, as_json: bool) -> None:
    """Make a token: the secret alone on stdout, so that it can be piped to where it is kept."""
    if not name.strip():
        raise UsageError("A token needs a name.", mend="Say who will use it: --name scheduler")
    found = project(reference)
    with Store(found.store) as store:
        secret = store.tokens.add(name, {Scope(scope) for scope in scopes}, stamp=now())
    if as_json:
        print_json({"name": name, "scopes": sorted(scopes), "secret": secret})
        return
    click.echo(f"Token {name} of {found.system.name}: {', '.join(sorted(scopes))}.", err=True)
    click.echo("This is its secret; it is shown now and never again.", err=True)
    click.echo(secret)


def show_tokens(reference: str, *, as_json: bool) -> None:
    """Every token: its name, what it may do, when it was made."""
    found = project(reference)
    with Store(found.kept()) as store:
        known = store.tokens.list()
    if as_json:
        listed = [{"name": t.name, "scopes": sorted(t.scopes), "made": t.stamp} for t in known]
        print_json({"tokens": listed})
        return
    for token in known:
        click.echo(f"{token.name:<24} {', '.join(sorted(token.scopes)):<24} "
                   f"{clock(token.stamp, 'UTC')} UTC")  # fmt: skip
    if not known:
        click.echo("There are no tokens: a server listens on this machine alone.")


def revoke_token(reference: str, name: str) -> None:
    """Take a token back."""
    found = project(reference)
    with Store(found.kept()) as store:
        store.tokens.revoke(name)
    click.echo(f"Token {name} is revoked.")
