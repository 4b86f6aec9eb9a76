"""Room for the frames of running functions.

Python keeps frames in pieces of 16 KB: it asks the system for the next piece when one is full, and
gives it back as soon as nothing is in it. What goes to and fro across the end of a piece does that
at every call, thousands of times while modules import each other: a sixth of the time in which
LightGBM is imported. A frame too large for a small piece gets one of its own, twice its size or
almost, and what is called from it finds its room there. Nothing of it is touched before it is
needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_WORDS = 2**17
"""Of a frame: a megabyte, and as much behind it, in which a thousand frames find room."""


def with_room(call: Callable[[], T]) -> T:
    """What a function answers, called where it and all that it calls have room.

    >>> with_room(lambda: "answer")
    'answer'
    """
    return call()


with_room.__code__ = with_room.__code__.replace(co_stacksize=_WORDS)
