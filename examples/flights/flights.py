"""Will this flight land more than 15 minutes late? Asked two hours before it leaves.

A whole system in one file: what the rows are, where they come from, 87 features over them, what
is to be foretold, and how the model is kept. `prepare.py` beside it turns clocks into moments.
"""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from lightgbm import LGBMClassifier

import asof
from asof import Col, Key, Moment, Time, days, hours, minutes
from prepare import NEW_YORK, hours_to_utc, landed, left, plan


class Leg(asof.Row):
    """What a flight's plan, departure and landing share."""

    flight_id: Key[int]
    carrier: Col[str]
    origin: Col[str] = asof.col(one_of=("EWR", "JFK", "LGA"))
    dest: Col[str]
    tailnum: Col[str | None]


class Flight(Leg):
    """The timetable: what is asked about."""

    distance: Col[float] = asof.col(ge=0)
    departs_at: Time
    arrives_at: Moment


class Departure(Leg):
    """What is learnt when it has left."""

    delay: Col[float]
    departed_at: Time


class Landing(Leg):
    """What is learnt when it has landed."""

    delay: Col[float]
    landed_at: Time


class Weather(asof.Row):
    """One hour at an airport, stamped with its beginning; reports reach h:51, known at h + 60."""

    origin: Col[str]
    hour: Time
    temp: Col[float | None]
    dewp: Col[float | None]
    humid: Col[float | None]
    wind_dir: Col[float | None]
    wind_speed: Col[float | None]
    wind_gust: Col[float | None]
    precip: Col[float | None]
    pressure: Col[float | None]
    visib: Col[float | None]


class Plane(asof.Row):
    """Without a time: taken as always known."""

    tailnum: Key[str]
    year: Col[float | None]
    seats: Col[float]


# One file, three kinds of rows. What has no moment has not happened: not a row, not a fault.
flights = asof.source(Flight, "data/flights.csv", prepare=plan, lag=-days(1))  # out a day ahead
departures = asof.source(Departure, "data/flights.csv", prepare=left)
landings = asof.source(Landing, "data/flights.csv", prepare=landed)
weather = asof.source(Weather, "data/weather.csv", prepare=hours_to_utc, lag=minutes(60))
planes = asof.reference(Plane, "data/planes.csv", nulls=("NA",))  # no time: always known

late = Landing.delay > 15
arrivals = asof.stats(n=asof.count(), delay=asof.mean(Landing.delay), late=asof.share(late))
leavings = asof.stats(n=asof.count(), delay=asof.mean(Departure.delay))
short = (hours(1), hours(3))
long = (*short, days(1), days(7), days(30))

plane = planes.same(Flight.tailnum)
local = Flight.departs_at.local(NEW_YORK)
sky = weather.same(Flight.origin).last(hours(7))

features = asof.features(
    Flight,
    st_carrier=Flight.carrier,
    st_origin=Flight.origin,
    st_dest=Flight.dest,
    st_dep_minute=local.minute_of_day(),
    st_dow=local.weekday(),
    st_distance=Flight.distance,
    st_sched_minutes=(Flight.arrives_at - Flight.departs_at).in_minutes(),
    st_plane_year=plane.get(Plane.year),
    st_seats=plane.get(Plane.seats),
    # 4 keys x 5 windows x 3 aggregates: carrier_arr_n_1h, carrier_arr_delay_1h, ...
    carrier_arr=landings.same(Flight.carrier).last(*long).of(arrivals),
    origin_arr=landings.same(Flight.origin).last(*long).of(arrivals),
    route_arr=landings.same(Flight.origin, Flight.dest).last(*long).of(arrivals),
    tailnum_arr=landings.same(Flight.tailnum).last(*long).of(arrivals),
    # 2 x 2 x 2
    origin_dep=departures.same(Flight.origin).last(*short).of(leavings),
    carrier_dep=departures.same(Flight.carrier).last(*short).of(leavings),
    wx=sky.latest(
        temp=Weather.temp,
        dewp=Weather.dewp,
        humid=Weather.humid,
        wind_dir=Weather.wind_dir,
        wind_speed=Weather.wind_speed,
        wind_gust=Weather.wind_gust,
        precip=Weather.precip,
        pressure=Weather.pressure,
        visib=Weather.visib,
    ),
    wx_age_min=sky.since().in_minutes() - 60,  # since it became available, an hour after its stamp
)

booster = LGBMClassifier(
    n_estimators=100,
    num_leaves=15,
    learning_rate=0.08,
    min_child_samples=300,
    colsample_bytree=0.5,
    max_bin=63,
    reg_lambda=1,
    cat_smooth=20,
    min_data_per_group=200,
    # The same bits at every fit; several fits run side by side, one thread each.
    deterministic=True,
    force_col_wise=True,
    n_jobs=1,
    random_state=0,
    verbose=-1,
)

system = asof.System(
    "flight-delay",
    requests=flights,
    at=Flight.departs_at - hours(2),
    features=features,
    label=asof.outcome(landings.same(Flight.flight_id), late, wait=days(2)),
    model=booster,
    metric="log_loss",
    retraining=asof.weekly(
        4, time(0, 0), zone=NEW_YORK
    ),  # Friday: the life starts on Friday, 1 March
    start=datetime(2013, 3, 1, tzinfo=ZoneInfo(NEW_YORK)),
    until=datetime(2014, 1, 4, tzinfo=UTC),  # the files are complete: no later row is missing
)

# Variants, to be asked for by name: `asof backtest flights.py:monthly`.
midnight = asof.daily(time(0, 0), zone=NEW_YORK)
first = asof.monthly(1, time(0, 0), zone=NEW_YORK)
monthly = system.but(retraining=asof.every(first))
never = system.but(retraining=asof.never())
hourly = monthly.but(serving=asof.batch_features(hours(1)))
nightly = monthly.but(serving=asof.batch_features(midnight))
skewed = monthly.but(serving=asof.batch_features(midnight, trained="fresh"))
