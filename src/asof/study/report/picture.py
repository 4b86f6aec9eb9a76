"""The drawing of a life by itself, for slides and documents: one SVG file, nothing outside it."""

from __future__ import annotations

import re
from typing import Literal
from xml.sax.saxutils import escape

from asof.study.facts import Life
from asof.study.findings import findings
from asof.study.report import life as drawing
from asof.study.report import tokens, words
from asof.study.report.page import style
from asof.study.report.text import wrap
from asof.study.report.titles import title

_MARGIN, _HEAD, _TITLE = 32, 110, 26


def picture(life: Life, theme: Literal["light", "dark"] = "light", width: int = 1136) -> str:
    """A self-contained SVG with title, drawing and method; "" where there is nothing to draw."""
    found = findings(life)
    drawn = drawing.draw(life, found, width)
    size = re.match(r'<svg [^>]*width="(\d+)" height="(\d+)"', drawn)
    if size is None:
        return ""
    inner = drawn.replace("<svg ", f'<svg x="{_MARGIN}" y="{_HEAD}" ', 1)
    across, down = width + 2 * _MARGIN, int(size[2]) + _HEAD + 56
    sheet = f"{style()}{tokens.DRAWING}.asof{{{tokens.variables(theme)}}}"
    lines = wrap(title(life, found), 0.75 * across, _TITLE)
    head = "".join(
        f'<tspan x="{_MARGIN}" dy="{0 if number == 0 else 33}">{escape(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    method = escape(str(words.method(life)[0]) if words.method(life) else "")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="asof" width="{across}" height="{down}" '
        f'viewBox="0 0 {across} {down}" font-family="{escape(tokens.STACK, {chr(34): chr(39)})}">'
        f"<style>{escape(sheet)}</style>"
        f'<rect width="{across}" height="{down}" fill="var(--paper)"/>'
        f'<text x="{_MARGIN}" y="46" font-size="{_TITLE}" font-weight="650" fill="var(--ink)">'
        f"{head}</text>{inner}"
        f'<text x="{_MARGIN}" y="{down - 22}" font-size="12" fill="var(--soft)">{method}</text>'
        "</svg>"
    )
