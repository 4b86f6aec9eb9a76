"""Declare a machine-learning system once; backtest its life, run it live, learn from both."""

from importlib import import_module
from typing import TYPE_CHECKING

from asof.declare.expressions import computed
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
from asof.declare.statistics import (
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
from asof.declare.system import System
from asof.errors import AsofError, ExitCode
from asof.units import days, hours, minutes

if TYPE_CHECKING:
    from asof.engine.batch import score
    from asof.study.backtest import backtest
    from asof.study.compare.compare import compare
    from asof.study.gap.gap import gap
    from asof.study.leakage import check
    from asof.study.serving.serving import serving

__all__ = [
    "AsofError", "Col", "ExitCode", "Key", "KeyTime", "Moment", "Row", "System", "Time",
    "after", "backtest", "batch_features", "batch_predictions", "check", "col",
    "compare", "computed", "count", "daily", "days",
    "distinct", "every", "expanding", "features", "gap", "happens", "hours", "max", "mean", "min",
    "minutes", "monthly", "never", "online", "outcome", "persistence", "rate", "reference",
    "score", "serving", "share", "sliding", "source", "stats", "std", "sum", "ticks", "weekly",
]  # fmt: skip
__version__ = "0.1.0"


_STUDIES = {
    "backtest": "asof.study.backtest",
    "check": "asof.study.leakage",
    "compare": "asof.study.compare.compare",
    "gap": "asof.study.gap.gap",
    "score": "asof.engine.batch",
    "serving": "asof.study.serving.serving",
}


def __getattr__(name: str) -> object:
    """What needs the engines is imported when it is first used, so that a declaration is quick."""
    if name in _STUDIES:
        return getattr(import_module(_STUDIES[name]), name)
    message = f"module 'asof' has no attribute {name!r}"
    raise AttributeError(message)
