"""A sheet on which a drawing is made: elements in the order of reading, sized in px."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Sheet:
    """SVG under construction.

    >>> sheet = Sheet(200)
    >>> sheet.text(4, 12, "a < b", "b")
    >>> sheet.svg(40, "life", "A title.", "A description.")[-25:]
    '"b">a &lt; b</text></svg>'
    """

    def __init__(self, width: float) -> None:
        self.width = width
        self._parts: list[str] = []

    def text(self, x: float, y: float, words: str, style: str = "") -> None:
        """A line of text whose baseline is at `y`; styles `e` and `m` end and centre it at `x`."""
        given = f' class="{style}"' if style else ""
        self._parts.append(f'<text x="{px(x)}" y="{px(y)}"{given}>{escape(words)}</text>')

    def lines(self, x: float, y: float, lines: Iterable[str], style: str = "") -> float:
        """Lines of text one below the other; the baseline after the last."""
        for words in lines:
            self.text(x, y, words, style)
            y += 17
        return y

    def path(self, route: str, style: str, more: str = "") -> None:
        """A path, if it goes anywhere."""
        if route:
            self._parts.append(f'<path class="{style}" d="{route}"{more}/>')

    def rect(self, x: float, y: float, width: float, height: float, style: str) -> None:
        """A rectangle, if it has an area."""
        if width > 0 and height > 0:
            self._parts.append(
                f'<rect class="{style}" x="{px(x)}" y="{px(y)}" width="{px(width)}" '
                f'height="{px(height)}"/>'
            )

    def circle(self, x: float, y: float, radius: float, style: str) -> None:
        """A circle."""
        self._parts.append(f'<circle class="{style}" cx="{px(x)}" cy="{px(y)}" r="{px(radius)}"/>')

    def clip(self, name: str, x: float, y: float, width: float, height: float) -> str:
        """An area that paths are cut to: the attribute to give them."""
        self._parts.append(
            f'<clipPath id="{name}"><rect x="{px(x)}" y="{px(y)}" width="{px(width)}" '
            f'height="{px(height)}"/></clipPath>'
        )
        return f' clip-path="url(#{name})"'

    def svg(self, height: float, name: str, title: str, description: str) -> str:
        """The whole drawing; `name` makes its ids its own."""
        inner = "".join(self._parts)
        size = f'width="{px(self.width)}" height="{px(height)}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
            f'viewBox="0 0 {px(self.width)} {px(height)}" role="img" '
            f'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{escape(title)}</title>'
            f'<desc id="{name}-d">{escape(description)}</desc>{inner}</svg>'
        )


def px(value: float) -> str:
    """A coordinate with one place, without a needless zero.

    >>> px(12.04), px(0.25), px(-0.01)
    ('12', '0.2', '0')
    """
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


Run = Sequence[tuple[float, float, float]]
"""Steps without a gap: (from x, to x, y)."""


def steps(run: Run) -> str:
    """The path of a step line.

    >>> steps([(0, 10, 5), (10, 20, 7)])
    'M0 5H10V7H20'
    """
    if not run:
        return ""
    left, right, level = run[0]
    route = f"M{px(left)} {px(level)}H{px(right)}"
    for _, right, level in run[1:]:
        route += f"V{px(level)}H{px(right)}"
    return route


def area(top: Run, bottom: Run) -> str:
    """The path of the area between two step lines.

    >>> area([(0, 10, 5)], [(0, 10, 8)])
    'M0 5H10V8H0Z'
    """
    if not top:
        return ""
    route = steps(top)
    for left, _, level in reversed(bottom):
        route += f"V{px(level)}H{px(left)}"
    return f"{route}Z"


def spread(wanted: Sequence[float], gap: Sequence[float], low: float, high: float) -> list[float]:
    """Places near the wanted ones, in their order, each `gap` apart, between `low` and `high`.

    >>> spread([10, 12], [30, 30], 0, 100)
    [10, 40]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    found = list(wanted)
    edge = low
    for index in order:
        found[index] = max(found[index], edge)
        edge = found[index] + gap[index]
    edge = high
    for index in reversed(order):
        found[index] = min(found[index], edge - gap[index])
        edge = found[index]
    return found
