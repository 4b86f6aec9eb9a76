"""What is kept beside a fitted model, and what makes it ready to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from asof.compute.estimator import Fitted
from asof.compute.matrix import Matrix
from asof.compute.runtime import Runtime, choose
from asof.declare.fingerprint import fingerprint
from asof.declare.system import System
from asof.engine.belonging import feature_prints, require_fit
from asof.engine.fitting import libraries
from asof.engine.kept import Training
from asof.engine.steps.train import Fit
from asof.errors import StoreError
from asof.stores.models import Model
from asof.stores.store import Store


def model_record(system: System[Any], name: str, fit: Fit, offset: int) -> Mapping[str, Any]:
    """What is kept beside a model: enough to ask the same question again (LAW 1d)."""
    fitted = _fitted(name, fit)
    return {
        "system": system.name,
        "fingerprint": system.fingerprint,
        "features": dict(feature_prints(system)),
        "label": fingerprint(system.label),
        "name": name,
        "offset": offset,
        "rows": fit.rows,
        "columns": list(fitted.names),
        "categories": {column: list(words) for column, words in fitted.categories.items()},
        "libraries": libraries(fitted.estimator),
    }


def keep_model(
    store: Store, system: System[Any], name: str, fit: Fit, offset: int, trained: Training
) -> Model:
    """Keep a fitted model, with what it takes to fit it again and to choose its runtime."""
    rows = trained.rows
    some = rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.int64)]
    sample = trained.seen.take(some)
    runtime = choose(_fitted(name, fit), sample)
    record = {
        **model_record(system, name, fit, offset),
        "fit": trained.key,
        "runtime": {
            "kind": runtime.kind,
            "difference": runtime.agreement.difference,
            "rows": len(runtime.agreement.rows),
            "reason": runtime.reason,
        },
    }
    return store.models.put(fit.fitted, moment=fit.trigger, metadata=record, sample=sample)


SAMPLE = 256
"""Training rows on which a compiled runtime is compared with its estimator."""


def with_runtime(system: System[Any], store: Store, identity: str) -> tuple[Model, Runtime]:
    """A registered model that answers the system's question, ready to be asked row by row.

    Raises:
        UsageError: there is no such model, or it was fitted for another question.
        StoreError: its artifact is not what was registered.
    """
    fitted, record = fitted_for(system, store, identity)
    sample = store.models.sample(record)
    if sample is None:  # of a model kept by an earlier version: nothing to compare on
        sample = Matrix(fitted.names, np.empty((0, len(fitted.names))), fitted.categories)
    return record, choose(fitted, sample)


def _fitted(name: str, fit: Fit) -> Fitted:
    if fit.fitted is None:
        raise TypeError(f"{name} was not fitted")
    return fit.fitted


def fitted_for(system: System[Any], store: Store, identity: str) -> tuple[Fitted, Model]:
    """A registered model whose features and label are those that the system declares.

    Raises:
        UsageError: there is no such model, or it was fitted for another question.
        StoreError: its artifact is not what was registered.
    """
    record = store.models.find(identity, fingerprint=system.fingerprint)
    require_fit(system, record)
    fitted, _ = store.models.get(record.id)
    if not isinstance(fitted, Fitted):
        raise StoreError(
            f"The artifact of model {record.id} holds no fitted model.",
            found=type(fitted).__name__,
            mend="Train the model again.",
        )
    return fitted, record
