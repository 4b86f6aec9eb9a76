"""The page of a gap in a browser, for each result that there can be."""

from __future__ import annotations

import html
import re
from itertools import product
from pathlib import Path

import example_gaps
import pytest
from accessible import inaccessible
from test_browser import CHROMIUM, faults, opened, playwright

from asof.study.gap import words
from asof.study.gap.page import of
from asof.study.report import numbers, told

SHOWN = {"skewed", "unshown", "divided", "one_class"}
"""Those that are looked at in every run of the tests."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on PATH")


@pytest.mark.parametrize(
    "name",
    [n if n in SHOWN else pytest.param(n, marks=pytest.mark.slow) for n in example_gaps.GAPS],
)
def test_texts_have_room_and_everybody_can_read_them(name: str, tmp_path: Path):
    facts = example_gaps.GAPS[name]()
    path = tmp_path / f"{name}.html"
    path.write_text(told.html(of(facts)), encoding="utf-8")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = opened(browser, path, 1280, "light")
        for width, theme in product((1280, 768, 360), ("light", "dark")):
            tab.set_viewport_size({"width": width, "height": 900})
            tab.emulate_media(color_scheme=theme)
            found = faults(tab, width, "screen") if not facts.why else {}
            assert found == {}, (width, theme)
            assert inaccessible(tab) == [], (width, theme)
            assert tab.locator("svg:visible").count() == (0 if of(facts).no_picture else 1)
        assert tab.asked == [path.as_uri()]
        browser.close()


@pytest.mark.parametrize("name", sorted(example_gaps.GAPS))
def test_the_picture_says_what_it_shows(name: str):
    facts = example_gaps.GAPS[name]()
    drawn = told.picture(of(facts), "light")
    if of(facts).no_picture:
        assert drawn == ""
        assert of(facts).no_picture in told.html(of(facts))
        return
    said = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", drawn)).split())
    metric = facts.metric.words
    better = "lower is better" if facts.metric.lower_is_better else "higher is better"
    for wanted in (
        words.title(facts), f"{metric[:1].upper()}{metric[1:]}, {better}", "step, 95% interval",
        "no model at all", words.label(facts.shown[0]), "In production",
        numbers.many(facts.n, "request"), numbers.period(facts.start, facts.end, facts.zone),
    ):  # fmt: skip
        assert wanted in said, wanted
    assert "<desc" in drawn
