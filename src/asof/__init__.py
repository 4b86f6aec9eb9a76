"""Declare a machine-learning system once; backtest its life, run it live, learn from both."""

from typing import TYPE_CHECKING

from asof.declare.expressions import (
    computed,
)
from asof.declare.features import features
from asof.declare.labels import happens, outcome
from asof.declare.policies import (
    batch_features,
    batch_predictions,
    expanding,
    online,
    persistence,
    rate,
    sliding,
)
from asof.declare.rows import Col, Key, KeyTime, Moment, Row, Time, col
from asof.declare.schedules import after, daily, every, monthly, never, weekly
from asof.declare.sources import reference, source, ticks
from asof.declare.system import System
from asof.declare.windows import (
    count,
    distinct,
    max,
    mean,
    min,
    share,
    stats,
    std,
    sum,
)
from asof.errors import AsofError, ExitCode
from asof.units import days, hours, minutes

if TYPE_CHECKING:
    from asof.study.backtest import backtest

__all__ = [
    "AsofError", "Col", "ExitCode", "Key", "KeyTime", "Moment", "Row", "System", "Time",
    "after", "backtest", "batch_features", "batch_predictions", "col",
    "computed", "count", "daily", "days",
    "distinct", "every", "expanding", "features", "happens", "hours", "max", "mean", "min",
    "minutes", "monthly", "never", "online", "outcome", "persistence", "rate", "reference",
    "share", "sliding", "source", "stats", "std", "sum", "ticks", "weekly",
]  # fmt: skip
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """What needs the engines is imported when it is first used, so that a declaration is quick."""
    if name == "backtest":
        from asof.study.backtest import backtest

        return backtest
    message = f"module 'asof' has no attribute {name!r}"
    raise AttributeError(message)
