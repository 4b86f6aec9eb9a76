"""What `features.py` asks for, as a declaration: windows of events, asked about by key."""

from typing import Any

import numpy as np

import asof
from asof import Col, Key, Time, days, hours
from asof.declare.features import Features
from asof.declare.system import System


class Event(asof.Row):
    """Something that happened to a key; events have no key of their own."""

    key: Col[int]
    amount: Col[float]
    item: Col[int]
    event_time: Time


class Ask(asof.Row):
    """A request about a key."""

    id: Key[int]
    key: Col[int]
    at: Time


class Mean:
    """Predicts the mean: a system has a model, and nothing is fitted here."""

    def fit(self, _rows: Any, labels: Any) -> "Mean":
        """Take the mean of the labels."""
        self.mean = float(np.mean(labels))
        return self

    def predict(self, rows: Any) -> Any:
        """The same for every row."""
        return np.full(len(rows), self.mean)


events = asof.source(Event, "rows.parquet", zone="UTC")
asks = asof.source(Ask, "requests.parquet", zone="UTC")
mine = events.same(Ask.key)
WINDOWS = {"1h": hours(1), "1d": days(1), "7d": days(7), "30d": days(30)}
STATISTICS = {
    "count": lambda window: window.count(),
    "sum": lambda window: window.sum(Event.amount),
    "mean": lambda window: window.mean(Event.amount),
    "std": lambda window: window.std(Event.amount),
    "min": lambda window: window.min(Event.amount),
    "max": lambda window: window.max(Event.amount),
    "latest": lambda window: window.latest(Event.amount),
    "distinct": lambda window: window.distinct(Event.item),
}


def features(wanted: tuple[str, ...]) -> Features[Ask]:
    """Each wanted statistic over each window, named like `sum_7d`."""
    return asof.features(
        Ask,
        **{
            f"{name}_{label}": STATISTICS[name](mine.last(length))
            for label, length in WINDOWS.items()
            for name in wanted
        },
    )


def system(wanted: tuple[str, ...]) -> System[Ask]:
    """A system with these features; its label is what the key's next hour brings."""
    return asof.System(
        "features",
        asks,
        Ask.at,
        features=features(wanted),
        label=asof.outcome(mine.next(hours(1)).sum(Event.amount), wait=hours(1)),
        model=Mean(),
    )
