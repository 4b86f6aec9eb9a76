"""Names of the metrics, and of what is predicted."""

from __future__ import annotations

from typing import Literal

Task = Literal["binary", "regression"]

MetricName = Literal[
    "log_loss", "brier", "auc", "average_precision", "accuracy", "f1", "calibration_error",
    "mae", "rmse",
]  # fmt: skip

REGRESSION_METRICS: tuple[MetricName, ...] = ("mae", "rmse")
