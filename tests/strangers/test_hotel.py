"""Hotel bookings whose outcomes arrive late and unevenly: cancellations early, stays late."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

SYSTEM = '''\
"""Will a booking be cancelled? Asked when it is made."""

from datetime import UTC, datetime

import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier

import asof
from asof import Col, Key, Moment, Time, days, hours

LISBON = "Europe/Lisbon"


class Booking(asof.Row):
    booking_id: Key[int]
    hotel: Col[str]
    channel: Col[str]
    agent: Col[int | None]
    price: Col[float] = asof.col(ge=0)
    booked_at: Time
    arrives_at: Moment
    leaves_at: Moment


class Ending(asof.Row):
    booking_id: Key[int]
    hotel: Col[str]
    agent: Col[int | None]
    cancelled: Col[bool]
    room_given: Col[str | None]
    ended_at: Time


def endings(file: pl.DataFrame) -> pl.DataFrame:
    """The columns that are filled in later, as rows of their own."""
    ended = file.filter(pl.col("status") != "open")
    return ended.with_columns(
        cancelled=pl.col("status") == "cancelled", ended_at=pl.col("status_at")
    )


bookings = asof.source(Booking, "bookings.csv", zone=LISBON)
ended = asof.source(Ending, "bookings.csv", prepare=endings, zone=LISBON)

hotel = ended.same(Booking.hotel).last(days(30))
agent = ended.same(Booking.agent).last(days(90))
features = asof.features(
    Booking,
    channel=Booking.channel,
    price=Booking.price,
    ahead=(Booking.arrives_at - Booking.booked_at).in_days(),
    nights=(Booking.leaves_at - Booking.arrives_at).in_days(),
    hotel_ended=hotel.count(),
    hotel_cancelled=hotel.share(Ending.cancelled),
    agent_cancelled=agent.share(Ending.cancelled),
    booked_today=bookings.same(Booking.hotel).last(hours(24)).count(),
)

system = asof.System(
    "cancellations",
    requests=bookings,
    at=Booking.booked_at,
    features=features,
    label=asof.outcome(
        ended.same(Booking.booking_id), Ending.cancelled, due=Booking.leaves_at + days(1)
    ),
    model=HistGradientBoostingClassifier(max_iter=30, max_depth=3, random_state=0),
    metric="log_loss",
    retraining=asof.every(days(14)),
    baselines=(asof.rate(Booking.channel),),
    until=datetime(2024, 9, 1, tzinfo=UTC),
)
'''
HEAD = [
    "booking_id", "hotel", "channel", "agent", "price", "booked_at", "arrives_at", "leaves_at",
    "status", "status_at", "room_given",
]  # fmt: skip
END = datetime(2024, 9, 1, tzinfo=UTC)


def write(folder: Path) -> None:
    """Eight months of bookings as a hotel exports them at the end, some still open."""
    chance, rows = random.Random(11), []
    for number in range(4000):
        booked = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=88 * number)
        channel = chance.choice(["web", "phone", "agency"])
        agent = chance.randrange(20) if channel == "agency" else None
        arrives = (booked + timedelta(days=chance.expovariate(1 / 25))).replace(hour=15, minute=0)
        arrives += timedelta(days=1)
        leaves = (arrives + timedelta(days=chance.randint(1, 6))).replace(hour=11)
        ahead = (arrives - booked).days
        risk = {"web": 0.30, "phone": 0.05, "agency": 0.15 + 0.02 * (agent or 0)}[channel]
        cancelled = chance.random() < min(0.9, risk + ahead / 150)
        ended = booked + (arrives - booked) * chance.random() ** 3 if cancelled else leaves
        status = ("cancelled" if cancelled else "stayed") if ended < END else "open"
        rows.append([
            number, chance.choice(["city", "beach"]), channel, agent if agent is not None else "",
            round(chance.lognormvariate(4.5, 0.4), 2), booked.strftime("%Y-%m-%d %H:%M"),
            arrives.strftime("%Y-%m-%d %H:%M"), leaves.strftime("%Y-%m-%d %H:%M"), status,
            "" if status == "open" else ended.strftime("%Y-%m-%d %H:%M"),
            f"r{chance.randrange(90)}" if status == "stayed" else "",
        ])  # fmt: skip
    with (folder / "bookings.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEAD, *rows])


def rows(stranger) -> list[dict]:
    """The file's rows, times as UTC, told apart by hand from what the product reads."""
    lisbon = ZoneInfo("Europe/Lisbon")
    with (stranger.folder / "bookings.csv").open() as file:
        found = list(csv.DictReader(file))
    for row in found:
        for name in ("booked_at", "arrives_at", "leaves_at", "status_at"):
            told = row[name]
            row[name] = told and datetime.fromisoformat(told).replace(tzinfo=lisbon).timestamp()
    return found


