"""However a life is cut into messages, files and workers, it is the same life."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from shops import Shop

from asof.compute.table import versions
from asof.engine.history import History, read_tables
from asof.engine.messages import Predicted, Requested
from asof.engine.replay import Replayed, replay
from asof.stores.store import Store
from asof.study.backtest import ingest_declared


def history(shop: Shop, name: str) -> History:
    tables = {t.name: versions(t, shop.stored[t.name]) for t in shop.systems[name].tables}
    return shop.history(name, tables)


def told(life: Replayed) -> dict[str, object]:
    """Answers to the last bit, decisions word for word, and which kinds of messages there were."""
    messages = life.log.messages
    return {
        "predictions": life.predictions.tobytes(),
        "models": life.models.tobytes(),
        "fallback": life.fallback.tobytes(),
        "kinds": {type(message).__name__ for message in messages},
        "decisions": [
            (type(message).__name__, asdict(message))
            for message in messages
            if not isinstance(message, Requested | Predicted)
        ],
        "fits": [(fit.trigger, fit.rows, fit.reason) for fit in life.fits.values()],
    }


def test_any_cutting_gives_the_same(shop: Shop, name: str) -> None:
    of = history(shop, name)
    whole = replay(of, workers=1)
    assert len(whole.fits) > 3
    for cut in (1, 7, 1000):
        life = replay(of, cut=cut, workers=1)
        wrong = int((~np.isclose(life.predictions, whole.predictions, 0, 0, equal_nan=True)).sum())
        assert wrong == 0, f"cut={cut}: {wrong} predictions differ"
        assert told(life) == told(whole), f"cut={cut}"
        batches = [m for m in life.log.messages if isinstance(m, Requested)]
        assert max(m.last - m.first for m in batches) <= cut


def test_any_number_of_workers_gives_the_same(shop: Shop, name: str) -> None:
    lives = [replay(history(shop, name), workers=workers) for workers in (1, 3)]
    assert told(lives[0]) == told(lives[1])
    assert len({life.log.hash for life in lives}) == 1


def test_a_second_run_has_the_same_log(shop: Shop, name: str) -> None:
    first, second = replay(history(shop, name)), replay(history(shop, name))
    assert first.log.hash == second.log.hash
    assert told(first) == told(second)


def test_another_life_has_another_log(shop: Shop) -> None:
    logs = {replay(history(shop, name), workers=1).log.hash for name in shop.systems}
    assert len(logs) == len(shop.systems)


@pytest.mark.parametrize("parts", [2, 9])
def test_any_number_of_files_gives_the_same(
    shop: Shop, name: str, parts: int, tmp_path: Path
) -> None:
    """A path may be a directory: the same rows, in other files, in another order."""
    system = shop.systems[name]
    for table in system.tables:
        source, target = shop.folder / str(table.path), tmp_path / str(table.path)
        target.parent.mkdir(exist_ok=True)
        if source.suffix != ".parquet":
            shutil.copy(source, target)
            continue
        target.mkdir()
        rows = pl.read_parquet(source)
        which = pl.Series(np.random.default_rng(parts).integers(0, parts, rows.height))
        if table.name in ("customer", "city"):  # a second load of these is a later one (LAW 2e)
            which = pl.Series(np.zeros(rows.height, dtype=np.int64))
        for part in which.unique():
            rows.filter(which == part).write_parquet(target / f"part-{part}.parquet")
    with Store(tmp_path / ".asof") as store:
        ingest_declared(system, store, tmp_path)
        split = History(system, read_tables(system, store), shop.until)
    whole = history(shop, name)
    assert split.requests.frame.equals(whole.requests.frame)
    assert split.serving.features.equals(whole.serving.features)
    assert split.serving.matrix.values.tobytes() == whole.serving.matrix.values.tobytes()
    assert np.array_equal(split.outcomes.value, whole.outcomes.value, equal_nan=True)
