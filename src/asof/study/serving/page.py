"""The report of serving modes: its drawing, its tables, its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asof.compute.tradeoff import KEEP
from asof.study.report import numbers, told
from asof.study.report import serving as drawing
from asof.study.report.serving import Chart, Look, Row
from asof.study.report.tables import Table, tabulated
from asof.study.serving import names, words
from asof.study.serving.facts import ModeFact, ServingFacts

SPREAD = 1.5
"""CPU is a column where the dearest mode costs so many times the cheapest; else a sentence."""


def of(facts: ServingFacts) -> told.Told:
    """What the study says, for all faces."""
    chart = _chart(facts)
    strong = [mode.name == facts.advice.mode for mode in facts.modes]
    return told.Told(
        name="serving",
        system=facts.system,
        title=words.title(facts),
        subtitle=words.subtitle(facts),
        question=facts.question,
        no_picture=no_picture(facts),
        draw=lambda width: drawing.draw(chart, width),
        style=drawing.STYLE,
        figures=_figures(facts),
        brief=_brief(facts),
        strong=strong.index(True) if any(strong) else None,
        lead=tuple(words.lead(facts)),
        story=tuple(words.story(facts)),
        method=tuple(words.method(facts)),
    )


def no_picture(facts: ServingFacts) -> str:
    """Why nothing is drawn, or ""."""
    if facts.trouble:
        return told.NOTHING_TO_DRAW
    if all(mode.loss is None or mode.kind == "online" for mode in facts.modes):
        return "There is nothing beside online features to draw."
    return ""


def _chart(facts: ServingFacts) -> Chart:
    print_as = names.scale(facts)
    nothing = facts.nothing_beside_online.value
    worse = "above" if facts.metric.lower_is_better else "below"
    heads, right, cells = _columns(facts)
    return Chart(
        title=words.title(facts),
        description=" ".join(str(said) for said in words.lead(facts)),
        metric=facts.metric.words,
        axis=(f"{worse} online,", "95% interval"),
        bounded=facts.metric.bounded,
        nothing=nothing,
        nothing_said="" if nothing is None else print_as.difference(nothing),
        heads=heads,
        right=right,
        rows=tuple(_row(facts, mode, cell) for mode, cell in zip(facts.modes, cells, strict=True)),
    )


def _row(facts: ServingFacts, mode: ModeFact, cells: tuple[str, ...]) -> Row:
    figure = mode.difference
    return Row(
        label=names.brief(mode),
        second=names.second(facts, mode),
        level=names.level(facts, mode),
        look=_look(mode),
        value=figure.value if figure else None,
        low=figure.low if figure else None,
        high=figure.high if figure else None,
        said=names.difference(facts, mode) if not mode.why else "",
        cells=cells,
        line=names.line(mode),
        strong=mode.name == facts.advice.mode,
        warned=mode.worse_than_nothing,
    )


def _look(mode: ModeFact) -> Look:
    """How a mode is drawn: filled where it differs from online, hollow where that is not shown."""
    looks: dict[str, Look] = {"yardstick": "yardstick", "worse": "worse", "better": "shown"}
    if mode.kind != "online" and (mode.difference is None or mode.difference.value is None):
        return "none"
    if mode.verdict == "worse" and (mode.kept or 0.0) >= KEEP:
        return "shown"
    return looks.get(mode.verdict, "open")


def _columns(
    facts: ServingFacts,
) -> tuple[tuple[tuple[str, str], ...], tuple[bool, ...], list[tuple[str, ...]]]:
    """The columns beside the axis: those that say the same in every row are left out."""
    modes = facts.modes
    chosen: list[tuple[tuple[str, str], bool, list[str]]] = [
        (("features", "old, median"), True, [names.age(mode.age_half) for mode in modes])
    ]
    if any(mode.covered is not None and mode.covered < 1 for mode in modes):
        known = [_share(mode.covered) for mode in modes]
        chosen.append((("requests", "known"), True, known))
    costs = [mode.cpu_per_thousand for mode in modes if mode.cpu_per_thousand]
    if costs and max(costs) > SPREAD * min(costs):
        chosen.append((("CPU for a", "thousand"), True, [names.cost(mode) for mode in modes]))
    if any(mode.waste is not None for mode in modes):
        unused = [names.waste(mode) if mode.waste is not None else "" for mode in modes]
        chosen.append((("never", "used"), True, unused))
    chosen.append((("", "needs"), False, [names.needs(mode) for mode in modes]))
    cells = [tuple(column[2][i] for column in chosen) for i in range(len(modes))]
    return tuple(c[0] for c in chosen), tuple(c[1] for c in chosen), cells


def _share(part: float | None) -> str:
    return "" if part is None else numbers.share(part)


def _figures(facts: ServingFacts) -> Table:
    """All figures, a row a mode."""
    print_as = names.scale(facts)
    rows: list[tuple[str, ...]] = []
    for mode in facts.modes:
        low, high = mode.total.low, mode.total.high
        rows.append(
            (
                names.brief(mode),
                names.level(facts, mode),
                mode.total.why or mode.why or "none"
                if low is None or high is None
                else print_as.span(low, high),
                "" if mode.kind == "online" else names.difference(facts, mode),
                _share(mode.covered),
                names.waste(mode),
                names.age(mode.age_half),
                names.age(mode.age_most),
                names.cost(mode),
                "yes" if mode.on_front else "no",
            )
        )
    columns = (
        f"|>{facts.metric.words}|>95% interval|>against online, 95%|>requests known|>never used"
        "|>features old, median|>one in ten older|>CPU for a thousand useful|not beaten"
    )
    made = tabulated("The figures as a table", columns, rows, "modes")
    return replace(made, opens="The figures as a table")


def _brief(facts: ServingFacts) -> Table:
    """The table of the terminal."""
    if facts.trouble:
        return tabulated("", "", [], "modes")
    # A reason is longer than any figure, and would leave no room for the column of the others.
    failed = {
        mode.name: f"{names.brief(mode)}: {names.difference(facts, mode)}."
        for mode in facts.modes
        if mode.kind != "online" and (mode.difference is None or mode.difference.value is None)
    }
    rows: Sequence[tuple[str, ...]] = [
        (
            names.brief(mode),
            names.level(facts, mode),
            "" if mode.name in failed else names.difference(facts, mode),
            names.age(mode.age_half),
            _share(mode.covered),
            names.cost(mode),
        )
        for mode in facts.modes
    ]
    columns = f"{facts.metric.words}|>all|>against online, 95%|>old|>known|>CPU"
    made = tabulated("", columns, rows, "modes")
    return replace(made, notes=(*made.notes, *failed.values()))
