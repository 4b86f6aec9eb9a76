"""The tables of the report, as text in cells: what is printed, in the order it is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from asof.study.facts import DecisionFact, Evidence, FeatureFact, Figure, Life, ModelFact, Series
from asof.study.findings import Findings
from asof.study.report import numbers, words

MOST = 200
"""The most rows of a table on the page; longer ones show their first and last."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its name, heads, which columns are numbers, its rows, and notes below it.

    `opens` is what one presses to see it where it is long. `bars` gives each row a share that is
    drawn below its text in column `barred`, or nothing.
    """

    name: str
    heads: tuple[str, ...]
    right: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    opens: str
    notes: tuple[str, ...] = ()
    bars: tuple[float, ...] = ()
    barred: int = 0


def tabulated(name: str, columns: str, rows: Sequence[tuple[str, ...]], what: str) -> Table:
    """A table whose heads stand in `columns`, `|` between them, `>` before those of numbers.

    A column with the same text in every row becomes a note; an empty one is left out.
    """
    heads = [head.strip() for head in columns.split("|")]
    alike = {i: rows[0][i] for i in range(1, len(heads)) if _alike(rows, i)}
    kept = [index for index in range(len(heads)) if index not in alike]
    bare = [head.removeprefix(">").strip() for head in heads]
    notes = [f"{bare[i]}: {text} throughout." for i, text in alike.items() if text]
    shown = [tuple(row[index] for index in kept) for row in rows]
    opens = f"All {numbers.count(len(rows))} {what}"
    if len(rows) > MOST:
        shown = [*shown[: MOST // 2], *shown[-MOST // 2 :]]
        notes.append(f"The first and the last {what} are shown; all of them are in the JSON.")
        opens = f"The first and the last {what}"
    return Table(
        name,
        tuple(bare[index] for index in kept),
        tuple(heads[index].startswith(">") for index in kept),
        tuple(shown),
        opens,
        tuple(notes),
    )


def _alike(rows: Sequence[tuple[str, ...]], index: int) -> bool:
    texts = {row[index] for row in rows}
    return len(texts) == 1 and (len(rows) > 2 or texts == {""})


def series(life: Life, found: Findings) -> Table:
    """What was served beside everything else on the same requests."""
    print_as = words.scale(life)
    beside = {each.name: each for each in found.against}
    rows: list[tuple[str, ...]] = []
    for each in life.series:
        total = each.total
        against = beside.get(each.name)
        slots = f"{against.ahead:,} of {against.slots:,}" if against else ""
        level = "–" if total.value is None else print_as.level(total.value)  # noqa: RUF001
        rows.append(
            (
                each.label,
                level,
                _span(total, print_as),
                _difference(each, print_as),
                _difference_span(each, print_as),
                slots,
                numbers.count(total.n),
            )
        )
    columns = (
        f"|>{life.metric.words}|>95% interval|>against served|>its interval|"
        f">served ahead, {life.slot_words}s|>rows"
    )
    return tabulated("What was served and what might have been", columns, rows, "rows")


def slots(life: Life) -> Table:
    """The figures of the drawing."""
    print_as = words.scale(life)
    others = [each for each in life.series if each.kind != "served"]
    rows: list[tuple[str, ...]] = []
    for index, slot in enumerate(life.slots):
        served = life.served.slots[index]
        open_ = "final" if slot.final else f"{numbers.share(slot.mature_share)} mature"
        rows.append(
            (
                numbers.stamp(slot.start, life.zone),
                numbers.count(slot.requests),
                numbers.count(slot.scored),
                numbers.count(slot.never_came),
                numbers.count(slot.open),
                open_,
                _level(served, print_as),
                _span(served, print_as),
                *(_level(each.slots[index], print_as) for each in others),
            )
        )
    names = "".join(f"|>{each.label.replace('|', '/')}" for each in others)
    columns = (
        f"{life.slot_words} from, {numbers.place(life.zone)}|>requests|>outcome known|>never came"
        f"|>open|state|>served|>95% interval{names}"
    )
    return replace(
        tabulated("The figures as a table", columns, rows, f"{life.slot_words}s"),
        opens="The figures as a table",
    )


def decisions(life: Life) -> Table:
    """Every decision with its reason."""
    rows = [
        (
            numbers.stamp(each.moment, life.zone),
            each.kind,
            each.words,
            "; ".join(_unsaid(each)),
        )
        for each in life.decisions
    ]
    columns = f"when, {numbers.place(life.zone)}|decision|why|evidence"
    return tabulated("Decisions", columns, rows, "decisions")


def models(life: Life) -> Table:
    """Every fit."""
    rows = [_model(each, life) for each in life.models]
    columns = (
        f"model|trained as of, {numbers.place(life.zone)}|served from|until|>rows|>answers"
        "|>CPU of the fit|became|why"
    )
    return tabulated("Models", columns, rows, "models")


def _model(model: ModelFact, life: Life) -> tuple[str, ...]:
    def when(moment: int | None) -> str:
        return "" if moment is None else numbers.stamp(moment, life.zone)

    return (
        model.name,
        when(model.trigger),
        when(model.active_from),
        when(model.served_until),
        numbers.count(model.rows),
        numbers.count(model.served),
        "not known" if model.cpu_seconds is None else numbers.cpu(model.cpu_seconds),
        model.status,
        model.reason,
    )


def sources(life: Life) -> Table:
    """Every table that was read."""
    rows = [
        (
            each.name,
            numbers.count(each.files),
            numbers.count(each.rows),
            numbers.count(each.versions),
            "" if each.earliest is None else numbers.stamp(each.earliest, life.zone),
            "" if each.latest is None else numbers.stamp(each.latest, life.zone),
        )
        for each in life.sources
    ]
    columns = (
        f"table|>files|>rows|>versions|earliest event, {numbers.place(life.zone)}|latest event"
    )
    return tabulated("Tables read", columns, rows, "tables")


def quarantine(life: Life) -> Table:
    """Every reason why rows were not let in."""
    rows = [
        (each.name, why, numbers.count(rows))
        for each in life.sources
        for why, rows in sorted(each.quarantined, key=lambda item: -item[1])
    ]
    return tabulated("Quarantine", "table|reason|>rows", rows, "reasons")


def features(life: Life) -> Table:
    """Every column as it was served, with its missing share."""
    rows = [_feature(each) for each in life.features]
    table = tabulated(
        "Features", "feature|kind|>missing|>distinct|>mean|>least|>greatest", rows, "features"
    )
    if len(table.rows) < len(rows) or "missing" not in table.heads:
        return table
    bars = tuple(each.missing_share for each in life.features)
    return replace(table, bars=bars, barred=table.heads.index("missing"))


def _feature(each: FeatureFact) -> tuple[str, ...]:
    def known(value: float | None) -> str:
        return "" if value is None else numbers.plain(value)

    return (
        each.name,
        each.kind,
        numbers.share(each.missing_share),
        "" if each.distinct is None else numbers.count(each.distinct),
        known(each.mean),
        known(each.low),
        known(each.high),
    )


def cost(life: Life, found: Findings) -> Table:
    """What the life cost."""
    spent = life.cost
    rows: list[tuple[str, ...]] = [
        ("fits", numbers.count(spent.fits), numbers.cpu(spent.fit_cpu_seconds)),
        ("predictions", numbers.count(spent.predictions), numbers.cpu(spent.predict_cpu_seconds)),
        ("features", numbers.count(len(life.features)), numbers.cpu(spent.feature_cpu_seconds)),
    ]
    if found.total_cpu_seconds is not None:
        rows.append(("the whole run", "", numbers.cpu(found.total_cpu_seconds)))
    return tabulated("Cost", "|>number|>CPU", rows, "rows")


def _level(figure: Figure, print_as: numbers.Scale) -> str:
    return figure.why if figure.value is None else print_as.level(figure.value)


def _span(figure: Figure, print_as: numbers.Scale) -> str:
    if figure.low is None or figure.high is None:
        return figure.why or "none computed"
    return print_as.span(figure.low, figure.high)


def _difference(each: Series, print_as: numbers.Scale) -> str:
    value = each.difference.value if each.difference else None
    return "" if value is None else print_as.difference(value)


def _difference_span(each: Series, print_as: numbers.Scale) -> str:
    difference = each.difference
    if difference is None:
        return ""
    if difference.low is None or difference.high is None:
        return difference.why or "none computed"
    return print_as.interval(difference.low, difference.high)


def _unsaid(decision: DecisionFact) -> Iterator[str]:
    """The evidence that the words do not hold already."""
    for name, value in decision.evidence.items():
        printed = _evidence(value)
        if not re.search(rf"(?<![\w,.]){re.escape(printed)}(?![\w,])", decision.words):
            yield f"{name} {printed}"


def _evidence(value: Evidence) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "not known"}[value]
    if isinstance(value, int):
        return numbers.count(value)
    return numbers.plain(value) if isinstance(value, float) else value
