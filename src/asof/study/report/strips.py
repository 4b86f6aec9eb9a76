"""The strips below the metric: which model served, what became of labels, what was refused."""

from __future__ import annotations

from collections.abc import Sequence

from asof.study.facts import Life, ModelFact
from asof.study.findings import quarantined_by_slot
from asof.study.report import numbers, text, words
from asof.study.report.axis import Line, nice
from asof.study.report.frame import Bin, Frame
from asof.study.report.svg import Sheet, px

HARD = "\u00a0"
"""A space at which no line is broken."""
SQUARES = 4
"""The most quarantined rows that are drawn as squares one above the other."""


def heading(sheet: Sheet, here: Frame, y: float, name: str, parts: list[str]) -> float:
    """The heading of a panel, and the y where the panel begins: beside it or below it."""
    sheet.text(0, y + 13, name, "b")
    if here.wide:
        lines = [line for part in parts for line in text.wrap(part, 150, 13)]
        sheet.lines(0, y + 30, lines, "l")
        return y
    below = sheet.lines(0, y + 30, text.wrap(", ".join(parts), here.width - 4, 12))
    return below - 8


def grid(sheet: Sheet, here: Frame, top: float, bottom: float) -> None:
    """The lines of the time axis through one panel."""
    marks = [mark for mark in here.marks if here.place.start <= mark.at <= here.place.stop]
    sheet.path("".join(f"M{px(mark.at)} {px(top)}V{px(bottom)}" for mark in marks), "grid")


def time_axis(sheet: Sheet, here: Frame, y: float) -> float:
    """The axis of time under all panels; the height of the drawing."""
    sheet.path(f"M{px(here.place.start)} {px(y)}H{px(here.place.stop)}", "base")
    for mark in here.marks:
        if mark.label:
            sheet.text(mark.middle, y + 18, mark.label, "m tick")
    return y + 28


# --- models --------------------------------------------------------------------------------------


def models(sheet: Sheet, here: Frame, y: float) -> float:
    """Which model served when; when each was trained, and what became of it."""
    life, found = here.life, here.found
    if not life.models:
        return y
    parts = [numbers.many(found.fits, "fit")]
    if found.promotions:
        parts.append(f"{numbers.count(found.promotions)} promoted later")
    if found.failed:
        parts.append(f"{numbers.count(found.failed)} failed")
    top = heading(sheet, here, y, "Models", parts)
    strip = top + 2
    grid(sheet, here, strip + 20, strip + 46)
    _blocks(sheet, here, strip)
    below = _fit_marks(sheet, here, strip + 36)
    kinds = {model.status for model in life.models}
    at = strip + 8
    for kind in ("promoted", "refused", "failed"):
        if kind in kinds:
            _mark(sheet, here.label + 5, at, kind)
            sheet.text(here.label + 16, at + 4, kind)
            at += 18
    return max(below, at) + 34


def _blocks(sheet: Sheet, here: Frame, y: float) -> None:
    """A block for each model that served; those too narrow to be told apart run together."""
    merged: list[tuple[float, float, str]] = []
    for model, start, stop in _served(here.life):
        left, right = here.place(start), here.place(stop)
        if right - left >= 4:
            merged.append((left, right, model.name))
        elif merged and not merged[-1][2]:
            merged[-1] = (merged[-1][0], right, "")
        else:
            merged.append((left, right, ""))
    for left, right, name in merged:
        sheet.rect(left + 0.7, y, max(0.8, right - left - 1.4), 20, "band")
        if name and text.width(name) + 6 < right - left:
            sheet.text((left + right) / 2, y + 14.5, name, "m vs")


def _served(life: Life) -> list[tuple[ModelFact, int, int]]:
    """The models that served, each from when to when, inside the life."""
    promoted = [model for model in life.models if model.active_from is not None]
    promoted = [model for model in promoted if model.status == "promoted"]
    found: list[tuple[ModelFact, int, int]] = []
    for index, model in enumerate(promoted):
        start = max(life.start, model.active_from or life.start)
        last = index == len(promoted) - 1
        stop = model.served_until
        if stop is None:
            stop = life.end if last else promoted[index + 1].active_from or life.end
        stop = min(life.end, stop)
        if start < stop:
            found.append((model, start, stop))
    return found


