"""Two consoles, created in one place: facts go to stdout, the rest to stderr."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Self, TextIO, cast

import click

from asof.engine.clock import elapsed
from asof.engine.work import Standing
from asof.errors import Interrupted
from asof.study.report.terminal import Pace, progress, work_words

BEAT = 30.0
"""Seconds after which a line is due on a stderr that is no terminal, whatever has been done."""


def print_json(document: Mapping[str, Any] | str) -> None:
    """Exactly one document on stdout, without colour."""
    text = (
        document
        if isinstance(document, str)
        else json.dumps(document, ensure_ascii=False, indent=1)
    )
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if encoding.lower().replace("-", "") != "utf8":  # JSON has its own way to say any sign
        text = json.dumps(json.loads(text), indent=1)
    click.echo(text, color=False)


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


class Line(ABC):
    """Tells on stderr how far work has come: one line on a terminal, else few whole ones.

    Use it as a context manager. While nothing is heard a thread repeats the line every 30 s (each
    second on a terminal), so that nobody takes silence for the end.
    """

    def __init__(self, *, quiet: bool) -> None:
        stderr = cast("TextIO | None", sys.stderr)  # None where it was closed before we began
        self._quiet = quiet or stderr is None or stderr.closed
        self._live = stderr is not None and not stderr.closed and stderr.isatty()
        self._begun, self._pace, self._lock = elapsed(), Pace(seconds=BEAT), Lock()
        self._over, self._ended = Event(), False
        self._thread = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        if not self._quiet:
            if self._live:
                click.echo("reading\r", nl=False, err=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, _: object
    ) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    @abstractmethod
    def _words(self, passed: float) -> tuple[str, float | None]:
        """The line after so many seconds, and the part that is done, None before anything is."""

    def _heard(self) -> None:
        """Something was done: tell it, if a line is due. Called with the lock."""
        if not self._quiet:
            self._tell()

    def _beat(self) -> None:
        while not self._over.wait(1.0):
            with self._lock:
                self._tell()

    def _tell(self) -> None:
        passed = elapsed() - self._begun
        words, part = self._words(passed)
        if self._live:
            click.echo(f"\r{words:<78}", nl=part is not None and part >= 1, err=True)
        elif self._due(part, passed):
            click.echo(words, err=True)

    def _due(self, part: float | None, passed: float) -> bool:
        if part is None:  # nothing is done yet: only time makes a line due
            return passed >= BEAT and self._pace.due(0.0, passed)
        ended, self._ended = self._ended, part >= 1
        return self._pace.due(part, passed) or (self._ended and not ended)


class ProgressLine(Line):
    """How far a life has come; called as the `Progress` of a replay."""

    def __init__(self, zone: str, *, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self._zone = zone
        self._last: tuple[int, int, int] | None = None

    def __call__(self, done: int, total: int, moment: int) -> None:
        """Take note of fits done, fits planned, and the moment that the life has reached."""
        with self._lock:
            self._last = (done, total, moment)
            self._heard()

    def _words(self, passed: float) -> tuple[str, float | None]:
        if self._last is None:
            return f"working  {passed:.0f} s", None
        done, total, moment = self._last
        return progress(done, total, moment, self._zone, passed), done / max(total, 1)


class WorkLine(Line):
    """How far a study has come; called as its `Progress`.

    Where it is interrupted it says what is kept.
    """

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self._last: tuple[Standing, float] | None = None

    def __call__(self, standing: Standing) -> None:
        """Take note of where the work stands."""
        with self._lock:
            self._last = (standing, elapsed() - self._begun)
            self._heard()

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: object
    ) -> None:
        super().__exit__(kind, raised, trace)
        if isinstance(raised, KeyboardInterrupt):
            raise Interrupted(*_kept(self._last[0] if self._last else None)) from None

    def _words(self, passed: float) -> tuple[str, float | None]:
        if self._last is None:
            return f"working  {passed:.0f} s", None
        standing, when = self._last
        left = None if standing.left is None else max(0.0, standing.left - (passed - when))
        return work_words(standing.part, passed, left), standing.part


def _kept(standing: Standing | None) -> tuple[str, str]:
    """What an interruption leaves behind, and what the next run makes of it."""
    there = standing.fits + standing.reused if standing else 0
    if standing is None or not there:
        return (
            "Interrupted before a fit was done.",
            "Nothing is kept yet: the next run begins anew.",
        )
    fits = "1 fit is" if there == 1 else f"{there:,} fits are"
    now = f", {standing.fits:,} of them made now" if standing.reused else ""
    return (
        f"Interrupted: {fits} kept{now}, with the predictions that were done.",
        "Run it again to go on: what is kept is not computed a second time.",
    )
