"""The drawing as text and in a browser, for every result that there can be."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import product
from pathlib import Path

import example_modes
import pytest
from accessible import inaccessible
from test_browser import CHROMIUM, faults, opened, playwright

from asof.study.report import told
from asof.study.report.page import WIDTHS
from asof.study.serving import page, words
from asof.study.serving.facts import ServingFacts

SVG = "{http://www.w3.org/2000/svg}"
SILENT = {"one_class", "few_rows"}
SHOWN = ("usual", "nothing_shown", "higher_is_better", "failed_mode")


def drawing(facts: ServingFacts, width: float) -> str:
    return page.of(facts).draw(width)


def texts(made: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(made).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", sorted(example_modes.STUDIES))
@pytest.mark.parametrize("width", [width for _, width in WIDTHS])
def test_what_a_drawing_says(name: str, width: float):
    facts = example_modes.STUDIES[name]()
    made = drawing(facts, width)
    if name in SILENT:
        assert made == ""
        assert page.no_picture(facts)
        return
    root, said = ET.fromstring(made), " ".join(texts(made))
    assert root.find(f"{SVG}title").text == words.title(facts)
    assert len(root.find(f"{SVG}desc").text) > 20
    assert "online" in said
    assert "95% interval" in said.replace("\n", " ")
    for mode in facts.modes:
        assert page.names.level(facts, mode) in said
        if mode.difference is not None and mode.difference.value is not None:
            assert page.names.difference(facts, mode) in said
    side = "above" if facts.metric.lower_is_better else "below"
    assert side in said.lower()
    assert len(made) < 40_000


def test_marks_say_what_colour_says():
    def marks(name: str) -> dict[str, int]:
        made = drawing(example_modes.STUDIES[name](), 1136)
        return {style: made.count(f'<circle class="{style}"') for style in ("up", "never", "ring")}

    assert marks("usual") == {"up": 1, "never": 4, "ring": 0}
    assert marks("nothing_shown") == {"up": 0, "never": 0, "ring": 5}
    assert marks("better") == {"up": 3, "never": 2, "ring": 0}
    assert marks("failed_mode") == {"up": 1, "never": 3, "ring": 0}


def test_no_model_is_a_dashed_line_where_it_is_near_and_words_where_it_is_far():
    near, far = (drawing(example_modes.STUDIES[n](), 1136) for n in ("usual", "nothing_shown"))
    assert 'class="yard"' in near
    assert "no model at all" in near
    assert 'class="yard"' not in far
    assert "not drawn" in drawing(example_modes.nothing_shown(), 328)


def test_a_better_metric_is_lost_to_the_left():
    made = drawing(example_modes.higher_is_better(), 1136)
    places = [float(x) for x in re.findall(r'<circle[^>]*cx="([\d.]+)"', made)]
    assert places == sorted(places, reverse=True)


def test_the_same_facts_give_the_same_drawing(study_facts: ServingFacts):
    assert drawing(study_facts, 688) == drawing(study_facts, 688)


def test_columns_are_left_out_before_rows_are_broken():
    facts = example_modes.dear()
    assert "CPU for a" in texts(drawing(facts, 1136))
    assert "needs" not in texts(drawing(facts, 1136))
    assert "needs" in texts(drawing(facts, 1300))


def test_nothing_beside_online_draws_nothing():
    facts = example_modes.usual()
    advice = replace(facts.advice, mode="online", turns=())
    alone = replace(facts, modes=facts.modes[:1], advice=advice)
    assert page.no_picture(alone) == "There is nothing beside online features to draw."
    assert drawing(alone, 1136) == ""


def test_the_picture_stands_alone():
    made = told.picture(page.of(example_modes.usual()), "dark")
    root = ET.fromstring(made)
    assert root.tag == f"{SVG}svg"
    assert "lose .0031" in "".join(root.itertext())
    assert told.picture(page.of(example_modes.one_class()), "light") == ""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on PATH")
@pytest.mark.parametrize(
    "name",
    [
        n if n in SHOWN else pytest.param(n, marks=pytest.mark.slow)
        for n in example_modes.STUDIES
        if n not in SILENT
    ],
)
def test_texts_have_room(name: str, tmp_path: Path):
    path = tmp_path / f"{name}.html"
    path.write_text(told.html(page.of(example_modes.STUDIES[name]())), encoding="utf-8")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = opened(browser, path, 1280, "light")
        for width, theme in product((1280, 768, 360), ("light", "dark")):
            tab.set_viewport_size({"width": width, "height": 900})
            tab.emulate_media(color_scheme=theme)
            found = {name: value for name, value in faults(tab, width, "screen").items() if value}
            assert found == {}, (width, theme)
            assert inaccessible(tab) == [], (width, theme)
        assert tab.asked == [path.as_uri()]
        browser.close()
