"""Rows that come late, tied with others in their times, change what the batch face says too."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import polars as pl
import pytest

import asof
from asof import Col, Key, Time
from asof.compute.online.features import OnlineFeatures
from asof.compute.online.table import Taken
from asof.compute.plan import answer, plan
from asof.compute.table import versions
from asof.declare.kept import AVAILABLE, POSITION, RECORDED, WITHDRAWN
from asof.units import seconds


class Asked(asof.Row):
    asked_id: Key[int]
    place: Col[str]
    at: Time


class Seen(asof.Row):
    place: Col[str]
    word: Col[str | None]
    value: Col[float | None]
    at: Time


class Named(asof.Row):
    name: Key[str]
    place: Col[str]
    value: Col[float | None]
    at: Time


asked, seen, named = asof.source(Asked), asof.source(Seen), asof.source(Named)
TABLES = {table.name: table for table in (asked, seen, named)}
here, those = seen.same(Asked.place).last(seconds(0.0001)), named.same(Asked.place).last(seconds(1))
EVERYTHING = asof.features(
    Asked,
    word=here.latest(Seen.word),
    first=here.first(Seen.value),
    known=here.latest_known(Seen.word),
    apart=seen.same(Asked.place).last(seconds(1)).std(Seen.value),
    name=those.latest(Named.name),
    value=those.first(Named.value),
)
SETS = asof.features(Asked, sum=here.sum(Seen.value), n=here.count(), most=those.max(Named.value))
ENDS = {AVAILABLE: pl.Int64, RECORDED: pl.Int64, POSITION: pl.Int64, WITHDRAWN: pl.Boolean}
KINDS: dict[str, dict[str, Any]] = {
    "seen": {"place": pl.String, "word": pl.String, "value": pl.Float64, "at": pl.Int64},
    "named": {"name": pl.String, "place": pl.String, "value": pl.Float64, "at": pl.Int64},
}


def row_of(chance: random.Random, table: str, number: int, until: int) -> Taken:
    """A row that was available before now, like many others at the same moment."""
    place, value = chance.choice("ab"), chance.choice([None, -1.5, 0.25, 1e300, -1e300, 3.0])
    at = chance.randrange(max(0, until - 6), until)
    values: tuple[Any, ...] = (place, chance.choice([None, "x", "yy", "z"]), value, at)
    if table == "named":
        values = (f"n{chance.randrange(10**6):06}", place, value, at)
    return Taken(chance.randrange(at, until), number, 0, values)


def stored(table: str, rows: list[Taken]) -> pl.DataFrame:
    told = [(*r.values, r.available_at, r.recorded, r.position, r.withdrawn) for r in rows]
    return pl.DataFrame(told, schema=KINDS[table] | ENDS, orient="row")


@pytest.mark.parametrize("features", [EVERYTHING, SETS], ids=["ranked", "sets"])
@pytest.mark.parametrize("seed", range(4))
def test_rows_that_come_after_a_question_rank_as_if_they_had_come_before_it(
    features: Any, seed: int
) -> None:
    chance = random.Random(seed)
    rows: dict[str, list[Taken]] = {"seen": [], "named": []}
    online = OnlineFeatures(features.columns, TABLES, "asked", ticks=False)
    online.load({name: stored(name, []) for name in rows}, 0)
    places = ["a", "b"]
    number = 0
    for moment in range(8, 80, 3):
        if moment in (
            29,
            53,
        ):  # a start anew: what comes ties with what was loaded
            online = OnlineFeatures(features.columns, TABLES, "asked", ticks=False)
            online.load({name: stored(name, told) for name, told in rows.items()}, moment - 3)
        for table, told in rows.items():
            for _ in range(chance.randrange(4)):
                number += 1
                told.append(row_of(chance, table, number, moment))
                online.put(table, told[-1:])
        found = online.ask([(1, place, moment) for place in places], [moment, moment])
        wanted = _batch(features, places, moment, rows)
        assert found == wanted, moment
    assert number > 50


def _batch(
    features: Any, places: list[str], moment: int, rows: dict[str, list[Taken]]
) -> list[list[Any]]:
    frame = pl.DataFrame({"asked_id": 1, "place": places, "at": moment})
    tables = {name: versions(TABLES[name], stored(name, told)) for name, told in rows.items()}
    told = answer(plan(features.columns), frame, np.full(2, moment), tables, own="asked")
    return [list(row) for row in told.rows()]
