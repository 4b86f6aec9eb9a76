"""The system: one frozen value that says all there is to say."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, Protocol, TypedDict, Unpack, cast

from asof.declare.check import check, check_change
from asof.declare.features import Features, joins_in
from asof.declare.fingerprint import fingerprint
from asof.declare.labels import Label, label_type
from asof.declare.metrics import MetricName, Task
from asof.declare.place import place
from asof.declare.policies import (
    Baseline,
    Online,
    Persistence,
    Rate,
    Serving,
    TrainWindow,
)
from asof.declare.schedules import Periodic, Schedule
from asof.declare.sources import Source, Ticks
from asof.declare.tables import Table
from asof.declare.times import TickMoment, TimeExpression
from asof.declare.told import told_alone, told_duration, told_moment
from asof.declare.windows import Q
from asof.declare.written import written
from asof.units import DAY, HOUR, Duration


class Estimator(Protocol):
    """Scikit-learn's protocol; predict_proba or predict is looked for at the fit."""

    def fit(self, X: Any, y: Any, /) -> Any:
        """Learn from rows X and their labels y."""
        ...


class Changes(TypedDict, total=False):
    """What `System.but` can change."""

    name: str
    features: Features[Any]
    label: Label[Any]
    model: Estimator
    metric: MetricName
    train: TrainWindow
    retraining: Schedule
    training_takes: Duration
    serving: Serving
    baselines: tuple[Baseline, ...]
    looks: Duration
    start: datetime | None
    until: datetime | None
    final_share: float


@dataclass(frozen=True, eq=False, repr=False)
class System(Generic[Q]):
    """A machine-learning system: what is asked, from what, by which model, under which policies.

    `requests` are the rows of a source, each asked about at the moment `at`, or `ticks`. `features`
    are what is known of each, `label` what is predicted, `model` an estimator with scikit-learn's
    fit and predict or predict_proba. `metric` is log loss for yes and no and mean absolute error
    for quantities unless named.

    `train` says from which mature requests a model learns (`expanding`, `sliding`); `retraining`
    when, counted from the start of the life; `training_takes` is from its trigger to the model's
    first answer. `serving` says as of when requests are answered (`online`, `batch_features`,
    `batch_predictions`). `baselines` are yardsticks beside the prior (`rate`, `persistence`).
    `looks` is the grid on which decisions that are not scheduled are taken, `final_share` the
    mature share from which a slot of time is final. The life begins at `start` (else at the first
    day with enough mature labels), and the history is complete up to `until` (else up to what was
    known at the first load of the label's source).

    Raises:
        DeclarationError: the parts do not fit together; the first thing that is wrong is said.
    """

    name: str
    requests: Source[Q] | Ticks[Q]
    at: TimeExpression[Q] | None = None
    features: Features[Q] = field(kw_only=True)
    label: Label[Q] = field(kw_only=True)
    model: Estimator = field(kw_only=True)
    metric: MetricName | None = field(default=None, kw_only=True)
    train: TrainWindow = field(default=TrainWindow(), kw_only=True)
    retraining: Schedule = field(default=Periodic(Duration(7 * DAY)), kw_only=True)
    training_takes: Duration = field(default=Duration(0), kw_only=True)
    serving: Serving = field(default=Online(), kw_only=True)
    baselines: tuple[Baseline, ...] = field(default=(), kw_only=True)
    looks: Duration = field(default=Duration(HOUR), kw_only=True)
    start: datetime | None = field(default=None, kw_only=True)
    until: datetime | None = field(default=None, kw_only=True)
    final_share: float = field(default=1.0, kw_only=True)
    declared: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "declared", place())
        check(self)

    def but(self, **changes: Unpack[Changes]) -> System[Q]:
        """The same system with some things changed: `system.but(retraining=asof.never())`."""
        check_change(changes, sorted(Changes.__annotations__))
        return replace(self, **changes)

    @property
    def task(self) -> Task:
        """Whether yes and no or a quantity is predicted."""
        kind = label_type(self.label)
        if kind is bool:
            return "binary"
        return "binary" if hasattr(self.model, "predict_proba") else "regression"

    @property
    def measured(self) -> MetricName:
        """The metric, the default filled in."""
        if self.metric is not None:
            return self.metric
        return "log_loss" if self.task == "binary" else "mae"

    @property
    def asked(self) -> Table[Q]:
        """The table whose rows are asked about."""
        return self.requests.table if isinstance(self.requests, Ticks) else self.requests

    @property
    def asked_at(self) -> TimeExpression[Q]:
        """The moment of a request, as an expression of its row."""
        return TickMoment() if self.at is None else self.at

    @property
    def tables(self) -> tuple[Table[Any], ...]:
        """All sources and reference tables, each once, by name."""
        found: dict[str, Table[Any]] = {}
        joins = [join for _, feature in self.features.columns for join in joins_in(feature)]
        joins.append(self.label.joined)
        joins += [b.joined for b in self.baselines if isinstance(b, Persistence)]
        for table in (self.asked, *(join.table for join in joins)):
            bare = replace(table, condition=None) if isinstance(table, Source) else table
            found.setdefault(table.name, bare)
        return tuple(found[name] for name in sorted(found))

    @cached_property
    def fingerprint(self) -> str:
        """Twelve digits that change when anything that matters changes."""
        return fingerprint(self)

    def __repr__(self) -> str:
        return (
            f"<System {self.name}: {len(self.features.columns)} features of "
            f"{self.features.row.__name__}, {len(self.tables)} tables, {self.fingerprint}>"
        )

    def __str__(self) -> str:
        lines = [f"{self.name}  ({self.fingerprint})"]
        for item in fields(self):
            if item.name not in ("name", "declared", "features"):
                told = self._told(item.name).replace("\n", "\n" + " " * 18)
                lines.append(f"  {item.name:<15} {told}")
        lines.append(
            f"  features        {len(self.features.columns)} of {self.features.row.__name__}"
        )
        lines += [f"    {name:<24} {told_alone(value)}" for name, value in self.features.columns]
        lines.append(f"  sources         {len(self.tables)}")
        lines += [f"    {table.name:<24} {_known(table)}" for table in self.tables]
        return "\n".join(lines)

    def _told(self, name: str) -> str:
        """One of its parts in words."""
        if name == "at":
            return "each tick" if self.at is None else told_alone(self.at)
        if name == "metric":
            return self.metric or f"{self.measured}, the default"
        return _words(getattr(self, name))


