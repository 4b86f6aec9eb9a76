"""The second declared system, end to end, against the truth of its simulated shop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from shops import Shop

from asof.compute.table import versions
from asof.engine.history import History
from asof.units import DAY, HOUR

BERLIN = ZoneInfo("Europe/Berlin")


def backtest(folder: Path, name: str) -> tuple[dict[str, Any], pl.DataFrame]:
    """What `asof backtest` says of a variant, and its predictions."""
    out = folder / "runs" / name
    command = [sys.executable, "-m", "asof", "backtest", f"shop.py:{name}", "--json", "--quiet"]
    done = subprocess.run(
        [*command, "--draws", "200", "--out", str(out)],
        cwd=folder, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (out / "report.html").is_file()
    return json.loads(done.stdout), pl.read_parquet(out / "predictions.parquet")


def figure(facts: Mapping[str, Any], name: str) -> float:
    return next(s["total"]["value"] for s in facts["series"] if s["name"].startswith(name))


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(at))


def history(shop: Shop, name: str) -> History:
    tables = {t.name: versions(t, shop.stored[t.name]) for t in shop.systems[name].tables}
    return shop.history(name, tables)


def visible(rows: list[dict[str, Any]], key: str, at: int) -> dict[Any, dict[str, Any]]:
    """The version of each key among what is known at `at`, by brute force; none if taken back."""
    found: dict[Any, dict[str, Any]] = {}
    for row in rows:  # as they became known
        if row["available_at_"] <= at:
            found[row[key]] = row
    return {key: row for key, row in found.items() if not row["withdrawn_"]}


def test_a_seed_is_a_shop(simulator: Mapping[str, Any]) -> None:
    first, same, other = (simulator["simulate"](seed, customers=60, days=60) for seed in (1, 1, 2))
    for name, table in first.tables.items():
        assert table.equals(same.tables[name])
    assert not first.tables["orders"].equals(other.tables["orders"])
    orders = first.tables["orders"]
    assert orders["cancelled"].any()
    assert orders["order_id"].is_duplicated().any()
    assert orders["customer"].null_count()


def test_ordering_again_end_to_end(shop_folder: Path) -> None:
    facts, predictions = backtest(shop_folder, "system")
    coverage = facts["coverage"]
    assert 0.05 < coverage["fallback"] / coverage["asked"] < 0.5
    assert facts["labels"]["never_came"] > 0  # guests
    assert len(facts["models"]) > 3
    assert all(model["status"] == "promoted" for model in facts["models"])
    assert all(model["active_from"] - model["trigger"] == 2 * HOUR for model in facts["models"])
    names = {series["name"].partition("_")[0] for series in facts["series"]}
    assert names == {"served", "never", "constant", "rate", "persistence"}
    assert figure(facts, "served") < figure(facts, "constant") - 0.02
    assert predictions.height > 300


def test_demand_is_foretold_nearly_as_well_as_it_can_be(shop: Shop) -> None:
    facts, _ = backtest(shop.folder, "restock")
    assert facts["metric"]["name"] == "mae"
    of = history(shop, "restock")
    expected = shop.truth["demand"].with_columns(pl.col("hour").dt.epoch("us"))
    best = []
    for row, at, y in zip(
        of.requests.frame.iter_rows(named=True), of.requests.at, of.outcomes.value, strict=True
    ):
        if at >= facts["start"] and of.outcomes.mature(shop.until)[len(best)]:
            start, stop = at + DAY, at + 2 * DAY
            rows = expected.filter(
                (pl.col("city") == row["city"]) & pl.col("hour").is_between(start, stop - 1)
            )
            best.append(abs(y - float(rows["expected"].sum())))
    oracle = float(np.mean(best))
    assert oracle < figure(facts, "served") < 1.8 * oracle
    assert figure(facts, "served") < figure(facts, "rate") / 2
    assert figure(facts, "served") < figure(facts, "persistence") / 2


def test_labels_of_ordering_again_by_brute_force(shop: Shop) -> None:
    of = history(shop, "system")
    rows = shop.stored["order"].sort("available_at_", "recorded_", "position_").to_dicts()
    for number in range(0, len(of.requests), 9):
        asked = of.requests.frame.row(number, named=True)
        at, due = int(of.requests.at[number]), int(of.outcomes.due[number])
        assert due == at + 31 * DAY
        if asked["customer"] is None:
            assert np.isnan(of.outcomes.value[number])
            continue
        again = any(
            row["customer"] == asked["customer"] and at <= row["ordered_at"] < at + 30 * DAY
            for key, row in visible(rows, "order_id", due).items()
            if key != asked["order_id"]
        )
        assert of.outcomes.value[number] == again, asked


def test_coverage_by_brute_force(shop: Shop) -> None:
    """The last midnight's run predicts the orders that it knew of and that were to be asked."""
    of = history(shop, "system")
    rows = shop.stored["order"].sort("available_at_", "recorded_", "position_").to_dicts()
    covered = []
    for number in range(0, len(of.requests), 9):
        key, fired = of.requests.frame["order_id"][number], int(of.requests.fired[number])
        local = moment(fired).astimezone(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
        run = (local.astimezone(UTC) - moment(0)) // timedelta(microseconds=1)
        known = visible(rows, "order_id", run - 1).get(key)
        planned = None if known is None else known["ordered_at"] + 20 * HOUR
        covered.append(planned is not None and run <= planned < run + DAY)
    assert covered == of.serving.covered[::9].tolist()
    assert 0.5 < np.mean(covered) < 1


@pytest.mark.parametrize("variant", ["online", pytest.param("boosted", marks=pytest.mark.slow)])
def test_the_regulars_are_found(shop_folder: Path, variant: str) -> None:
    """Answers rise with the customers' true rates."""
    facts, predictions = backtest(shop_folder, variant)
    assert facts["coverage"]["fallback"] == 0
    answered = predictions.with_columns(pl.col("request").cast(pl.Int64).alias("order_id"))
    asked = pl.read_parquet(shop_folder / "data" / "orders.parquet").select("order_id", "customer")
    truth = pl.read_parquet(shop_folder / "data" / "truth" / "customers.parquet")
    mean = (
        answered.join(asked.unique("order_id"), on="order_id")
        .group_by("customer")
        .agg(pl.col("prediction").mean())
        .join(truth, on="customer")
    )
    assert mean.height > 150
    assert mean.select(pl.corr("prediction", "rate", method="spearman")).item() > 0.6
