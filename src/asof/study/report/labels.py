"""Where the names of points go, so that none lies over another or over a mark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from asof.study.report import text
from asof.study.report.svg import px

_CLEAR = 7
"""So near words no line is drawn: a reader's font may be wider than the one measured in."""

_STUB = 6
"""A piece of a line that is shorter is left out."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in px.

    >>> Box(0, 0, 2, 2).meets(Box(1, 1, 3, 3)), Box(0, 0, 1, 1).meets(Box(2, 2, 3, 3))
    (True, False)
    """

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether the two overlap."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: Box) -> bool:
        """Whether the other lies within."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


def down(x: float, over: tuple[float, float], boxes: Iterable[Box]) -> str:
    """The path of a vertical line that leaves out the boxes it would cross, without stubs.

    >>> down(5, (0, 40), [Box(0, 10, 9, 20)])
    'M5 0V10M5 20V40'
    """
    top, bottom = over
    cut = sorted((b.top, b.bottom) for b in boxes if b.left - _CLEAR < x < b.right + _CLEAR)
    parts: list[tuple[float, float]] = []
    at = top
    for start, stop in [*cut, (bottom, bottom)]:
        parts.append((at, min(start, bottom)))
        at = max(at, stop)
    return "".join(f"M{px(x)} {px(a)}V{px(b)}" for a, b in parts if b - a >= _STUB)


def place(
    words: str,
    x: float,
    y: float,
    taken: Sequence[Box],
    lines: Sequence[Box],
    within: Box,
    *,
    bold: bool = False,
) -> tuple[Box, float, str] | None:
    """A box near (x, y) for the words, where their text begins, and its anchor style.

    It lies `within` and over nothing that is `taken`; over one of the `lines` only where it is
    `bold` and there is no other room. None where there is no room.
    """
    free = [
        found
        for found in _near(x, y, text.width(words, 13, bold=bold))
        if within.holds(found[0]) and not any(map(found[0].meets, taken))
    ]
    clear = [found for found in free if not any(map(found[0].meets, lines))]
    return next(iter(clear or (free if bold else [])), None)


def _near(x: float, y: float, wide: float) -> Iterator[tuple[Box, float, str]]:
    """Boxes around a point: to its sides, above and below, ever farther."""
    for away in (9.0, 14.0):
        for top in (y - 8, y - 12 - away, y + away - 4):
            yield Box(x + away, top, x + away + wide, top + 17), x + away, ""
            yield Box(x - away - wide, top, x - away, top + 17), x - away, " e"
        for top in (y - 17 - away, y + away):
            yield Box(x - wide / 2, top, x + wide / 2, top + 17), x, " m"
            yield Box(x - wide + 8, top, x + 8, top + 17), x + 8, " e"
