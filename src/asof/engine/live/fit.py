"""A fit of a running system, in a process of its own: the same as a replay's, as of its trigger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from asof.declare.system import System
from asof.engine.fitting import fit_one
from asof.engine.history import History, first_asked, read_tables
from asof.engine.kept import training
from asof.engine.registry import keep_model
from asof.errors import UsageError
from asof.stores.store import Store

Declared = Callable[[], System[Any]]
"""Finds the system in the user's file; picklable, so that a child can find it too."""


@dataclass(frozen=True)
class FitAsked:
    """A fit as of a trigger, of the rows up to a journal offset, under a name of the life.

    `fingerprint` is that of the declaration that the server runs.
    """

    name: str
    trigger: int
    offset: int
    fingerprint: str


@dataclass(frozen=True)
class FitDone:
    """What became of a fit: the registry's id, or why there is none."""

    id: str | None
    rows: int
    cpu_seconds: float
    reason: str = ""
    traceback: str = ""


def fit_as_of(declared: Declared, directory: Path, asked: FitAsked) -> FitDone:
    """Fit as of a trigger and keep the model in the registry.

    Raises:
        UsageError: the user's file declares another system than the server runs.
    """
    system = declared()
    if system.fingerprint != asked.fingerprint:
        raise UsageError(
            "The declaration was changed since the server was started.",
            found=f"fingerprint {system.fingerprint}, {asked.fingerprint} is running",
            mend="Start the server again: it then lives by the new one.",
        )
    with Store(directory) as store, threadpool_limits(1):
        history = live_history(system, store, until=asked.trigger, offset=asked.offset)
        wanted = training(history, asked.trigger)
        found = fit_one(
            wanted.model, wanted.seen, wanted.rows, wanted.label, wanted.task, asked.trigger
        )
        if found.fitted is None:
            return FitDone(None, found.rows, found.cpu_seconds, found.reason, found.traceback)
        kept = keep_model(store, system, asked.name, found, asked.offset, wanted)
        return FitDone(kept.id, found.rows, found.cpu_seconds)


def live_history(system: System[Any], store: Store, *, until: int, offset: int) -> History:
    """The history of a running system: what was served was asked when the server was asked."""
    tables = read_tables(system, store, offset=offset)
    return History(system, tables, until, served=first_asked(store, offset))
