"""A small running system in one process: it checks, keeps, counts and computes for real.

A parcel is late with a probability that grows with its weight and with the late deliveries of its
shop in the rows that were handed in so far. Time is the number of messages taken; nothing is
drawn at random.
"""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from msgspec import UNSET

import asof
from asof import Col, Key, Time, days, hours
from asof.compute.contract import REASONS, check, require_most
from asof.declare.kept import POSITION
from asof.engine.live.answers import Answer, Begun, Figure, Receipt, Release, Row, SetApart
from asof.errors import DataRefused, NotReady, RequestRefused, StoreError, UsageError


class Parcel(asof.Row):
    parcel_id: Key[int]
    shop: Col[str] = asof.col(one_of=("a", "b", "c"))
    weight: Col[float | None] = asof.col(ge=0)
    express: Col[bool]
    sent_at: Time


class Delivery(asof.Row):
    parcel_id: Key[int]
    shop: Col[str]
    late: Col[bool]
    came_at: Time


class Shop(asof.Row):
    shop: Key[str]
    floors: Col[int]


class _Mean:
    """What the declaration needs in order to stand; the toy has a formula instead."""

    def fit(self, X: Any, y: Any) -> _Mean:
        return self

    def predict_proba(self, X: Any) -> Any:
        raise NotImplementedError


parcels = asof.source(Parcel)
deliveries = asof.source(Delivery, lag=hours(1), refuse_above=0.5)
shops = asof.reference(Shop)
system: asof.System[Parcel] = asof.System(
    "parcels",
    requests=parcels,
    at=Parcel.sent_at,
    features=asof.features(
        Parcel,
        weight=Parcel.weight,
        floors=shops.same(Parcel.shop).get(Shop.floors),
        late=deliveries.same(Parcel.shop).last(days(14)).share(Delivery.late),
    ),
    label=asof.outcome(deliveries.same(Parcel.parcel_id), Delivery.late, wait=days(3)),
    model=_Mean(),
)
SECOND = 1_000_000
BEGAN = 1_767_225_600 * SECOND  # 2026-01-01


