"""The report in a terminal: facts, a table, two sentences, where the report is, what to type next.

Lines are made of spans (text, role), so that colour is never the only sign: without it the same
text stands there. Nothing reads a clock; what has passed is handed in.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from asof.study.facts import Figure, Life, Series
from asof.study.findings import Findings, findings
from asof.study.report import numbers, words
from asof.study.report.life import drawn

if TYPE_CHECKING:
    from rich.console import Console

Span = tuple[str, str]
"""A piece of a line and its role: "", "strong", "soft", "command" or "good"."""

STYLES = {"": "", "strong": "bold", "soft": "dim", "command": "cyan", "good": "green"}
BLOCKS = "▁▂▃▄▅▆▇█"
BARS = 22
"""The most bars of a sparkline."""


def plain(said: Iterable[list[Span]]) -> list[str]:
    """Lines of spans as plain text."""
    return ["".join(part for part, _ in line).rstrip() for line in said]


def room(console: Console) -> int:
    """How wide text is set on a console."""
    return min(100, max(80, console.width))


def coloured(said: Iterable[list[Span]], console: Console) -> None:
    """Print lines of spans on a console, in colour where it has colour."""
    from rich.text import Text

    for line in said:
        text = Text(no_wrap=True, overflow="ignore", end="")
        for part, role in line:
            text.append(part, STYLES[role])
        text.rstrip()
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def lines(
    life: Life, *, report: str = "", then: Sequence[tuple[str, str]] = (), width: int = 100
) -> list[str]:
    """The report as plain text.

    `report` is where the page was written; `then` are commands with what each shows.
    """
    return plain(spans(life, report=report, then=then, width=width))


def render(
    life: Life,
    console: Console,
    *,
    report: str = "",
    then: Sequence[tuple[str, str]] = (),
) -> None:
    """The same, on a console, in colour where it has colour."""
    coloured(spans(life, report=report, then=then, width=room(console)), console)


def spans(
    life: Life, *, report: str, then: Sequence[tuple[str, str]], width: int
) -> list[list[Span]]:
    """The lines of the report, each in spans."""
    found = findings(life)
    made = [*_facts(life, found, width), []]
    if not found.trouble:
        made += [*_table(life, width), []]
    for sentence in words.two_sentences(life, found):
        made += wrapped(sentence, width)
    return [*made, *ways_on(report, then)]


# --- facts ---------------------------------------------------------------------------------------


def _facts(life: Life, found: Findings, width: int) -> Iterator[list[Span]]:
    name = 14 if len(life.system) > 24 else max(12, len(life.system)) + 2
    head = f"{numbers.period(life.start, life.end, life.zone)}, as of "
    head += numbers.moment(life.as_of, life.zone)
    if len(life.system) > 24:
        yield [(_cut(life.system, width), "strong")]
        yield [(" " * name, ""), (head, "")]
    else:
        yield [(f"{life.system:<{name}}", "strong"), (head, "")]
    read = ", ".join(f"{numbers.count(each.rows)} {each.name}" for each in life.sources)
    facts = [
        ("read", read, ""),
        _quarantined(life, found),
        ("served", numbers.many(life.coverage.asked, "request"), _answers(life)),
        ("labels", f"{numbers.count(found.scored)} known", _unknown(life, found)),
        *_late(life, found),
        *_figures(life, found),
        ("models", numbers.many(found.fits, "fit"), _became(found)),
    ]
    first = max(len(value) for _, value, more in facts if more) + 3
    for label, value, more in facts:
        text = f"{value:<{first}}{more}" if more else value
        for index, part in enumerate(textwrap.wrap(text, width - name) or [""]):
            said = part if index or not more else text[: len(part)]
            yield [(f"{'' if index else label:<{name}}", "soft"), (said, "")]


def _quarantined(life: Life, found: Findings) -> tuple[str, str, str]:
    if not found.quarantined:
        return ("quarantined", "no row", "")
    reasons = sorted(
        (pair for source in life.sources for pair in source.quarantined), key=lambda pair: -pair[1]
    )
    more = len({why for why, _ in reasons}) - 1
    why = reasons[0][0] + (f" and {numbers.many(more, 'more reason')}" if more else "")
    rows = numbers.many(found.quarantined, "row")
    return ("quarantined", f"{rows}, {numbers.count(found.quarantined_in_life)} in this life", why)


def _answers(life: Life) -> str:
    answers = life.coverage
    parts = [life.serving]
    parts += [f"{numbers.count(answers.fallback)} by the fallback"] if answers.fallback else []
    parts += [f"{numbers.count(answers.unanswered)} unanswered"] if answers.unanswered else []
    return ", ".join(parts)


def _unknown(life: Life, found: Findings) -> str:
    never = f"{numbers.count(found.never_came)} {words.without_outcome(life)}"
    return f"{never}, {numbers.count(found.open)} open"


def _late(life: Life, found: Findings) -> Iterator[tuple[str, str, str]]:
    """Outcomes that came after they were due, where they are many: the wait is too short then."""
    if found.late_share is not None and found.late_share >= words.LATE:
        told = f"{numbers.share(found.late_share)} came after they were due and are not used; "
        yield ("late", numbers.many(life.labels.late, "outcome"), f"{told}asof check says more")


def _figures(life: Life, found: Findings) -> Iterator[tuple[str, str, str]]:
    """On how many requests the figures rest, where that is fewer than have an outcome."""
    if not found.trouble and found.young_slots and life.served.total.n < found.scored:
        final = f"of the {numbers.many(found.final_slots, life.slot_words)} that are final"
        told = f"{numbers.many(life.served.total.n, 'request')}"
        yield ("figures", told, f"{final}, of {numbers.count(found.slots)}")


def _became(found: Findings) -> str:
    if not found.refits:
        return "failed" if found.failed else "no refit"
    parts = [f"{numbers.count(found.promotions)} promoted later"]
    parts += [f"{numbers.count(found.refused)} refused"] if found.refused else []
    parts += [f"{numbers.count(found.failed)} failed"] if found.failed else []
    return ", ".join(parts)


# --- table ---------------------------------------------------------------------------------------


def _table(life: Life, width: int) -> Iterator[list[Span]]:
    print_as = words.scale(life)
    way = "lower" if life.metric.lower_is_better else "higher"
    head = f"{life.metric.words}, {way} is better"
    names = [each.label for each in life.series]
    levels = [_level(each.total, print_as) for each in life.series]
    beside = [_beside(each, print_as) for each in life.series]
    against = "against served, 95%"
    second = max(map(len, ["all", *levels]))
    third = max(map(len, [against, *beside]))
    first = min(max(map(len, [head, *names])), width - second - third - 6 - 8)
    head = head if len(head) <= first else life.metric.words  # whole words before the way to read
    rest = width - first - second - third - 6
    bars = _sparks(life, min(BARS, rest)) if rest >= 8 and len(life.slots) > 1 else None
    title = _bar_words(life, min(BARS, rest)) if bars else ""
    yield [
        (f"{_cut(head, first):<{first}}  {'all':>{second}}  {against:>{third}}  ", "soft"),
        (title if len(title) <= rest else "", "soft"),
    ]
    for index, each in enumerate(life.series):
        role = "strong" if each.kind == "served" else ""
        text = f"{_cut(names[index], first):<{first}}  {levels[index]:>{second}}  "
        text += f"{beside[index]:>{third}}"
        yield [(text, role), (f"  {bars[index]}" if bars else "", role or "soft")]


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _level(figure: Figure, print_as: numbers.Scale) -> str:
    return "none" if figure.value is None else print_as.level(figure.value)


def _beside(each: Series, print_as: numbers.Scale) -> str:
    difference = each.difference
    if difference is None:
        return ""
    if difference.value is None:
        return _cut(difference.why or "not known", 34)
    value = print_as.difference(difference.value)
    if difference.low is None or difference.high is None:
        return f"{value} {_cut(difference.why or 'no interval', 30)}"
    return f"{value} {print_as.interval(difference.low, difference.high)}"


def _per_bar(life: Life, bars: int) -> int:
    return -(-len(life.slots) // bars)


def _bar_words(life: Life, bars: int) -> str:
    """Which time the bars run over, and how much one stands for."""
    size = _per_bar(life, bars)
    first, last = (numbers.local(when, life.zone) for when in (life.start, life.end - 1))
    months = f"{numbers.MONTHS[first.month - 1][:3]} → {numbers.MONTHS[last.month - 1][:3]}"
    if (first.year, first.month) == (last.year, last.month):
        months = f"{numbers.MONTHS[first.month - 1][:3]}"
    unit = life.slot_words
    if size == 1:
        return f"{months}, a bar {words.each(unit)}"
    each = numbers.SMALL[size] if size < len(numbers.SMALL) else "many"
    return f"{months}, {each} {unit}s a bar"


def _sparks(life: Life, bars: int) -> list[str]:
    """A sparkline a series, all on the scale of the lines that the drawing shows."""
    size = _per_bar(life, bars)
    merged = [_merged(each, size) for each in life.series]
    shown = {series.name for series, _ in drawn(life)}
    known = [
        value
        for each, values in zip(life.series, merged, strict=True)
        for value in values
        if value is not None and each.name in shown
    ]
    if not known:
        return ["" for _ in life.series]
    low, high = min(known), max(known)
    return ["".join(_block(value, low, high) for value in values) for values in merged]


def _merged(series: Series, size: int) -> list[float | None]:
    found: list[float | None] = []
    for first in range(0, len(series.slots), size):
        figures = [each for each in series.slots[first : first + size] if each.value is not None]
        rows = sum(max(1, each.n) for each in figures)
        whole = sum((each.value or 0.0) * max(1, each.n) for each in figures)
        found.append(whole / rows if rows else None)
    return found


def _block(value: float | None, low: float, high: float) -> str:
    if value is None:
        return " "
    part = (value - low) / (high - low) if high > low else 0.5
    return BLOCKS[min(len(BLOCKS) - 1, max(0, int(part * len(BLOCKS))))]


# --- sentences and ways on -----------------------------------------------------------------------


def wrapped(sentence: words.Said, width: int) -> Iterator[list[Span]]:
    """A sentence over lines, its strong part still strong."""
    whole, start = str(sentence), len(sentence.before)
    stop = start + len(sentence.strong)
    at = 0
    for line in textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False):
        at = whole.index(line, at)
        cut = [min(max(0, edge - at), len(line)) for edge in (start, stop)]
        yield [(line[: cut[0]], ""), (line[cut[0] : cut[1]], "strong"), (line[cut[1] :], "")]
        at += len(line)


def ways_on(report: str, then: Sequence[tuple[str, str]]) -> Iterator[list[Span]]:
    """Where the report is, and commands with what each shows."""
    if report:
        yield []
        yield [("✓", "good"), (" report   ", ""), (report, "command")]
    room = max((len(command) for command, _ in then), default=0) + 3
    for index, (command, shows) in enumerate(then):
        label = "  next     " if index == 0 else " " * 11
        yield [(label, ""), (f"{command:<{room}}", "command"), (shows, "")]


# --- progress ------------------------------------------------------------------------------------


def progress(done: int, total: int, moment: int, zone: str, elapsed: float) -> str:
    """One line of progress: fits done, where the life is, seconds passed and left.

    >>> progress(31, 44, 1380859200_000000, "America/New_York", 112.0)
    'fits 31/44  2013-10-04  1:52, 0:47 left'
    """
    day = f"{numbers.local(moment, zone):%Y-%m-%d}"
    line = f"fits {numbers.count(done)}/{numbers.count(total)}  {day}  {numbers.clock(elapsed)}"
    if not done or done >= total:
        return line
    return f"{line}, {numbers.clock(elapsed * (total - done) / done)} left"


def work_words(part: float, elapsed: float, left: float | None) -> str:
    """One line of progress where work is not counted in fits: its share, seconds passed and left.

    >>> work_words(0.25, 40.0, 120.0)
    'done 25%  0:40, 2:00 left'
    """
    line = f"done {numbers.share(part)}  {numbers.clock(elapsed)}"
    return line if left is None or part >= 1 else f"{line}, {numbers.clock(left)} left"


class Pace:
    """When a plain line of progress is due: every tenth of the work, or every 30 seconds.

    >>> pace = Pace()
    >>> [pace.due(part, seconds) for part, seconds in [(0, 0), (0.05, 9), (0.1, 20), (0.15, 50)]]
    [True, False, True, True]
    """

    def __init__(self, part: float = 0.1, seconds: float = 30.0) -> None:
        self._part, self._seconds = part, seconds
        self._last: tuple[float, float] | None = None

    def due(self, part: float, elapsed: float) -> bool:
        """Whether to print now that `part` of the work is done after `elapsed` seconds."""
        if self._last is not None:
            before, when = self._last
            if part - before < self._part - 1e-9 and elapsed - when < self._seconds:
                return False
        self._last = (part, elapsed)
        return True
