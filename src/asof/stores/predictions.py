"""Predictions as they are journalled and stored: one layout, whatever the system."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec
import numpy as np

from asof.declare.kept import POSITION, RECORDED
from asof.stores.encoded import Encoded, collector_paused, decoded, parts
from asof.stores.tables import Layout

if TYPE_CHECKING:
    import polars as pl

PREDICTED = "predicted"
"""The kind of the messages that carry them."""

TABLE = "predictions_"
"""The name of their table; no source has a name like it."""


class Prediction(NamedTuple):
    """One answer. Moments are us UTC.

    `at` is the moment that the request was declared to be about, `fired` that of the answer,
    `as_of` that of its features, `offset` the last of the journal that it could see. `model` is ""
    where a fallback was given without one; `arm` and `propensity` are those of a rollout.
    `features` are doubles, NaN where missing.
    """

    request: str
    at: int
    fired: int
    as_of: int
    offset: int
    model: str
    prediction: float
    fallback: bool
    arm: str | None
    propensity: float | None
    features: Sequence[float]


LAYOUT = Layout(
    {
        "request": str,
        "at": int,
        "fired": int,
        "as_of": int,
        "offset": int,
        "model": str,
        "prediction": float,
        "fallback": bool,
        "arm": str,
        "propensity": float,
        "features": list,
        RECORDED: int,
        POSITION: int,
    }
)
"""The columns of the table; `recorded_` is the offset of the message."""

_Row: TypeAlias = tuple[
    str, int, int, int, int, str, float, bool, str | None, float | None, list[float]
]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[list[_Row]])


def encode_predictions(predictions: Sequence[tuple[Any, ...]]) -> bytes:
    """The content of a message of kind `predicted`: `Prediction`s, or tuples like them."""
    return _encoder.encode(predictions)


class Predictions:
    """Decodes messages of predictions."""

    def frame(self, messages: Sequence[Encoded]) -> pl.DataFrame:
        """The predictions of messages, in their order, in the columns of `LAYOUT`.

        Raises:
            StoreError: a content is not what was written.
        """
        import polars as pl

        with collector_paused():
            frames = [_frame(part) for part in parts(messages)]
        return pl.concat(frames) if frames else pl.DataFrame(schema=LAYOUT.schema)


def _frame(messages: Sequence[Encoded]) -> pl.DataFrame:
    import polars as pl

    found = decoded(_decoder, messages)
    columns: list[tuple[Any, ...]] = list(zip(*chain.from_iterable(found), strict=True))
    *scalars, features = columns or [()] * len(Prediction._fields)
    counts = [len(message) for message in found]
    offsets = np.repeat(np.array([offset for offset, _, _ in messages], np.int64), counts)
    positions = list(chain.from_iterable(map(range, counts)))
    schema = LAYOUT.schema
    return pl.DataFrame(
        [
            *(
                pl.Series(name, column, dtype=schema[name])
                for name, column in zip(schema, scalars, strict=False)
            ),
            _vectors(features),
            pl.Series(RECORDED, offsets),
            pl.Series(POSITION, positions, dtype=pl.Int64),
        ]
    )


def _vectors(features: Sequence[Sequence[float]]) -> pl.Series:
    """Vectors as lists of doubles, missing ones null; those of one model have one length."""
    import polars as pl

    kind = pl.List(pl.Float64)
    lengths = {len(vector) for vector in features}
    if len(lengths) == 1 and 0 not in lengths:
        flat = np.fromiter(chain.from_iterable(features), np.float64)
        values = pl.Series("features", flat).fill_nan(None)
        return values.reshape((len(features), -1)).cast(kind)
    given = [[None if math.isnan(value) else value for value in vector] for vector in features]
    return pl.Series("features", given, dtype=kind)