def _known(table: Table[Any]) -> str:
    """Where the rows of a table come from, and when they are known: what all else rests on."""
    told = [table.path or "rows that are handed in"]
    if not isinstance(table, Source):
        return ", ".join([*told, "taken as always known"])
    lag = table.lag
    if table.available is not None:
        told.append(f"known at {table.row.__name__}.{table.available}")
    elif lag is None or not lag.microseconds:
        told.append("known as it happens")
    else:
        later = lag.microseconds > 0
        told.append(
            f"known {told_duration(lag if later else -lag)} {'later' if later else 'ahead'}"
        )
    zone = table.zone or table.zone_column
    told += [f"zone {zone}"] if zone else []
    prepare = getattr(table.prepare, "__name__", "")
    told += [f"prepare {prepare}"] if prepare else []
    told += [f"withdrawn {table.withdrawn}"] if table.withdrawn else []
    if table.rules:
        told.append("1 rule" if len(table.rules) == 1 else f"{len(table.rules)} rules")
    return ", ".join(told)


def _wait(label: Label[Any]) -> str:
    return f"wait {label.wait!r}" if label.wait and label.wait.microseconds else "no wait"


def _words(value: object) -> str:
    match value:
        case Ticks(table=table, schedule=schedule):
            return f"every row of {table.name}, {_words(schedule)}"
        case Table(name=name, row=row):
            return f"{name} ({row.__name__})"
        case Label() if value.span is None:
            due = _wait(value) if value.due is None else f"due {told_alone(value.due)}"
            return f"{value.value!r} of {value.joined!r}, {due}"
        case Label():
            what = told_alone(value.value)
            return f"{'happens: ' if value.happens else ''}{what}, {_wait(value)}"
        case Rate(columns=columns):
            return f"rate({', '.join(map(repr, columns))})"
        case Persistence(joined=joined, value=latest):
            return f"persistence({joined!r}, {told_alone(latest)})"
        case None:
            return "not declared"
        case tuple():
            return ", ".join(_words(part) for part in cast("tuple[object, ...]", value)) or "none"
        case datetime():
            return told_moment(value)
        case Duration(microseconds=0):
            return "no time"
        case _:
            return written(value) or repr(value)
