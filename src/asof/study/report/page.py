"""The report as one HTML file: no request, no script, light and dark, wide and narrow."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from asof.study.facts import Life
from asof.study.findings import Findings, findings
from asof.study.report import tables, titles, tokens, words
from asof.study.report.life import draw

WIDTHS = (("wide", 1136), ("middle", 688), ("narrow", 328))
"""The drawings of a page: for windows from 1200 px, from 720 px, and below."""

BODY = """
html{background:LIGHTPAPER}
@media (prefers-color-scheme:dark){:root:not([data-theme]){background:DARKPAPER}}
:root[data-theme="dark"]{background:DARKPAPER}
body{margin:0}
main{max-width:1136px;margin:0 auto;padding:44px 0 64px}
.wide,.middle{display:none}
.narrow svg{margin:0 auto}
@media (max-width:719px){main{padding:24px 16px 40px}.asof h1{font-size:20px;line-height:26px}}
@media (min-width:720px){.narrow{display:none}.middle{display:block}main{padding:40px 16px 56px}
 main{max-width:720px}}
@media (min-width:1200px){.middle{display:none}.wide{display:block}main{max-width:1168px}}
@media print{.asof{LIGHT}html{background:none}.wide,.narrow{display:none}.middle{display:block}
 main{max-width:688px;padding:0}section,figure,tr{break-inside:avoid}
 .scroll{overflow:visible}details::details-content{content-visibility:visible;display:block}}
"""
"""The style of a page around what stands in `.asof`."""


def page(life: Life) -> str:
    """The report of a life, a whole HTML document."""
    found = findings(life)
    story = words.story(life, found)
    drawings = [(kind, markup(draw(life, found, width))) for kind, width in WIDTHS]
    return template("page.html.j2").render(
        **_head(life, found),
        css=markup(style() + colours(BODY) + tokens.DRAWING),
        drawings=[] if words.no_picture(life, found) else drawings,
        slots=tables.slots(life),
        story=story[2:],
        serving=life.serving,
        retraining=life.retraining,
        sections=_sections(life, found),
        side_by_side=[tables.sources(life), tables.cost(life, found)],
    )


def fragment(life: Life) -> str:
    """The head of the report as a `<div class="asof">` for a notebook."""
    found = findings(life)
    return template("fragment.html.j2").render(
        **_head(life, found),
        css=markup(style() + tokens.DRAWING),
        drawing=markup(draw(life, found, WIDTHS[1][1])),
    )


def _head(life: Life, found: Findings) -> dict[str, object]:
    """What page and fragment both show; no table of figures where nobody has one."""
    any_figure = any(each.total.shown for each in life.series)
    return {
        "system": life.system,
        "title": titles.title(life, found),
        "subtitle": words.subtitle(life, found),
        "question": life.question,
        "no_picture": words.no_picture(life, found),
        "lead": words.two_sentences(life, found),
        "series": tables.series(life, found) if any_figure else None,
        "method": words.method(life),
    }


def markup(made_here: str) -> Markup:
    """What this package drew, every text in it escaped where it was drawn."""
    return Markup(made_here)  # noqa: S704


def _sections(life: Life, found: Findings) -> list[tuple[tables.Table, list[words.Said]]]:
    return [
        (tables.decisions(life), words.decision_words(found)),
        (tables.models(life), []),
        (tables.quarantine(life), []),
        (tables.features(life), words.feature_words(life, found)),
    ]


def style() -> str:
    """The style sheet of whatever stands in `.asof`, page or notebook."""
    return colours(files("asof.study.report").joinpath("page.css").read_text(encoding="utf-8"))


def colours(sheet: str) -> str:
    """A style sheet with the tokens filled in."""
    for name, value in (
        ("LIGHTPAPER", tokens.PAPER.light),
        ("DARKPAPER", tokens.PAPER.dark),
        ("LIGHT", tokens.variables("light")),
        ("DARK", tokens.variables("dark")),
        ("FONT", tokens.STACK),
        ("MONO", tokens.MONO),
    ):
        sheet = sheet.replace(name, value)
    return sheet


@cache
def _templates() -> Environment:
    loader = PackageLoader("asof.study", "report")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    made.filters["keep"] = keep
    return made


def keep(text: str) -> str:
    """`text` whose intervals are not broken over two lines.

    >>> len(keep("by .02 [+.01, +.03].").split(" "))
    3
    """
    return re.sub(r"(\[[^\]]*), ", "\\1,\u00a0", text)


def template(name: str) -> Template:
    """A template of this folder."""
    return _templates().get_template(name)
