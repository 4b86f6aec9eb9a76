"""The checks of a whole declaration, each small, named, and answered in words.

Most of these mistakes are red in an editor already; here they are said again in words, when the
file is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, get_args

from asof.declare.expressions import Column
from asof.declare.features import Features, asked_columns, joins_in, uses_tick
from asof.declare.fingerprint import canonical
from asof.declare.labels import Label, label_type
from asof.declare.metrics import REGRESSION_METRICS, MetricName, Task
from asof.declare.place import nearest, place
from asof.declare.policies import (
    Baseline,
    BatchFeatures,
    BatchPredictions,
    Online,
    Persistence,
    Rate,
    Serving,
    TrainWindow,
)
from asof.declare.rows import Row, column_spec
from asof.declare.schedules import AfterLabels, AnyOf, Never, Schedule
from asof.declare.sources import Reference, Source, Ticks, rules_of
from asof.declare.tables import Table
from asof.declare.times import TimeExpression
from asof.declare.told import told_moment
from asof.declare.windows import Joined
from asof.errors import DeclarationError
from asof.units import Duration

Fault = tuple[str, str, str]
"""What is wrong, what was found, how to mend it."""
Check = Callable[["Declared"], Iterator[Fault]]


class Declared(Protocol):
    """A system, as far as the checks look at it."""

    @property
    def name(self) -> str: ...
    @property
    def requests(self) -> Source[Any] | Ticks[Any]: ...
    @property
    def at(self) -> TimeExpression[Any] | None: ...
    @property
    def features(self) -> Features[Any]: ...
    @property
    def label(self) -> Label[Any]: ...
    @property
    def model(self) -> object: ...
    @property
    def metric(self) -> MetricName | None: ...
    @property
    def task(self) -> Task: ...
    @property
    def train(self) -> TrainWindow: ...
    @property
    def retraining(self) -> Schedule: ...
    @property
    def training_takes(self) -> Duration: ...
    @property
    def serving(self) -> Serving: ...
    @property
    def baselines(self) -> tuple[Baseline, ...]: ...
    @property
    def looks(self) -> Duration: ...
    @property
    def start(self) -> datetime | None: ...
    @property
    def until(self) -> datetime | None: ...
    @property
    def final_share(self) -> float: ...
    @property
    def declared(self) -> str: ...


def check(system: Declared) -> None:
    """Raise a `DeclarationError` for the first thing that is wrong with a system."""
    for rule in CHECKS:
        for what, found, mend in rule(system):
            raise DeclarationError(what, found=found, mend=mend, where=system.declared)


def check_change(changes: Mapping[str, object], allowed: list[str]) -> None:
    """Raise a `DeclarationError` if `System.but` is asked to change what it cannot."""
    for name in changes:
        if name not in allowed:
            raise DeclarationError(
                f"A system has no '{name}' to change.",
                found=f"can be changed: {', '.join(allowed)}",
                mend=nearest(name, allowed) or "Declare another system.",
                where=place(),
            )


def _name(system: Declared) -> Iterator[Fault]:
    name = system.name
    if not isinstance(name, str) or not name or not all(c.isalnum() or c in "-_" for c in name):
        yield (
            "A system's name is a word of letters, digits, - and _.",
            repr(name),
            "Write System('flight-delay', ...).",
        )


def _parts(system: Declared) -> Iterator[Fault]:
    parts: list[tuple[str, object, Any, str]] = [
        ("requests", system.requests, (Source, Ticks), "asof.source(...) or asof.ticks(...)"),
        ("features", system.features, Features, "asof.features(Row, ...)"),
        ("label", system.label, Label, "asof.outcome(...) or asof.happens(...)"),
        ("train", system.train, TrainWindow, "asof.expanding() or asof.sliding(days(60))"),
        ("retraining", system.retraining, Schedule, "asof.every(days(7))"),
        ("serving", system.serving, (Online, BatchFeatures, BatchPredictions),
         "asof.online() or asof.batch_features(hours(1))"),
        ("training_takes", system.training_takes, Duration, "minutes(30)"),
        ("looks", system.looks, Duration, "hours(1)"),
    ]  # fmt: skip
    for name, value, kind, example in parts:
        if not isinstance(value, kind):
            yield f"{name}= is not what it should be.", repr(value), f"Write {name}={example}."
    if not callable(getattr(system.model, "fit", None)):
        yield (
            "model= has no fit().",
            repr(system.model),
            "Hand in an estimator of scikit-learn's protocol, such as LGBMClassifier().",
        )
    elif isinstance(system.model, type):
        yield (
            "model= is a class, not an estimator.",
            system.model.__name__,
            f"Write model={system.model.__name__}().",
        )


def _asked(system: Declared) -> Iterator[Fault]:
    if isinstance(system.requests, Ticks):
        if system.at is not None:
            yield "Ticks bring their own moments.", f"at={system.at!r}", "Leave at= out."
        return
    row = system.requests.row
    if not isinstance(system.at, TimeExpression):
        yield (
            "at= does not say when a request is asked.",
            repr(system.at),
            f"Write at={row.__name__}.column, a Time or Moment of it, perhaps - hours(2).",
        )
        return
    for column in asked_columns(system.at):
        if not issubclass(row, column.row):
            yield (
                f"requests are rows of {row.__name__}, and at= is about {column.row.__name__}.",
                repr(system.at),
                f"Use a time of {row.__name__}.",
            )
    if not system.requests.keys:
        yield (
            f"Requests need a key, and {row.__name__} has none.",
            ", ".join(spec.name for spec in row.columns_),
            f"Declare what identifies a {row.__name__} as Key[...].",
        )


def _same_row(system: Declared) -> Iterator[Fault]:
    row = system.requests.row
    if not issubclass(row, system.features.row):
        yield (
            f"requests are rows of {row.__name__}, and the features are of another table.",
            f"features({system.features.row.__name__}, ...)",
            f"Write features({row.__name__}, ...).",
        )
    columns = [column for _, asked in system.label.joined.pairs for column in asked_columns(asked)]
    for column in columns:
        if not issubclass(row, column.row):
            yield (
                f"The label is about {column.row.__name__}; requests are of {row.__name__}.",
                repr(column),
                f"Match with columns of {row.__name__}: source.same({row.__name__}.…).",
            )


def _due(system: Declared) -> Iterator[Fault]:
    name, due = system.requests.row.__name__, system.label.due
    moments = [f"{name}.{s.name}" for s in system.requests.row.columns_ if s.type is datetime]
    example = f"due={moments[-1]} + days(2), or " if moments else ""
    for column in () if due is None else asked_columns(due):
        if not issubclass(system.requests.row, column.row):
            yield (
                f"due= is about {column.row.__name__}; it may name only moments of {name}.",
                f"{due!r}; the requested row has: {', '.join(moments) or 'none'}",
                f"Write {example}wait=days(2): no due time may depend on the outcome.",
            )


def _tick_moments(system: Declared) -> Iterator[Fault]:
    if isinstance(system.requests, Ticks):
        return
    for name, feature in system.features.columns:
        if uses_tick(feature):
            yield (
                f"The feature '{name}' reads the moment of a tick, and requests are no ticks.",
                repr(feature),
                "Use a time of the requested row.",
            )


def _tables(system: Declared) -> Iterator[Fault]:
    by_name: dict[str, Table[Any]] = {}
    joins: list[Joined[Any, Any]] = [
        join for _, feature in system.features.columns for join in joins_in(feature)
    ]
    requested = system.requests.table if isinstance(system.requests, Ticks) else system.requests
    for table in (requested, system.label.joined.table, *(join.table for join in joins)):
        other = by_name.setdefault(table.name, table)
        one, two = ((t.row, t.path, t.prepare, canonical(rules_of(t))) for t in (other, table))
        if one != two:
            yield (
                f"Two tables are called '{table.name}'.",
                " and ".join(
                    f"of {each.row.__name__} at {each.declared}" for each in (other, table)
                ),
                "Give one of them another name: asof.source(..., name='other').",
            )


def _lookups(system: Declared) -> Iterator[Fault]:
    for name, feature in system.features.columns:
        for join in joins_in(feature):
            if not isinstance(join.table, Reference):
                continue
            matched = {own for own, _ in join.pairs}
            if matched != set(join.table.keys):
                yield (
                    f"'{name}' looks up {join.table.name} by another thing than its key.",
                    f"matched: {', '.join(sorted(matched))}; key: {', '.join(join.table.keys)}",
                    "Match exactly the key columns.",
                )


def _join_types(system: Declared) -> Iterator[Fault]:
    joins = [join for _, feature in system.features.columns for join in joins_in(feature)]
    for join in (*joins, system.label.joined):
        for own, asked in join.pairs:
            spec, kind = column_spec(join.table.row, own), asked.value_type
            if spec.type is not kind and {spec.type, kind} != {int, float}:
                yield (
                    f"{join.table.row.__name__}.{own} can never equal {asked!r}.",
                    f"{spec.type.__name__} against {kind.__name__}",
                    "Give both the same type; prepare= can convert.",
                )


def _label_kind(system: Declared) -> Iterator[Fault]:
    kind = label_type(system.label)
    if kind not in (bool, float):
        yield (
            "The label has classes; so far Asof predicts yes and no, or a quantity.",
            f"{system.label.value!r}: {kind.__name__}",
            f"Ask about one class: outcome(rows, {system.label.value!r}.equals('...'), ...).",
        )
    elif kind is bool and not hasattr(system.model, "predict_proba"):
        yield (
            "The label is yes or no, and the model gives no probabilities.",
            f"{type(system.model).__name__} has no predict_proba",
            "Use a classifier, such as LGBMClassifier() or LogisticRegression().",
        )
    elif kind is float and hasattr(system.model, "predict_proba"):
        yield (
            "The label is a quantity, and the model tells classes apart.",
            f"{type(system.model).__name__} has predict_proba",
            f"Use a regressor, or ask a yes-or-no question: {system.label.value!r} > 0.",
        )


def _label_unseen(system: Declared) -> Iterator[Fault]:
    if system.label.span is not None:
        return
    for column in asked_columns(system.label.value):
        if (
            isinstance(column, Column)
            and issubclass(column.row, system.requests.row)
            and (system.label.joined.table.row is system.requests.row)
        ):
            yield (
                "The label is a column of the requested row itself: it is known when asked.",
                repr(system.label.value),
                "Declare what is learnt later as rows of their own source.",
            )  # fmt: skip


def _metric(system: Declared) -> Iterator[Fault]:
    names = list(get_args(MetricName))
    if system.metric is None:
        return
    if system.metric not in names:
        yield (
            f"There is no metric '{system.metric}'.",
            f"metrics: {', '.join(names)}",
            nearest(str(system.metric), names) or "Write metric='log_loss'.",
        )
    elif (system.metric in REGRESSION_METRICS) != (system.task == "regression"):
        yield (
            f"'{system.metric}' does not fit what is predicted.",
            "a quantity" if system.task == "regression" else "yes or no",
            "Use mae or rmse for quantities, log_loss, brier, auc, ... for yes and no.",
        )


def _moments(system: Declared) -> Iterator[Fault]:
    for name in ("start", "until"):
        moment = getattr(system, name)
        if moment is None:
            continue
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            yield (
                f"{name}= has no time zone.",
                repr(moment),
                f"Write {name}=datetime(2014, 1, 4, tzinfo=UTC), or ZoneInfo('Europe/Berlin').",
            )
            return
    if system.start is not None and system.until is not None and system.start > system.until:
        yield (
            "start= is after until=: the history would end before the life begins.",
            f"start {told_moment(system.start)}, until {told_moment(system.until)}",
            "Write a start= before until=, or leave one of them out.",
        )
    if system.looks.microseconds <= 0 or system.training_takes.microseconds < 0:
        yield (
            "looks= is longer than nothing, and training_takes= not negative.",
            f"looks={system.looks!r}, training_takes={system.training_takes!r}",
            "Write looks=hours(1).",
        )
    if not 0 < system.final_share <= 1:
        yield (
            "final_share= is a share of the requests of a slot.",
            repr(system.final_share),
            "Write final_share=0.95.",
        )


def _retraining(system: Declared) -> Iterator[Fault]:
    schedule = system.retraining
    parts = schedule.parts if isinstance(schedule, AnyOf) else (schedule,)
    if len(parts) > 1 and any(isinstance(part, Never) for part in parts):
        yield (
            "Retraining cannot be never and something else.",
            repr(schedule),
            "Leave never() out.",
        )
    if isinstance(system.label.wait, Duration) and any(
        isinstance(part, AfterLabels) and part.labels < 1 for part in parts
    ):
        yield "after(labels=...) counts from one.", repr(schedule), "Write after(labels=1000)."


def _baselines(system: Declared) -> Iterator[Fault]:
    row: type[Row] = system.requests.row
    if not isinstance(system.baselines, Sequence):
        yield (
            "baselines= is not a tuple.",
            repr(system.baselines),
            "Write baselines=(...,), with the comma.",
        )
        return
    for baseline in system.baselines:
        if isinstance(baseline, Rate):
            strange = [c for c in baseline.columns if not issubclass(row, c.row)]
            if strange:
                yield (
                    f"A rate baseline is by columns of {row.__name__}.",
                    repr(strange[0]),
                    f"Write rate({row.__name__}.column).",
                )
        elif not isinstance(baseline, Persistence):
            yield (
                "A baseline is rate(...) or persistence(...); the prior is always there.",
                repr(baseline),
                f"Write baselines=(rate({row.__name__}.column),).",
            )


CHECKS: tuple[Check, ...] = (
    _name,
    _parts,
    _baselines,
    _asked,
    _same_row,
    _due,
    _tick_moments,
    _tables,
    _lookups,
    _join_types,
    _label_kind,
    _label_unseen,
    _metric,
    _moments,
    _retraining,
)
