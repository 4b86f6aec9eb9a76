"""What is kept beside a fitted model, and whether it fits a declaration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from asof.compute.estimator import Fitted
from asof.declare.fingerprint import fingerprint
from asof.declare.system import System
from asof.engine.fitting import libraries
from asof.engine.steps.train import Fit
from asof.errors import StoreError, UsageError
from asof.stores.models import Model
from asof.stores.store import Store


def model_record(system: System[Any], name: str, fit: Fit, offset: int) -> Mapping[str, Any]:
    """What is kept beside a model: enough to ask the same question again (LAW 1d)."""
    fitted = fit.fitted
    if fitted is None:
        raise TypeError(f"{name} was not fitted")
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
            found="; ".join(apart[:5]) + more,
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
