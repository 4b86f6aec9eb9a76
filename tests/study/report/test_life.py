"""The drawing of a life, as text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import example_facts
import pytest

from asof.study.facts import Life
from asof.study.findings import findings
from asof.study.report import titles
from asof.study.report.axis import Line, nice, time_marks, value_labels
from asof.study.report.frame import STEPS, curve, frame
from asof.study.report.life import draw, drawn
from asof.study.report.page import WIDTHS
from asof.study.report.svg import spread
from asof.units import DAY, HOUR

SVG = "{http://www.w3.org/2000/svg}"
ALL = [(name, width) for name in example_facts.LIVES for _, width in WIDTHS]


def drawing(life: Life, width: float) -> str:
    return draw(life, findings(life), width)


@pytest.mark.parametrize(("name", "width"), [*ALL, ("gated", 1200), ("gated", 380)])
def test_a_drawing_is_sound_and_small_or_not_there(name: str, width: float):
    life = example_facts.LIVES[name]()
    text = drawing(life, width)
    if name in {"one_slot", "one_class", "five_rows", "nothing_scored", "none_final"}:
        assert text == ""
        return
    assert len(text) < 150_000
    root = ET.fromstring(text)
    assert root.find(f"{SVG}title").text == titles.title(life, findings(life))
    assert len(root.find(f"{SVG}desc").text) > 20
    assert float(root.get("width")) == width
    assert "nan" not in text.lower().replace("financ", "")
    assert drawing(life, width) == text


def test_ten_times_the_slots_are_not_ten_times_the_drawing():
    short, long = (
        len(drawing(example_facts.life(n, length=DAY, words="day", rows=900), 1136))
        for n in (300, 3000)
    )
    assert long < 1.3 * short


def test_curves_are_merged_and_keep_their_mean():
    life = example_facts.three_years()
    here = frame(life, findings(life), 1136, 30)
    steps = [step for step in curve(life.served, here.bins) if step]
    assert len(here.bins) <= STEPS
    assert [i for each in here.bins for i in each.slots] == list(range(len(life.slots)))
    rows = [sum(life.served.slots[i].n for i in step.bin.slots) for step in steps]
    mean = sum(step.value * n for step, n in zip(steps, rows, strict=True)) / sum(rows)
    assert mean == pytest.approx(life.served.total.value)


def test_a_slot_without_a_figure_is_a_gap_and_not_zero():
    life = example_facts.bare()
    slots = list(life.served.slots)
    slots[4] = example_facts.Figure.missing("one class")
    life = replace(life, series=(replace(life.served, slots=tuple(slots)),))
    route = re.search(r'class="served" d="([^"]*)"', drawing(life, 1136)).group(1)
    assert route.count("M") == 2


def test_a_slot_that_is_not_final_is_hollow():
    assert 'class="hollow"' in drawing(example_facts.life(), 1136)
    assert 'class="hollow"' not in drawing(example_facts.bare(), 1136)


def test_beside_served_there_are_at_most_two_lines(any_life: Life):
    kinds = [style for _, style in drawn(any_life)]
    assert len(kinds) <= 3
    assert kinds[-1] == "served"
    assert len(set(kinds)) == len(kinds)


def test_quarantine_is_drawn_only_where_there_is_any():
    assert "Quarantine" in drawing(example_facts.life(), 1136)
    assert "Quarantine" not in drawing(example_facts.bare(), 1136)


def test_names_are_escaped():
    life = example_facts.life()
    served = replace(life.served, label="<b> & co")
    text = drawing(replace(life, series=(served, *life.series[1:])), 1136)
    assert "&lt;b&gt; &amp; co" in text
    ET.fromstring(text)


@pytest.mark.parametrize(
    ("low", "high"), [(0.2, 0.8), (0, 6400), (1e-9, 3e-9), (-5, 12), (99.9, 100.1), (0, 2)]
)
def test_an_axis_names_a_few_round_values(low: float, high: float):
    values = nice(low, high, 7)
    assert 2 <= len(values) <= 7
    assert low - 1e-12 <= values[0] < values[-1] <= high + 1e-12
    labels = value_labels(values, bounded=False)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("span", [5 * HOUR, DAY, 9 * DAY, 60 * DAY, 400 * DAY, 3000 * DAY])
def test_marks_of_time_lie_in_the_life_and_in_order(zone: str, span: int):
    start = example_facts.START + 17 * HOUR
    marks = time_marks(start, start + span, zone, Line(start, start + span, 0, 800), 20)
    assert 1 <= len(marks) <= 20
    assert [mark.at for mark in marks] == sorted({mark.at for mark in marks})
    assert any(mark.label for mark in marks)


def test_labels_give_way_in_their_order():
    assert spread([50, 51, 52], [20, 20, 20], 0, 100) == [40, 60, 80]
    assert spread([5, 90], [20, 20], 0, 100) == [5, 80]
