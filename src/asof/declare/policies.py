"""Policies: how a request is answered, what a model is trained on, which yardsticks go along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from asof.declare.expressions import (
    Column,
    Expression,
)
from asof.declare.place import place
from asof.declare.schedules import Periodic, Schedule, Wall, every
from asof.declare.windows import Joined, require_joined, require_table
from asof.errors import DeclarationError
from asof.units import Duration

Trained = Literal["aligned", "fresh"]


@dataclass(frozen=True)
class Online:
    """Features as of the request."""


@dataclass(frozen=True)
class BatchFeatures:
    """Features as of the last refresh that was ready."""

    schedule: Schedule
    takes: Duration
    trained: Trained


@dataclass(frozen=True)
class BatchPredictions:
    """The prediction of the last run that was ready, for the requests known then.

    A run predicts the requests that it knows of and that come within `ahead`.
    """

    schedule: Schedule
    takes: Duration
    trained: Trained
    ahead: Duration
    otherwise: float | None


Serving = Online | BatchFeatures | BatchPredictions


def online() -> Online:
    """Answer each request with features as of its moment."""
    return Online()


def batch_features(
    refresh: Duration | Schedule,
    *,
    takes: Duration = Duration(0),
    trained: Trained = "aligned",
) -> BatchFeatures:
    """Answer with features as of the last refresh.

    A refresh is ready `takes` after its moment. Training sees features as old as serving does;
    `trained="fresh"` asks for the mistake of training on fresh ones, to see what it costs.

    >>> from asof import batch_features, hours
    >>> batch_features(hours(1)).trained
    'aligned'
    """
    return BatchFeatures(_moments(refresh, "batch_features"), takes, _trained(trained))


def batch_predictions(
    run: Duration | Schedule,
    *,
    ahead: Duration,
    takes: Duration = Duration(0),
    trained: Trained = "aligned",
    otherwise: float | None = None,
) -> BatchPredictions:
    """Answer with the prediction of the last run, made for the requests that come within `ahead`.

    A request that no run could know gets `otherwise` (the training rate or mean unless stated),
    is scored, and is counted in the coverage. `takes` and `trained` are as for `batch_features`.

    >>> from asof import batch_predictions, days
    >>> batch_predictions(days(1), ahead=days(2)).ahead
    days(2)

    Raises:
        DeclarationError: `ahead` is no length, or the moments of the runs are not known beforehand.
    """
    if not isinstance(ahead, Duration) or ahead.microseconds <= 0:
        raise DeclarationError(
            f"ahead={ahead!r} does not say how far ahead a run predicts.",
            mend="Write ahead=days(1).",
            where=place(),
        )
    return BatchPredictions(
        _moments(run, "batch_predictions"), takes, _trained(trained), ahead, otherwise
    )


def _moments(what: Duration | Schedule, called: str) -> Schedule:
    schedule = every(what)
    if not isinstance(schedule, Periodic | Wall):
        raise DeclarationError(
            f"{called}() needs moments that are known beforehand.", found=repr(what), where=place(),
            mend="Write hours(1), or daily(time(0), zone='Europe/Berlin').",
        )  # fmt: skip
    return schedule


def _trained(trained: Trained) -> Trained:
    if trained not in ("aligned", "fresh"):
        raise DeclarationError(
            f"trained={trained!r} is not known.",
            mend="Write 'aligned' (as served) or 'fresh' (as of each request).",
            where=place(),
        )
    return trained


@dataclass(frozen=True)
class TrainWindow:
    """Train on all mature requests, or on those of the last `length`."""

    length: Duration | None = None


def expanding() -> TrainWindow:
    """Train on every mature request so far.

    >>> from asof import expanding
    >>> expanding().length is None
    True
    """
    return TrainWindow()


def sliding(length: Duration) -> TrainWindow:
    """Train on the mature requests of the last `length`.

    >>> from asof import days, sliding
    >>> sliding(days(60)).length
    days(60)
    """
    if not isinstance(length, Duration) or length.microseconds <= 0:
        raise DeclarationError(
            f"sliding({length!r}) is no length.", mend="Write sliding(days(60)).", where=place()
        )
    return TrainWindow(length)


@dataclass(frozen=True, eq=False)
class Rate:
    """Yardstick: the training rate (or mean) of each combination of columns, smoothed."""

    columns: tuple[Column[Any, Any], ...]
    strength: float


@dataclass(frozen=True, eq=False)
class Persistence:
    """Yardstick: the training rate given the latest known outcome of the same key."""

    joined: Joined[Any, Any]
    value: Expression[Any, Any]


Baseline = Rate | Persistence


def rate(*columns: Column[Any, Any], strength: float = 20.0) -> Rate:
    """The training rate of each combination of the requested row's columns, drawn to the prior.

    `strength`, above 0, is how many rows the prior counts for. Every report carries the prior
    itself.

    >>> import asof
    >>> class Flight(asof.Row):
    ...     flight_id: asof.Key[int]
    ...     carrier: asof.Col[str]
    ...     departs_at: asof.Time
    >>> asof.rate(Flight.carrier).strength
    20.0

    Raises:
        DeclarationError: there is no column, or the strength is not above 0.
    """
    if not columns or not all(isinstance(one, Column) for one in columns):
        raise DeclarationError(
            "rate() needs columns of the requested row.", found=repr(columns), where=place(),
            mend="Write rate(Flight.carrier, Flight.origin).",
        )  # fmt: skip
    if not strength > 0:
        raise DeclarationError(
            "rate(strength=...) is a number of rows above 0.", found=repr(strength), where=place(),
            mend="Write strength=20, or leave it out.",
        )  # fmt: skip
    return Rate(columns, strength)


def persistence(rows: Joined[Any, Any], value: Expression[Any, Any]) -> Persistence:
    """What the latest known row with the same key says: `persistence(landings.same(X), late)`.

    For yes and no it is the training rate after a yes, after a no, and where nothing is known;
    for a quantity the value itself.
    """
    require_joined(rows, "persistence")
    require_table(rows.table, value, "persistence")
    return Persistence(rows, value)
