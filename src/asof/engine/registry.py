"""What is kept beside a fitted model, and whether it fits a declaration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from asof.compute.estimator import Fitted
from asof.compute.matrix import Matrix
from asof.compute.runtime import Runtime, choose
from asof.declare.fingerprint import fingerprint
from asof.declare.system import System
from asof.engine.fitting import libraries
from asof.engine.kept import Training
from asof.engine.steps.train import Fit
from asof.errors import StoreError, UsageError
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


@lru_cache(maxsize=8)
def feature_prints(system: System[Any]) -> Mapping[str, str]:
    """The fingerprint of each feature, by name."""
    return {name: fingerprint(feature) for name, feature in system.features.columns}


def fitted_for(system: System[Any], store: Store, identity: str) -> tuple[Fitted, Model]:
    """A registered model whose features and label are those that the system declares.

    Raises:
        UsageError: there is no such model, or it was fitted for another question.
        StoreError: its artifact is not what was registered.
    """
    require_fit(system, store.models.find(identity))
    fitted, record = store.models.get(identity)
    if not isinstance(fitted, Fitted):
        raise StoreError(
            f"The artifact of model {record.id} holds no fitted model.",
            found=type(fitted).__name__,
            mend="Train the model again.",
        )
    return fitted, record


def require_fit(system: System[Any], record: Model) -> None:
    """Raise a `UsageError` that names the difference if a model answers another question."""
    kept = record.metadata
    if kept.get("fingerprint") == system.fingerprint:
        return
    if "features" not in kept:
        raise UsageError(
            f"Model {record.id} was fitted for a study, not to be served.",
            mend="Give one of the system's own: asof models lists them.",
        )
    apart = list(_differences(kept["features"], feature_prints(system)))
    if kept["label"] != fingerprint(system.label):
        apart.append("the label is another")
    if not apart and tuple(kept["columns"]) != system.features.names:
        apart.append("the features are the same in another order")
    if apart:
        more = f"; and {len(apart) - 5} more" if len(apart) > 5 else ""
        raise UsageError(
            f"Model {record.id} was fitted for another declaration than this one.",
            found=f"its fingerprint is {kept['fingerprint']}: {'; '.join(apart[:5])}{more}",
            mend="Name the variant that it belongs to (FILE:NAME), or train a model of this one.",
            where=system.features.declared,
        )


def _differences(kept: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """How features differ from those of a fit, each in words."""
    for name in kept:
        if name not in now:
            yield f"{name} is gone"
        elif kept[name] != now[name]:
            yield f"{name} has another meaning"
    yield from (f"{name} is new" for name in now if name not in kept)
