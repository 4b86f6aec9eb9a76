"""`asof score`: answer every request of one moment into a file, and say what was answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import click

from asof.compute.schedule import moment
from asof.engine.batch import Scored, score
from asof.errors import UsageError
from asof.faces.console import Line, print_json, shown
from asof.faces.project import project
from asof.stores.store import Store
from asof.study.periods import zone_of
from asof.study.report import numbers
from asof.units import DAY, HOUR, MINUTE, Duration

_SIZES = {"min": MINUTE, "h": HOUR, "d": DAY}


@dataclass(frozen=True)
class Options:
    """What `asof score` can be told; `as_of` in microseconds UTC, None for now."""

    requests: str
    as_of: int | None
    ahead: str | None
    model: str | None
    fit: bool
    prepare: bool
    out: str
    workers: int | None


def run(reference: str, options: Options, *, as_json: bool, quiet: bool) -> None:
    """Run the command."""
    ahead = None if options.ahead is None else duration(options.ahead)
    found = project(reference)
    with Store(found.store) as store, RowLine(quiet=quiet) as progress:
        result = score(
            found.system,
            requests=options.requests,
            as_of=None if options.as_of is None else moment(options.as_of),
            ahead=ahead,
            model=options.model,
            fit=options.fit,
            prepare=options.prepare,
            out=Path(options.out),
            store=store,
            workers=options.workers,
            progress=progress,
        )
    if as_json:
        print_json(result.to_dict())
        return
    for line in _told(result, zone_of(found.system)):
        click.echo(line)


def duration(text: str) -> Duration:
    """The span that `30min`, `6h` or `7d` says.

    >>> duration("90min")
    minutes(90)

    Raises:
        UsageError: it says none.
    """
    read = re.fullmatch(r"([1-9]\d*)(min|h|d)", text)
    if read is None:
        raise UsageError(
            f"--ahead does not know '{text}'.",
            found="a span such as 30min, 6h, 7d",
            mend="Write --ahead 1d.",
        )
    return Duration(int(read[1]) * _SIZES[read[2]])


class RowLine(Line):
    """How many rows a run has answered; called as its `Progress`."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self._last: tuple[int, int | None] | None = None

    def __call__(self, done: int, total: int | None) -> None:
        """Take note of the rows done, and of all rows where their number is known."""
        with self._lock:
            self._last = (done, total)
            self._heard()

    def _words(self, passed: float) -> tuple[str, float | None]:
        if self._last is None:
            return f"reading  {passed:.0f} s", None
        done, total = self._last
        told = f"rows {done:,}" + ("" if total is None else f"/{total:,}")
        line = f"{told}  {numbers.clock(passed)}"
        if total is None:
            return line, None
        if not 0 < done < total:
            return line, done / max(total, 1)
        return f"{line}, {numbers.clock(passed * (total - done) / done)} left", done / total


def _told(result: Scored, zone: str) -> list[str]:
    """What a run answered, in sentences."""
    as_of = numbers.moment(result.as_of, zone)
    answered = f"{numbers.many(result.predicted, 'request')} answered as of {as_of}"
    lines = [f"{answered} by {result.name} ({result.model}), {result.why}."]
    if not result.rows:
        reach = f"{Duration(result.ahead)} from {as_of} on"
        nothing = f"Nothing is asked within {reach}, as far as was known then"
        ahead = "a request is known ahead where the lag of its source is negative"
        lines = [f"{nothing}: {ahead}. --requests FILE answers the rows of a file."]
        if result.why.startswith("fitted"):
            lines.append(f"{result.name} ({result.model}) is kept, {result.why}.")
    if result.reasons:
        lost = result.rows - result.predicted
        told = "; ".join(f"{reason}: {count:,}" for reason, count in result.reasons.items())
        lines.append(f"{numbers.many(lost, 'row')} not answered: {told}.")
    if result.early:
        lines.append(
            f"{numbers.many(result.early, 'row')} asked for a moment before that: they are "
            "answered as of it, with what was known then."
        )
    if result.live_from is not None:
        lines.append(
            f"The store is live from {numbers.moment(result.live_from, zone)} on: rows that come "
            "in now are known from when they come."
        )
    if result.rows and result.seconds:
        pace = round(result.rows / result.seconds)
        lines.append(
            f"{result.seconds:.1f} s, {pace:,} rows a second, "
            f"{numbers.cpu(result.cpu_seconds)} of CPU."
        )
    if result.out is not None:
        lines.append(f"predictions  {shown(result.out)}")
    return lines