def test_labels_and_due_times_are_those_of_the_file(stranger):
    known = {int(row["booking_id"]): row for row in rows(stranger)}
    day = 86_400
    for request, label, due in stranger.answers.select("request", "label", "due").iter_rows():
        row = known[int(request)]
        assert abs(due.timestamp() - (row["leaves_at"] + day)) < 3601  # the file skips an hour
        came = row["status"] != "open" and row["status_at"] <= due.timestamp()
        told = came and due <= END  # before it is due there is no label, whatever is known
        assert label == (float(row["status"] == "cancelled") if told else None)


def test_features_see_only_endings_known_before(stranger):
    file = rows(stranger)
    for number in (1500, 2222, 3900):
        asked = file[number]
        at, day = asked["booked_at"], 86_400
        seen = [
            row for row in file
            if row["hotel"] == asked["hotel"] and row["status"] != "open"
            and at - 30 * day <= row["status_at"] < at
        ]  # fmt: skip
        told = stranger.features(str(number))
        assert told["hotel_ended"] == len(seen)
        cancelled = sum(row["status"] == "cancelled" for row in seen)
        assert told["hotel_cancelled"] == pytest.approx(cancelled / len(seen))
        if not asked["agent"]:
            assert told["agent_cancelled"] is None  # a null matches nothing


def test_what_is_not_known_yet_is_named(stranger):
    facts = stranger.facts
    answers = stranger.answers
    due = answers["due"] <= END
    assert facts["labels"]["open"] == int((~due).sum()) > 300
    young = facts["findings"]["young_slots"]
    assert young > len(facts["slots"]) / 2
    (page,) = stranger.folder.glob("runs/*/report.html")
    assert f"{young} of {len(facts['slots'])} weeks are not final" in page.read_text("utf-8")
    final = [slot for slot in facts["slots"] if slot["final"]]
    assert len(final) == len(facts["slots"]) - young
    assert all(slot["open"] == 0 for slot in final)
    figures = [each["total"] for each in facts["series"]]
    assert {each["n"] for each in figures} == {sum(slot["scored"] for slot in final)}
    assert {each["difference"]["n"] for each in facts["series"][1:]} == {figures[0]["n"]}
    assert figures[0]["n"] < sum(slot["scored"] for slot in facts["slots"])
    assert "the figures over the life leave them out" in page.read_text("utf-8")
    (line,) = [line for line in stranger.said.splitlines() if line.startswith("figures")]
    assert f" {figures[0]['n']:,} requests " in line
    assert f"of the {len(final)} weeks that are final" in line
    assert "Lisbon" in stranger.said
    assert facts["series"][0]["total"]["value"] < facts["series"][2]["total"]["value"]
    assert stranger.reproduces_every_model() == facts["cost"]["fits"] == 11


def test_a_gap_on_nothing_final_says_why(stranger, tmp_path):
    text = (stranger.folder / "system.py").read_text("utf-8")
    early = text.replace("until=datetime(2024, 9, 1", "until=datetime(2024, 4, 1")
    (stranger.folder / "early.py").write_text(early, "utf-8")
    told = stranger.asof("gap", "early.py", "-q", "--draws", "20", "--out", str(tmp_path / "gap"))
    assert "no week is final yet (final_share= says when one is)" in " ".join(told.split())
