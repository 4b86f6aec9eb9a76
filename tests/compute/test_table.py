"""Versions and the moments between which each is visible, against the law row by row."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from oracle import Row, visible
from strategies import rows, shuffled

import asof
from asof.compute.plan import visible_row
from asof.compute.table import Versions, repeats, versions
from asof.declare.kept import AVAILABLE, POSITION, RECORDED, WITHDRAWN


class Reading(asof.Row):
    sensor: asof.Key[int]
    value: asof.Col[float | None]
    group: asof.Col[int | None]
    kept: asof.Col[bool]
    code: asof.Col[int | None]
    at: asof.Time


readings = asof.source(Reading)
Told = tuple[int | None, int, float | None, int | None]


def found_versions(told: tuple[Row, ...]) -> Versions:
    whole = dict.fromkeys(
        ("sensor", "group", "code", "at", AVAILABLE, RECORDED, POSITION), pl.Int64
    )
    stored = {
        "sensor": [row.key for row in told],
        "value": [row.values[0] for row in told],
        "group": [row.join for row in told],
        "kept": [row.kept for row in told],
        "code": [row.codes[0] for row in told],
        "at": [row.event_time for row in told],
        AVAILABLE: [row.available_at for row in told],
        RECORDED: [row.recorded for row in told],
        POSITION: [row.position for row in told],
        WITHDRAWN: [row.withdrawn for row in told],
    }
    kinds = {"value": pl.Float64, "kept": pl.Boolean, WITHDRAWN: pl.Boolean}
    return versions(readings, pl.DataFrame(stored, schema_overrides=whole | kinds))


def as_told(frame: pl.DataFrame) -> set[Told]:
    return set(frame.select("sensor", "at", "value", "group").iter_rows())


def as_seen(told: tuple[Row, ...], moment: int) -> set[Told]:
    return {(row.key, row.event_time, row.values[0], row.join) for row in visible(told, moment)}


def moments(told: tuple[Row, ...]) -> list[int]:
    """Those at which rows come, and those just after."""
    return sorted({row.available_at + more for row in told for more in (0, 1)})


@given(rows(keyed=True))
def test_of_each_key_the_version_of_the_law_is_visible(told: tuple[Row, ...]):
    found = found_versions(told)
    for moment in moments(told):
        assert as_told(found.frame.filter(found.visible(moment))) == as_seen(told, moment)


@given(rows(keyed=True))
def test_a_key_is_looked_up_in_the_version_that_is_visible(told: tuple[Row, ...]):
    found, at = found_versions(told), moments(told)
    keys = [*{row.key for row in told}, len(told)]  # the last of them has no row
    asked = pl.DataFrame({"sensor": keys}).join(pl.DataFrame({"as_of": at}), how="cross")
    places = visible_row(found, ["sensor"], asked.select("sensor"), asked["as_of"].to_numpy())
    for moment in at:
        here = places[(asked["as_of"] == moment).to_numpy()]
        assert as_told(found.frame[here[here >= 0]]) == as_seen(told, moment)
        for key, place in zip(keys, here.tolist(), strict=True):
            assert place < 0 or found.frame["sensor"][place] == key


@given(rows(keyed=True))
def test_the_order_in_which_rows_are_handed_in_decides_nothing(told: tuple[Row, ...]):
    one, other = found_versions(told), found_versions(shuffled(told, 1))
    for moment in moments(told):
        assert as_told(one.frame.filter(one.visible(moment))) == as_told(
            other.frame.filter(other.visible(moment))
        )


@given(rows(keyed=True))
def test_rows_that_come_in_the_order_of_their_times_give_the_same_in_the_same_order(
    told: tuple[Row, ...],
):
    taken = sorted(told, key=lambda row: (row.recorded, row.position))
    in_time = sorted(taken, key=lambda row: (row.event_time, row.available_at))
    one, other = found_versions(tuple(taken)), found_versions(tuple(in_time))
    assert one.frame.equals(other.frame)
    assert one.known_from.tolist() == other.known_from.tolist()
    assert one.known_until.tolist() == other.known_until.tolist()


@given(rows(keyed=True))
def test_what_says_the_same_as_the_version_before_it_is_none(told: tuple[Row, ...]):
    found = found_versions(told)
    again = set(found.taken[repeats(found)].tolist())
    last: dict[int | None, Row] = {}
    for place, row in sorted(enumerate(told), key=lambda one: one[1].order):
        before = last.get(row.key)
        last[row.key] = row
        if before is not None and not before.withdrawn and not row.withdrawn:
            assert row.content != before.content or place in again
    for place in again:  # nothing that anybody sees, and nothing new
        without = tuple(row for n, row in enumerate(told) if n != place)
        for moment in moments(told):
            assert as_seen(without, moment) == as_seen(told, moment)
