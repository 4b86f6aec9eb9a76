"""What the sender of rows is told of them, and what is kept so that it can be told again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from asof.engine.live.answers import Receipt, SetApart
from asof.engine.live.intake import Came
from asof.errors import DataRefused


def counted(came: Came, mark: str | None = None) -> dict[str, Any]:
    """What the journal keeps beside the rows of a message, for its receipt and for its repetition.

    `mark` is what the rows were, if they came under an idempotency key.
    """
    told: dict[str, Any] = {
        "rows": len(came.good) + len(came.aside),
        "quarantined": [[one.position, list(one.reasons)] for one in came.aside],
    }
    return told if mark is None else {**told, "mark": mark}


def marked(rows: Sequence[Mapping[str, Any]]) -> str:
    """What rows are as they were sent, by their names, in a few characters."""
    return blake2b(msgspec.json.encode(rows), digest_size=8).hexdigest()


def require_same(told: Mapping[str, Any], key: str, mark: str | None) -> None:
    """Raise where an idempotency key comes again with other rows: they would be lost silently."""
    if told.get("mark", mark) != mark:
        raise DataRefused(
            "The Idempotency-Key was used for other rows.",
            found=f"'{key[:40]}' came before with {int(told['rows']):,} rows that were not these",
            mend="Send other rows under a key of their own; the same rows again under the same.",
        )


def receipt(source: str, offset: int, told: Mapping[str, Any], *, repeated: bool) -> Receipt:
    """What the sender of rows is told."""
    return Receipt(
        source,
        offset,
        int(told["rows"]),
        tuple(SetApart(position, tuple(why)) for position, why in told["quarantined"]),
        repeated=repeated,
    )
