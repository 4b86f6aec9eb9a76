"""The same estimator with another seed, to judge what was chosen by the luck of the first."""

from __future__ import annotations

from typing import Any, cast

_NAMES = ("random_state", "seed", "random_seed")


def seeded(model: Any) -> Any | None:
    """A clone of the estimator whose every seed is another one; None if it has none.

    >>> from sklearn.linear_model import SGDClassifier
    >>> seeded(SGDClassifier(random_state=0)).random_state
    1
    """
    from sklearn.base import clone  # pyright: ignore[reportUnknownVariableType]

    again = cast("Any", clone(model))
    parameters = cast("dict[str, Any]", again.get_params(deep=True))
    seeds = {
        name: (value or 0) + 1
        for name, value in parameters.items()
        if name.rpartition("__")[2] in _NAMES and (value is None or isinstance(value, int))
    }
    return again.set_params(**seeds) if seeds else None
