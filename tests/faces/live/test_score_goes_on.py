"""The score of a running system goes on over a restart as if there had been none."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from parcels_here import living, prepared, sent
from parcels_up import delivery, iso, parcel

from asof.compute.metric import metric
from asof.stores.store import Store

WAIT = 3.0


@pytest.fixture
def place(tmp_path):
    """A system whose labels take some seconds, with its history."""
    return prepared(tmp_path, wait=f"seconds({WAIT})")


async def asked(live, numbers):
    """Parcels that are asked about, and the deliveries that tell their labels."""
    await live.predict([sent(parcel(n)) for n in numbers])
    await live.take("delivery", [sent(delivery(n)) for n in numbers])


async def scored(live, count):
    """The outlook, once so many answers are scored."""
    async with asyncio.timeout(60):
        while live.status()["outlook"]["answers"] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return live.status()["outlook"]


def wanted(place):
    """The metric over the first answer to each parcel, from the tables."""
    with Store(place / "store") as store:
        first = store.predictions().unique("request", keep="first")
    label = (first["request"].cast(pl.Int64) % 7 > 3).cast(pl.Float64).to_numpy()
    return metric("log_loss").value(label, first["prediction"].to_numpy())


def test_answers_of_before_a_restart_are_scored_after_it(place):
    async def first():
        async with living(place) as live:
            await asked(live, range(10))
            told = await scored(live, 10)
            await live._sealing.seal()
            await asked(live, range(10, 15))
            await live._sealing.seal()  # with answers whose labels are not known
            await asked(live, range(15, 20))
            await live.predict([sent(parcel(n, weight=50.0)) for n in range(5, 15)])
            assert live.status()["outlook"]["answers"] == 10, "labels of the others are not due"
            return told

    async def then(count):
        async with living(place) as live:
            told = await scored(live, count)
            await live._sealing.seal()
            return told

    before = asyncio.run(first())
    after = asyncio.run(then(20))
    assert after["answers"] == 20
    assert after["value"] == pytest.approx(wanted(place), rel=1e-12)
    assert after["value"] != before["value"]
    again = asyncio.run(then(20))
    assert (again["value"], again["answers"]) == (pytest.approx(after["value"], rel=1e-12), 20)


@pytest.mark.parametrize("sealed", [True, False])
def test_answers_of_before_the_declared_moment_are_scored_after_a_restart(place, sealed):
    async def ahead():
        async with living(place) as live:
            soon = iso(datetime.now(UTC) + timedelta(seconds=8))
            await live.predict([sent(parcel(n, sent_at=soon)) for n in range(5)])
            await live.take("delivery", [sent(delivery(n)) for n in range(5)])
            waiting = live.status()["labels"]["waiting"]
            if sealed:
                await live._sealing.seal()  # a start after this finds them in the snapshot
            return waiting

    async def then():
        async with living(place) as live:
            return live.status()["labels"]["waiting"], await scored(live, 5)

    before = asyncio.run(ahead())
    waiting, told = asyncio.run(then())
    assert (waiting, told["answers"]) == (before, 5)
    assert told["value"] == pytest.approx(wanted(place), rel=1e-12)
