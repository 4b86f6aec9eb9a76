"""Replay: history drives the loop, from one decision to the next, as if it were happening."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.compute.schedule import microseconds, moment, moments
from asof.declare.policies import BatchPredictions
from asof.declare.schedules import AfterLabels, Periodic, Schedule, Wall, parts_of
from asof.declare.system import System
from asof.engine.clock import ReplayedClock
from asof.engine.fits import Fits
from asof.engine.history import History
from asof.engine.kept import KeptFits
from asof.engine.loop import Loop
from asof.engine.messages import Look, MessageLog, Requested
from asof.engine.steps.answer import Answer
from asof.engine.steps.decide import RETRAIN, START, Decide
from asof.engine.steps.train import Fit, Train
from asof.errors import DataRefused
from asof.units import DAY

Progress = Callable[[int, int, int], None]
"""Called with fits done, fits planned, and the moment that the life has reached."""

ENOUGH = 1000
"""Mature labels that a life needs to begin, unless its start is declared."""


@dataclass(frozen=True)
class Replayed:
    """A life that was replayed: answers in the order of the requests, fits, and all messages.

    Requests `first` to `last` are those of the life, asked from `start` on.
    """

    history: History
    start: int
    first: int
    last: int
    predictions: NDArray[np.float64]
    models: NDArray[np.int32]
    fallback: NDArray[np.bool_]
    fits: dict[str, Fit]
    log: MessageLog
    predict_cpu_seconds: float


def start_of(system: System[Any], history: History) -> int:
    """When a life begins: as declared, or at the first day with enough mature labels (LAW 7c)."""
    labelled = history.ripe
    if not len(labelled):
        raise _unlabelled(system, history)
    if system.start is not None:
        start = microseconds(system.start)
        if labelled[0] >= start:
            raise DataRefused(
                "The life starts before any label is known, so nothing could be trained.",
                found=f"start {_told(start)}, the first label due {_told(int(labelled[0]))}",
                mend=f"Leave start= out, or let it be later than {_told(int(labelled[0]))}.",
                where=system.declared,
            )
        return start
    enough = min(ENOUGH, len(labelled) // 3)
    ripe = int(labelled[enough]) + 1
    scheduled = moments(system.retraining, ripe, ripe + 40 * DAY)
    return (
        int(scheduled[0])
        if _walled(system.retraining) and len(scheduled)
        else -(-ripe // DAY) * DAY
    )


def _unlabelled(system: System[Any], history: History) -> DataRefused:
    """Why there is nothing to train on: what the labels' rows lack, in words."""
    outcomes, known = history.outcomes, ~np.isnan(history.outcomes.value)
    if known.any():
        first = _told(int(outcomes.due[known].min()))
        return DataRefused(
            "No label is ever due while the history lasts.",
            found=f"the first label is due {first}, the history ends {_told(history.until)}",
            mend="Wait for less (wait= or due= of the label), or declare a later until=.",
            where=system.label.declared,
        )
    if outcomes.late.any():
        return DataRefused(
            "Every outcome comes after its due time.",
            found=f"{len(history):,} requests, {int(outcomes.late.sum()):,} outcomes too late",
            mend="Wait longer: wait= is how long outcomes take to become known.",
            where=system.label.declared,
        )
    joined = system.label.joined
    pairs = ", ".join(f"{own} = {asked!r}" for own, asked in joined.pairs) or "every row"
    return DataRefused(
        f"No request ever gets a label: no row of {joined.table.name} matches one.",
        found=f"{len(history):,} requests, {len(history.tables[joined.table.name]):,} rows of "
        f"{joined.table.name}, matched on {pairs}",
        mend="Look whether the two sides of the match write the same values the same way.",
        where=system.label.declared,
    )


def _told(at: int) -> str:
    return f"{moment(at):%Y-%m-%d %H:%M} UTC"


def _walled(schedule: Schedule) -> bool:
    return any(isinstance(part, Wall) for part in parts_of(schedule))


def replay(
    history: History,
    *,
    cut: int | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    kept: KeptFits | None = None,
) -> Replayed:
    """Replay a system's whole life on its history.

    `cut` is the greatest number of requests in one message (default: all up to the next decision);
    it changes nothing but speed. With `kept` fits are taken from there where they are, and kept
    there where they are not.
    """
    system = history.system
    start = start_of(system, history)
    fired = history.requests.fired
    first = int(np.searchsorted(fired, start, side="left"))
    if first == len(fired):
        raise DataRefused(
            "The life starts after the last request.",
            found=f"start {_told(start)}, last request {_told(int(fired[-1]))}",
            mend="Declare an earlier start=, or leave it out.",
            where=system.declared,
        )
    stop = int(fired[-1]) + 1
    with Fits(history, workers=workers, kept=kept) as fits:
        looks = _looks(system, start, stop)
        fits.plan([look.at for look in looks if look.scheduled])
        train = Train(fits, system.training_takes)
        serving = system.serving
        otherwise = serving.otherwise if isinstance(serving, BatchPredictions) else None
        answer = Answer(history, train.fits, otherwise)
        log = MessageLog()
        decide = Decide(system.retraining, history, system.looks)
        loop = Loop([decide, train, answer], log, ReplayedClock())
        for look in looks:
            loop.put(look)
        for batch in _drive(loop, fired, first, cut):
            if progress is not None:
                progress(len(train.fits), sum(1 for look in looks if look.scheduled), batch.at)
    return Replayed(
        history, start, first, len(fired), answer.predictions, answer.models, answer.fallback,
        train.fits, log, answer.meter.seconds,
    )  # fmt: skip


def _looks(system: System[Any], start: int, stop: int) -> list[Look]:
    """The scheduled looks of a life, and its grid where something hangs on it (LAW 7a)."""
    scheduled = moments(system.retraining, start + 1, stop, anchor=start)
    looks = [Look(start, START), *(Look(int(at), RETRAIN) for at in scheduled)]
    if any(isinstance(part, AfterLabels) for part in parts_of(system.retraining)):
        grid = moments(Periodic(system.looks), start + 1, stop)
        looks += [Look(int(at), "") for at in grid]
    return looks


def _drive(
    loop: Loop, fired: NDArray[np.int64], first: int, cut: int | None
) -> Iterator[Requested]:
    """Draw requests up to the next message that waits, then take that; until none are left."""
    position = first
    while position < len(fired):
        due = loop.next_due
        last = len(fired) if due is None else int(np.searchsorted(fired, due, side="left"))
        if last <= position:
            loop.run((due or 0) + 1)
            continue
        last = last if cut is None else min(last, position + cut)
        batch = Requested(int(fired[last - 1]), position, last)
        loop.put(batch)
        loop.run(batch.at + 1)
        position = last
        yield batch
