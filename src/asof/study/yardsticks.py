"""What the served predictions are measured against, on the same requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from asof.compute.baseline import persistence, prior, smoothed_rate
from asof.compute.codes import dense
from asof.compute.estimator import predict
from asof.compute.plan import answer, plan
from asof.declare.policies import Persistence, Rate
from asof.declare.statistics import Statistic
from asof.declare.windows import Aggregate, Span
from asof.engine.replay import Replayed

Floats = NDArray[np.float64]

_ALL_TIME = Span("ever", -(2**61), 0)


@dataclass(frozen=True)
class Yardstick:
    """Predictions for all requests of a life, in their order; NaN where there is none."""

    name: str
    label: str
    kind: Literal["yardstick", "baseline"]
    predictions: Floats


@dataclass(frozen=True)
class _Stretch:
    """Requests `first` to `last`, served by a model trained on the rows `trained`."""

    first: int
    last: int
    trained: NDArray[np.int64]


def yardsticks(life: Replayed) -> list[Yardstick]:
    """The first model kept for ever, the constant rate, and the declared baselines."""
    stretches = list(_stretches(life))
    if not stretches:
        return []
    found = [_constant(life, stretches[0])]
    if len(stretches) > 1:
        found.insert(0, _never_refit(life))
    declared = (
        _rate(life, stretches, baseline)
        if isinstance(baseline, Rate)
        else _persistence(life, stretches, baseline)
        for baseline in life.history.system.baselines
    )
    return [*found, *declared]


def _stretches(life: Replayed) -> Iterator[_Stretch]:
    models = life.models[life.first : life.last]
    starts = np.flatnonzero(np.diff(models, prepend=-2)) + life.first
    for first, last in zip(starts, [*starts[1:], life.last], strict=True):
        if life.models[first] >= 0:
            trigger = life.fits[f"m{life.models[first]}"].trigger
            yield _Stretch(int(first), int(last), life.history.training_rows(trigger))


def _empty(life: Replayed) -> Floats:
    return np.full(len(life.history), np.nan)


def _never_refit(life: Replayed) -> Yardstick:
    """The first model's answers; where it served itself they are what was served."""
    answered = life.models[life.models >= 0]
    number = int(answered[0])
    fitted = life.fits[f"m{number}"].fitted
    if fitted is None:
        raise TypeError(f"m{number} served without having been fitted")
    predictions = np.where(life.models >= 0, life.predictions, np.nan)
    others = np.flatnonzero((life.models >= 0) & (life.models != number) & ~life.fallback)
    predictions[others] = predict(fitted, life.history.serving.matrix.take(others))
    return Yardstick("never", "never refit", "yardstick", predictions)


def _constant(life: Replayed, first: _Stretch) -> Yardstick:
    system, value = life.history.system, life.history.outcomes.value
    predictions = _empty(life)
    predictions[life.first : life.last] = prior(value[first.trained], task=system.task)
    label = "constant rate" if system.task == "binary" else "constant mean"
    return Yardstick("constant", label, "baseline", predictions)


def _rate(life: Replayed, stretches: list[_Stretch], baseline: Rate) -> Yardstick:
    history = life.history
    names = [column.name for column in baseline.columns]
    codes = dense(history.requests.frame, names).astype(np.int32)
    predictions = _empty(life)
    for part in stretches:
        predictions[part.first : part.last] = smoothed_rate(
            codes[part.trained],
            history.outcomes.value[part.trained],
            codes[part.first : part.last],
            task=history.system.task,
            strength=baseline.strength,
        )
    words = " and ".join(name.replace("_", " ") for name in names)
    return Yardstick(f"rate_{'_'.join(names)}", f"rate by {words}", "baseline", predictions)


def _persistence(life: Replayed, stretches: list[_Stretch], baseline: Persistence) -> Yardstick:
    history = life.history
    statistic: Statistic[Any, Any] = Statistic("latest_known", baseline.value)
    latest: Aggregate[Any, Any] = Aggregate(baseline.joined, _ALL_TIME, statistic)
    asked = history.requests
    known = answer(
        plan([("last", latest)]), asked.frame, asked.fired, history.tables, own=history.asked
    )
    last = known["last"].cast(float).fill_null(float("nan")).to_numpy()
    predictions = _empty(life)
    for part in stretches:
        predictions[part.first : part.last] = persistence(
            last[part.trained],
            history.outcomes.value[part.trained],
            last[part.first : part.last],
            task=history.system.task,
        )
    words = " and ".join(own.replace("_", " ") for own, _ in baseline.joined.pairs)
    label = f"last known by {words}" if words else "last known"
    return Yardstick("persistence", label, "baseline", predictions)
