"""Metrics: one figure for outcomes `y` and predictions `p`, and where it is a mean, its terms.

Arrays are float64[n]. For a binary label y is 0 or 1 and p the predicted probability of 1; for a
regression both are in the label's unit. Order of the rows never matters. A figure that does not
exist for the rows at hand raises `MetricUndefined` in words; it is never 0, never NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from asof.declare.metrics import MetricName, Task
from asof.declare.place import nearest
from asof.errors import DeclarationError, MetricUndefined

Floats = NDArray[np.float64]
Unit = Literal["probability scale", "label unit"]

CLIP = 1e-15
"""Log loss takes a prediction of 0 or 1 as this far from it, so that one sure mistake costs
34.5 and not infinity. scikit-learn clips at 2.2e-16; the two agree on everything between."""

THRESHOLD = 0.5
"""Accuracy and F1 take a prediction strictly above it as a yes (as argmax over both classes)."""

BINS = 10
"""Number of equal-mass bins of the calibration error."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its names, what it is for, how it is read, and how it is computed.

    `words` is how reports say it; `bounds` the range of its values; `is_mean` whether it is the
    mean of one term a request (`losses`), so that sums over any rows are enough to know it.

    >>> y, p = np.array([0.0, 1.0]), np.array([0.5, 0.5])
    >>> round(metric("log_loss").value(y, p), 4), metric("brier").losses(y, p).tolist()
    (0.6931, [0.25, 0.25])
    """

    name: MetricName
    words: str
    task: Task
    lower_is_better: bool
    is_mean: bool
    unit: Unit
    bounds: tuple[float, float]
    _compute: Callable[[Floats, Floats], Floats | float] = field(repr=False, compare=False)

    def value(self, y: Floats, p: Floats) -> float:
        """The figure for outcomes y and predictions p, float64[n] each.

        Raises `MetricUndefined` where there is none: no rows, one outcome only, no probability.
        """
        self._check(y, p)
        return float(np.mean(self._compute(y, p)))

    def losses(self, y: Floats, p: Floats) -> Floats:
        """The terms whose mean is the figure, float64[n]; for accuracy 1 where right, else 0.

        Raises `MetricUndefined` where the metric is not a mean, and as `value` does.
        """
        if not self.is_mean:
            raise MetricUndefined(f"{self.words} is not a mean of losses of single requests.")
        self._check(y, p)
        return np.asarray(self._compute(y, p), dtype=np.float64)

    def better(self, a: float, b: float) -> bool:
        """Whether a is the better figure of the two (strictly).

        >>> metric("log_loss").better(.45, .46), metric("auc").better(.45, .46)
        (True, False)
        """
        return a < b if self.lower_is_better else a > b

    def _check(self, y: Floats, p: Floats) -> None:
        if y.shape != p.shape or y.ndim != 1:
            raise MetricUndefined(
                f"{self.words} needs one prediction an outcome.",
                found=f"outcomes {y.shape}, predictions {p.shape}",
            )
        if len(y) == 0:
            raise MetricUndefined(f"{self.words} needs requests with an outcome; there are none.")
        if self.task == "binary":
            bad_y = int(np.count_nonzero((y != 0) & (y != 1)))
            bad_p = len(p) - int(np.count_nonzero((p >= 0) & (p <= 1)))  # NaN counts as bad
        else:
            bad_y = len(y) - int(np.count_nonzero(np.isfinite(y)))
            bad_p = len(p) - int(np.count_nonzero(np.isfinite(p)))
        if bad_y or bad_p:
            kind = "0 or 1 as outcome and a probability" if self.task == "binary" else "numbers"
            raise MetricUndefined(
                f"{self.words} needs {kind} for every request.",
                found=f"{bad_y:,} outcomes and {bad_p:,} predictions of {len(y):,} are not",
            )


def equal_mass_bins(p: Floats, bins: int = BINS) -> NDArray[np.int64]:
    """The bin of each prediction, int64[n]: at most `bins`, cut at the quantiles of p.

    Cuts lie between different values, so that equal predictions share a bin whatever their order.

    >>> equal_mass_bins(np.array([.1, .2, .2, .9]), bins=2).tolist()
    [0, 1, 1, 1]
    """
    ordered = np.sort(p)
    cuts = np.unique(ordered[(len(p) * np.arange(1, bins)) // bins])
    return np.asarray(np.searchsorted(cuts, p, side="right"), dtype=np.int64)


def _log_loss(y: Floats, p: Floats) -> Floats:
    likelihood = np.where(y == 1, p, 1 - p)
    surprise: Floats = -np.log(np.clip(likelihood, CLIP, 1 - CLIP))
    return surprise


def _squared(y: Floats, p: Floats) -> Floats:
    off: Floats = np.square(y - p)
    return off


def _absolute(y: Floats, p: Floats) -> Floats:
    off: Floats = np.abs(y - p)
    return off


def _right(y: Floats, p: Floats) -> Floats:
    right: Floats = ((p > THRESHOLD) == (y == 1)).astype(np.float64)
    return right


def _rmse(y: Floats, p: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(y - p))))


def _auc(y: Floats, p: Floats) -> float:
    from sklearn.metrics import roc_auc_score  # pyright: ignore[reportUnknownVariableType]

    if y.min() == y.max():
        raise MetricUndefined(
            f"AUC needs both outcomes; all {len(y):,} requests have the outcome {y[0]:.0f}."
        )
    return float(cast("float", roc_auc_score(y, p)))


def _average_precision(y: Floats, p: Floats) -> float:
    from sklearn.metrics import average_precision_score  # pyright: ignore[reportUnknownVariableType]

    if not y.any():
        raise MetricUndefined(
            f"Average precision needs outcomes of 1; all {len(y):,} requests have the outcome 0."
        )
    return float(cast("float", average_precision_score(y, p)))


def _f1(y: Floats, p: Floats) -> float:
    from sklearn.metrics import f1_score  # pyright: ignore[reportUnknownVariableType]

    yes = p > THRESHOLD
    if not y.any() and not yes.any():
        raise MetricUndefined(
            f"F1 needs an outcome of 1 or a prediction above {THRESHOLD}; "
            f"{len(y):,} requests have neither."
        )
    return float(f1_score(y, yes.astype(np.float64)))


def _calibration_error(y: Floats, p: Floats) -> float:
    """Expected calibration error with equal-mass bins.

    The mean over requests of |mean outcome - mean prediction| of the request's bin (Naeini,
    Cooper, Hauskrecht 2015, AAAI, section 3, for the error; Nixon et al. 2019, "Measuring
    calibration in deep learning", section 4.2, for bins that hold equally many requests). It is
    not 0 for a calibrated model either: n requests add about sqrt(bins * v / n), v the variance
    of an outcome (Roelofs et al. 2022, AISTATS, on that bias).
    """
    return float(np.abs(np.bincount(equal_mass_bins(p), weights=y - p)).sum() / len(y))


_PROBABILITY: tuple[float, float] = (0.0, 1.0)
_LOSS: tuple[float, float] = (0.0, float("inf"))


def _binary(
    name: MetricName,
    words: str,
    compute: Callable[[Floats, Floats], Floats | float],
    *,
    lower: bool,
    mean: bool,
    bounds: tuple[float, float] = _PROBABILITY,
) -> Metric:
    return Metric(name, words, "binary", lower, mean, "probability scale", bounds, compute)


METRICS: dict[str, Metric] = {
    each.name: each
    for each in (
        _binary("log_loss", "log loss", _log_loss, lower=True, mean=True, bounds=_LOSS),
        _binary("brier", "Brier score", _squared, lower=True, mean=True),
        _binary("auc", "AUC", _auc, lower=False, mean=False),
        _binary(
            "average_precision", "average precision", _average_precision, lower=False, mean=False
        ),
        _binary("accuracy", "accuracy", _right, lower=False, mean=True),
        _binary("f1", "F1", _f1, lower=False, mean=False),
        _binary(
            "calibration_error", "calibration error", _calibration_error, lower=True, mean=False
        ),
        Metric(
            "mae", "mean absolute error", "regression", True, True, "label unit", _LOSS, _absolute
        ),
        Metric(
            "rmse", "root mean squared error", "regression", True, False, "label unit", _LOSS, _rmse
        ),
    )
}
"""The metrics by name, in the order in which they are listed."""


def metric(name: str) -> Metric:
    """The metric of that name; `DeclarationError` with a near name if there is none.

    >>> metric("auc").lower_is_better
    False
    """
    found = METRICS.get(name)
    if found is None:
        names = list(METRICS)
        raise DeclarationError(
            f"There is no metric '{name}'.",
            found=f"metrics: {', '.join(names)}",
            mend=nearest(name, names) or "Write metric='log_loss'.",
        )
    return found
