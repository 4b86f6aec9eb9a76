"""Serving live: which moment, which row and which model answer a request (LAW 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from asof.compute.evaluate import POLARS, TICK
from asof.compute.matrix import Matrix, matrix
from asof.compute.online.features import OnlineFeatures, load
from asof.compute.online.requests import Asked
from asof.compute.online.table import OnlineTable, Taken, Values
from asof.compute.refresh import Refreshes
from asof.compute.scalar import compiled, vector
from asof.declare.policies import BatchPredictions, Online, Serving
from asof.declare.sources import Ticks
from asof.declare.system import System
from asof.declare.tables import Table
from asof.errors import NotReady

if TYPE_CHECKING:
    from asof.compute.runtime import Runtime


@dataclass(frozen=True)
class Served:
    """A model in service: its name in the life, its id in the registry, how it predicts.

    `since` is the moment of its promotion.
    """

    name: str
    id: str
    since: int
    runtime: Runtime


class Reply(msgspec.Struct, frozen=True):
    """The answer to a request, with the values of its features in the order of the model."""

    asked: Asked
    as_of: int
    prediction: float
    model: Served
    fallback: bool
    features: list[Any]
    vector: list[float]


class LiveServing:
    """Answers requests in the declared mode, from rows as they come and models as they are put.

    Moments of requests must not decrease.
    """

    def __init__(self, system: System[Any], tables: Mapping[str, Table[Any]]) -> None:
        asked, ticks = system.asked, isinstance(system.requests, Ticks)
        self._ticks = ticks
        self.features = OnlineFeatures(system.features.columns, tables, asked.name, ticks=ticks)
        self._serving: Serving = system.serving
        self._asked = asked.name
        self._refreshes = None if isinstance(self._serving, Online) else Refreshes(self._serving)
        names = [spec.name for spec in asked.row.columns_]
        places = {name: i for i, name in enumerate([*names, TICK])}
        self._planned = compiled([("at", system.asked_at)], places)
        # Batch predictions know a request by its row as it was at the run.
        self._candidates = OnlineTable(asked, ())
        self._schema: Any = {
            name: POLARS.get(feature.value_type, pl.Int64())
            for name, feature in system.features.columns
        }
        self._models: list[Served] = []
        self._vectors: dict[str, Callable[[Sequence[Any]], list[float]]] = {}

    def begin(self, stored: Mapping[str, pl.DataFrame], moment: int) -> None:
        """Begin with the rows of all tables, for requests from a moment on."""
        as_of = self.as_of(moment)
        self.features.load(stored, as_of)
        if isinstance(self._serving, BatchPredictions):
            load(self._candidates, stored[self._asked], as_of)

    def put(self, table: str, rows: Sequence[Taken]) -> None:
        """Take rows of a table."""
        self.features.put(table, rows)
        if table == self._asked and isinstance(self._serving, BatchPredictions):
            self._candidates.put(rows)

    def promote(self, model: Served) -> None:
        """Answer with a model from the next request, or the next run, on."""
        self._models.append(model)
        fitted = model.runtime.fitted
        self._vectors[model.name] = vector(fitted.names, fitted.categories, self.features.names)
        last = self.as_of(model.since) if isinstance(self._serving, BatchPredictions) else None
        over = [i for i, one in enumerate(self._models) if last is None or one.since <= last]
        self._models = self._models[over[-1] :] if over else self._models
        self._vectors = {one.name: self._vectors[one.name] for one in self._models}

    def tidy(self, moment: int) -> None:
        """Forget the candidates of which no run from a moment on predicts anything."""
        if isinstance(self._serving, BatchPredictions) and not self._ticks:
            run = self.as_of(moment)
            self._candidates.thin(lambda row: int(self._planned(row)[0]) >= run)

    @property
    def models(self) -> Sequence[Served]:
        """The models that may still answer: with batch predictions that of the last run too."""
        return self._models

    @property
    def model(self) -> Served | None:
        """The model in service, if any."""
        return self._models[-1] if self._models else None

    def as_of(self, fired: int) -> int:
        """The moment of the features of a request."""
        return fired if self._refreshes is None else self._refreshes.last(fired)

    def answer(self, asked: Sequence[Asked]) -> list[Reply]:
        """Answer requests in the order of their moments.

        Raises:
            NotReady: no model was ever put into service.
            EstimatorError: the estimator failed.
        """
        if not self._models:
            raise NotReady(
                "No model is in service yet.",
                mend="Wait for the first training; asof status says what it waits for.",
            )
        if isinstance(self._serving, Online):
            return self._answered_online(asked)
        as_of = [self.as_of(one.fired) for one in asked]
        rows, covered = self._rows(asked, as_of)
        told = self.features.ask(rows, as_of)
        served = [self._model_at(at) for at in as_of]
        models = [model for model, _ in served]
        vectors = [
            self._vectors[model.name](values) for model, values in zip(models, told, strict=True)
        ]
        fallback = [not (known and at) for (_, known), at in zip(served, covered, strict=True)]
        predictions = self._predicted(models, fallback, told, vectors)
        return [
            Reply(*reply)
            for reply in zip(
                asked, as_of, predictions, models, fallback, told, vectors, strict=True
            )
        ]

    def _answered_online(self, asked: Sequence[Asked]) -> list[Reply]:
        """The same where features are as of the requests and one model answers them all."""
        model, as_of = self._models[-1], [one.fired for one in asked]
        told = self.features.ask([one.row for one in asked], as_of)
        vectors = list(map(self._vectors[model.name], told))
        predictions = self._predictions(model.runtime, told, vectors)
        return [
            Reply(one, one.fired, prediction, model, False, values, doubles)
            for one, prediction, values, doubles in zip(
                asked, predictions, told, vectors, strict=True
            )
        ]

    def _predicted(
        self,
        models: Sequence[Served],
        fallback: Sequence[bool],
        told: Sequence[list[Any]],
        vectors: Sequence[list[float]],
    ) -> list[float]:
        """A prediction a request, model by model."""
        by_model: dict[str, list[int]] = {}
        for i, model in enumerate(models):
            if not fallback[i]:
                by_model.setdefault(model.name, []).append(i)
        found = [0.0] * len(models)
        for i in range(len(models)):
            if fallback[i]:
                found[i] = self._otherwise(models[i])
        for rows in by_model.values():
            predictions = self._predictions(
                models[rows[0]].runtime, [told[i] for i in rows], [vectors[i] for i in rows]
            )
            for i, prediction in zip(rows, predictions, strict=True):
                found[i] = prediction
        return found

    def _predictions(
        self, runtime: Runtime, told: Sequence[list[Any]], vectors: Sequence[list[float]]
    ) -> list[float]:
        """What one model says."""
        if runtime.kind == "lightgbm" and not runtime.takes_words:
            return list(map(runtime.predict_one, vectors))
        if runtime.takes_words:
            answers = runtime.predict_matrix(self._matrix(told))
        else:
            answers = runtime.predict(np.array(vectors))
        found: list[float] = answers.tolist()
        return found

    def _matrix(self, rows: Sequence[list[Any]]) -> Matrix:
        """Features as a matrix with dictionaries of its own, words unknown to the fit included."""
        return matrix(pl.DataFrame(rows, schema=self._schema, orient="row"))

    def _otherwise(self, model: Served) -> float:
        declared = self._serving.otherwise if isinstance(self._serving, BatchPredictions) else None
        return model.runtime.fitted.training_mean if declared is None else declared

    def _rows(
        self, asked: Sequence[Asked], as_of: Sequence[int]
    ) -> tuple[list[Values], list[bool]]:
        """The rows as the run knew them, and whether it predicted them."""
        serving = self._serving
        if not isinstance(serving, BatchPredictions):
            return [one.row for one in asked], [True] * len(asked)
        rows: list[Values] = []
        covered: list[bool] = []
        for one, at in zip(asked, as_of, strict=True):
            width = len(self._candidates.table.keys)
            known = self._candidates.advance(at).row(one.key[:width])
            tick = one.row[-1:] if len(one.key) > width else ()
            row = one.row if known is None else known + tick
            planned = int(self._planned(row)[0])
            rows.append(row)
            covered.append(known is not None and at <= planned < at + serving.ahead.microseconds)
        return rows, covered

    def _model_at(self, as_of: int) -> tuple[Served, bool]:
        """The model that answers: the one in service, or that of the run; whether it was one."""
        if not isinstance(self._serving, BatchPredictions):
            return self._models[-1], True
        served = [model for model in self._models if model.since <= as_of]
        return (served[-1], True) if served else (self._models[0], False)
