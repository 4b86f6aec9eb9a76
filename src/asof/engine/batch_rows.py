"""From a batch of requests to rows of the output: features, predictions, names and reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from asof.compute.evaluate import POLARS, TICK, evaluate
from asof.compute.matrix import matrix
from asof.compute.plan import Plan
from asof.compute.requests import Requests, names
from asof.compute.standing import Standing, answer_at
from asof.compute.table import Versions
from asof.declare.system import System
from asof.engine.batch_model import Chosen, predict_alike
from asof.engine.batch_requests import Asked, keys_of, moments_of

COLUMNS: Mapping[str, pl.DataType] = {
    "request": pl.String(),
    "as_of": pl.Datetime("us", "UTC"),
    "model": pl.String(),
    "prediction": pl.Float64(),
    "reason": pl.String(),
}
"""Columns of the output beside the key columns, which follow the name of the request."""


@dataclass(frozen=True)
class Part:
    """Rows of the output, and what was counted: `early` were to be asked before the moment."""

    rows: pl.DataFrame
    predicted: int
    early: int = 0
    reasons: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True)
class Answering:
    """All that it takes to answer a batch; many are answered side by side."""

    system: System[Any]
    asked: Asked
    planned: Plan
    standing: Sequence[Standing]
    tables: Mapping[str, Versions]
    chosen: Chosen
    at: int

    def __call__(self, batch: pl.DataFrame) -> Part:
        """The rows of the output for a batch, in its order."""
        read = self.asked.read(batch)
        own = self.system.asked.name
        features = answer_at(self.planned, self.standing, read.asked, self.tables, self.at, own=own)
        predictions = predict_alike(self.chosen.fitted, matrix(features))
        early = read.asked.select((evaluate(self.system.asked_at) < self.at).sum()).item()
        keys = read.asked.select(keys_of(self.system))
        rows = self._rows(
            keys,
            model=pl.lit(self.chosen.id, pl.String),
            prediction=pl.lit(pl.Series(predictions, dtype=pl.Float64)),
            reason=pl.lit(None, pl.String),
        )
        if read.apart is None or read.apart_place is None:
            return Part(rows, len(predictions), int(early))
        apart = self._rows(
            read.apart.select(keys_of(self.system)),
            model=pl.lit(None, pl.String),
            prediction=pl.lit(None, pl.Float64),
            reason=pl.lit(read.apart["reason"]),
        )
        places = np.concatenate([read.place, read.apart_place])
        both = pl.concat([rows, apart])[np.argsort(places, kind="stable")]
        reasons = Counter[str](read.apart["reason"].to_list())
        return Part(both, len(predictions), int(early), reasons)

    def _rows(self, keys: pl.DataFrame, **told: pl.Expr) -> pl.DataFrame:
        nobody = np.zeros(keys.height, dtype=np.int64)
        named = Requests(keys, keys_of(self.system), nobody, nobody, moments_of(self.system))
        moment = pl.lit(self.at, pl.Int64).cast(COLUMNS["as_of"])
        shown = [
            pl.col(name).cast(kind).alias(called) for name, (called, kind) in self._keys.items()
        ]
        others = {name: value.cast(COLUMNS[name]) for name, value in told.items()}
        return keys.select(pl.lit(names(named)).alias("request"), *shown, as_of=moment, **others)

    @cached_property
    def _keys(self) -> Mapping[str, tuple[str, pl.DataType]]:
        """Key columns, what each is called in the output, and its type there."""
        types = {spec.name: spec.type for spec in self.system.asked.row.columns_}
        moments = moments_of(self.system)
        return {
            name: (called(name), COLUMNS["as_of"] if name in moments else POLARS[types[name]])
            for name in keys_of(self.system)
        }

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The columns of the output."""
        keys = dict(self._keys.values())
        rest = {name: kind for name, kind in COLUMNS.items() if name != "request"}
        return {"request": COLUMNS["request"], **keys, **rest}


def called(key: str) -> str:
    """What a key column is called in the output.

    >>> called("flight_id"), called("tick_"), called("model")
    ('flight_id', 'moment', 'key_model')
    """
    if key == TICK:
        return "moment"
    return f"key_{key}" if key in (*COLUMNS, "moment") else key
