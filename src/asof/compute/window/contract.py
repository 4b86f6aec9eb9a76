"""What is handed to the window kernel and what comes back: arrays of numbers, nothing else.

A *row* here is one version of a row of a source. It is visible as of T when
`known_from < T <= known_until`: known before asked, and not yet superseded or withdrawn. A span
covers, as of T, the event times `T + start <= event_time < T + stop`. What is answered is a
function of the set of visible rows in the span, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag

import numpy as np
import numpy.typing as npt

NEVER = int(np.iinfo(np.int64).max)
"""`known_until` of a version that nothing has superseded."""

NULL = -1
"""The code of a null, and the index of a row that is not there."""

QUANTUM = -64
"""Sums are kept in whole multiples of two to this power unless a column says otherwise."""

Floats = npt.NDArray[np.float64]
Moments = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of event time relative to the asked moment, in microseconds: start included.

    `last(w, before=g)` is `Span(-g - w, -g)`, `next(w, after=g)` is `Span(g, g + w)`.
    """

    start: int
    stop: int


class Aggregate(IntFlag):
    """What may be asked of a value column; a column asks for several with `|`."""

    KNOWN = 1
    """How many values are not null."""
    SUM = 2
    MEAN = 4
    STD = 8
    """With n - 1; missing for fewer than two values."""
    MIN = 16
    MAX = 32
    LATEST = 64
    """The latest value that is not null (`latest_known`)."""
    FIRST = 128
    """The first value that is not null (`first_known`)."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The versions of a source, in rank order (event_time, known_from, key, content).

    `rank.rank_order` gives that order, `versions.known_until` the end of each version.
    """

    group: Codes
    """int32[n], dense code of the join value; null (-1) matches nothing."""
    event_time: Moments
    """int64[n], microseconds UTC, not decreasing."""
    known_from: Moments
    """int64[n], the moment after which the version is visible."""
    known_until: Moments | None
    """int64[n], the last moment as of which it is visible; None where nothing ever ends."""
    values: Floats
    """float64[c, n], null is NaN; no infinities."""
    codes: Codes
    """int32[d, n], dense codes whose distinct ones are counted; null is -1."""
    key: Moments | None = None
    """int64[n], code of the row's own key; only where asked keys are left out."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked: which group, as of when. Any order; answers come in the order given."""

    group: Codes
    """int32[m], code of the join value; null (-1) matches nothing."""
    at: Moments
    """int64[m], the moments T."""
    own: Moments | None = None
    """int64[m], the key whose rows are left out; -1 leaves out none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which aggregates are wanted. Counts of rows, and of distinct codes, always come."""

    columns: tuple[Aggregate, ...] = ()
    """One entry for each value column of `Rows.values`."""
    edges: bool = True
    """Whether the indices of the latest and the first row are wanted."""
    quanta: tuple[int, ...] = ()
    """The quantum of each value column as a power of two; empty: `QUANTUM` for all."""


@dataclass(frozen=True, slots=True)
class SpanAnswers:
    """The answers for one span; one entry for each question, in the order of the questions."""

    count: Moments
    """int64[m], rows in the window."""
    latest: Moments | None
    """int64[m], index into the rows of the latest one in the window, -1 where there is none."""
    first: Moments | None
    """int64[m], the same for the first."""
    columns: tuple[dict[Aggregate, Floats], ...]
    """For each value column, float64[m] by aggregate; missing is NaN."""
    distinct: tuple[Moments, ...]
    """For each code column, int64[m]."""


@dataclass(frozen=True, slots=True)
class Recount:
    """How many answers left the quick way; for the report."""

    summed_afresh: int = 0
    """Sums of windows with a value too large for the integers: added exactly, row by row."""
    sums_missing: int = 0
    """Sums beyond the largest double, which are missing."""
    spread_afresh: int = 0
    """Standard deviations taken in two passes over the rows."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What `ask` returns."""

    matched: npt.NDArray[np.bool_]
    """bool[m], whether the question has a join value; where not, every feature is missing."""
    spans: tuple[SpanAnswers, ...]
    """One for each span asked, in their order."""
    recount: Recount = field(default_factory=Recount)
