"""Colours and type of every face of Asof, as data; the style sheet of drawings is made of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """A colour by its role, for light and for dark ground, as `#rrggbb`."""

    role: str
    light: str
    dark: str


PAPER = Token("paper", "#FDFDFC", "#121513")
PANEL = Token("panel", "#F2F3F1", "#1B1F1D")
INK = Token("ink", "#191D1B", "#ECEFED")
SOFT = Token("soft", "#565C58", "#A9B1AC")
SERVED = Token("served", "#0A5CA8", "#6FB3F5")
BAND = Token("band", "#C9DDF0", "#1C3D5C")
WORSE = Token("worse", "#B4380A", "#FF8D5F")
WARN = Token("warn", "#8A5800", "#E8B64C")
AXIS = Token("axis", "#7C827E", "#858D88")
RULE = Token("rule", "#E1E3DF", "#2B312E")
GHOST = Token("ghost", "#B5BAB6", "#59605C")

TOKENS = (PAPER, PANEL, INK, SOFT, SERVED, BAND, WORSE, WARN, AXIS, RULE, GHOST)

TEXT_PAIRS = (
    (INK, PAPER), (SOFT, PAPER), (SERVED, PAPER), (WORSE, PAPER), (WARN, PAPER),
    (INK, PANEL), (SOFT, PANEL), (SERVED, PANEL), (SERVED, BAND), (INK, BAND),
)  # fmt: skip
"""Every pair of text and ground that the report uses: 4.5:1 (WCAG 2.2, 1.4.3)."""

MARK_PAIRS = (
    (SERVED, PAPER), (WORSE, PAPER), (WARN, PAPER), (INK, PAPER), (SOFT, PAPER), (AXIS, PAPER),
    (SERVED, BAND), (SOFT, BAND), (INK, BAND),
)  # fmt: skip
"""Every pair of mark and ground whose mark must be told from it: 3:1 (WCAG 2.2, 1.4.11)."""

SERIES = (SERVED, WORSE, INK, SOFT)
"""Colours that must stay apart for every eye."""

STACK = 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'


def variables(theme: str) -> str:
    """The colours of one theme as custom properties.

    >>> variables("dark")[:16]
    '--paper:#121513;'
    """
    return "".join(f"--{token.role}:{getattr(token, theme)};" for token in TOKENS)


DRAWING = """
.asof svg{display:block;overflow:visible}
.asof svg text{font-family:var(--font);font-size:12px;fill:var(--soft);
 font-variant-numeric:tabular-nums}
.asof svg .l{font-size:13px}
.asof svg .b{font-size:13px;font-weight:600;fill:var(--ink)}
.asof svg .vi{fill:var(--ink)}
.asof svg .vs{fill:var(--served)}
.asof svg .e{text-anchor:end}
.asof svg .m{text-anchor:middle}
.asof svg .grid{stroke:var(--rule);fill:none}
.asof svg .base{stroke:var(--axis);fill:none}
.asof svg .lead{stroke:var(--axis);fill:none}
.asof svg .band{fill:var(--band)}
.asof svg .bandopen{fill:none;stroke:var(--band);stroke-width:1.5}
.asof svg .served{stroke:var(--served);stroke-width:2.2;fill:none}
.asof svg .hollow{stroke:var(--paper);stroke-width:1;fill:none}
.asof svg .open{stroke:var(--served);stroke-width:3.4;fill:none}
.asof svg .yard{stroke:var(--ink);stroke-width:1.3;stroke-dasharray:5 3;fill:none}
.asof svg .line{stroke:var(--axis);stroke-width:1.3;fill:none}
.asof svg .dots{stroke:var(--soft);stroke-width:1.4;stroke-dasharray:1.5 2.5;fill:none}
.asof svg .up{fill:var(--served)}
.asof svg .ring{fill:var(--paper);stroke:var(--soft);stroke-width:1.4}
.asof svg .cross{stroke:var(--worse);stroke-width:2;fill:none}
.asof svg .known{fill:var(--ghost)}
.asof svg .never{fill:var(--worse)}
.asof svg .wait{fill:var(--paper);stroke:var(--axis)}
.asof svg .warn{fill:var(--warn)}
"""
"""The classes that drawings are made of; the ground is the page's."""
