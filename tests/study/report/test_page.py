"""The page: every number in it is in the JSON, every figure has an interval or words."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import example_facts
import pytest

from asof.study.facts import DecisionFact, Life
from asof.study.findings import document, findings
from asof.study.report import numbers, tables, words
from asof.study.report.notebook import mimebundle
from asof.study.report.page import page
from asof.study.report.terminal import lines

NUMBER = re.compile(r"(?:\d[\d,]*)?\.?\d+")


def printed(life: Life) -> set[str]:
    """Every number that stands in the JSON, in every way in which it may be printed."""
    found = {"95", "99"}  # an interval is a 95% one, `most_known` a 99% one: so the schema says
    for value in leaves(json.loads(document(life))):
        for said in ways(value, life):
            found.update(NUMBER.findall(said))
    return found


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)
    else:
        yield value


def ways(value: object, life: Life) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, bool) or value is None:
        return []
    said = [words.scale(life).level(value), numbers.plain(value), numbers.cpu(abs(value))]
    if 0 <= value <= 1:
        said.append(numbers.share(value))
    if not isinstance(value, int):
        return said
    said.append(numbers.count(value))
    if value > 10**14:  # a moment; a period ends before its end
        near, zone = (value, value - 1), life.zone
        said += [numbers.stamp(when, zone) for when in near]
        said += [numbers.day(when, zone, year=True) for when in near]
    elif value > 10**6:
        said.append(numbers.duration(value))
    return said


def text_of(page: str) -> str:
    """What is read on a page: no style, no names of places on an axis, no markup."""
    page = re.sub(r"<style>.*?</style>|<title>.*?</title>", " ", page, flags=re.DOTALL)
    page = re.sub(r'<text[^>]*class="[^"]*tick[^"]*"[^>]*>[^<]*</text>', " ", page)
    return html.unescape(re.sub(r"<[^>]*>", " ", page))


def test_no_number_of_the_page_is_an_orphan(any_life: Life):
    known = printed(any_life)
    orphans = {number for number in NUMBER.findall(text_of(page(any_life))) if number not in known}
    assert orphans == set()


def test_no_number_of_the_terminal_is_an_orphan(any_life: Life):
    known = printed(any_life)
    for width in (80, 100):
        said = "\n".join(lines(any_life, width=width))
        assert {number for number in NUMBER.findall(said) if number not in known} == set()


def test_the_page_asks_for_nothing_and_runs_nothing(any_life: Life):
    made = page(any_life)
    for word in ("<script", 'http-equiv="refresh', "src=", "@import", "url(http", '<link rel="s'):
        assert word not in made
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", made)
    assert len(made.encode()) < 400_000


def test_ten_times_the_rows_are_the_same_page():
    few, many = (len(page(example_facts.life(rows=rows))) for rows in (6_400, 64_000))
    assert many < 1.1 * few


@pytest.mark.parametrize(
    "name", ["one_slot", "one_class", "five_rows", "nothing_scored", "none_final"]
)
def test_where_there_is_nothing_to_draw_there_are_words(name: str):
    life = example_facts.LIVES[name]()
    made = page(life)
    assert "<svg" not in made
    shown = any(each.total.shown for each in life.series)
    assert ("What was served and what might have been" in made) == shown
    assert words.no_picture(life, findings(life)) in html.unescape(made)


def test_every_figure_has_rows_and_an_interval_or_the_words_why_not(any_life: Life):
    table = tables.series(any_life, findings(any_life))
    said = " ".join([*table.heads, *table.notes])
    assert "rows" in said
    first = table.heads.index("95% interval") if "95% interval" in table.heads else None
    for row in table.rows:
        cell = row[first] if first is not None else " ".join(table.notes)
        assert re.search(r"\[.*\]", cell) or re.search(r"[a-z]{3,}", cell)


def test_what_people_wrote_is_escaped():
    life = replace(example_facts.life(), question="<script>alert(1)</script>", system="a<b")
    made = page(life)
    assert "<script" not in made
    assert "a&lt;b" in made


def test_a_column_of_one_value_is_a_note():
    table = tables.series(example_facts.life(), findings(example_facts.life()))
    assert "rows" not in table.heads
    assert table.notes == ("rows: 272,167 throughout.",)


def test_evidence_is_not_told_twice():
    told = DecisionFact(0, "trained", "m1 on 48,153 rows.", {"model": "m1", "rows": 48_153, "n": 1})
    table = tables.decisions(replace(example_facts.life(), decisions=(told,)))
    assert table.rows[0][-1] == "n 1"


def test_long_tables_show_their_ends_and_say_so():
    table = tables.slots(example_facts.three_years())
    assert len(table.rows) == tables.MOST
    assert "all of them are in the JSON" in " ".join(table.notes)


def test_the_notebook_has_the_terminals_text_and_no_script(any_life: Life):
    bundle = mimebundle(any_life)
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == "\n".join(lines(any_life))
    assert len(bundle["text/html"].encode()) < 80_000
    assert bundle["text/html"].startswith('<div class="asof">')
    assert "<script" not in bundle["text/html"]