def _fit_marks(sheet: Sheet, here: Frame, y: float) -> float:
    """A mark for each fit, the y below them.

    Where marks would touch, one stands for its neighbours: what most of them became; failures
    then have a row of their own.
    """
    size = 10.0 if here.width >= 600 else 9.0
    fits = sorted(here.life.models, key=lambda model: model.trigger)
    groups = _grouped(here, fits, size)
    if len(groups) == len(fits):
        for x, kinds in groups:
            _mark(sheet, x, y, kinds[0])
        return y + 10
    for x, kinds in groups:
        lived = [kind for kind in kinds if kind != "failed"]
        if lived:
            _mark(sheet, x, y, max(dict.fromkeys(lived), key=lived.count))
    failed = [model for model in fits if model.status == "failed"]
    for x, _ in _grouped(here, failed, size):
        _mark(sheet, x, y + 13, "failed")
    return y + (23 if failed else 10)


def _grouped(here: Frame, fits: Sequence[ModelFact], size: float) -> list[tuple[float, list[str]]]:
    """Fits in the order of their triggers, those within `size` px of a first one with it."""
    groups: list[tuple[float, list[str]]] = []
    for model in fits:
        x = here.place(min(max(model.trigger, here.life.start), here.life.end))
        if groups and x - groups[-1][0] < size:
            groups[-1][1].append(model.status)
        else:
            groups.append((x, [model.status]))
    return groups


def _mark(sheet: Sheet, x: float, y: float, kind: str) -> None:
    if kind == "promoted":
        sheet.path(f"M{px(x - 4.2)} {px(y + 3.6)}H{px(x + 4.2)}L{px(x)} {px(y - 4)}Z", "up")
    elif kind == "refused":
        sheet.circle(x, y, 2.9, "ring")
    else:
        route = f"M{px(x - 3.5)} {px(y - 3.5)}l7 7M{px(x + 3.5)} {px(y - 3.5)}l-7 7"
        sheet.path(route, "cross")


# --- labels --------------------------------------------------------------------------------------


def _most(life: Life) -> int:
    return max(2, *(slot.requests for slot in life.slots))


def _count_values(life: Life) -> list[float]:
    return [value for value in nice(0, _most(life), 3) if value == int(value)]


def count_labels(life: Life) -> list[str]:
    """What stands on the axis of the labels."""
    return [numbers.count(int(value)) for value in _count_values(life)]


def labels(sheet: Sheet, here: Frame, y: float) -> float:
    """What became of the requests of each slot: outcome known, never came, still open."""
    life, found = here.life, here.found
    parts = [f"requests {words.each(life.slot_words)}"]
    never = f"{numbers.count(found.never_came)} {words.without_outcome(life)}"
    parts += [never] if found.never_came else []
    parts += [f"{numbers.count(found.open)} still open"] if found.open else []
    top = heading(sheet, here, y, "Labels", parts)
    if not here.wide and here.width < 600:
        top = _label_row(sheet, here, top + 4)
    top += 8
    tall = 66.0
    axis = Line(0, _most(life), top + tall, top)
    grid(sheet, here, top, top + tall)
    for value, label in zip(_count_values(life), count_labels(life), strict=True):
        at = axis(value)
        sheet.path(f"M{px(here.place.start)} {px(at)}H{px(here.place.stop)}", "grid")
        sheet.text(here.place.start - 8, at + 4, label, "e tick")
    _bars(sheet, here, axis)
    below = top + tall
    if here.width >= 600:
        below = max(below, _label_column(sheet, here, top + 6))
    return below + 34


def _bars(sheet: Sheet, here: Frame, axis: Line) -> None:
    life = here.life
    routes = {"known": "", "never": "", "wait": ""}
    for each in here.bins:
        slots = [life.slots[index] for index in each.slots]
        level = 0.0
        for style, rows in (
            ("known", sum(slot.scored for slot in slots)),
            ("never", sum(slot.never_came for slot in slots)),
            ("wait", sum(slot.open for slot in slots)),
        ):
            more = rows / len(slots)
            routes[style] += _bar(each, axis(level), axis(level + more))
            level += more
    for style, route in routes.items():
        sheet.path(route, style)