class ToyLive:
    """`Live` by a formula.

    `slow` seconds pass before an answer, and none is given while it is `held`; `full` is a disk
    without room. `begun`, `finished` and `dropped` count what was asked, answered, given up.
    """

    def __init__(self, *, slow: float = 0.0) -> None:
        self.slow = slow
        self.full = False
        self.models = {"m1": 0.3, "m2": 0.6}
        self.served: list[str] = ["m1"]
        self.log: list[dict[str, Any]] = []
        self.offset = 0
        self.at = BEGAN
        self.known: dict[int, Mapping[str, Any]] = {}
        nothing = [table.name for table in system.tables]
        self.rows: dict[str, list[Mapping[str, Any]]] = {name: [] for name in nothing}
        self.apart: dict[str, list[Mapping[str, Any]]] = {name: [] for name in nothing}
        self.receipts: dict[str, Receipt] = {}
        self.late = {shop: [0, 0] for shop in "abc"}
        self.newest: dict[str, int] = {}
        self.asked: dict[str, Mapping[str, Any]] = {}
        self.aside: dict[str, tuple[str, dict[str, Any]]] = {}
        self.held = False
        self.begun = self.finished = self.dropped = 0

    waited = 0.0

    async def predict(
        self,
        rows: Sequence[Row],
        *,
        explain: bool = False,
        durable: bool = False,
        alone: bool = False,
    ) -> Sequence[Answer]:
        del alone  # every request is answered by itself
        if not self.served:
            raise NotReady("No model is in service.", mend="Promote one.")
        self.begun += 1
        try:
            if self.slow:
                await asyncio.sleep(self.slow)
            while self.held:  # noqa: ASYNC110  let go by another thread
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.dropped += 1
            raise
        self.offset += 1
        self.at += 1
        told = [_named(system.asked, row) for row in rows]
        answers = [self._answer(number, row, explain) for number, row in enumerate(told)]
        self.finished += 1
        return answers

    def _answer(self, number: int, row: Mapping[str, Any], explain: bool) -> Answer:
        key = row["parcel_id"]
        asked = row if len(row) > 1 else self.known.get(key)
        if asked is None:
            raise RequestRefused(
                f"Row {number}: parcel {key} is not known.", mend="Send the whole row."
            )
        if asked.get("shop") not in self.late:
            raise RequestRefused(f"Row {number}: shop is not one of a, b, c.", found=repr(row))
        _require_moment(number, row.get("sent_at", "2026-01-01T00:00:00Z"))
        late, came = self.late[asked["shop"]]
        share = late / came if came else 0.5
        weight = asked.get("weight") or 0.0
        model = self.served[-1]
        vector = {"weight": asked.get("weight"), "floors": None, "late": share}
        self.asked[str(key)] = vector
        seen = self.newest.get(asked["shop"])
        return Answer(
            request=str(key),
            prediction=1 / (1 + math.exp(-(self.models[model] * weight + share - 1))),
            model=model,
            at=self.at,
            as_of=self.at,
            fallback=False,
            recorded=not self.full,
            ages={"delivery": None if seen is None else (self.at - seen) / SECOND},
            features=vector if explain else None,
        )

    async def take(self, source: str, rows: Sequence[Row], *, key: str | None = None) -> Receipt:
        if self.full:
            raise StoreError("The disk is full: could not write to the journal.")
        if key is not None and key in self.receipts:
            old = self.receipts[key]
            return Receipt(old.source, old.offset, old.rows, old.quarantined, repeated=True)
        table = next((table for table in system.tables if table.name == source), None)
        if table is None:
            raise UsageError(f"There is no source {source}.")
        names = [spec.name for spec in table.row.columns_]
        told = [_named(table, row) for row in rows]
        values = {name: _series(name, [row.get(name) for row in told]) for name in names}
        checked = check(pl.DataFrame(values), table)
        if len(rows) > 10:
            require_most(table, checked.bad, what="the body", read=len(rows))
        await asyncio.sleep(0)  # as a commit would
        self.offset += 1
        self.at += SECOND
        good = checked.good.select(names).to_dicts()
        self.rows[source] += good
        self.apart[source] += checked.bad.to_dicts()
        for row in checked.bad.select(*names, POSITION).to_dicts():
            self.aside[f"{self.offset}:{row.pop(POSITION)}"] = (source, row)
        if source == "parcel":
            self.known |= {row["parcel_id"]: row for row in good}
        elif source == "delivery":
            for row in good:
                counts = self.late.setdefault(row["shop"], [0, 0])
                counts[0] += row["late"]
                counts[1] += 1
                self.newest[row["shop"]] = self.at
        apart = tuple(
            SetApart(row[POSITION], tuple(row[REASONS])) for row in checked.bad.to_dicts()
        )
        receipt = Receipt(source, self.offset, len(rows), apart)
        if key is not None:
            self.receipts[key] = receipt
        return receipt

    async def release(self, row: str, mended: Mapping[str, Any]) -> Release:
        if row not in self.aside:
            raise UsageError(f"No row '{row}' is in quarantine.", found=", ".join(self.aside))
        source, found = self.aside[row]
        if not mended.keys() <= found.keys():
            raise UsageError("The row has no such column.", found=", ".join(found))
        table = next(table for table in system.tables if table.name == source)
        whole = found | mended
        checked = check(pl.DataFrame({n: _series(n, [value]) for n, value in whole.items()}), table)
        if checked.bad.height:
            raise DataRefused(f"Row {row} still breaks its contract.", found=str(checked.reasons))
        del self.aside[row]
        receipt = await self.take(source, [tuple(whole.values())])
        return Release(row, source, receipt.offset, 1)

    async def tick(self, at: int, *, rows: int, requests: int) -> None:
        if at < self.at:
            raise UsageError("The clock does not go back.", found=f"{at} < {self.at}")
        self.at = at

    def status(self) -> Mapping[str, Any]:
        return {
            "model": self.served[-1] if self.served else None,
            "at": self.at,
            "rows": {name: len(rows) for name, rows in self.rows.items()},
        }

    def figures(self) -> Sequence[Figure]:
        return [
            Figure("journal_lag_seconds", "Between taking and sealing.", 0.25),
            Figure("fits", "Fits by outcome.", 3, grows=True, labels={"outcome": "done"}),
            Figure("fits", "Fits by outcome.", 1, grows=True, labels={"outcome": "failed"}),
            Figure("parity_differences_total", "Vectors that differ.", 0, grows=True),
            *(
                Figure(
                    "feature_age_seconds", "Age of the newest row.", age, labels={"source": name}
                )
                for name, newest in self.newest.items()
                if (age := (self.at - newest) / SECOND) >= 0
            ),
        ]

    def decisions(self, *, last: int = 100) -> Sequence[Mapping[str, Any]]:
        return self.log[-last:]

    def ready(self) -> tuple[bool, str]:
        if not self.served:
            return False, "no model is in service"
        return not self.full, "the disk is full" if self.full else ""

    async def why(self, request: str, feature: str) -> Mapping[str, Any]:
        vector = self.asked.get(request)
        if vector is None or feature not in vector:
            raise UsageError(f"No request {request} was answered with a feature {feature}.")
        return {"request": request, "feature": feature, "value": vector[feature]}

    async def train(self, reason: str) -> Begun:
        if "m3" in self.models:
            raise UsageError("A model is being fitted already.", found="m3", mend="Wait.")
        self.models["m3"] = 0.9
        return Begun("m3", self.at, reason)

    async def promote(self, model: str, reason: str) -> None:
        if model not in self.models:
            raise UsageError(f"There is no model {model}.", found="models: m1, m2")
        self.served.append(model)
        self._decide("promoted", reason)

    async def rollback(self, reason: str) -> None:
        if len(self.served) < 2:
            raise UsageError("No model served before this one.")
        self.served.pop()
        self._decide("rolled back", reason)

    def _decide(self, kind: str, reason: str) -> None:
        evidence = {"model": self.served[-1]}
        self.log.append({"moment": self.at, "kind": kind, "reason": reason, "evidence": evidence})


