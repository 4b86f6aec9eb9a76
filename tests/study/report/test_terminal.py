"""The report in a terminal, and its line of progress."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from itertools import pairwise

import example_facts
import pytest
from rich.console import Console

from asof.study.facts import Life
from asof.study.report.terminal import Pace, lines, progress, render

THEN = (("asof why 17", "the rows that a feature saw"), ("asof quarantine show", "each row"))


def shown(life: Life, *, colour: bool, width: int = 100) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colour, no_color=not colour, color_system="standard"
        if colour else None,
    )  # fmt: skip
    render(life, console, report="runs/a/report.html", then=THEN)
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100])
def test_lines_keep_to_the_terminal(any_life: Life, width: int):
    said = lines(any_life, report="runs/a/report.html", then=THEN, width=width)
    assert max(map(len, said)) <= width
    assert 10 <= len(said) <= 35
    assert not any(line != line.rstrip() for line in said)


def test_without_colour_the_same_facts_stand_there(any_life: Life):
    plain = shown(any_life, colour=False)
    assert "\x1b" not in plain
    expected = lines(any_life, report="runs/a/report.html", then=THEN)
    assert plain.splitlines() == expected


def test_colour_is_put_on_and_changes_no_text():
    life = example_facts.gated()
    coloured = shown(life, colour=True)
    assert "\x1b[36masof why 17" in coloured
    assert "\x1b[1m" in coloured
    bare = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert [line.rstrip() for line in bare.splitlines()] == shown(life, colour=False).splitlines()


def test_the_ways_on_are_those_that_were_given():
    said = lines(example_facts.life(), report="runs/a/report.html", then=THEN)
    assert said[-3:] == [
        "✓ report   runs/a/report.html",
        "  next     asof why 17            the rows that a feature saw",
        "           asof quarantine show   each row",
    ]
    assert "next" not in "\n".join(lines(example_facts.life()))


def test_every_series_has_its_sparkline_on_one_scale():
    said = lines(example_facts.life())
    served, never = (next(x for x in said if x.startswith(name)) for name in ("served m", "never"))
    assert len(served.split()[-1]) == len(never.split()[-1]) == 22
    assert "two weeks a bar" in "\n".join(said)


def test_without_a_figure_there_are_words_and_no_table():
    said = "\n".join(lines(example_facts.five_rows()))
    assert "There is no log loss to show: 5 outcomes are too few" in said
    assert "▁" not in said


def test_progress_is_one_line():
    at = 1_380_859_200_000_000
    assert progress(0, 44, at, "UTC", 0.2) == "fits 0/44  2013-10-04  0:00"
    assert progress(22, 44, at, "UTC", 60) == "fits 22/44  2013-10-04  1:00, 1:00 left"
    assert progress(44, 44, at, "UTC", 130) == "fits 44/44  2013-10-04  2:10"


@pytest.mark.parametrize("fits", [10, 44, 600])
def test_plain_progress_of_ten_minutes_is_ten_to_forty_lines_and_never_silent(fits: int):
    pace = Pace()
    times = [600 * i / 600 for i in range(601)]
    due = [t for t in times if pace.due(int(t / 600 * fits) / fits, t)]
    assert 10 <= len(due) <= 40
    assert all(b - a <= 30 for a, b in pairwise(due))


def test_a_long_metric_keeps_its_words_whole():
    life = example_facts.regression()
    long = replace(life, metric=replace(life.metric, words="root mean squared error of demand"))
    said = "\n".join(lines(long, width=80))
    assert "root mean squared error of demand " in said
    assert "…" not in said
