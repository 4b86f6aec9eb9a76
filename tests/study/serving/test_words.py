"""What is said, for every result that there can be."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import example_modes
import pytest

from asof.study.facts import Figure
from asof.study.report import numbers, told
from asof.study.serving import names, page, words
from asof.study.serving.facts import ServingFacts

NUMBER = re.compile(r"(?:\d[\d,]*)?\.?\d+")


def printed(facts: ServingFacts) -> set[str]:
    """Every number of the JSON, in every way in which it may be printed."""
    found = {"95"}
    for value in leaves(json.loads(facts.to_json())):
        for said in ways(value, facts):
            found.update(NUMBER.findall(said))
    return found


def leaves(value: object):
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)
    else:
        yield value


def ways(value: object, facts: ServingFacts) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, bool) or value is None:
        return []
    said = [names.scale(facts).level(value), numbers.cpu(abs(value))]
    if 0 <= value <= 1:
        said += [numbers.share(value), numbers.share(1 - value)]
    if isinstance(value, int):
        said.append(numbers.count(value))
        if value > 10**14:
            for when in (value, value - 1):
                said += [numbers.moment(when, facts.zone)]
                said += [numbers.day(when, facts.zone, year=True)]
        elif value > 10**6:
            said.append(numbers.duration(value))
    return said


def text_of(made: str) -> str:
    made = re.sub(r"<style>.*?</style>|<title>.*?</title>", " ", made, flags=re.DOTALL)
    made = re.sub(r'<text[^>]*class="[^"]*tick[^"]*"[^>]*>[^<]*</text>', " ", made)
    return html.unescape(re.sub(r"<[^>]*>", " ", made))


def test_no_number_is_an_orphan(study_facts: ServingFacts):
    known = printed(study_facts)
    said = [text_of(told.html(page.of(study_facts))), *told.lines(page.of(study_facts))]
    orphans = {number for number in NUMBER.findall(" ".join(said)) if number not in known}
    assert orphans == set()


def test_a_title_is_short_and_says_no_more_than_is_known(study_facts: ServingFacts):
    title = words.title(study_facts)
    assert 10 < len(title) <= words.TITLE
    assert "!" not in title
    assert len(words.title(replace(study_facts, system="a" * 80))) <= words.TITLE


@pytest.mark.parametrize(
    ("name", "title", "advice"),
    [
        ("usual", "every hour lose .0031 of log loss, every night .0433", "Refresh features"),
        ("nothing_shown", "No loss is shown", "Predict every night."),
        ("wide_intervals", "No loss is shown", "Answer with online features."),
        ("no_model_shown", "No loss is shown", "No mode is recommended"),
        ("better", "are ahead of online ones by .0051", "Refresh features every night."),
        ("higher_is_better", "lose .0031 of AUC", "Refresh features every hour."),
        ("regression", "of mean absolute error", "Refresh features every hour."),
        ("too_few_days", "is not identifiable", "Answer with online features."),
        ("one_class", "all 812 outcomes are no", "all 812 outcomes are no"),
        ("few_rows", "too few outcomes", "too few outcomes"),
        ("declared_worse", "as it is declared is worse than no model", "Refresh features"),
        ("budget", "every night .0433", "Refresh features every 6 hours."),
        ("no_budget", "every night .0433", "No mode is within the budget of 1.00 ms"),
    ],
)
def test_each_result_has_its_words(name: str, title: str, advice: str):
    facts = example_modes.STUDIES[name]()
    assert title in words.title(facts)
    assert advice in " ".join(map(str, words.lead(facts)))


def test_a_title_names_the_loss_of_a_mode_and_not_the_most_of_all_where_it_has_to_be_short():
    facts = example_modes.usual()
    metric = replace(facts.metric, words="mean absolute error, a name that is long")
    title = words.title(replace(facts, metric=metric))
    assert title.startswith("Features refreshed every night lose .0433 of mean absolute error")


def test_worse_than_no_model_is_said_wherever_it_is_so():
    facts = example_modes.usual()
    said = " ".join(map(str, words.lead(facts)))
    assert "are worse than no model (.5855 against .5501), and raise no error" in said
    assert "worse than no model" in told.html(page.of(facts))
    assert "worse than no model" not in told.html(page.of(example_modes.nothing_shown()))


def test_a_difference_without_an_interval_says_so():
    facts = example_modes.too_few_days()
    assert names.difference(facts, facts.modes[1]) == "+.0100, no interval"
    missing = replace(facts.modes[1], difference=Figure.missing("AUC needs both outcomes."))
    assert names.difference(facts, missing) == "AUC needs both outcomes"


def test_waste_is_not_defined_where_nothing_is_made_beforehand():
    facts = example_modes.usual()
    assert [names.waste(mode) for mode in facts.modes] == [*["not defined"] * 4, "7.0%",
                                                           "not defined"]  # fmt: skip


def test_quick_is_said(study_facts: ServingFacts):
    said = words.subtitle(replace(study_facts, part=0.3334, days=102))
    assert "Quick: the first 33% of the life, 102 days." in said
    assert "Quick" not in words.subtitle(replace(study_facts, part=1.0))


def test_the_page_asks_for_nothing(study_facts: ServingFacts):
    made = told.html(page.of(study_facts))
    for word in ("<script", "src=", "@import", "url(http", '<link rel="s'):
        assert word not in made
    assert len(made.encode()) < 150_000


def test_the_terminal_fits(study_facts: ServingFacts):
    for width in (80, 100):
        assert max(map(len, told.lines(page.of(study_facts), width=width))) <= width


def test_a_mode_without_a_figure_leaves_the_others_their_differences():
    facts = example_modes.STUDIES["usual"]()
    why = "There is no labelled row to train on, for no run knew a request that was due by then"
    last = replace(facts.modes[-1], total=Figure.missing(why), difference=None, why=why)
    lines = told.lines(page.of(replace(facts, modes=(*facts.modes[:-1], last))), width=80)
    text = " ".join(lines)
    assert "against online, 95%" in text
    assert names.difference(facts, facts.modes[1]) in text
    assert f"{names.brief(last)}: {why}." in text


def test_a_loss_of_most_of_what_a_model_is_worth_is_not_called_acceptable():
    facts = example_modes.usual()
    assert "is acceptable" in text_of(told.html(page.of(facts)))
    dear = ((0.0041, "features 1h"), (0.06, "features nightly"))  # of .0893
    dear = replace(facts, advice=replace(facts.advice, turns=dear))
    assert "is acceptable" not in text_of(told.html(page.of(dear)))