def _bar(each: Bin, bottom: float, top: float) -> str:
    if bottom - top < 0.05:
        return ""
    gap = 1.4 if each.right - each.left > 6 else 0.0
    left, right = each.left + gap / 2, each.right - gap / 2
    return f"M{px(left)} {px(bottom)}V{px(top)}H{px(right)}V{px(bottom)}Z"


def _kinds(here: Frame) -> list[tuple[str, str]]:
    found = here.found
    kinds = [("known", "outcome known")] if found.scored else []
    kinds += [("never", words.without_outcome(here.life))] if found.never_came else []
    return kinds + ([("wait", "open")] if found.open else [])


def _label_row(sheet: Sheet, here: Frame, y: float) -> float:
    x = 0.0
    for style, name in _kinds(here):
        sheet.rect(x + 0.5, y - 1, 10, 10, style)
        sheet.text(x + 16, y + 8, name)
        x += 16 + text.width(name) + 14
    return y + 12


def _label_column(sheet: Sheet, here: Frame, y: float) -> float:
    for style, name in reversed(_kinds(here)):
        sheet.rect(here.label + 0.5, y - 5, 10, 10, style)
        sheet.text(here.label + 16, y + 4, name)
        y += 18
    known = here.life.labels
    if known.half_known is not None and known.most_known is not None:
        half, most = numbers.duration(known.half_known), numbers.duration(known.most_known)
        said = f"half known in {half.replace(' ', HARD)}, 99% in {most.replace(' ', HARD)}"
        lines = text.wrap(said, here.room)
        y = sheet.lines(here.label, y + 8, lines)
    return y - 14


# --- quarantine ----------------------------------------------------------------------------------


def quarantine(sheet: Sheet, here: Frame, y: float) -> float:
    """The quarantined rows of each slot; nothing where there are none."""
    found = here.found
    by_slot = quarantined_by_slot(here.life)
    if not any(by_slot):
        return y - 20
    rows = numbers.many(found.quarantined_in_life, "row")
    reasons = sorted(_reasons(here.life).items(), key=lambda item: -item[1])
    why, more = reasons[0][0], numbers.many(len(reasons) - 1, "more reason")
    also = [f"and {more}"] if len(reasons) > 1 else []
    counted = numbers.many(len(reasons), "reason")
    parts = [f"{rows}, {counted}"] if here.width >= 600 else [rows, " ".join([why, *also])]
    if found.quarantine_peak > SQUARES:
        parts.append(
            f"at most {numbers.count(found.quarantine_peak)} {words.each(here.life.slot_words)}"
        )
    top = heading(sheet, here, y, "Quarantine", parts)
    tall = 36.0
    bottom = top + tall + (6 if here.wide else 0)
    bottom = max(bottom, y + 30 + 17 * (len(parts) - 1)) if here.wide else bottom
    grid(sheet, here, bottom - tall, bottom)
    _squares(sheet, here, by_slot, bottom)
    if here.width >= 600:
        sheet.lines(here.label, bottom - 24, [*text.wrap(why, here.room, lines=2), *also])
    return bottom


def _reasons(life: Life) -> dict[str, int]:
    found: dict[str, int] = {}
    for source in life.sources:
        for why, rows in source.quarantined:
            found[why] = found.get(why, 0) + rows
    return found


def _squares(sheet: Sheet, here: Frame, by_slot: Sequence[int], bottom: float) -> None:
    largest = here.found.quarantine_peak
    size = min(7.0, *(each.right - each.left for each in here.bins))
    route = ""
    for each in here.bins:
        rows = max(by_slot[index] for index in each.slots)
        if largest <= SQUARES and size >= 5:
            left = each.middle - size / 2
            for level in range(rows):
                top = bottom - 2 - (level + 1) * (size + 2) + 2
                route += f"M{px(left)} {px(top)}h{px(size)}v{px(size)}h-{px(size)}Z"
        elif rows:
            tall = max(2.0, 34 * rows / largest)
            route += _bar(each, bottom, bottom - tall)
    sheet.path(route, "warn")
