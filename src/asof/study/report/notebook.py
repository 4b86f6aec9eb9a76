"""The report in a notebook: plain text and HTML without a script, in the notebook's own theme."""

from __future__ import annotations

from asof.study.facts import Life
from asof.study.report.page import fragment
from asof.study.report.terminal import lines


def mimebundle(life: Life) -> dict[str, str]:
    """What `_repr_mimebundle_` gives: the terminal's text, and the head of the page."""
    return {"text/plain": "\n".join(lines(life)), "text/html": fragment(life)}
