"""How a system stands: what serves, what is loaded, what was decided; and decisions by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from asof.engine.clock import now
from asof.engine.messages import BEGAN, IN_WORDS
from asof.engine.service import InService, in_service, promote, promotions, roll_back
from asof.faces.console import print_json, shown
from asof.faces.project import Project, project
from asof.faces.remote import ask
from asof.stores.records import LIVE_FROM
from asof.stores.server import Server, running
from asof.stores.store import Store
from asof.study.moments import iso
from asof.study.periods import zone_of
from asof.study.report import numbers

_LAST = 5


def place_of(found: Project) -> Path:
    """The stores that are meant: those of a rehearsal where only that one runs.

    Raises:
        UsageError: there are none.
    """
    rehearses = running(found.rehearsal) is not None and running(found.store) is None
    return found.kept(found.rehearsal if rehearses else found.store)


def promote_model(reference: str, identity: str, reason: str, *, as_json: bool) -> None:
    """Put a model into service by hand."""
    found = project(reference)
    with Store(place_of(found)) as store:
        record = store.models.find(identity, fingerprint=found.system.fingerprint)
        server = running(store.directory)
        if server is not None:
            order = {"version": record.id, "reason": reason}
            _by_hand(found, server, "/v1/promote", order, as_json=as_json)
            return
        before = in_service(store, found.system, now())
        served = promote(store, found.system, identity, at=now(), reason=reason)
    _say_decided(found, served, changed=before != served, as_json=as_json)


def roll_back_model(reference: str, reason: str, *, as_json: bool) -> None:
    """Put the model before into service again, by hand."""
    found = project(reference)
    with Store(place_of(found)) as store:
        server = running(store.directory)
        if server is not None:
            _by_hand(found, server, "/v1/rollback", {"reason": reason}, as_json=as_json)
            return
        served = roll_back(store, found.system, at=now(), reason=reason)
    _say_decided(found, served, changed=True, as_json=as_json)


def show_status(reference: str, *, as_json: bool) -> None:
    """Tell how a system stands, as its server or its stores say."""
    found = project(reference)
    with Store(place_of(found)) as store:
        server = running(store.directory)
        told = _status(found, store)
    if server is not None:
        note = {"pid": server.pid, "host": server.host, "address": server.address}
        decided = ask(server, f"/v1/decisions?last={_LAST}")
        told = {**told, "server": {**note, **ask(server, "/v1/status"), **decided}}
    if as_json:
        print_json(told)
        return
    for line in _lines(told, zone_of(found.system)):
        click.echo(line)


def _status(found: Project, store: Store) -> dict[str, Any]:
    system = found.system
    served = promotions(store, system)
    began = [int(one.payload["start"]) for one in store.journal.read(kinds=(BEGAN,))]
    live = store.records.setting(LIVE_FROM)
    quarantine = store.loads.quarantine()
    tables = {
        table.name: {
            "rows": sum(load.stored for load in loads),
            "loads": len(loads),
            "loaded": iso(loads[-1].stamp) if loads else None,
            "in_quarantine": sum(1 for load, _ in quarantine if load.source == table.name),
        }
        for table in system.tables
        for loads in [store.loads.in_force(table.name)]
    }
    return {
        "system": system.name,
        "fingerprint": system.fingerprint,
        "store": shown(store.directory),
        "offset": store.journal.head(),
        "life_began": iso(began[-1]) if began else None,
        "live_from": None if live is None else iso(int(live)),
        "in_service": _served(served[-1]) if served else None,
        "models": len([m for m in store.models.list() if "fingerprint" in m.metadata]),
        "tables": tables,
        "promotions": [_served(each) for each in served[-_LAST:]],
        "server": None,
    }


def _served(one: InService) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "since": iso(one.since), "reason": one.reason}


def _lines(told: Mapping[str, Any], zone: str) -> list[str]:
    """The status in words."""
    server, served = told["server"], told["in_service"]
    lines = [f"{told['system']}  ({told['fingerprint']})"]
    if server is None:
        lines.append("No server runs.")
    else:
        ready = "ready" if server.get("ready") else f"not ready: {server.get('reason')}"
        lines.append(
            f"A server runs: {server['address']}, process {server['pid']} on {server['host']}, "
            f"{ready}."
        )
    if server is not None:
        return lines + _running(server, zone)
    if served is None:
        how = (
            "backtest trains and promotes them" if told["life_began"] is None else "train fits one"
        )
        lines.append(f"No model is in service: asof {how}.")
    else:
        since = moment_in(served["since"], zone)
        lines.append(f"{served['name']} ({served['id']}) is in service since {since}:")
        lines.append(f"  {served['reason']}")
    live = told["live_from"]
    lines.append("Not live yet." if live is None else f"Live since {moment_in(live, zone)}.")
    for name, table in told["tables"].items():
        apart = f", {table['in_quarantine']:,} in quarantine" if table["in_quarantine"] else ""
        rows = numbers.many(table["rows"], "row")
        lines.append(f"  {name:<16} {rows} of {numbers.many(table['loads'], 'load')}{apart}")
    return lines


def _running(server: Mapping[str, Any], zone: str) -> list[str]:
    """What a running server says of itself, in words."""
    clock = "a rehearsal's stream" if server["clock"] == "stream" else "the real clock"
    lines = [f"It is {moment_in(server['now'], zone)} by {clock}."]
    if server["model"] is not None:
        since = moment_in(server["model_since"], zone)
        as_of = moment_in(server["model_as_of"], zone)
        lines.append(
            f"{server['model_name']} ({server['model']}) is in service since {since}, "
            f"trained as of {as_of}."
        )
    counts, outlook = server["counts"], server["outlook"]
    lines.append(
        f"{numbers.many(counts['rows'], 'row')} taken in, {counts['quarantined']:,} of them to "
        f"quarantine; {numbers.many(counts['answers'], 'request')} answered, since it started."
    )
    lines += _troubles(server)
    apart = server["asked_apart"]
    if apart["answers"]:
        half, largest = (
            numbers.duration(round(apart[f"{which}_seconds"] * 1e6))
            for which in ("median", "largest")
        )
        lines.append(
            f"Of the last {numbers.many(apart['answers'], 'answer')} half were asked within {half} "
            f"of the moment that they are about, all within {largest}."
        )
    if outlook["value"] is not None:
        lines.append(
            f"{outlook['metric']} {outlook['value']:.4f} over the last "
            f"{numbers.many(outlook['answers'], 'answer')} whose label is known."
        )
    parity = server["parity"]
    if parity["checked"]:
        lines.append(
            f"{numbers.many(parity['checked'], 'answer')} computed again in batch, "
            f"{parity['differing']:,} of them different."
        )
    lines += [f"  {_decision(each, zone)}" for each in server.get("decisions", [])]
    return lines


def _troubles(server: Mapping[str, Any]) -> list[str]:
    """What a running system can go on with, and somebody should look after."""
    ahead, journal, parity = server["stamps_ahead_seconds"], server["journal"], server["parity"]
    found: list[str] = []
    if ahead > 1:
        found.append(f"The clock fell back: stamps run {ahead:,.1f} s ahead of it.")
    if journal["lost"]:
        answers = numbers.many(journal["lost"], "answer")
        found.append(f"{answers} could not be recorded, and will not be.")
    if server["fits"]["failing"]:
        found.append(f"The last training failed: {server['fits']['failing']}")
    if server["sealing"]:
        found.append(f"The journal could not be moved into the tables: {server['sealing']}")
    if parity["failed"]:
        found.append(f"Answers could not be computed again: {parity['failed']}")
    return found


def _decision(told: Mapping[str, Any], zone: str) -> str:
    return f"{moment_in(told['moment'], zone)}  {IN_WORDS[told['kind']].format(**told)}"


def moment_in(told: str, zone: str) -> str:
    """A moment in RFC 3339 as it is said in a zone."""
    from datetime import datetime

    from asof.compute.schedule import microseconds

    return numbers.moment(microseconds(datetime.fromisoformat(told)), zone)


def _say_decided(found: Project, served: InService, *, changed: bool, as_json: bool) -> None:
    if as_json:
        print_json({**_served(served), "changed": changed})
        return
    since = numbers.moment(served.since, zone_of(found.system))
    what = "is in service from now on" if changed else f"is in service already, since {since}"
    click.echo(f"{served.name} ({served.id}) {what}: {served.reason}.")


def _by_hand(
    found: Project, server: Server, path: str, order: Mapping[str, str], *, as_json: bool
) -> None:
    """Let a server take a decision, and tell what serves then."""
    before = ask(server, "/v1/status")["model"]
    ask(server, path, order)
    status = ask(server, "/v1/status")
    changed = status["model"] != before
    if as_json:
        print_json({"id": status["model"], "name": status["model_name"],
                    "since": status["model_since"], "changed": changed})  # fmt: skip
        return
    when = "from now on" if changed else "already"
    click.echo(f"{status['model_name']} ({status['model']}) serves {found.system.name} {when}.")
