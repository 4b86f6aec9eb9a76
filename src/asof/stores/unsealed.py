"""Rows and predictions that were journalled and are not in their table yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asof.stores.database import Database
from asof.stores.encoded import Decoder
from asof.stores.faults import in_words
from asof.stores.layouts import Known
from asof.stores.predictions import TABLE, Predictions

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

_CHUNK = 20_000
"""Messages read in one view of the journal."""

_QUERY = (
    "SELECT offset, key, content FROM journal WHERE offset > ? AND offset <= ? AND layout = ? "
    "AND content IS NOT NULL ORDER BY offset LIMIT ?"
)


def unsealed(
    database: Database, known: Known, *, after: int, upto: int
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Rows, or predictions, of one layout in messages with `after < offset <= upto`, in chunks.

    In their order, each chunk with the offset of its last message. What was sealed and pruned
    meanwhile is not among them: who reads the table afterwards finds it there.
    """
    decoder = Predictions() if known.source == TABLE else Decoder(known.layout)
    with in_words(f"read the rows of {known.source}", database.path):
        connection = database.connect()
        try:
            while messages := connection.execute(
                _QUERY, (after, upto, known.number, _CHUNK)
            ).fetchall():
                after = messages[-1][0]
                yield after, decoder.frame(messages)
        finally:
            connection.close()
