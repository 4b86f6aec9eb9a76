"""The model of a batch run: the one in service, one by name, or one fitted as of the moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.compute.estimator import Fitted, predict
from asof.compute.matrix import Matrix
from asof.declare.system import System
from asof.engine.history import History, first_asked, read_tables, until_of
from asof.engine.kept import KeptFits, training
from asof.engine.registry import fitted_for, keep_model
from asof.engine.service import in_service
from asof.engine.steps.answer import BLOCK
from asof.errors import EstimatorError, UsageError
from asof.stores.store import Store

_ALONE = ("lightgbm.", "sklearn.tree.", "sklearn.ensemble._forest", "sklearn.ensemble._hist")
"""Estimators that walk trees: each row by itself, to the same bits however many come with it."""


@dataclass(frozen=True)
class Chosen:
    """The model of a run: its id and name, and why it is this one."""

    fitted: Fitted
    id: str
    name: str
    why: str


def choose(
    system: System[Any],
    store: Store,
    at: int,
    offset: int,
    *,
    model: str | None,
    fit: bool,
) -> Chosen:
    """The model that answers as of `at`.

    Raises:
        UsageError: there is none, or it was fitted for another declaration.
        EstimatorError: the fit failed.
    """
    if model is not None and fit:
        raise UsageError("Either a model is named, or one is fitted.", mend="Leave one out.")
    if fit:
        return _fit(system, store, at, offset)
    if model is not None:
        fitted, record = fitted_for(system, store, model)
        return Chosen(fitted, record.id, str(record.metadata["name"]), "as asked for")
    serving = in_service(store, system, at)
    if serving is None:
        raise UsageError(
            f"No model of {system.name} is in service as of that moment.",
            found=f"{len(store.models.list())} models in the store, "
            f"declaration {system.fingerprint}",
            mend="Run asof backtest first, promote a model, name one with --model, or let one be "
            "fitted with --fit.",
            where=system.declared,
        )
    fitted, record = fitted_for(system, store, serving.id)
    return Chosen(fitted, record.id, serving.name, f"in service: {serving.reason}")


def _fit(system: System[Any], store: Store, at: int, offset: int) -> Chosen:
    """Fit on what is mature as of `at`, and keep the model in the registry."""
    tables = read_tables(system, store, offset=offset)
    until = min(until_of(system, store), at)
    history = History(system, tables, until, served=first_asked(store, offset))
    trained = training(history, at)
    found = KeptFits(store).fit(trained)
    if found.fitted is None:
        raise EstimatorError(
            "The model could not be fitted.", found=found.reason, where=system.declared
        )
    kept = keep_model(store, system, "fit", found, offset, trained)
    return Chosen(found.fitted, kept.id, "fit", f"fitted on {found.rows:,} rows")


def predict_alike(fitted: Fitted, features: Matrix) -> NDArray[np.float64]:
    """Predictions whose bits do not hang on how requests are cut into batches.

    What the step of a life does in blocks (see `steps.answer.BLOCK`) is done at once where rows
    cannot touch each other.
    """
    module = str(type(fitted.estimator).__module__)
    if f"{module}.".startswith(_ALONE):
        return predict(fitted, features)
    found = np.empty(len(features.values), dtype=np.float64)
    for start in range(0, len(found), BLOCK):
        part = np.arange(start, min(start + BLOCK, len(found)))
        filled = np.pad(part, (0, BLOCK - len(part)), mode="edge")
        found[part] = predict(fitted, features.take(filled))[: len(part)]
    return found
