"""What stands beside the frontier: the halves of the life, and what a model loses by age."""

from __future__ import annotations

from dataclasses import dataclass

from asof.study.report import numbers, text
from asof.study.report.axis import Line, nice, value_labels
from asof.study.report.svg import Sheet, px


@dataclass(frozen=True, slots=True)
class HalfRow:
    """A policy in both halves: name, figures in words, regret and what is said of it."""

    name: str
    line: str
    regret: float
    said: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Halves:
    """Policies chosen on the first half of the life and judged on the second."""

    title: str
    subtitle: str
    rows: tuple[HalfRow, ...]


@dataclass(frozen=True, slots=True)
class Ageing:
    """What a model loses by age: (age, value, low, high); `least` says which ages are left out."""

    title: str
    subtitle: str
    ages: str
    rows: tuple[tuple[int, float, float | None, float | None], ...]


def halves(sheet: Sheet, told: Halves, left: float, right: float, y: float) -> float:
    """Draw the halves from `y` on; the baseline after them."""
    room = right - left
    y = sheet.lines(left, y, text.wrap(told.title, room / 1.13, 13), "b")
    y = sheet.lines(left, y + 1, text.wrap(told.subtitle, room, 12))
    most = max([row.regret for row in told.rows], default=0.0)
    for row in told.rows:
        sheet.path(f"M{px(left)} {px(y - 6)}H{px(right)}", "grid")
        style = "b" if row.strong else "l vi"
        y = sheet.lines(
            left, y + 14, text.wrap(row.name, room / (1.13 if row.strong else 1), 13), style
        )
        sheet.text(left, y, row.line)
        y += 10
        wide = (room - text.width(row.said, 13) - 16) * (row.regret / most if most else 0.0)
        bar, words = ("up", "vs") if row.strong or not row.regret else ("loss", "vw")
        sheet.rect(left, y, max(wide, 1.5), 13, bar)
        sheet.text(left + max(wide, 1.5) + 8, y + 11, row.said, words)
        y += 32
    return y


def ageing(
    sheet: Sheet, told: Ageing, left: float, right: float, y: float, *, bounded: bool
) -> float:
    """Draw what age costs from `y` on; the baseline after it."""
    room = right - left
    y = sheet.lines(left, y, text.wrap(told.title, room / 1.13, 13), "b")
    y = sheet.lines(left, y + 1, text.wrap(told.subtitle, room, 12))
    top, bottom = y, y + 120
    ends = [
        end for _, value, low, high in told.rows for end in (value, low, high) if end is not None
    ]
    low, high = min(0.0, *ends), max(0.0, *ends)
    margin = 0.06 * (high - low) or 1.0
    values = nice(low - margin, high + margin, 4)
    labels = value_labels(values, bounded=bounded)
    labels = [_signed(value, label) for value, label in zip(values, labels, strict=True)]
    start = left + max(text.width(label) for label in labels) + 10
    rise = Line(low - margin, high + margin, bottom, top)
    last = max(age for age, *_ in told.rows)
    across = Line(0, last * 1.04, start, right)
    for value, label in zip(values, labels, strict=True):
        sheet.path(f"M{px(start)} {px(rise(value))}H{px(right)}", "grid" if value else "base")
        sheet.text(start - 8, rise(value) + 4, label, "e tick")
    named = -1e9
    for age, value, lower, upper in told.rows:
        x = across(age)
        if lower is not None and upper is not None:
            sheet.path(f"M{px(x)} {px(rise(lower))}V{px(rise(upper))}", "open1")
        shown = lower is not None and upper is not None and (lower > 0 or upper < 0)
        sheet.circle(x, rise(value), 3.6, "dot" if shown else "hole")
        label = numbers.count(age)
        if x - text.width(label) / 2 > named + 5:
            sheet.text(x, bottom + 17, label, "m tick")
            named = x + text.width(label) / 2
    return sheet.lines(start, bottom + 35, text.wrap(told.ages, right - start))


def _signed(value: float, label: str) -> str:
    return f"+{label}" if value > 0 else label
