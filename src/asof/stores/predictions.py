"""Predictions as they are journalled and stored: one layout, whatever the system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from asof.declare.kept import POSITION, RECORDED
from asof.stores.encoded import Encoded, decoded, parts
from asof.stores.tables import Layout

if TYPE_CHECKING:
    import polars as pl

PREDICTED = "predicted"
"""The kind of the messages that carry them."""

TABLE = "predictions_"
"""The name of their table; no source has a name like it."""


class Prediction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One answer. Moments are us UTC.

    `at` is the moment that the request was declared to be about, `fired` that of the answer,
    `as_of` that of its features, `offset` the last of the journal that it could see. `model` is ""
    where a fallback was given without one; `arm` and `propensity` are those of a rollout.
    `features` are doubles, NaN where missing: `vector.tobytes()`.
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
    features: bytes


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

_NAMES = list(LAYOUT.types)[:10]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[list[Prediction]])


def encode(predictions: Sequence[Prediction]) -> bytes:
    """The content of a message of kind `predicted`."""
    return _encoder.encode(predictions)


class Predictions:
    """Decodes messages of predictions."""

    def frame(self, messages: Sequence[Encoded]) -> pl.DataFrame:
        """The predictions of messages, in their order, in the columns of `LAYOUT`.

        Raises:
            StoreError: a content is not what was written.
        """
        import polars as pl

        frames = [_frame(part) for part in parts(messages)]
        return pl.concat(frames) if frames else pl.DataFrame(schema=LAYOUT.schema)


def _frame(messages: Sequence[Encoded]) -> pl.DataFrame:
    import polars as pl

    found = decoded(_decoder, messages)
    rows = [row for message in found for row in message]
    schema = LAYOUT.schema
    columns = [
        pl.Series(name, [getattr(row, name) for row in rows], dtype=schema[name]) for name in _NAMES
    ]
    offsets = [
        offset for (offset, _, _), message in zip(messages, found, strict=True) for _ in message
    ]
    positions = [at for message in found for at in range(len(message))]
    return pl.DataFrame(
        [
            *columns,
            _vectors([row.features for row in rows]),
            pl.Series(RECORDED, offsets, dtype=pl.Int64),
            pl.Series(POSITION, positions, dtype=pl.Int64),
        ]
    )


def _vectors(features: Sequence[bytes]) -> pl.Series:
    """Vectors as lists of doubles, missing ones null; those of one model have one length."""
    import polars as pl

    kind = pl.List(pl.Float64)
    if not features:
        return pl.Series("features", [], dtype=kind)
    values = pl.Series("features", np.frombuffer(b"".join(features), dtype="<f8")).fill_nan(None)
    lengths = {len(vector) for vector in features}
    if len(lengths) == 1 and features[0]:
        return values.reshape((len(features), -1)).cast(kind)
    given: list[list[float | None]] = []
    begin = 0
    for vector in features:
        end = begin + len(vector) // 8
        given.append(values[begin:end].to_list())
        begin = end
    return pl.Series("features", given, dtype=kind)
