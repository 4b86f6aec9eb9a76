"""Whether a registered model answers the question that a system declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from asof.declare.fingerprint import fingerprint
from asof.declare.system import System
from asof.errors import UsageError
from asof.stores.models import Model


@lru_cache(maxsize=8)
def feature_prints(system: System[Any]) -> Mapping[str, str]:
    """The fingerprint of each feature, by name."""
    return {name: fingerprint(feature) for name, feature in system.features.columns}


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
