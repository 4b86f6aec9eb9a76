"""Where in the user's file something was declared."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import FrameType

_PACKAGE = str(Path(__file__).parents[1])
_NOT_THE_USERS = (_PACKAGE, dataclasses.__file__, "<frozen", "<string>")


def caller() -> FrameType | None:
    """The nearest frame outside the package."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_THE_USERS):
        frame = frame.f_back
    return frame


def place() -> str:
    """File and line of the nearest caller outside the package, such as `system.py:44`."""
    frame = caller()
    return "" if frame is None else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def nearest(word: str, words: list[str]) -> str:
    """`Did you mean 'x'?`, or nothing when no word is near."""
    from difflib import get_close_matches

    found = get_close_matches(word, words, n=1)
    return f"Did you mean '{found[0]}'?" if found else ""
