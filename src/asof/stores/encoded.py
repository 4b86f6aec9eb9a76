"""Rows as bytes: what a message of the journal carries, and how thousands become one frame.

A message is MessagePack: `[rows, positions]`, a row being the declared columns in their order,
then `available_at`, `declared` and `withdrawn`; positions are null where they are 0, 1, 2, ...
Many messages are decoded in one call, by joining them into one array.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from asof.declare.kept import AVAILABLE, DECLARED, LOAD, POSITION, RECORDED, WITHDRAWN
from asof.errors import StoreError
from asof.stores.tables import Layout

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")

Row = tuple[Any, ...]
"""Declared values (times as us UTC, int), then available_at, declared (or None), withdrawn."""

Encoded = tuple[int, str | None, bytes]
"""A message to decode: its offset, its sender's key, its content."""

_ARRAY = b"\xdd"
_AT_ONCE = 2_000
"""Rows decoded in one call: few enough to stay in the processor's cache."""

_encoder = msgspec.msgpack.Encoder()


def encode(rows: Sequence[Row], positions: Sequence[int] | None = None) -> bytes:
    """The content of a message; `positions` where rows of what was sent are left out.

    >>> len(encode([(7, "AA", 1_700_000_000_000_000, None, False)]))
    19
    """
    return _encoder.encode((rows, positions))


class Decoder:
    """Decodes the rows of one layout; make it once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        optional = [int if kind is datetime else kind for kind in layout.declared.values()]
        row: Any = tuple[(*(kind | None for kind in optional), int, int | None, bool)]  # type: ignore[misc]
        self._decoder = msgspec.msgpack.Decoder(list[tuple[list[row], list[int] | None]])

    def frame(self, messages: Sequence[Encoded]) -> pl.DataFrame:
        """The rows of messages, in their order, as their table holds them.

        Raises:
            StoreError: a content is not what was written.
        """
        import polars as pl

        schema = self._layout.schema
        if not messages:
            return pl.DataFrame(schema=schema)
        counts: list[int] = []
        with collector_paused():
            values = pl.concat([self._values(part, counts) for part in parts(messages)])
            marks = _marks(messages, counts)
        return values.hstack(marks).select(*schema)

    def _values(self, messages: Sequence[Encoded], counts: list[int]) -> pl.DataFrame:
        """What stands in the rows; how many each message has is added to `counts`."""
        import polars as pl

        found = decoded(self._decoder, messages)
        schema = self._layout.schema
        names = [*self._layout.declared, AVAILABLE, DECLARED, WITHDRAWN]
        columns: Sequence[Sequence[Any]] = list(
            zip(*chain.from_iterable(rows for rows, _ in found), strict=True)
        )
        series = [
            pl.Series(name, column, dtype=schema[name])
            for name, column in zip(names, columns or [()] * len(names), strict=True)
        ]
        places = [range(len(rows)) if given is None else given for rows, given in found]
        position = pl.Series(POSITION, list(chain.from_iterable(places)), dtype=pl.Int64)
        counts += [len(rows) for rows, _ in found]
        return pl.DataFrame([*series, position])


def _marks(messages: Sequence[Encoded], counts: Sequence[int]) -> pl.DataFrame:
    """For each row the offset of its message, and the identity of what it came with (LAW 2c)."""
    import polars as pl

    marks = pl.DataFrame(
        {
            RECORDED: pl.Series([offset for offset, _, _ in messages], dtype=pl.Int64),
            LOAD: pl.Series([key for _, key, _ in messages], dtype=pl.String),
        }
    ).with_columns(pl.col(LOAD).fill_null(pl.format("message {}", RECORDED)))
    return marks[np.repeat(np.arange(len(counts)), counts)]


def decoded(decoder: msgspec.msgpack.Decoder[list[T]], messages: Sequence[Encoded]) -> list[T]:
    """The contents of messages, by a decoder for a list of them: joined, it is one call.

    Raises:
        StoreError: a content is not what was written.
    """
    joined = b"".join(content for _, _, content in messages)
    try:
        return decoder.decode(_ARRAY + len(messages).to_bytes(4, "big") + joined)
    except msgspec.DecodeError as error:
        raise StoreError(
            "Rows in the journal are not what was written.",
            found=f"messages {messages[0][0]} to {messages[-1][0]}: {error}",
            mend="Restore the store from a backup.",
        ) from error


def parts(messages: Sequence[Encoded]) -> Iterator[Sequence[Encoded]]:
    """Runs of messages of about as many bytes as make a good call."""
    begin, size = 0, 0
    for at, (_, _, content) in enumerate(messages):
        size += len(content)
        if at - begin >= _AT_ONCE or size > 100 * _AT_ONCE:
            yield messages[begin : at + 1]
            begin, size = at + 1, 0
    if begin < len(messages):
        yield messages[begin:]


@contextmanager
def collector_paused() -> Generator[None]:
    """Without the search for cycles, which goes through every new row and finds none."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
