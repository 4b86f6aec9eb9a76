"""What is known ahead of its time is known ahead in a notebook, too."""

from __future__ import annotations

import polars as pl

import asof
from asof import Col, Key, KeyTime, Time
from asof.compute.table import versions
from asof.compute.window.contract import NEVER
from asof.declare.kept import AVAILABLE, WITHDRAWN
from asof.study.gap.world import at_event_time


class Forecast(asof.Row):
    region: Key[str]
    at: KeyTime
    demand: Col[float]


class Sale(asof.Row):
    amount: Col[float]
    at: Time


forecasts, sales = asof.source(Forecast), asof.source(Sale)


def stored(rows: list[tuple[str, int, float, int]]) -> pl.DataFrame:
    """Rows of a forecast: region, time, demand, since when it is known."""
    names = ["region", "at", "demand", AVAILABLE]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.col("at").cast(pl.Int64), pl.lit(value=False).alias(WITHDRAWN)
    )


def test_a_forecast_has_its_last_version_since_its_first_was_known():
    rows = [("n", 50, 1.0, 10), ("n", 50, 2.0, 30), ("n", 50, 3.0, 60), ("s", 40, 9.0, 70)]
    seen = at_event_time(versions(forecasts, stored(rows)))
    assert seen.frame["demand"].to_list() == [9.0, 3.0]
    assert seen.event_time.tolist() == [40, 50]
    assert seen.known_from.tolist() == [40, 10], "what is known late is known as it happens"
    assert (seen.known_until == NEVER).all()


def test_rows_without_a_key_are_known_as_they_happen_or_before():
    rows = stored([("n", 50, 1.0, 90), ("n", 50, 2.0, 20)]).rename({"demand": "amount"})
    seen = at_event_time(versions(sales, rows.drop("region")))
    assert seen.known_from.tolist() == [20, 50]
    assert seen.frame["amount"].to_list() == [2.0, 1.0]
