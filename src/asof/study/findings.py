"""What can be counted from the facts of a life, counted once: the report prints nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Literal

from asof.study.facts import CostFact, Figure, Life, Series

Verdict = Literal["better", "worse", "no difference shown", "not identifiable"]

_SHARES = (0.99, 0.95, 0.9, 0.8, 0.5)

FEW = 20
"""Below so many scored rows a metric is not read."""


@dataclass(frozen=True, slots=True)
class Against:
    """What was served beside one other series, on the same requests.

    `verdict` is about served: "better" or "worse" only where the 95% interval of the paired
    difference leaves out zero. `ahead` and `behind` count the final slots, of `slots` in which
    both have a figure, where served is nearer to the good end than the other.
    """

    name: str
    label: str
    kind: str
    verdict: Verdict
    why: str
    ahead: int
    behind: int
    slots: int


@dataclass(frozen=True, slots=True)
class Extreme:
    """The final slot where served is worst or best, and whether every series is so there too."""

    slot: int
    start: int
    value: float
    outcome: float | None
    every: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """Counts and comparisons over a whole life.

    `fits` is all attempts; `refits` those after the first, of which `promotions`, `refused` and
    `failed` became what they say (`failed` counts the first too). Shares are of the requests.
    Where no slot is final, `enough_share` is a `final_share` with which `enough_slots` would be.
    """

    trouble: str
    against: tuple[Against, ...]
    worst: Extreme | None
    best: Extreme | None
    fits: int
    refits: int
    promotions: int
    refused: int
    failed: int
    slots: int
    final_slots: int
    young_slots: int
    pictured_slots: int
    requests: int
    scored: int
    never_came: int
    open: int
    scored_share: float | None
    never_came_share: float | None
    late_share: float | None
    fallback_share: float | None
    quarantined: int
    quarantined_in_life: int
    quarantine_reasons: int
    quarantine_peak: int
    features: int
    incomplete_features: int
    decisions: int
    decision_kinds: tuple[tuple[str, int], ...]
    baselines: int
    total_cpu_seconds: float | None
    fit_cpu_share: float | None
    enough_share: float | None
    enough_slots: int


def findings(life: Life) -> Findings:
    """Everything that titles, sentences and drawings count, from `life` alone."""
    requests = sum(slot.requests for slot in life.slots)
    scored = sum(slot.scored for slot in life.slots)
    never_came = sum(slot.never_came for slot in life.slots)
    later = life.models[1:]
    total = _total_cpu(life.cost)
    enough_share, enough_slots = _enough(life)
    return Findings(
        trouble=_trouble(life, scored),
        against=tuple(against(life, other) for other in life.series if other.kind != "served"),
        worst=_extreme(life, worst=True),
        best=_extreme(life, worst=False),
        fits=len(life.models),
        refits=len(later),
        promotions=sum(model.status == "promoted" for model in later),
        refused=sum(model.status == "refused" for model in later),
        failed=sum(model.status == "failed" for model in life.models),
        slots=len(life.slots),
        final_slots=sum(slot.final for slot in life.slots),
        young_slots=sum(not slot.final for slot in life.slots),
        pictured_slots=sum(figure.shown for figure in life.served.slots),
        requests=requests,
        scored=scored,
        never_came=never_came,
        open=sum(slot.open for slot in life.slots),
        scored_share=_share(scored, requests),
        never_came_share=_share(never_came, requests),
        late_share=_share(life.labels.late, life.labels.mature),
        fallback_share=_share(life.coverage.fallback, life.coverage.asked),
        quarantined=sum(source.aside for source in life.sources),
        quarantined_in_life=sum(sum(source.quarantined_by_slot) for source in life.sources),
        quarantine_reasons=len({why for source in life.sources for why, _ in source.quarantined}),
        quarantine_peak=max(quarantined_by_slot(life), default=0),
        features=len(life.features),
        decisions=len(life.decisions),
        decision_kinds=tuple(Counter(each.kind for each in life.decisions).items()),
        incomplete_features=sum(feature.missing_share > 0 for feature in life.features),
        baselines=sum(series.kind == "baseline" for series in life.series),
        total_cpu_seconds=total,
        fit_cpu_share=_share(life.cost.fit_cpu_seconds, total or 0),
        enough_share=enough_share,
        enough_slots=enough_slots,
    )


def document(life: Life) -> str:
    """The JSON of a backtest: the facts and, under "findings", what was counted from them."""
    return life.to_json(findings=asdict(findings(life)))


def against(life: Life, other: Series) -> Against:
    """What was served beside `other`."""
    lower = life.metric.lower_is_better
    ahead = behind = both = 0
    for slot, ours, theirs in zip(life.slots, life.served.slots, other.slots, strict=True):
        if not slot.final or ours.value is None or theirs.value is None:
            continue
        both += 1
        gain = theirs.value - ours.value if lower else ours.value - theirs.value
        ahead += gain > 0
        behind += gain < 0
    verdict, why = _verdict(other.difference, lower_is_better=lower)
    return Against(other.name, other.label, other.kind, verdict, why, ahead, behind, both)


def strongest(life: Life) -> Series | None:
    """The baseline with the best total, the one to be compared with."""
    known = [series for series in life.series if series.kind == "baseline" and series.total.shown]
    sign = 1 if life.metric.lower_is_better else -1
    return min(known, key=lambda series: sign * (series.total.value or 0.0), default=None)


def quarantined_by_slot(life: Life) -> list[int]:
    """The quarantined rows of each slot, all sources together."""
    counted = [source.quarantined_by_slot for source in life.sources if source.quarantined_by_slot]
    return [sum(rows) for rows in zip(*counted, strict=True)]


def _verdict(difference: Figure | None, *, lower_is_better: bool) -> tuple[Verdict, str]:
    if difference is None:
        return "not identifiable", "no paired difference was computed"
    if difference.value is None or difference.low is None or difference.high is None:
        return "not identifiable", difference.why or "there is no interval"
    sign = difference.sign if lower_is_better else -difference.sign
    if sign == 0:
        return "no difference shown", ""
    return ("better" if sign > 0 else "worse"), ""


def _trouble(life: Life, scored: int) -> str:
    """Why what was served has no figure to read, or ""."""
    total = life.served.total
    if not scored:
        return total.why or "no outcome counts yet"
    if not total.shown:
        return total.why or "the metric is not defined on these outcomes"
    if total.n < FEW:
        return "too few outcomes to read a figure from"
    return ""


def _enough(life: Life) -> tuple[float | None, int]:
    """Where no slot is final: the highest share that makes a quarter of them so, else any."""
    asked = [slot for slot in life.slots if slot.requests]
    if any(slot.final for slot in asked):
        return None, 0
    most: tuple[float | None, int] = None, 0
    for share in _SHARES:
        slots = sum(slot.mature_share >= share for slot in asked)
        if 4 * slots >= len(asked) > 0:
            return share, slots
        if slots > most[1]:
            most = share, slots
    return most


def _extreme(life: Life, *, worst: bool) -> Extreme | None:
    final = [
        index
        for index, slot in enumerate(life.slots)
        if slot.final and life.served.slots[index].shown
    ]
    if len(final) < 3:
        return None
    sign = 1 if worst == life.metric.lower_is_better else -1

    def where(series: Series) -> int | None:
        shown = [(sign * (series.slots[index].value or 0.0), -index)
                 for index in final if series.slots[index].shown]  # fmt: skip
        return -max(shown)[1] if shown else None

    index = where(life.served)
    if index is None:
        return None
    value = life.served.slots[index].value
    slot = life.slots[index]
    every = len(life.series) > 1 and all(where(series) in {index, None} for series in life.series)
    return Extreme(index, slot.start, value or 0.0, slot.outcome, every)


def _total_cpu(cost: CostFact) -> float | None:
    """The CPU of the whole run, unless it is less than its parts: then some of it was not seen."""
    parts = cost.fit_cpu_seconds + cost.predict_cpu_seconds + cost.feature_cpu_seconds
    total = cost.total_cpu_seconds
    return total if total is not None and total >= parts else None


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
