"""From the rows of the shipped CSV files to moments in UTC; each function: frame in, frame out.

The files say when things happen by clocks on walls: departures by New York's, arrivals by the
destination's, 2400 for midnight, and no date for the arrival. Subtracting such clocks is wrong by
half an hour or more for nearly half of all flights. "NA" stands for what is not known, so that a
column of numbers may come as a column of words.
"""

from functools import cache
from pathlib import Path

import polars as pl

NEW_YORK = "America/New_York"
# Four airports have no zone in the file.
UNLISTED = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
LEG = ("flight_id", "carrier", "origin", "dest", "tailnum")
SKY = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)


def plan(flights: pl.DataFrame) -> pl.DataFrame:
    """The timetable: every flight, with its scheduled departure and arrival."""
    return _legs(flights).select(*LEG, "distance", "departs_at", "arrives_at")


def left(flights: pl.DataFrame) -> pl.DataFrame:
    """The flights that left, when they left, and their delay in minutes."""
    return (
        _legs(flights)
        .filter(pl.col("dep_delay").is_not_null())
        .select(
            *LEG,
            delay="dep_delay",
            departed_at=pl.col("departs_at") + pl.duration(minutes="dep_delay"),
        )
    )


def landed(flights: pl.DataFrame) -> pl.DataFrame:
    """The flights that landed where they were bound for: no cancelled and no diverted ones."""
    return (
        _legs(flights)
        .filter(pl.col("arr_delay").is_not_null())
        .select(
            *LEG,
            delay="arr_delay",
            landed_at=pl.col("arrives_at") + pl.duration(minutes="arr_delay"),
        )
    )


def hours_to_utc(weather: pl.DataFrame) -> pl.DataFrame:
    """The weather by hour; `hour` becomes the moment at which the hour began."""
    began = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")
    return weather.select("origin", *map(_number, SKY), hour=began)


def _legs(flights: pl.DataFrame) -> pl.DataFrame:
    """Every flight by its row number in the file, with moments in UTC and delays as numbers."""
    day = pl.datetime("year", "month", "day")
    numbered = flights.select(
        *("carrier", "origin", "dest"),
        _known("tailnum"),
        _number("distance"),
        _number("dep_delay"),
        _number("arr_delay"),
        flight_id=pl.int_range(pl.len(), dtype=pl.Int64),
        departs_at=_utc(day + _clock("sched_dep_time"), NEW_YORK),
        arrives=_clock("sched_arr_time"),
    ).join(_zones(), on="dest", how="left", maintain_order="left")
    unplaced = numbered.filter(pl.col("zone").is_null())["dest"].unique().to_list()
    if unplaced:
        message = f"no time zone is known for the airports {sorted(unplaced)}: add them to UNLISTED"
        raise ValueError(message)
    parts = [
        part.with_columns(arrives_at=_arrival(zone))
        for (zone,), part in numbered.partition_by("zone", as_dict=True).items()
    ]
    return pl.concat(parts).sort("flight_id")


def _arrival(zone: str) -> pl.Expr:
    """The first moment after the departure at which the clocks of `zone` show the arrival."""
    here = pl.col("departs_at").dt.convert_time_zone(zone).dt.replace_time_zone(None)
    wall = here.dt.truncate("1d") + pl.col("arrives")
    today, tomorrow = _utc(wall, zone), _utc(wall + pl.duration(days=1), zone)
    return pl.when(today > pl.col("departs_at")).then(today).otherwise(tomorrow)


def _clock(name: str) -> pl.Expr:
    """The time since midnight of a clock written 517 or 2359; 2400 is midnight."""
    clock = pl.col(name)
    return pl.duration(minutes=(clock // 100 * 60 + clock % 100) % (24 * 60))


def _utc(wall: pl.Expr, zone: str) -> pl.Expr:
    """The moment of a wall time: the first of two, and after a gap where the clock skipped it."""
    moment = wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    after = (
        wall.dt.offset_by("1h")
        .dt.truncate("1h")
        .dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    )
    return pl.coalesce(moment, after).dt.convert_time_zone("UTC")


def _known(name: str) -> pl.Expr:
    return pl.col(name).replace("NA", None)


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).replace("NA", None).cast(pl.Float64)


@cache
def _zones() -> pl.DataFrame:
    """The time zone of each airport."""
    listed = pl.read_csv(Path(__file__).with_name("data") / "airports.csv")
    named = pl.DataFrame({"dest": list(UNLISTED), "zone": list(UNLISTED.values())})
    return pl.concat([listed.select(dest="faa", zone="tzone"), named])
