"""The command as a process of its own: how it is called, and with what environment."""

from __future__ import annotations

import os
import sys

PATIENCE = 120.0
"""Seconds after which a process is taken to hang."""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "asof", *arguments]


def environment(**more: str) -> dict[str, str]:
    plain = {
        key: value
        for key, value in os.environ.items()
        if key not in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "PYTHONUTF8", "PYTHONIOENCODING")
    }
    return plain | more
