"""Titles and sentences: what the facts do not show is not said."""

from __future__ import annotations

from dataclasses import replace

import example_facts
import pytest

from asof.study.facts import Figure, Life
from asof.study.findings import findings
from asof.study.report import titles, words
from asof.study.report.terminal import lines


def title(life: Life) -> str:
    return titles.title(life, findings(life))


def story(life: Life) -> str:
    return " ".join(map(str, words.story(life, findings(life))))


def test_a_title_is_one_sentence_of_at_most_ninety_characters(any_life: Life):
    said = title(any_life)
    assert 10 < len(said) <= titles.TITLE
    assert ":" not in said
    assert "!" not in said


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gated", "Thirteen promotions kept flight-delay ahead of a model that is not refit in"),
        ("no_difference", "No difference is shown between flight-delay and a model that is not"),
        ("harmful", "Retraining flight-delay costs .0300 of log loss against a model that is not"),
        ("one_slot", "flight-delay has a log loss of .5101 in its only week"),
        ("one_class", "flight-delay has no log loss to show because all outcomes are alike"),
        ("five_rows", "flight-delay has no log loss to show because 5 outcomes are too few"),
        ("nothing_scored", "No outcome of flight-delay counts yet, so it has no log loss to show"),
        ("none_final", "flight-delay has no log loss to show because no week is final yet"),
        ("failing_fits", "All 20 fits of flight-delay failed, so every answer was its fallback"),
        ("never_retrained", "flight-delay is ahead of rate by route in 43 of 43 weeks"),
        ("bare", "flight-delay has a log loss of .5168 over 12 weeks"),
    ],
)
def test_titles_say_the_finding(name: str, expected: str):
    assert title(example_facts.LIVES[name]()).startswith(expected)


def test_outcomes_that_came_too_late_are_said_to_be_so_and_what_follows_where_they_are_many():
    life = example_facts.life()
    few, many = (replace(life.labels, late=late) for late in (3, life.labels.mature // 5))
    none = replace(life, labels=replace(life.labels, late=0))
    assert "never came" in story(none)
    assert "not in time" in story(replace(life, labels=few))
    assert "A longer wait" not in story(replace(life, labels=few))
    told = story(replace(life, labels=many))
    assert "never came" not in told
    assert "That is 20% of those that were due" in told
    terminal = " ".join(" ".join(lines(replace(life, labels=many))).split())
    assert "20% came after they were due and are not used; asof check says more" in terminal
    assert "asof check says more" not in " ".join(" ".join(lines(none)).split())


def test_a_system_that_loses_to_a_baseline_says_so_first():
    life = example_facts.life()
    prior = replace(
        life.series[2],
        total=Figure(0.40, 0.39, 0.41, 9000),
        difference=Figure(-0.08, -0.09, -0.07, 9000),
    )
    life = replace(life, series=(*life.series[:2], prior, *life.series[3:]))
    assert title(life) == "flight-delay is behind constant rate by .0800 of log loss"
    assert "Served is worse than the strongest of 3 baselines, constant rate, by .0800 [+.0700" in (
        story(life)
    )


def test_an_interval_that_holds_zero_is_no_difference_shown_and_never_a_gain():
    said = story(example_facts.no_difference())
    assert "No difference is shown between retraining and not" in said
    assert "worth" not in said


def test_what_has_no_interval_is_not_identifiable():
    life = example_facts.life()
    never = replace(life.series[1], difference=Figure.missing("there is one block"))
    life = replace(life, series=(life.series[0], never, *life.series[2:]))
    assert "not identifiable because there is one block" in title(life)
    assert "What retraining is worth is not identifiable: there is one block." in story(life)


def test_gains_are_positive_in_either_direction_of_the_metric():
    said = story(example_facts.higher_is_better())
    assert "Retraining is worth .0200 of AUC, 95% interval [+.0158, +.0242]" in said


def test_where_every_fit_failed_retraining_has_no_worth():
    said = story(example_facts.failing_fits())
    assert "All 20 fits failed, so no model ever served." in said
    assert "Retraining" not in said


def test_without_a_figure_no_level_is_told():
    for name in ("one_class", "five_rows", "nothing_scored"):
        life = example_facts.LIVES[name]()
        said = story(life)
        assert said.startswith("There is no log loss to show: ")
        assert "worst week" not in said
        assert words.no_picture(life, findings(life))


def test_the_rows_of_a_sentence_add_up(any_life: Life):
    found = findings(any_life)
    assert found.scored + found.never_came + found.open <= found.requests
    assert f"{found.requests:,} request" in words.subtitle(any_life, found)


def test_a_share_of_fallbacks_is_said_only_where_there_are_any():
    assert "A model answered every request." in story(example_facts.five_rows())
    assert "118 requests (<0.1%) got the declared fallback" in story(example_facts.life())


def test_where_no_slot_is_final_a_share_is_proposed_that_makes_some_so():
    life = example_facts.none_final()
    second = str(words.two_sentences(life, findings(life))[1])
    # .992, .984, ... mature: none reaches .99 but the first, six reach .95, a quarter is three.
    assert "final_share=0.95 in the declaration 6 of 12 weeks would count." in second
    young = replace(life, slots=tuple(replace(slot, mature_share=0.2) for slot in life.slots))
    assert "more history is needed" in story(young)
    assert "final_share" not in story(example_facts.life())
