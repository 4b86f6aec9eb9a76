"""Facts: JSON in and out, and what is counted from them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import example_facts
import pytest

from asof.study.facts import Figure, Life, SourceFact
from asof.study.findings import document, findings, quarantined_by_slot, strongest


def test_json_gives_back_the_same_life(any_life: Life):
    assert Life.from_json(any_life.to_json()) == any_life


def test_the_document_holds_facts_and_findings_and_no_nan(any_life: Life):
    text = document(any_life)
    assert Life.from_json(text) == any_life

    def refuse(name: str):
        raise AssertionError(name)

    read = json.loads(text, parse_constant=refuse)
    assert read["format"] == 1
    assert read["findings"]["requests"] == sum(slot.requests for slot in any_life.slots)


def test_a_figure_that_is_not_a_number_is_refused():
    life = replace(example_facts.bare(), start=0)
    served = replace(life.served, total=Figure(math.nan, None, None, 3))
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(life, series=(served,)).to_json()


def test_a_json_of_a_later_version_with_more_in_it_is_still_read():
    life = example_facts.bare()
    read = json.loads(life.to_json())
    read["more"] = read["slots"][0]["more"] = 1
    assert Life.from_json(json.dumps(read)) == life


@pytest.mark.parametrize(
    ("low", "high", "sign"),
    [(0.1, 0.2, 1), (-0.2, -0.1, -1), (-0.1, 0.1, 0), (0.0, 0.1, 0), (None, None, 0)],
)
def test_an_interval_that_holds_zero_has_no_sign(low: float, high: float, sign: int):
    assert Figure(0.15, low, high, 9).sign == sign


def test_counts_are_those_of_the_facts():
    life = example_facts.gated()
    found = findings(life)
    kinds = [model.status for model in life.models]
    assert found.fits == len(kinds)
    assert found.promotions == kinds.count("promoted") - 1
    assert (found.refused, found.failed) == (kinds.count("refused"), kinds.count("failed"))
    assert found.quarantined == sum(rows for s in life.sources for _, rows in s.quarantined)
    assert found.quarantined_in_life == 26 == sum(quarantined_by_slot(life))


def test_a_row_with_two_reasons_is_one_row():
    source = SourceFact("a", 9, 9, (("x", 2), ("y", 2)), quarantined_rows=3)
    assert source.aside == 3
    assert replace(source, quarantined_rows=None).aside == 4


def test_slots_ahead_are_counted_among_final_ones_in_the_sense_of_the_metric():
    for life in (example_facts.life(), example_facts.higher_is_better()):
        sign = 1 if life.metric.lower_is_better else -1
        never = next(each for each in life.series if each.name == "never")
        expected = sum(
            sign * theirs.value > sign * ours.value
            for slot, ours, theirs in zip(life.slots, life.served.slots, never.slots, strict=True)
            if slot.final
        )
        pair = next(each for each in findings(life).against if each.name == "never")
        assert pair.ahead == expected
        assert pair.ahead + pair.behind == pair.slots == len(life.slots) - 1
        assert pair.verdict == "better"


def test_verdicts_follow_the_interval():
    def verdict(life: Life) -> str:
        return next(each.verdict for each in findings(life).against if each.name == "never")

    assert verdict(example_facts.no_difference()) == "no difference shown"
    assert verdict(example_facts.harmful()) == "worse"
    assert verdict(example_facts.one_slot()) == "not identifiable"
    assert verdict(example_facts.one_class()) == "not identifiable"


def test_the_strongest_baseline_is_the_one_that_is_hardest_to_beat():
    for life in (example_facts.life(), example_facts.higher_is_better()):
        totals = [each.total.value for each in life.series if each.kind == "baseline"]
        best = min(totals) if life.metric.lower_is_better else max(totals)
        assert strongest(life).total.value == best


def test_the_worst_slot_is_final_and_worst():
    for life in (example_facts.life(), example_facts.higher_is_better()):
        worst = findings(life).worst
        values = [
            figure.value
            for slot, figure in zip(life.slots, life.served.slots, strict=True)
            if slot.final
        ]
        assert life.slots[worst.slot].final
        assert worst.value == (max(values) if life.metric.lower_is_better else min(values))
