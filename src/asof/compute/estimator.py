"""Fits and predictions through scikit-learn's protocol, for any estimator that a user brings.

An estimator gets a plain array of doubles in which categories are codes; a `Pipeline` gets a
Polars frame with its columns under their names and categories as strings, for its steps choose
columns by name. Order, names and dictionaries of the columns are locked at the fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.compute.matrix import Categories, Matrix, present, recode
from asof.declare.metrics import Task
from asof.errors import EstimatorError

Floats = NDArray[np.float64]

_THREADS = ("n_jobs", "thread_count", "num_threads", "nthread")


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator with the columns that it was fitted on, in their order."""

    estimator: Any
    task: Task
    names: tuple[str, ...]
    categories: Categories
    rows: int
    training_mean: float


def fit(estimator: Any, features: Matrix, label: Floats, task: Task) -> Fitted:
    """Fit a clone of `estimator` on one thread; `features` in their stated order of rows.

    Raises `EstimatorError` where there is nothing to learn from.
    """
    from sklearn.base import clone  # pyright: ignore[reportUnknownVariableType]

    _check_label(label, task)
    categories = present(features)
    learner = single_threaded(clone(estimator))  # pyright: ignore[reportUnknownArgumentType]
    target = label.astype(np.int64) if task == "binary" else label
    learner.fit(_input(learner, features, categories), target, **_fit_arguments(learner, features))
    return Fitted(learner, task, features.names, categories, len(label), float(label.mean()))


def predict(fitted: Fitted, features: Matrix) -> Floats:
    """The probability of a yes, or the predicted quantity, of each row of `features`.

    Raises `EstimatorError` if the columns are not those of the fit, the estimator fails, or an
    answer is not a number.
    """
    if features.names != fitted.names:
        raise EstimatorError(
            "The model was fitted on other columns.",
            found=f"fitted on {len(fitted.names)}, asked with {len(features.names)}",
            mend="Predict with the features of the same declaration.",
        )
    if not len(features.values):
        return np.empty(0, dtype=np.float64)
    return answers_to(fitted, _input(fitted.estimator, features, fitted.categories))


def answers_to(fitted: Fitted, data: Any) -> Floats:
    """What the estimator answers to at least one row as it takes them: an array, or a frame.

    Raises `EstimatorError` if it fails, or an answer is not a number.
    """
    try:
        answers = _answers(fitted, data)
    except Exception as error:  # whatever the user's estimator raises
        raise EstimatorError(
            f"{type(fitted.estimator).__name__} failed when it was asked to predict.",
            found=told_in_a_line(error),
            mend="Mend the estimator, or use another one.",
        ) from error
    if answers.shape != (len(data),) or not np.isfinite(answers).all():
        raise EstimatorError(
            f"{type(fitted.estimator).__name__} answered something that is not a prediction.",
            found=f"shape {answers.shape}, {int((~np.isfinite(answers)).sum())} not finite",
            mend="A classifier's predict_proba gives two columns of numbers, predict one.",
        )
    return answers


def told_in_a_line(error: Exception) -> str:
    """What an exception says, in one line, its kind first.

    >>> told_in_a_line(ValueError("no rows"))
    'ValueError: no rows'
    """
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _answers(fitted: Fitted, data: Any) -> Floats:
    if fitted.task == "regression":
        return np.asarray(fitted.estimator.predict(data), dtype=np.float64)
    classes = list(fitted.estimator.classes_)
    return np.asarray(fitted.estimator.predict_proba(data), dtype=np.float64)[:, classes.index(1)]


def _check_label(label: Floats, task: Task) -> None:
    if not len(label):
        raise EstimatorError("There is no labelled row to train on.")
    if task == "regression":
        return
    kinds = np.unique(label)
    if not np.isin(kinds, (0.0, 1.0)).all():
        raise EstimatorError(
            "A classifier's label is yes or no, and this one has other values.",
            found=", ".join(f"{kind:g}" for kind in kinds[:5]),
            mend="Ask a yes-or-no question (Row.column > 0), or use a regressor.",
        )
    if len(kinds) < 2:
        raise EstimatorError(
            f"All {len(label):,} labels are {'yes' if kinds[0] else 'no'}: nothing to learn.",
            mend="Start the life later, or wait for both outcomes.",
        )


def single_threaded(estimator: Any) -> Any:
    """The estimator with one thread a fit, wherever it (or a step of it) has such a parameter.

    Several fits side by side beat several threads in one, and one thread gives the same bits
    anywhere. Scikit-learn's own estimators take None for one thread, and some of them warn when
    they are told a number.
    """
    parameters: Mapping[str, object] = estimator.get_params(deep=True)
    threads: dict[str, int] = {}
    for name, value in parameters.items():
        step, _, own = name.rpartition("__")
        owner = parameters.get(step, estimator)
        if own in _THREADS and not (value is None and _is_of_sklearn(owner)):
            threads[name] = 1
    return estimator.set_params(**threads) if threads else estimator


def _is_of_sklearn(estimator: object) -> bool:
    """Whether an estimator's parameters are those of one of scikit-learn's own classes."""
    kinds = type(estimator).__mro__
    makes = next(kind for kind in kinds if "__init__" in vars(kind))
    return makes.__module__.startswith("sklearn.")


def _input(estimator: Any, features: Matrix, categories: Categories) -> Any:
    if takes_frame(estimator):
        from asof.compute.matrix import to_frame

        return to_frame(features)
    return recode(features, categories)


def takes_frame(estimator: object) -> bool:
    """Whether an estimator chooses columns by name, and so gets a frame."""
    return hasattr(estimator, "steps") or type(estimator).__name__ == "ColumnTransformer"


def _fit_arguments(estimator: object, features: Matrix) -> dict[str, object]:
    """LightGBM has to be told which columns are categories; others are not."""
    if not type(estimator).__module__.startswith("lightgbm") or not features.categories:
        return {}
    return {"categorical_feature": [features.names.index(name) for name in features.categories]}
