"""Two consoles, created in one place: facts go to stdout, the rest to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from asof.engine.clock import elapsed
from asof.study.report.terminal import Pace, progress


def print_json(document: Mapping[str, Any] | str) -> None:
    """Exactly one document on stdout, without colour."""
    text = (
        document
        if isinstance(document, str)
        else json.dumps(document, ensure_ascii=False, indent=1)
    )
    sys.stdout.write(text + "\n")


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def progress_line(zone: str, *, quiet: bool) -> Callable[[int, int, int], None] | None:
    """A function that tells on stderr how far a life has come: one line on a terminal, else few."""
    if quiet or sys.stderr is None or sys.stderr.closed:
        return None
    begun, pace, live = elapsed(), Pace(), sys.stderr.isatty()

    def tell(done: int, total: int, moment: int) -> None:
        passed = elapsed() - begun
        words = progress(done, total, moment, zone, passed)
        if live:
            click.echo(f"\r{words:<78}", nl=done >= total, err=True)
        elif pace.due(done / max(total, 1), passed):
            click.echo(words, err=True)

    return tell
