"""The drawing of a life by itself, for slides and documents: one SVG file, nothing outside it."""

from __future__ import annotations

import re
from typing import Literal
from xml.sax.saxutils import escape

from asof.study.facts import Life
from asof.study.findings import findings
from asof.study.report import life as drawing
from asof.study.report import titles, tokens, words
from asof.study.report.page import style
from asof.study.report.text import wrap

_MARGIN, _HEAD, _TITLE, _SUBTITLE = 32, 110, 26, 15


def picture(life: Life, theme: Literal["light", "dark"] = "light", width: int = 1136) -> str:
    """A self-contained SVG with title, drawing and method; "" where there is nothing to draw."""
    found = findings(life)
    method = words.method(life)
    return framed(
        drawing.draw(life, found, width),
        titles.title(life, found),
        method[0] if method else "",
        theme,
        width,
    )


def framed(
    drawn: str,
    title: str,
    method: str,
    theme: Literal["light", "dark"],
    width: int = 1136,
    more: str = "",
    subtitle: str = "",
) -> str:
    """A drawing with its title above and its method below, as one SVG; "" if there is no drawing.

    `more` is style that the drawing needs beside that of all drawings; `subtitle` says what was
    measured, on how much, over which days.
    """
    size = re.match(r'<svg [^>]*width="(\d+)" height="(\d+)', drawn)
    if size is None:
        return ""
    across = width + 2 * _MARGIN
    lines, under = wrap(title, 0.75 * across, _TITLE), wrap(subtitle, width, _SUBTITLE)
    top = _HEAD if not under else 46 + 33 * len(lines) + 22 * len(under) + 12
    inner = drawn.replace("<svg ", f'<svg x="{_MARGIN}" y="{top}" ', 1)
    down = int(size[2]) + top + 56
    sheet = f"{style()}{tokens.DRAWING}{more}.asof{{{tokens.variables(theme)}}}"
    head = "".join(
        f'<tspan x="{_MARGIN}" dy="{0 if number == 0 else 33}">{escape(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="asof" width="{across}" height="{down}" '
        f'viewBox="0 0 {across} {down}" font-family="{escape(tokens.STACK, {chr(34): chr(39)})}">'
        f"<style>{escape(sheet)}</style>"
        f'<rect width="{across}" height="{down}" fill="var(--paper)"/>'
        f'<text x="{_MARGIN}" y="46" font-size="{_TITLE}" font-weight="650" fill="var(--ink)">'
        f"{head}</text>{_below(under, 46 + 33 * len(lines))}{inner}"
        f'<text x="{_MARGIN}" y="{down - 22}" font-size="12" fill="var(--soft)">'
        f"{escape(method)}</text>"
        "</svg>"
    )


def _below(lines: list[str], y: float) -> str:
    """The subtitle, line below line from `y` on."""
    said = (
        f'<tspan x="{_MARGIN}" y="{y + 22 * number:g}">{escape(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    style = f'font-size="{_SUBTITLE}" fill="var(--soft)"'
    return f"<text {style}>{''.join(said)}</text>" if lines else ""
