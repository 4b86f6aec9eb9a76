"""A shop front whose visits change when the life begins: in what they are, or in what follows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import shopfront

import asof
from asof import days, hours

BEFORE, AFTER, A_DAY = 45, 60, 60


def written(
    folder: Path, *, warmer: float = 0.0, weaker: float = 1.0, apart: float = 0.0, seed: int = 0
) -> Path:
    """The tables. After 45 days visits are `warmer`, warmth counts `weaker` as much, or a column
    that decides nothing lies so far `apart` that no visit could be of both periods.
    """
    chance = np.random.default_rng(seed)
    n = (BEFORE + AFTER) * A_DAY
    day = np.repeat(np.arange(BEFORE + AFTER), A_DAY)
    later = day >= BEFORE
    at = [
        shopfront.FIRST + timedelta(days=int(d), minutes=float(m))
        for d, m in zip(day, np.tile(np.linspace(60, 1300, A_DAY), BEFORE + AFTER), strict=True)
    ]
    warm = chance.normal(1.5, 1.0, n) + warmer * later
    odds = 1.6 * warm * np.where(later, weaker, 1.0)
    sold = chance.random(n) < 1 / (1 + np.exp(-odds))
    shop = np.where(chance.random(n) < 0.3, "a", "b")
    visits = pl.DataFrame({"visit": np.arange(n), "shop": shop, "warm": warm, "at": at})
    visits = visits.with_columns(sign=chance.normal(0, 1.0, n) + apart * later)
    sales = visits.select("visit", "shop").with_columns(
        sold=pl.Series(sold),
        sold_at=pl.Series([each + timedelta(minutes=30) for each in at]),
        told_at=pl.Series([each + timedelta(hours=2) for each in at]),
    )
    return shopfront.written(folder, visits, sales)


class Signed(shopfront.Visit):
    sign: asof.Col[float]


def system(**changes: Any) -> asof.System[Any]:
    visits = asof.source(Signed, "visits.parquet", lag=days(0))
    sales = asof.source(shopfront.Sale, "sales.parquet", available=shopfront.Sale.told_at)
    declared = shopfront.system()
    found = asof.System(
        "periods",
        requests=visits,
        at=Signed.at + hours(0),
        features=asof.features(Signed, warm=Signed.warm, shop=Signed.shop, sign=Signed.sign),
        label=asof.outcome(sales.same(Signed.visit), shopfront.Sale.sold, wait=hours(20)),
        model=declared.model,
        retraining=asof.never(),
        start=shopfront.FIRST + timedelta(days=BEFORE),
    )
    return found.but(**changes) if changes else found
