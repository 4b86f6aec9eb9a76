"""What the online face was told and no question has passed yet: rows and ends of rows."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from asof.compute.window.contract import Moments
from asof.compute.window.online_take import (
    ADDED,
    EVENT_TIME,
    IDENTITY,
    KIND,
    OF_GROUP,
    RECORD_WORDS,
    WHEN,
)
from asof.errors import UsageError

Ties = Callable[[int], tuple[Any, ...]]
"""The tie of a row by its identity: sorts as the key and then the content do."""

Delta = tuple[int, int, int, int, tuple[Any, ...], int, int, bytes]
"""Moment, kind, group, event time, tie, number as they came, so that they sort; identity, record.
At one moment a row comes before its own withdrawal."""


class Coming:
    """Deltas, in whatever order they come, and the records that are due.

    Those just told are sorted when a question comes; of these, those that it does not pass go to a
    heap. What was loaded stands in order, and is read from the front.
    """

    def __init__(self, columns: int, coded: int, ties: Ties | None) -> None:
        self._columns = columns
        self._coded = coded
        self._ties = ties
        self._record = struct.Struct(f"={RECORD_WORDS}q{columns}d{coded}q")
        self._nothing: Moments = np.empty((0, self._record.size // 8), dtype=np.int64)
        self._loaded = self._nothing
        self._read = 0
        self._fresh: list[Delta] = []
        self._ahead: list[Delta] = []
        self._number = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._fresh) + len(self._ahead) + len(self._loaded) - self._read

    def begin(self, records: Moments | None = None) -> None:
        """Forget all that waits, but for records in the order of their moments."""
        self._loaded = self._nothing if records is None else records
        self._read = 0
        self._fresh = []
        self._ahead = []

    def tell(
        self,
        moment: int,
        kind: int,
        group: int,
        event_time: int,
        tie: tuple[Any, ...],
        identity: int,
        key: int,
        values: Sequence[float],
        codes: Sequence[int],
    ) -> None:
        """Take a delta."""
        try:
            record = self._record.pack(
                moment, kind, group, event_time, identity, key, *values, *codes
            )
        except struct.error as failure:
            raise UsageError(
                "A row is not one of this work.",
                found=f"row {identity}: values {values}, codes {codes} ({failure})",
                mend=f"It has {self._columns} values and {self._coded} codes; a null is NaN or -1.",
            ) from failure
        self._number += 1
        self._fresh.append((moment, kind, group, event_time, tie, self._number, identity, record))

    def due(self, moment: int) -> Moments:
        """The records before a moment, in their order; they wait until they are `taken`."""
        fresh, ahead = self._fresh, self._ahead
        while ahead and ahead[0][0] < moment:
            fresh.append(heapq.heappop(ahead))
        if len(fresh) > 1:
            fresh.sort()
        while fresh and fresh[-1][0] >= moment:
            heapq.heappush(ahead, fresh.pop())
        if self._read < len(self._loaded):
            loaded = self._loaded_before(moment)
            if not fresh:
                return loaded
            self._mix(loaded)
        if not fresh:
            return self._nothing
        told = bytearray().join([delta[7] for delta in fresh])
        return np.frombuffer(told, dtype=np.int64).reshape(len(fresh), -1)

    def _loaded_before(self, moment: int) -> Moments:
        """What was loaded and is due."""
        moments = self._loaded[self._read :, WHEN]
        return self._loaded[self._read : self._read + int(np.searchsorted(moments, moment))]

    def _mix(self, loaded: Moments) -> None:
        """Put what was loaded among what was told; where nobody knows its tie, it ranks first."""
        for record in loaded:
            kind, identity = int(record[KIND]), int(record[IDENTITY])
            tie = self._ties(identity) if self._ties is not None and kind == ADDED else ()
            self._fresh.append(
                (
                    int(record[WHEN]),
                    kind,
                    int(record[OF_GROUP]),
                    int(record[EVENT_TIME]),
                    tie,
                    self._read - len(self._loaded),
                    identity,
                    record.tobytes(),
                )
            )
            self._read += 1
        self._fresh.sort()

    def taken(self, count: int) -> None:
        """So many of those that are due need not wait any more."""
        if self._fresh:
            del self._fresh[:count]
        else:
            self._read += count

    def rank(self, turn: int, tied: Sequence[int]) -> int:
        """Before how many of the rows it is tied with, in their order, record `turn` is to stand.

        tied: their identities. Counted from the last.
        """
        _, _, _, _, tie, _, late, _ = self._fresh[turn]
        if self._ties is None:
            if not tie:
                return 0
            raise UsageError(
                "A row came late, and how it ranks among rows of the same times is not known.",
                found=f"row {late}, tied with {list(tied)}",
                mend="Hand `ties` to the windows, or load the rows anew.",
            )
        told = {delta[6]: delta[4] for delta in self._fresh[:turn]}
        below = 0
        for identity in reversed(tied):
            other = told[identity] if identity in told else self._ties(identity)
            if other <= tie:
                break
            below += 1
        return below
