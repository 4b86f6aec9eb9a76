"""The report of a comparison: each possible result in words, each number in the JSON."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from accessible import inaccessible
from test_browser import CHROMIUM, faults, opened, playwright

from asof.study.compare import page, words
from asof.study.compare.compare import Compared
from asof.study.compare.facts import Comparison
from asof.study.facts import Figure
from asof.study.report import numbers, told
from asof.study.report.frontier import draw
from asof.study.report.labels import Box, place

NUMBER = re.compile(r"(?:\d[\d,]*)?\.?\d+")


@pytest.fixture(scope="module")
def facts(usual: Compared) -> Comparison:
    return usual.facts


def advised(facts: Comparison, name: str, verdict: str, figure: Figure | None) -> Comparison:
    advice = facts.advice
    assert advice is not None
    looks = 1 if name != "never" else None
    return replace(
        facts,
        advice=replace(advice, name=name, verdict=verdict, difference=figure, looks=looks),
    )


def results(facts: Comparison) -> dict[str, Comparison]:
    """Every kind of result that there can be."""
    small = Figure(0.001, -0.002, 0.004, 1000)
    none = Figure(0.001, None, None, 1000, "6 days: an interval needs at least 8")
    unknown = tuple(
        replace(each, difference=none if each.difference else None) for each in facts.named
    )
    usual_variants = facts
    facts = replace(facts, variants=facts.variants[:1])
    return {
        "usual": facts,
        "a variant is ahead": usual_variants,
        "longer is as good": advised(facts, "every 10 days", "no difference shown", small),
        "the best": advised(facts, facts.beside, "the same", None),
        "never is as good": advised(facts, "never", "no difference shown", small),
        "never is the best": replace(advised(facts, "never", "the same", None), beside="never"),
        "not identifiable": replace(
            advised(facts, facts.beside, "not identifiable", None), named=unknown, freshness=()
        ),
        "no mean": replace(
            facts, points=(), frontier=(), hull=(), hindsight=(), halves=(),
            notes=("AUC is no mean.",),
        ),
        "nothing": replace(
            facts, trouble="The life has one look", families=(), named=(), points=(), frontier=(),
            hull=(), hindsight=(), halves=(), freshness=(), slope=None, advice=None, variants=(),
        ),
    }  # fmt: skip


NAMES = (
    "usual", "a variant is ahead",
    "longer is as good", "the best", "never is as good", "never is the best",
    "not identifiable", "no mean", "nothing",
)  # fmt: skip


@pytest.fixture(params=NAMES)
def any_result(request: pytest.FixtureRequest, facts: Comparison) -> Comparison:
    return results(facts)[request.param]


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)
    else:
        yield value


def printed(facts: Comparison) -> set[str]:
    """Every number of the JSON in every way in which it may be printed; counts of its lists too."""
    found = {"95", "1e6", "2"}
    print_as = words.scale(facts)
    regret = words.regret(facts)
    more: list[float] = [facts.policies, facts.first_half + 1, facts.looks]
    more.append(min([each.pairs for each in facts.freshness], default=0))
    more += [facts.lattice.fits * facts.lattice.seeds, *(regret or ())]
    more += [each.age * facts.unit.size for each in facts.freshness]
    more += [sum(n for k, n in facts.families if k.startswith("shift"))]
    for value in (*leaves(json.loads(facts.to_json())), *more):
        if isinstance(value, str):
            said = [value]
        elif isinstance(value, bool) or value is None:
            continue
        else:
            said = [print_as.level(value), numbers.cpu(abs(value)), numbers.plain(value * 1e6)]
            said += [numbers.share(value)] if 0 <= value <= 1 else []
            said += [f"{value / 1e6:,.1f}"]
        if isinstance(value, int) and not isinstance(value, bool):
            said.append(numbers.count(value))
            if value > 10**14:
                for near in (value, value - 1):
                    said.append(numbers.stamp(near, facts.zone))
                    said.append(numbers.day(near, facts.zone, year=True))
        for each in said:
            found.update(NUMBER.findall(each))
    return found


def text_of(document: str) -> str:
    document = re.sub(r"<style>.*?</style>|<title>.*?</title>", " ", document, flags=re.DOTALL)
    document = re.sub(r'<text[^>]*class="[^"]*tick[^"]*"[^>]*>[^<]*</text>', " ", document)
    return html.unescape(re.sub(r"<[^>]*>", " ", document))


def test_no_number_of_the_page_is_an_orphan(any_result: Comparison) -> None:
    known = printed(any_result)
    found = set(NUMBER.findall(text_of(told.html(page.of(any_result)))))
    assert {number for number in found if number not in known} == set()


def test_titles_say_the_finding(facts: Comparison) -> None:
    said = {name: words.title(each) for name, each in results(facts).items()}
    assert said["longer is as good"].startswith("Refit every 10 days: ")
    assert said["longer is as good"].endswith("no loss is shown")
    assert said["the best"] == "Refit every 5 days: every 10 days is worse by .0218 of log loss"
    assert said["never is as good"] == "No gain from retraining visits is shown"
    assert said["never is the best"].startswith("Keep the first model of visits")
    assert said["a variant is ahead"].startswith("short is ahead of every plain schedule by .")
    assert said["not identifiable"].endswith("is not identifiable")
    assert said["nothing"] == "visits has no policies to compare: the life has one look"
    assert all(len(each) <= words.TITLE for each in said.values())


def test_advice_comes_with_its_uncertainty(facts: Comparison) -> None:
    said = " ".join(map(str, words.lead(results(facts)["longer is as good"])))
    assert "+.0010 [\u2212.0020, +.0040]" in said
    assert "no difference shown" in said
    unknown = " ".join(map(str, words.lead(results(facts)["not identifiable"])))
    assert "No policy is recommended: 6 days: an interval needs at least 8." in unknown


def test_the_picture_names_what_it_shows(facts: Comparison) -> None:
    drawn = told.picture(page.of(facts), "light")
    for wanted in (
        words.title(facts), "Log loss, lower is better", "CPU seconds of fitting",
        "20 January to 9 May 2025", "log scale", "the frontier", "best possible in hindsight",
        "one policy each", "Chosen on", "regret", "What the age of a model costs",
        "95% interval", "Age in days", "given by hand, replayed",
    ):  # fmt: skip
        assert wanted in " ".join(html.unescape(re.sub(r"<[^>]*>", " ", drawn)).split()), wanted
    assert "<desc" in drawn


@pytest.mark.parametrize("width", [1136, 688, 328])
def test_text_stays_in_the_drawing(facts: Comparison, width: int) -> None:
    from asof.study.report import text

    chart = page.chart(facts)
    drawn = draw(chart, width)
    tall = float(re.search(r'height="([\d.]+)"', drawn)[1])
    for x, y, style, said in re.findall(
        r'<text x="([-\d.]+)" y="([-\d.]+)"(?: class="([^"]*)")?>([^<]*)<', drawn
    ):
        wide = text.width(html.unescape(said), 13 if re.search(r"\b[lb]\b", style) else 12)
        left = float(x) - (
            wide if " e" in f" {style} " else wide / 2 if "m" in style.split() else 0
        )
        if "e" in style.split():
            left = float(x) - wide
        assert left >= -13, said
        assert left + wide <= width + 13, said
        assert 0 < float(y) <= tall, said


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on PATH")
@pytest.mark.parametrize(
    "name",
    [
        each if each in {"usual", "no mean"} else pytest.param(each, marks=pytest.mark.slow)
        for each in NAMES
        if each != "nothing"
    ],
)
def test_texts_have_room(name: str, facts: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(told.html(page.of(results(facts)[name])), encoding="utf-8")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = opened(browser, path, 1280, "light")
        for width, theme in product((1280, 768, 360), ("light", "dark")):
            tab.set_viewport_size({"width": width, "height": 900})
            tab.emulate_media(color_scheme=theme)
            assert faults(tab, width, "screen") == {}, (width, theme)
            assert inaccessible(tab) == [], (width, theme)
        assert tab.asked == [path.as_uri()]
        browser.close()


def test_where_there_is_nothing_to_draw_there_are_words(facts: Comparison) -> None:
    nothing = results(facts)["nothing"]
    assert "There is nothing to compare: the life has one look." in told.html(page.of(nothing))
    assert told.picture(page.of(nothing), "light") == ""


def test_the_page_runs_nothing_and_is_small(any_result: Comparison) -> None:
    document = told.html(page.of(any_result))
    assert "<script" not in document
    assert not re.findall(r'(?:src|href)="http', document)
    assert len(document) < 400_000
    bundle = told.mimebundle(page.of(any_result))
    assert bundle["text/plain"] == "\n".join(told.lines(page.of(any_result)))
    assert "<script" not in bundle["text/html"]


def test_labels_keep_off_what_is_there() -> None:
    within = Box(0, 0, 400, 200)
    first = place("every week", 100, 100, [], [], within)
    assert first is not None
    second = place("every week", 100, 100, [first[0]], [], within)
    assert second is not None
    assert not second[0].meets(first[0])
    assert place("every week", 100, 100, [within], [], within) is None
    assert place("every week", 100, 100, [], [within], within) is None
    assert place("every week", 100, 100, [], [within], within, bold=True) is not None
