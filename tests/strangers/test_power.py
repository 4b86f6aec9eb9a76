"""Half-hourly power prices by local clocks: a comparison with the past, which persistence tells."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

SYSTEM = '''\
"""Will the price of a half hour be above that of the day before it?"""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import polars as pl
from sklearn.linear_model import LogisticRegression

import asof
from asof import Col, Key, KeyTime, days, hours, minutes

SYDNEY = "Australia/Sydney"


class Period(asof.Row):
    """A half hour of the market, known half a day ahead."""

    region: Key[str]
    begins_at: KeyTime


class Price(asof.Row):
    """What a half hour cost, known when it is over."""

    region: Key[str]
    begins_at: KeyTime
    price: Col[float]
    up: Col[bool]


def compared(file: pl.DataFrame) -> pl.DataFrame:
    """Whether each price is above the mean of the 48 before it."""
    before = pl.col("price").cast(float).rolling_mean(48).shift(1).over("region")
    return file.with_columns(up=pl.col("price").cast(float) > before).drop_nulls("up")


periods = asof.source(Period, "prices.csv", zone=SYDNEY, lag=-hours(12))
prices = asof.source(Price, "prices.csv", prepare=compared, zone=SYDNEY, lag=minutes(30))

same = prices.same(Period.region)
local = Period.begins_at.local(SYDNEY)
features = asof.features(
    Period, hour=local.hour(), weekday=local.weekday(), region=Period.region,
    share_up=same.last(days(7)).share(Price.up).or_else(0.5),
)

system = asof.System(
    "power",
    requests=periods,
    at=Period.begins_at,
    features=features,
    label=asof.outcome(same.next(minutes(30)).first(Price.up), wait=hours(1)),
    model=LogisticRegression(max_iter=1000),
    metric="log_loss",
    retraining=asof.daily(time(0, 0), zone=SYDNEY),
    baselines=(asof.persistence(same, Price.up),),
    start=datetime(2024, 3, 18, tzinfo=ZoneInfo(SYDNEY)),
)
'''


def write(folder: Path) -> None:
    """Seven weeks over the end of summer time, by the clocks on the wall."""
    chance, rows = random.Random(8), []
    level = {"NSW": 60.0, "VIC": 50.0}
    for half in range(48 * 49):
        moment = datetime(2024, 3, 3, 13, tzinfo=UTC) + timedelta(minutes=30 * half)
        wall = moment.astimezone(ZoneInfo("Australia/Sydney"))
        for region, before in level.items():
            level[region] = before + 0.02 * (55 - before) + chance.gauss(0, 2)
            rows.append([region, wall.strftime("%Y-%m-%d %H:%M"), f"{level[region]:.2f}"])
    with (folder / "prices.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["region", "begins_at", "price"], *rows])


def test_wall_times_that_exist_twice_are_the_first_and_counted(stranger):
    told = stranger.json("ingest", "system.py")["ingested"]
    loads = {report["source"]: report["loads"][0] for report in told}
    assert loads["price"]["twice"] == 8  # two half hours, twice each, in two regions
    assert loads["price"]["never"] == 0
    held = stranger.json("quarantine", "list", "system.py")["quarantine"]
    assert {row["row"]["begins_at"] for row in held} == {"2024-04-07 02:00", "2024-04-07 02:30"}
    assert len(held) == 4


def test_a_feature_and_its_labels_by_hand(stranger):
    """The whole computation again in plain Python, for some requests."""
    zone = ZoneInfo("Australia/Sydney")
    with (stranger.folder / "prices.csv").open() as file:
        lines = list(csv.DictReader(file))
    ups: dict[str, dict[datetime, bool]] = {"NSW": {}, "VIC": {}}
    for region, known in ups.items():
        ours = [line for line in lines if line["region"] == region]
        prices = [float(line["price"]) for line in ours]
        for n in range(48, len(ours)):
            wall = datetime.fromisoformat(ours[n]["begins_at"]).replace(tzinfo=zone)
            up = prices[n] > sum(prices[n - 48 : n]) / 48
            known.setdefault(wall.astimezone(UTC), up)
    half, week = timedelta(minutes=30), timedelta(days=7)
    answers = stranger.answers
    for request, label in answers[:: answers.height // 12].select("request", "label").iter_rows():
        region, told = request.split("/")
        at = datetime.fromisoformat(told)
        assert label in (None, float(ups[region][at]))
        seen = [up for moment, up in ups[region].items() if at - week <= moment < at - half]
        share = stranger.features(request)["share_up"]
        assert abs(share - sum(seen) / len(seen)) < 1e-9


def test_the_report_says_that_repeating_the_last_label_is_better(stranger):
    facts = stranger.facts
    levels = {each["name"]: each["total"]["value"] for each in facts["series"]}
    assert levels["persistence"] < levels["served"] - 0.1
    said = " ".join(stranger.said.split())
    assert "Served is worse than the strongest of 2 baselines, last known by region" in said
    (page,) = stranger.folder.glob("runs/*/report.html")
    assert "power is behind last known by region by" in page.read_text(encoding="utf-8")
    assert facts["zone"] == "Australia/Sydney"
    assert stranger.reproduces_every_model() == facts["cost"]["fits"]
