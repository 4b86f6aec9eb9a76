"""How answers turned out, carried over a restart: from one snapshot to the next, and to a start.

A snapshot holds the answers whose labels are not known yet and the last that were scored, so that a
score never has to be made again from all predictions there ever were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from asof.declare.system import System
from asof.engine.history import History
from asof.engine.live.outlook import LAST, Carried
from asof.engine.messages import BEGAN
from asof.stores.snapshots import Snapshot
from asof.stores.store import Store

_GIVEN, _SCORED = "outlook.given", "outlook.scored"
_ANSWER = {"request": pl.String, "prediction": pl.Float64, "fired": pl.Int64}
_SCORE = {"label": pl.Float64, "prediction": pl.Float64}


def framed_answers(
    history: History | None, moment: int, first: pl.DataFrame, before: Mapping[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """How answers turned out as of a moment, as a snapshot keeps it.

    `first` are the answers that are not scored in the snapshot whose frames are `before`, the first
    to each request: that one is scored (LAW 4b), unless its label was known when it was given.
    """
    scored = before.get(_SCORED, pl.DataFrame(schema=_SCORE))
    if history is None:
        return {_GIVEN: first.clear(), _SCORED: scored}
    outcomes = history.outcomes
    asked = pl.DataFrame(
        {
            "request": history.names,
            "asked": outcomes.fired,
            "due": outcomes.due,
            "label": np.asarray(outcomes.value, dtype=np.float64),
        }
    )
    known = first.join(asked, on="request").filter(
        (pl.col("fired") <= pl.col("due")) | (pl.col("due") < pl.col("asked"))
    )
    over = known.filter(pl.col("due") < moment, pl.col("label").is_not_nan())
    over = over.sort("due", "request").select(list(_SCORE))
    return {
        _GIVEN: known.filter(pl.col("due") >= moment).select(list(_ANSWER)),
        _SCORED: pl.concat([scored, over]).tail(LAST),
    }


def carried(system: System[Any], store: Store, found: Snapshot | None) -> Carried:
    """What a snapshot (default: the newest) and what came since say of how answers turned out."""
    last = newest(system, store) if found is None else found
    after = lived_from(store, system.fingerprint) if last is None else last.offset
    frames: Mapping[str, pl.DataFrame] = {} if last is None else last.frames
    scored = frames.get(_SCORED, pl.DataFrame(schema=_SCORE))
    given = first_given(frames, store.predictions(after=after))
    pairs = given.select("request", "prediction").iter_rows()
    return Carried(dict(pairs), scored.to_numpy().T)


def lived_from(store: Store, fingerprint: str | None = None) -> int:
    """The offset of the message with which the life began: what was answered before is another's.

    Where it is the life of a declaration with another `fingerprint`, that of the last message.
    """
    began = max(store.journal.read(kinds=(BEGAN,)), key=lambda one: one.offset, default=None)
    if began is None:
        return 0
    ours = fingerprint in (None, began.payload.get("fingerprint"))
    return began.offset if ours else store.journal.head()


def newest(system: System[Any], store: Store) -> Snapshot | None:
    """The newest snapshot of a declaration."""
    found = store.snapshots.newest(upto=store.journal.head()).snapshot
    return found if found and found.facts["fingerprint"] == system.fingerprint else None


def first_given(before: Mapping[str, pl.DataFrame], told: pl.DataFrame) -> pl.DataFrame:
    """The first answer to each request, those of a snapshot before those that were told since."""
    given = before.get(_GIVEN, pl.DataFrame(schema=_ANSWER))
    both = pl.concat([given, told.select(list(_ANSWER))])
    return both.unique("request", keep="first", maintain_order=True)
