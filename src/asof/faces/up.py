"""`asof up`: run a system until it is stopped, by the real clock or by a rehearsal's.

What a start that finds all its rows does not need is imported where it is needed: whoever waits for
a server to be there again waits for imports more than for anything else.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from asof.engine.live.fit import Declared
from asof.engine.live.running import running
from asof.engine.live.settings import Settings
from asof.faces.collecting import Collector
from asof.faces.http.options import Options, address
from asof.faces.http.server import serve
from asof.faces.project import Project, project, system_of
from asof.stores.records import LIVE_FROM
from asof.stores.store import Store


def run(reference: str, options: Options, settings: Settings, *, fresh: bool, quiet: bool) -> None:
    """Run the command."""
    found = project(reference)
    directory = found.store if settings.stream is None else found.rehearsal
    if settings.stream is None:
        with Store(directory) as store:
            load_declared(found, store, quiet=quiet)
    else:
        _begin_rehearsal(found, settings.stream, fresh=fresh, quiet=quiet)
    with Store(directory) as store:  # a port that is taken is told before the work, not after
        address(replace(options, tokens=store.tokens.list))
    _keep_log(quiet=quiet)
    declared = partial(system_of, str(Path(reference).resolve()))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(found, directory, declared, options, settings, quiet=quiet))


class _Lines(logging.Formatter):
    """A line: when, by UTC and whatever the machine's zone, how grave, what."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        del datefmt
        return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _keep_log(*, quiet: bool) -> None:
    """Say on stderr what happens, or only what is wrong."""
    lines = logging.StreamHandler()
    lines.setFormatter(_Lines("%(asctime)s  %(levelname)s  %(message)s"))
    log = logging.getLogger("asof")
    log.addHandler(lines)
    log.setLevel(logging.WARNING if quiet else logging.INFO)


def load_declared(found: Project, store: Store, *, quiet: bool) -> None:
    """Load the declared files, unless the system is live: then rows come through its doors."""
    if store.records.setting(LIVE_FROM) is not None:
        return
    from asof.faces.ingest import tell
    from asof.study.backtest import ingest_declared

    for report in ingest_declared(found.system, store, found.folder):
        if not quiet and report.stored:
            tell(report, err=True)


def _begin_rehearsal(found: Project, at: int, *, fresh: bool, quiet: bool) -> None:
    """Give the rehearsal stores of its own, with what was known before its clock begins."""
    from asof.engine.rehearsal import keep_history

    if fresh:
        shutil.rmtree(found.rehearsal, ignore_errors=True)
    with Store(found.store) as held, Store(found.rehearsal) as scratch:
        load_declared(found, held, quiet=quiet)
        keep_history(found.system, held, scratch, at, stamp=at)


async def _serve(
    found: Project,
    directory: Path,
    declared: Declared,
    options: Options,
    settings: Settings,
    *,
    quiet: bool,
) -> None:
    where = f"http://{options.host}:{options.port}"
    with Store(directory) as store:
        secured = replace(options, tokens=store.tokens.list)
        async with running(
            found.system, declared, directory, replace(settings, address=where),
            partial(_why, found, directory),
        ) as live:  # fmt: skip

            def started() -> None:
                if not quiet:
                    click.echo(f"{found.system.name} is up at {where}", err=True)

            with Collector() as collector:
                keeping = asyncio.create_task(collector.keep(lambda: replace(live.front.counts)))
                try:
                    await serve(live, found.system, secured, started=started)
                finally:
                    keeping.cancel()


def _why(found: Project, directory: Path, request: str, feature: str) -> Mapping[str, Any]:
    from asof.engine.history import history_of
    from asof.study.periods import zone_of
    from asof.study.why import why

    with Store(directory) as store:
        history = history_of(found.system, store, whole=True, newest=True)
    return why(history, zone_of(found.system), request, feature).to_dict()


def _loop_factory() -> Any:
    """uvloop's event loop where there is one."""
    try:
        import uvloop
    except ImportError:  # Windows has none
        return None
    return uvloop.new_event_loop
