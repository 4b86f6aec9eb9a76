"""Two consoles, created in one place: facts go to stdout, the rest to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Self, TextIO, cast

import click

from asof.engine.clock import elapsed
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


class ProgressLine:
    """Tells on stderr how far a life has come: one line on a terminal, else few whole ones.

    Use it as a context manager, call it as a `Progress`. While a long fit says nothing a thread
    repeats the last line every 30 s (each second on a terminal), so that nobody takes silence for
    the end.
    """

    def __init__(self, zone: str, *, quiet: bool) -> None:
        self._zone = zone
        stderr = cast("TextIO | None", sys.stderr)  # None where it was closed before we began
        self._quiet = quiet or stderr is None or stderr.closed
        self._live = stderr is not None and not stderr.closed and stderr.isatty()
        self._begun, self._pace, self._lock = elapsed(), Pace(seconds=BEAT), Lock()
        self._last: tuple[int, int, int] | None = None
        self._over = Event()
        self._thread = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        if not self._quiet:
            if self._live:
                click.echo("reading\r", nl=False, err=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def __call__(self, done: int, total: int, moment: int) -> None:
        """Take note of fits done, fits planned, and the moment that the life has reached."""
        if self._quiet:
            return
        with self._lock:
            self._last = (done, total, moment)
            self._tell()

    def _beat(self) -> None:
        while not self._over.wait(1.0):
            with self._lock:
                self._tell()

    def _tell(self) -> None:
        passed = elapsed() - self._begun
        done, total, moment = self._last or (0, 0, 0)
        part = done / max(total, 1)
        if not self._live and not (self._due(part, passed)):
            return
        words = f"working  {passed:.0f} s"
        if self._last is not None:
            words = progress(done, total, moment, self._zone, passed)
        if self._live:
            click.echo(f"\r{words:<78}", nl=self._last is not None and done >= total, err=True)
        else:
            click.echo(words, err=True)

    def _due(self, part: float, passed: float) -> bool:
        if self._last is None:  # nothing is done yet: only time makes a line due
            return passed >= BEAT and self._pace.due(part, passed)
        return self._pace.due(part, passed)


def work_line(*, quiet: bool) -> Callable[[float, float], None] | None:
    """Tells on stderr how much of the work is done: one line on a terminal, else few whole ones."""
    if quiet or sys.stderr is None or sys.stderr.closed:
        return None
    begun, pace, live = elapsed(), Pace(seconds=BEAT), sys.stderr.isatty()

    def told(done: float, total: float) -> None:
        passed = elapsed() - begun
        words = work_words(done, total, passed)
        if live:
            click.echo(f"\r{words:<78}", nl=done >= total, err=True)
        elif pace.due(done / max(total, 1e-9), passed):
            click.echo(words, err=True)

    return told
