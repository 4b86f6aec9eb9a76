"""`asof train`: a model is fitted because somebody asks for it, by a server or without one.

Without one the system runs for as long as the fit takes, with no doors: what decides, fits and
journals is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asof.errors import EstimatorError, UsageError
from asof.faces.console import print_json
from asof.faces.project import Project, project, system_of
from asof.faces.remote import ask
from asof.faces.standing import moment_in, place_of
from asof.stores.server import running as running_on
from asof.stores.store import Store
from asof.study.moments import iso
from asof.study.periods import zone_of
from asof.study.report import numbers

if TYPE_CHECKING:
    from asof.engine.live.answers import Begun
    from asof.engine.live.fit import Declared


def run(reference: str, reason: str, *, as_json: bool) -> None:
    """Run the command."""
    found = project(reference)
    place = place_of(found)
    server = running_on(place)
    if server is None:
        _alone(found, reference, place, reason, as_json=as_json)
        return
    began = ask(server, "/v1/train", {"reason": reason})
    if as_json:
        print_json({**began, "ended": False})
        return
    as_of = moment_in(began["as_of"], zone_of(found.system))
    click.echo(f"{began['model']} is being fitted as of {as_of}: {began['reason']}.")
    click.echo("asof status tells what becomes of it.")


def _alone(found: Project, reference: str, place: Path, reason: str, *, as_json: bool) -> None:
    """Fit in the stores, on which no server runs, and wait for the end."""
    _require_life(found, place)
    declared = partial(system_of, str(Path(reference).resolve()))
    began, ended = asyncio.run(_trained(found, declared, place, reason))
    if ended["kind"] == "TrainingFailed":
        raise EstimatorError(
            f"{ended['model']} could not be trained.",
            found=str(ended["reason"]),
            mend="Mend what it says, and ask again; asof status keeps the decision.",
            where=found.system.declared,
        )
    if as_json:
        told = {"model": began.model, "as_of": iso(began.as_of), "reason": began.reason}
        print_json({**told, "id": ended["id"], "rows": ended["rows"], "ended": True})
        return
    name, rows = f"{ended['model']} ({ended['id']})", numbers.many(ended["rows"], "row")
    click.echo(f"{name} is trained on {rows}, and is in service: {began.reason}.")


def _require_life(found: Project, place: Path) -> None:
    """Refuse where no life of this declaration is lived: the first start of a server begins it."""
    from asof.engine.live.journalled import Past

    with Store(place) as store:
        past = Past.of(store.journal)
    if past.start is None:
        raise UsageError(
            f"No life of {found.system.name} has begun: no server was ever started on its store.",
            mend="Start one, and it trains: asof up. For files alone asof score --fit fits a "
            "model, and asof promote takes it.",
        )
    if past.fingerprint != found.system.fingerprint:
        raise UsageError(
            "The life on this store is that of another declaration.",
            found=f"fingerprint {past.fingerprint}, this one's is {found.system.fingerprint}",
            mend="Start a server, asof up: the life of this one begins with a training at once.",
            where=found.system.declared,
        )


async def _trained(
    found: Project, declared: Declared, place: Path, reason: str
) -> tuple[Begun, Mapping[str, Any]]:
    """The training that was asked for, and the decision in which it ended."""
    from asof.engine.live.running import running
    from asof.engine.live.settings import Settings

    async with running(found.system, declared, place, Settings(address=""), _nothing) as live:
        await live.settled()  # what was due while no server ran, and a fit that was cut off
        began = await live.train(reason)
        takes = found.system.training_takes
        if takes.microseconds:
            serves = iso(began.as_of + takes.microseconds)
            click.echo(f"{began.model} is being fitted, and serves at {serves} at the earliest: "
                       f"a training is declared to take {takes}.", err=True)  # fmt: skip
        await live.settled()
        return began, next(
            one
            for one in reversed(live.decisions())
            if one.get("model") == began.model and one["kind"] in ("Trained", "TrainingFailed")
        )


def _nothing(request: str, feature: str) -> dict[str, Any]:
    raise TypeError(f"nobody asks for {feature} of {request} where there are no doors")
