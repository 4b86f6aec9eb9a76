"""What a gap says and draws, for each thing that can come out."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import example_gaps
import pytest
from example_gaps import GAPS

from asof.study.gap import words
from asof.study.gap.facts import GapFacts
from asof.study.gap.page import of
from asof.study.gap.picture import draw
from asof.study.report import text, told
from asof.study.report.page import WIDTHS

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=sorted(GAPS))
def facts(request: pytest.FixtureRequest) -> GapFacts:
    return GAPS[request.param]()


def test_titles_say_what_came_out():
    said = {name: words.title(made()) for name, made in GAPS.items()}
    assert said == {
        "skewed": "The notebook promised a log loss of .424; production gets .586, "
        "worse than no model",
        "same": "The notebook promised a log loss of .424; production gets .586, "
        "worse than no model",
        "quick": "The notebook promised a log loss of .424; production gets .586, "
        "worse than no model",
        "better": "Production gets a log loss of .462, better than the notebook's .470",
        "auc": "The notebook promised an AUC of .810; production gets .760",
        "quantity": "The notebook promised a mean absolute error of 412; production gets 442",
        "unshown": "No difference is shown between notebook, .460, and production, .460",
        "noisy": "No difference is shown between notebook, .460, and production, .460",
        "divided": "The notebook promised an AUC of .810; production gets .760",
        "holes": "The notebook promised a log loss of .424; production gets .478",
        "no_notebook": "flight-delay has no gap to show because 3 of its 50 fits failed: "
        "ValueError: no",
        "few_days": "Too few days to say whether the log loss of flight-delay differs in "
        "production",
        "one_class": "flight-delay has no gap to show because all 300 outcomes are no",
    }


def test_titles_are_short(facts: GapFacts):
    assert len(words.title(facts)) <= words.TITLE


def test_advice_is_about_the_largest_bar():
    first, then = map(str, words.advice(example_gaps.skewed()))
    assert first.startswith("Train and serve as of the same moment: that alone gives back .0815 ")
    assert "[+.0805, +.0825]" in first
    assert then.startswith("Refresh the features more often (batch features daily")
    first, *_ = map(str, words.advice(example_gaps.auc()))
    assert first.startswith("Judge with rows as they were known when asked")
    assert ".0200 [+.0190, +.0210] too good" in first


def test_advice_of_a_figure_too_good_names_what_production_loses():
    said = [each.strong for each in words.advice(example_gaps.auc())]
    assert said[0].startswith("Judge")
    assert said[1] == "Refit more often"


def test_nothing_shown_is_nothing_to_mend():
    (only,) = map(str, words.advice(example_gaps.unshown()))
    assert only == "No bar is shown to make it worse, so there is nothing here to mend."
    assert "no difference shown" in "\n".join(told.lines(of(example_gaps.unshown())))
    assert "No difference is shown for" in "\n".join(told.lines(of(example_gaps.unshown())))


def test_bars_without_intervals_are_not_said_to_be_all_right():
    (only,) = map(str, words.advice(example_gaps.few_days()))
    assert only.endswith("look at more days.")


def test_what_is_better_is_said_to_be():
    said = "\n".join(told.lines(of(example_gaps.quantity())))
    assert "Refit as declared is for the better" in said
    assert "\u22128.6 [" in said


def test_seeds_are_told():
    said = " ".join(" ".join(told.lines(of(example_gaps.noisy()))).split())
    assert "Smaller than what another seed moves them by" in said


def test_what_is_not_identifiable_is_said(facts: GapFacts):
    said = " ".join(" ".join(told.lines(of(facts))).split())
    if facts.diagnosis.verdict in {"not identifiable", "too few days"}:
        assert "not identifiable" in said
    if facts.why:
        assert "%" not in said


def test_drawings_are_whole_and_stay_inside(facts: GapFacts):
    for _, width in WIDTHS:
        drawn = draw(facts, width)
        if facts.why:
            assert not drawn
            continue
        root = ET.fromstring(drawn)
        title, described = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
        assert title is not None
        assert title.text == words.title(facts)
        assert described is not None
        assert described.text
        for each in root.iter(f"{SVG}text"):
            style, x = each.get("class", "").split(), float(each.get("x", "0"))
            long = text.width(each.text or "", 13 if {"b", "l"} & set(style) else 12)
            left = x - long if "e" in style else x - long / 2 if "m" in style else x
            assert left >= -1, each.text
            assert left + long <= width + 6, each.text
        for each in root.iter(f"{SVG}rect"):
            assert 0 <= float(each.get("x", "0")) <= width


def test_a_bar_says_its_sign_in_shape_and_sign():
    drawn = draw(example_gaps.quantity(), 1136)
    assert drawn.count('class="betterbar"') == 1
    assert drawn.count('class="worsebar"') >= 2
    assert "\u2212" in drawn
    assert draw(example_gaps.unshown(), 1136).count('class="openbar"') == 6


def test_axis_unit_interval_and_days_are_named(facts: GapFacts):
    if facts.why:
        return
    drawn, said = draw(facts, 1136), told.html(of(facts))
    better = "lower is better" if facts.metric.lower_is_better else "higher is better"
    assert better in drawn
    assert "95% interval" in drawn
    assert f"{facts.n:,} requests" in said
    assert "2013" in said


def test_pages_ask_for_nothing(facts: GapFacts):
    for made in (told.html(of(facts)), told.fragment(of(facts))):
        assert "<script" not in made
        assert not re.search(r"(src|href)=\"(?!data:)", made)
        assert len(made) < 150_000


def test_numbers_of_the_terminal_are_in_the_json(facts: GapFacts):
    known: set[float] = set()

    def collect(value: object) -> None:
        if isinstance(value, dict):
            for each in value.values():
                collect(each)
        elif isinstance(value, list):
            for each in value:
                collect(each)
        elif isinstance(value, int | float):
            known.add(abs(float(value)))

    collect(json.loads(facts.to_json()))
    said = " ".join(told.lines(of(facts))[3:])
    for number in re.findall(r"(?<![\w.,:])[+\u2212]?(\.\d{4})(?!\d)", said):
        assert any(abs(value - float(number)) <= 0.50001e-4 for value in known), number
