"""One fit, in whatever thread."""

from __future__ import annotations

import traceback
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.compute.estimator import fit
from asof.compute.matrix import Matrix
from asof.declare.metrics import Task
from asof.engine.clock import CpuMeter
from asof.engine.steps.train import Fit
from asof.errors import AsofError


def fit_one(
    model: Any,
    seen: Matrix,
    rows: NDArray[np.int64],
    label: NDArray[np.float64],
    task: Task,
    trigger: int,
) -> Fit:
    """One fit, measured; what the user's estimator raises becomes the reason of a failed one."""
    meter = CpuMeter(of_thread=True)
    try:
        with meter.measured():
            fitted = fit(model, seen.take(rows), label, task)
    except AsofError as error:
        return Fit(trigger, len(rows), None, meter.seconds, str(error), "")
    except Exception as error:  # noqa: BLE001  the estimator's own code may raise anything
        first, *more = f"{type(error).__name__}: {error}".split("\n")
        reason = "\n".join([first + _without_values(seen, rows), *more])
        return Fit(trigger, len(rows), None, meter.seconds, reason, traceback.format_exc())
    return Fit(trigger, len(rows), fitted, meter.seconds)


def _without_values(seen: Matrix, rows: NDArray[np.int64]) -> str:
    """The features that no trained row has: few estimators say so themselves when they fail."""
    if not len(rows):
        return ""
    empty = np.flatnonzero(np.isnan(seen.values[rows]).all(axis=0))
    names = ", ".join(seen.names[i] for i in empty)
    return f" (missing in every row of the training: {names})" if names else ""


def libraries(estimator: object) -> dict[str, str]:
    """Versions of the libraries that the model's bits depend on."""
    own = type(estimator).__module__.partition(".")[0]
    found = ((name, _version(name)) for name in ("asof", "numpy", "scikit-learn", own))
    return {name: version for name, version in found if version}


@cache
def _version(package: str) -> str:
    """The version that is installed, or ""; looked up once, for each look reads a file."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
