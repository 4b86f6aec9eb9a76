"""The facts of a backtest: what the report says, as data; JSON in and out, no drawing.

All moments are int64 microseconds UTC, all spans microseconds, all shares between 0 and 1. A
`Figure` without a value says why. What can be counted from the facts (slots ahead, rows in
quarantine) is counted once, in `asof.study.findings`, and stands in the same JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from asof.compute.interval import Estimate
from asof.compute.metric import Metric
from asof.declare.metrics import Task

Evidence = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its 95% interval and the rows it rests on, or the words why there is none.

    >>> Figure(0.46, 0.44, 0.48, n=1200).shown, Figure.missing("one class", n=5).why
    (True, 'one class')
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    why: str = ""

    @classmethod
    def missing(cls, why: str, n: int = 0) -> Figure:
        """No figure, in words."""
        return cls(None, None, None, n, why)

    @classmethod
    def of(cls, found: Estimate) -> Figure:
        """What was estimated."""
        return cls(found.value, found.low, found.high, found.n, found.why)

    @property
    def shown(self) -> bool:
        """Whether there is a number to print."""
        return self.value is not None

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval lies on one side of zero, else 0."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 0) - (self.high < 0)


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of request time [start, stop) and what became of its requests.

    `scored` have an outcome that counts, `never_came` are mature without one, `open` are not yet
    mature. A slot is `final` when its mature share is what the declaration asks for. `outcome` is
    the share of yes, or the mean, among the scored.
    """

    start: int
    stop: int
    requests: int
    scored: int
    never_came: int
    open: int
    mature_share: float
    final: bool
    outcome: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One predictor over the whole life: what was served, a yardstick, or a baseline.

    `difference` is the paired difference of this series minus served, on the same requests: for
    a loss positive is worse than served. `slots` stand beside `Life.slots`, one figure each. The
    yardstick named "never" is the first model, never refit.
    """

    name: str
    label: str
    kind: Literal["served", "yardstick", "baseline"]
    total: Figure
    difference: Figure | None
    slots: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class ModelFact:
    """One fit: `served` counts its answers, `cpu_seconds` is the fit alone.

    `served_until` is None for the model in service at the end and for one that never served.
    """

    name: str
    trigger: int
    active_from: int | None
    served_until: int | None
    rows: int
    served: int
    cpu_seconds: float | None
    status: Literal["promoted", "refused", "failed"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SourceFact:
    """One table as it was read.

    `quarantined` is (reason, rows); `quarantined_rows` counts a row with two reasons once (None: no
    row has two). `quarantined_by_slot` counts the quarantined rows of each slot of the life (empty
    if there are none: the rest lies outside). `earliest` and `latest` are event
    times, None for a reference table.
    """

    name: str
    rows: int
    versions: int
    quarantined: tuple[tuple[str, int], ...] = ()
    quarantined_by_slot: tuple[int, ...] = ()
    files: int = 1
    earliest: int | None = None
    latest: int | None = None
    quarantined_rows: int | None = None

    @property
    def aside(self) -> int:
        """How many rows are in quarantine."""
        if self.quarantined_rows is not None:
            return self.quarantined_rows
        return sum(rows for _, rows in self.quarantined)


@dataclass(frozen=True, slots=True)
class FeatureFact:
    """One column as it was served. `kind` is "number", "category", "yes or no" or "time"."""

    name: str
    kind: str
    missing_share: float
    distinct: int | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class LabelFact:
    """What became of the labels of the requests.

    `late` outcomes came after their due time and were not used; `half_known` and `most_known`
    (99%) are spans from the request.
    """

    mature: int
    never_came: int
    late: int
    open: int
    half_known: int | None = None
    most_known: int | None = None
    positive_share: float | None = None
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class CostFact:
    """CPU seconds by what they were spent on; the total is of the whole run, workers included."""

    fits: int
    fit_cpu_seconds: float
    predictions: int
    predict_cpu_seconds: float
    feature_cpu_seconds: float
    total_cpu_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class DecisionFact:
    """One decision: when, what kind ("first model", "promoted", "kept", "failed" ...), why."""

    moment: int
    kind: str
    words: str
    evidence: Mapping[str, Evidence] = field(default_factory=dict[str, Evidence])


@dataclass(frozen=True, slots=True)
class MetricFact:
    """The metric: its name in the declaration, its words ("log loss"), which way is better.

    `bounded` says that its values lie in [0, 1] by nature, or are read as if they did (log loss).
    """

    name: str
    words: str
    lower_is_better: bool
    bounded: bool
    task: Task

    @classmethod
    def of(cls, found: Metric) -> MetricFact:
        """The facts of a metric."""
        bounded = found.unit == "probability scale"
        return cls(found.name, found.words, found.lower_is_better, bounded, found.task)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How requests were answered: `asked` = `served` + `fallback` + `unanswered`."""

    asked: int
    served: int
    fallback: int = 0
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class MethodFact:
    """How intervals were made: bootstrap draws, seed, and the block in words ("1 day")."""

    draws: int
    seed: int
    block: str

    @classmethod
    def of(cls, draws: int, length: float, seed: int = 0) -> MethodFact:
        """So many resamples of blocks of so many days."""
        return cls(draws, seed, "1 day" if length <= 1 else f"{length:.1f} days")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the report of any study says first.

    `question` is the first line of the system file's docstring, or "". `zone` is the IANA name
    in which times are printed. The life runs over [start, end), and silence after `until` says
    nothing.
    """

    system: str
    fingerprint: str
    question: str
    metric: MetricFact
    zone: str
    start: int
    end: int
    until: int

    def to_json(self, **more: Any) -> str:
        """The facts as strict JSON (no NaN), with further documents under their names."""
        document = {"format": 1, **asdict(self), **more}
        return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)


@dataclass(frozen=True, slots=True)
class Life(Facts):
    """The life of a system on history: everything that its report says.

    It is judged `as_of`. The first of `series` is what was served.
    """

    as_of: int
    slot_words: str
    slots: tuple[Slot, ...]
    series: tuple[Series, ...]
    models: tuple[ModelFact, ...]
    sources: tuple[SourceFact, ...]
    features: tuple[FeatureFact, ...]
    labels: LabelFact
    cost: CostFact
    decisions: tuple[DecisionFact, ...]
    serving: str
    retraining: str
    coverage: Coverage
    method: MethodFact
    notes: tuple[str, ...] = ()

    @property
    def served(self) -> Series:
        """What was served."""
        return next(series for series in self.series if series.kind == "served")

    @classmethod
    def from_json(cls, text: str) -> Life:
        """The facts that `to_json` wrote; further documents beside them are left alone."""
        return cast("Life", _read(cls, json.loads(text)))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Any) -> Any:
    """`value` as it came from JSON, as an instance of the annotated `kind`."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None:
            return None
        parts = [part for part in inner if part is not NoneType]
        return _read(parts[0], value) if len(parts) == 1 else value
    if origin is tuple:
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_read(inner[0], part) for part in value)
        return tuple(_read(part, each) for part, each in zip(inner, value, strict=True))
    if is_dataclass(kind):
        hints = _hints(cast("type", kind))
        known = {item.name for item in fields(kind)} & set(value)
        make = cast("Callable[..., Any]", kind)
        return make(**{name: _read(hints[name], value[name]) for name in known})
    return float(value) if kind is float else value
