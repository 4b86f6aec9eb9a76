"""The flights' moments, against figures computed by independent code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest


@pytest.fixture(scope="module")
def prepare(flights_folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("prepare", flights_folder / "prepare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(folder / "data" / name, infer_schema_length=None)


@pytest.fixture(scope="module")
def flights(flights_folder: Path) -> pl.DataFrame:
    return read(flights_folder, "flights.csv")


@pytest.fixture(scope="module")
def planned(prepare: ModuleType, flights: pl.DataFrame) -> pl.DataFrame:
    return prepare.plan(flights)


@pytest.fixture(scope="module")
def landings(prepare: ModuleType, flights: pl.DataFrame) -> pl.DataFrame:
    return prepare.landed(flights)


def test_every_moment_agrees_with_the_reference(
    planned: pl.DataFrame, landings: pl.DataFrame, reference: Path
):
    expected = pl.read_parquet(
        reference / "flights_features_online.parquet",
        columns=["flight_id", "sched_dep_at", "predict_at", "label_at", "arr_delay"],
    ).with_columns(pl.col("flight_id", "arr_delay").cast(pl.Int64))
    found = (
        planned.join(landings, on="flight_id", how="left")
        .join(expected, on="flight_id", how="semi")
        .sort("flight_id")
        .select(
            "flight_id",
            sched_dep_at="departs_at",
            predict_at=pl.col("departs_at") - pl.duration(hours=2),
            label_at="landed_at",
            arr_delay=pl.col("delay").cast(pl.Int64),
        )
    )
    assert expected.height == 11_613
    assert found.equals(expected.sort("flight_id"))


def test_nothing_is_lost_and_nothing_is_made_up(
    prepare: ModuleType, flights: pl.DataFrame, planned: pl.DataFrame, landings: pl.DataFrame
):
    departures = prepare.left(flights)
    assert planned.height == 336_776
    assert landings.height == 327_346
    assert planned.height - departures.height == 8_255  # cancelled
    assert departures.height - landings.height == 1_175  # diverted, or landed elsewhere
    assert planned["flight_id"].to_list() == list(range(336_776))
    assert departures.null_count().sum_horizontal().item() == 0
    assert landings.null_count().sum_horizontal().item() == 0


def test_a_missing_tail_number_is_null(planned: pl.DataFrame):
    assert planned["tailnum"].null_count() == 2_512
    assert "NA" not in planned["tailnum"]


def test_the_clocks_at_the_destination_agree_with_the_landings(
    prepare: ModuleType, flights: pl.DataFrame, landings: pl.DataFrame
):
    """The actual arrival's clock was not used: it must show the moment that was worked out."""
    clocks = (
        flights.with_row_index("flight_id")
        .select(
            "dest",
            pl.col("flight_id").cast(pl.Int64),
            shown=pl.col("arr_time").replace("NA", None).cast(pl.Int64) % 2400,
        )
        .join(landings, on=["flight_id", "dest"])
        .join(prepare._zones(), on="dest")
    )
    here = [
        part.with_columns(pl.col("landed_at").dt.convert_time_zone(zone).dt.strftime("%H%M"))
        for (zone,), part in clocks.partition_by("zone", as_dict=True).items()
    ]
    agree = pl.concat(here).filter(pl.col("landed_at").cast(pl.Int64) == pl.col("shown"))
    assert clocks.height == 327_346
    assert agree.height == 327_345  # the exception is the night in which the clocks changed


def test_weather_is_stamped_in_utc(prepare: ModuleType, flights_folder: Path):
    weather = prepare.hours_to_utc(read(flights_folder, "weather.csv"))
    assert weather.height == 26_115
    assert weather.schema["hour"] == pl.Datetime("us", "UTC")
    assert weather["wind_gust"].dtype == pl.Float64
    assert weather["wind_gust"].null_count() == 20_778
    assert weather.select("origin", "hour").is_unique().all()


def test_planes_have_one_row_a_tail_number(flights_folder: Path):
    planes = read(flights_folder, "planes.csv")
    assert planes.height == planes["tailnum"].n_unique() == 3_322


def one_flight(**changes: object) -> pl.DataFrame:
    row = {
        "year": 2013, "month": 7, "day": 1, "sched_dep_time": 2130, "sched_arr_time": 2400,
        "dep_delay": "NA", "arr_delay": "-10", "carrier": "UA", "tailnum": "NA", "origin": "EWR",
        "dest": "ORD", "distance": 719,
    }  # fmt: skip
    return pl.DataFrame([row | changes])


@pytest.mark.parametrize(
    ("changes", "departs", "arrives"),
    [
        ({}, "2013-07-02 01:30", "2013-07-02 05:00"),  # 2400 in Chicago
        ({"sched_arr_time": 15}, "2013-07-02 01:30", "2013-07-02 05:15"),  # past midnight
        ({"dest": "SJU", "sched_arr_time": 130}, "2013-07-02 01:30", "2013-07-02 05:30"),
        ({"dest": "HNL", "sched_dep_time": 1000, "sched_arr_time": 1430}, "2013-07-01 14:00",
         "2013-07-02 00:30"),
        # The clocks go forward between departure and arrival.
        ({"month": 3, "day": 9, "sched_dep_time": 2359, "sched_arr_time": 344, "dest": "SJU"},
         "2013-03-10 04:59", "2013-03-10 07:44"),
        # A clock time that New York skips: the first instant after the gap.
        ({"month": 3, "day": 10, "sched_dep_time": 230, "sched_arr_time": 500}, "2013-03-10 07:00",
         "2013-03-10 10:00"),
        # One that it shows twice: the first.
        ({"month": 11, "day": 3, "sched_dep_time": 130, "sched_arr_time": 300}, "2013-11-03 05:30",
         "2013-11-03 09:00"),
    ],
)  # fmt: skip
def test_clocks_become_moments(
    prepare: ModuleType, changes: dict[str, object], departs: str, arrives: str
):
    row = prepare.plan(one_flight(**changes)).row(0, named=True)
    assert f"{row['departs_at']:%Y-%m-%d %H:%M}" == departs
    assert f"{row['arrives_at']:%Y-%m-%d %H:%M}" == arrives


def test_an_airport_without_a_zone_is_named(prepare: ModuleType):
    with pytest.raises(ValueError, match="'XXX'"):
        prepare.plan(one_flight(dest="XXX"))


def test_numbers_may_come_as_numbers(prepare: ModuleType):
    row = prepare.landed(one_flight(arr_delay=5, dep_delay=None)).row(0, named=True)
    assert row["delay"] == 5.0
    assert row["tailnum"] is None