def _named(table: Any, row: Row) -> dict[str, Any]:
    """What was sent of a row, by the names of its columns."""
    names = [spec.name for spec in table.row.columns_]
    return {name: value for name, value in zip(names, row, strict=True) if value is not UNSET}


def _require_moment(number: int, told: str) -> None:
    try:
        zone = datetime.fromisoformat(told).tzinfo
    except ValueError:
        zone = None
    if zone is None:
        raise RequestRefused(f"Row {number}: sent_at is not a moment.", found=repr(told))


def _series(name: str, values: list[Any]) -> pl.Series:
    """A column as sent: where types are mixed everything is text, as in a CSV file."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1:
        values = [value if value is None else str(value) for value in values]
    try:
        return pl.Series(name, values)
    except (OverflowError, TypeError) as error:
        raise DataRefused(f"The column {name} cannot be held.", found=str(error)) from error


def parcel(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A parcel as it is asked about."""
    row = {
        "parcel_id": number,
        "shop": "abc"[number % 3],
        "weight": 2.5,
        "express": False,
        "sent_at": "2026-01-02T10:00:00Z",
    }
    return row | changes


def delivery(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A delivery as it is handed in."""
    row = {
        "parcel_id": number,
        "shop": "abc"[number % 3],
        "late": number % 2 == 0,
        "came_at": "2026-01-01T00:00:00Z",
    }
    return row | changes


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for what another thread brings about."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.005)


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
