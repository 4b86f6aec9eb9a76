"""The gap in a terminal: facts, a table of stages, what to do, where the report is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from asof.study.gap import words
from asof.study.gap.facts import GapFacts, StageFact
from asof.study.report import numbers
from asof.study.report.terminal import STYLES, Span

if TYPE_CHECKING:
    from rich.console import Console


def lines(
    facts: GapFacts, *, report: str = "", then: Sequence[tuple[str, str]] = (), width: int = 100
) -> list[str]:
    """The report as plain text."""
    said = spans(facts, report=report, then=then, width=width)
    return ["".join(part for part, _ in line).rstrip() for line in said]


def render(
    facts: GapFacts, console: Console, *, report: str = "", then: Sequence[tuple[str, str]] = ()
) -> None:
    """The same, on a console, in colour where it has colour."""
    from rich.text import Text

    for line in spans(facts, report=report, then=then, width=min(100, max(80, console.width))):
        text = Text(no_wrap=True, overflow="ignore", end="")
        for part, role in line:
            text.append(part, STYLES[role])
        text.rstrip()
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def spans(
    facts: GapFacts, *, report: str, then: Sequence[tuple[str, str]], width: int
) -> list[list[Span]]:
    """The lines of the report, each in spans."""
    made: list[list[Span]] = [
        [(line, "strong")] for line in textwrap.wrap(words.title(facts), width)
    ]
    made += [[(line, "soft")] for line in textwrap.wrap(words.subtitle(facts), width)]
    made.append([])
    if not facts.why:
        made += [*_table(facts), []]
        for said in (*words.advice(facts), *words.story(facts)):
            made += [[(line, "")] for line in textwrap.wrap(str(said), width)]
    return [*made, *_ways_on(report, then)]


def _table(facts: GapFacts) -> Iterator[list[Span]]:
    print_as = words.scale(facts)
    better = "lower" if facts.metric.lower_is_better else "higher"
    rows = [(words.label(each), *_cells(facts, each, print_as)) for each in facts.stages]
    head = (f"{facts.metric.words}, {better} is better", "level", "step", "95% interval", "")
    sizes = [max(len(row[column]) for row in (head, *rows)) for column in range(5)]
    for row, role in ((head, "soft"), *((row, "") for row in rows)):
        text = f"{row[0]:<{sizes[0]}}"
        text += "".join(f"  {row[i]:>{sizes[i]}}" for i in (1, 2, 3))
        yield [
            (text, "strong" if row[0] == words.LABELS["policy"] else role),
            (f"  {row[4]}", "soft"),
        ]
    constant = facts.constant.value
    if constant is not None:
        name = "no model at all"
        yield [(f"{name:<{sizes[0]}}  {print_as.level(constant):>{sizes[1]}}", "soft")]


def _cells(facts: GapFacts, stage: StageFact, print_as: numbers.Scale) -> tuple[str, str, str, str]:
    level = "none" if stage.level.value is None else print_as.level(stage.level.value)
    step = stage.step
    if step is None or step.value is None:
        return level, "", "", "" if stage.level.shown else words.second(facts, stage)
    size = print_as.difference(step.value)
    span = ""
    if step.low is not None and step.high is not None:
        span = print_as.interval(step.low, step.high)
    return level, size, span, words.mark(facts, stage)


def _ways_on(report: str, then: Sequence[tuple[str, str]]) -> Iterator[list[Span]]:
    if report:
        yield []
        yield [("✓", "good"), (" report   ", ""), (report, "command")]
    room = max((len(command) for command, _ in then), default=0) + 3
    for index, (command, shows) in enumerate(then):
        label = "  next     " if index == 0 else " " * 11
        yield [(label, ""), (f"{command:<{room}}", "command"), (shows, "")]


def work_words(done: float, total: float, passed: float) -> str:
    """One line of progress: the share of the work that is done, seconds passed and left.

    >>> work_words(31, 124, 40.0)
    'gap 25%  0:40, 2:00 left'
    """
    part = done / total if total else 1.0
    line = f"gap {numbers.share(part)}  {numbers.clock(passed)}"
    if not 0 < part < 1:
        return line
    return f"{line}, {numbers.clock(passed * (1 - part) / part)} left"
