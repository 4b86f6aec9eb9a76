"""No way to see the future: what becomes known from a moment on changes nothing before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest
from futures import Grower, changes
from shops import SYSTEMS, Shop

from asof.compute.table import versions
from asof.engine.history import History
from asof.engine.messages import (
    Deferred,
    Message,
    Promoted,
    Trained,
    TrainingBegan,
    TrainingFailed,
)
from asof.engine.replay import replay
from asof.units import DAY

DECISIONS = (TrainingBegan, Trained, TrainingFailed, Promoted, Deferred)


def history(shop: Shop, name: str, stored: Mapping[str, pl.DataFrame]) -> History:
    tables = {t.name: versions(t, stored[t.name]) for t in shop.systems[name].tables}
    return shop.history(name, tables)


def moments(of: History, seed: int) -> list[int]:
    """A moment at which is asked, in the middle of a life; one just after; one at the end."""
    fired = of.requests.fired
    chance = np.random.default_rng(seed)
    some = int(fired[chance.integers(int(0.5 * len(fired)), int(0.8 * len(fired)))])
    return [some, int(fired[int(0.9 * len(fired))]) + 1]


def told(of: History, at: int, *, only: pl.DataFrame | None = None) -> dict[str, Any]:
    """All that is known as of `at`: requests asked by then, features, labels, training sets.

    At the moment itself rows that become known at it may ask more: `only` says whose count.
    """
    requests = of.requests
    keys = requests.frame.select(requests.keys)
    rows = np.flatnonzero(requests.fired <= at)
    if only is not None:
        mine = keys[rows].with_row_index("row").join(only, on=list(requests.keys), how="semi")
        rows = rows[np.sort(mine["row"].to_numpy())]
    due = rows[of.outcomes.due[rows] < at]
    triggers = [at - back * DAY for back in (0, 1, 30)]
    return {
        "keys": keys[rows],
        "fired": requests.fired[rows].tolist(),
        "features": of.serving.features[rows],
        "training features": of.training.features[rows],
        "covered": of.serving.covered[rows].tolist(),
        "labels": of.outcomes.value[due],
        "mature": int(of.outcomes.mature(at).sum()),
        "matured": [of.matured(trigger) for trigger in triggers],
        "training": [keys[of.training_rows(trigger)] for trigger in triggers],
        "trained on": [of.outcomes.value[of.training_rows(trigger)] for trigger in triggers],
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [what for what, was in before.items() if not _same(was, after[what])]


def _same(was: Any, now: Any) -> bool:
    if isinstance(was, pl.DataFrame):
        return bool(was.equals(now))
    if isinstance(was, np.ndarray):
        return bool(np.array_equal(was, now, equal_nan=True))
    if isinstance(was, list) and was and not isinstance(was[0], int | bool):
        return len(was) == len(now) and all(map(_same, was, now))
    return bool(was == now)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rows_that_are_known_later_change_nothing(shop: Shop, name: str, seed: int) -> None:
    of = history(shop, name, shop.stored)
    for at in moments(of, seed):
        grown = Grower(of, shop.stored, at, seed).grow()
        assert grown.hits >= grown.added / 10
        assert grown.kinds == {"new", "corrected", "withdrawn"}
        before = told(of, at)
        after = told(history(shop, name, grown.stored), at, only=before["keys"])
        assert differences(before, after) == []


def test_decisions_and_predictions_do_not_know_either(shop: Shop, name: str) -> None:
    of = history(shop, name, shop.stored)
    at = moments(of, 4)[0]
    grown = history(shop, name, Grower(of, shop.stored, at, 4).grow().stored)
    assert differences(told(of, at), told(grown, at, only=told(of, at)["keys"])) == []
    assert _lived(of, at) == _lived(grown, at)
    # Later the two lives part: what was added is not simply ignored.
    assert _lived(of, shop.until) != _lived(grown, shop.until)


def _lived(of: History, at: int) -> tuple[list[Message], dict[str, bytes], list[Any]]:
    """Decisions until `at`, the answers given before it, and what was fitted for them."""
    life = replay(of, workers=1)
    decisions = [m for m in life.log.messages if isinstance(m, DECISIONS) and m.at <= at]
    before = int(np.searchsorted(of.requests.fired, at))
    given = {
        "predictions": life.predictions[:before].tobytes(),
        "models": life.models[:before].tobytes(),
        "fallback": life.fallback[:before].tobytes(),
    }
    fits = [
        (number, fit.rows, fit.reason, fit.fitted and fit.fitted.training_mean)
        for number, fit in life.fits.items()
        if fit.trigger <= at
    ]
    assert before > life.first
    assert len(fits) > 1
    return decisions, given, fits


@pytest.mark.parametrize("name", SYSTEMS)
def test_one_row_that_was_seen_does_change_something(shop: Shop, name: str) -> None:
    """The tests above can fail: each table that features look at is noticed."""
    of = history(shop, name, shop.stored)
    at = moments(of, 5)[1]
    before = told(of, at)
    noticed = {
        table: differences(before, told(history(shop, name, stored), at, only=before["keys"]))
        for table, stored in changes(shop.systems[name], of, shop.stored, at)
    }
    assert len(noticed) >= 3
    assert all("features" in what for what in noticed.values()), noticed


def test_the_same_rows_known_in_time_do_change_something(shop: Shop, name: str) -> None:
    of = history(shop, name, shop.stored)
    at = moments(of, 6)[1]
    grown = Grower(of, shop.stored, at - 30 * DAY, 6).grow()
    before = told(of, at)
    after = told(history(shop, name, grown.stored), at, only=before["keys"])
    assert {"features", "labels"} <= set(differences(before, after))
