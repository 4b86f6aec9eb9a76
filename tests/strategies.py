"""Random worlds for the tests: rows of a source, and questions about them.

They hold late rows, equal stamps, nulls, empty windows, one key with half of all rows, rows known
ahead of their event, corrections that move key, time and filter columns, withdrawals, and
magnitudes from subnormals to the largest doubles.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from oracle import Row

SPAN = 60
"""Event times lie in 0 .. SPAN: few moments, so that many are equal."""

ORDINARY = (0.0, 1.0, -1.0, 2.5, 0.1, 7.0, 1e6, -3e9)
TINY = (5e-324, -2.2e-308, 1e-300, 1e-19, 3e-20, 1e-30, 2.0**-65, 3 * 2.0**-66)
HUGE = (1e308, -1e308, 1.7e308, 1e300, 5e9, 2.0**32, -(2.0**32), 1e20, 1e16)


@dataclass(frozen=True)
class Question:
    """What is asked: a join value, a moment, and perhaps a key to leave out."""

    join: int | None
    at: int
    own: int | None = None


@dataclass(frozen=True)
class World:
    """A source's rows in the order in which they were recorded, and questions in any order."""

    rows: tuple[Row, ...]
    questions: tuple[Question, ...]
    spans: tuple[tuple[int, int], ...]


def magnitudes(kind: str) -> st.SearchStrategy[float | None]:
    """Values of a column, nulls among them."""
    pool = {"ordinary": ORDINARY, "tiny": TINY, "huge": HUGE, "all": ORDINARY + TINY + HUGE}[kind]
    return (
        st.none()
        | st.sampled_from(pool)
        | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e4, max_value=1e4).map(
            lambda v: v + 0.0
        )
    )


@st.composite
def spans(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Several windows: behind, ahead, with gaps between them and the question."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        width = draw(st.sampled_from((1, 3, 10, 30, 200)))
        gap = draw(st.sampled_from((0, 0, 1, 5, 20)))
        ahead = draw(st.booleans())
        found.append((gap, gap + width) if ahead else (-gap - width, -gap))
    return tuple(found)


@st.composite
def rows(draw: st.DrawFn, *, keyed: bool, columns: int = 1, coded: int = 1) -> tuple[Row, ...]:
    """The rows of a source as they were recorded; a keyed one has corrections and withdrawals."""
    joins = st.sampled_from((0, 0, 0, 1, 2, None))
    kind = draw(st.sampled_from(("ordinary", "ordinary", "tiny", "huge", "all")))
    lag = draw(st.sampled_from((0, 1, 15, -20)))
    late = st.sampled_from((0, 0, 0, 0, 2, 25))
    told: list[Row] = []
    for position in range(draw(st.integers(0, 30))):
        event_time = draw(st.integers(0, SPAN))
        row = Row(
            key=position if keyed else None,
            event_time=event_time,
            available_at=event_time + lag + draw(late),
            recorded=position // 4,
            position=position % 4,
            join=draw(joins),
            kept=draw(st.sampled_from((True, True, True, False))),
            values=tuple(draw(magnitudes(kind)) for _ in range(columns)),
            codes=tuple(draw(st.none() | st.integers(0, 4)) for _ in range(coded)),
        )
        if keyed and told and draw(st.booleans()):
            row = draw(corrections(draw(st.sampled_from(told)), row))
        told.append(row)
    return tuple(told)


@st.composite
def corrections(draw: st.DrawFn, old: Row, new: Row) -> Row:
    """A later version of a row: a withdrawal, a repetition, or one that moves something."""
    what = draw(st.sampled_from(("withdraw", "repeat", "move", "revalue", "refilter")))
    stamps = {
        "available_at": old.available_at + draw(st.sampled_from((0, 0, 1, 4, 20, -3))),
        "recorded": new.recorded,
        "position": new.position,
    }
    if what == "withdraw":
        return replace(old, withdrawn=True, **stamps)
    if what == "repeat":
        return replace(old, withdrawn=False, **stamps)
    if what == "move":
        return replace(new, key=old.key, **stamps)
    if what == "revalue":
        return replace(old, withdrawn=False, values=new.values, codes=new.codes, **stamps)
    return replace(old, withdrawn=False, kept=not old.kept, **stamps)


@st.composite
def worlds(draw: st.DrawFn, *, keyed: bool | None = None) -> World:
    """Rows, questions and windows."""
    has_key = draw(st.booleans()) if keyed is None else keyed
    told = draw(rows(keyed=has_key))
    keys = sorted({row.key for row in told if row.key is not None})
    own = st.none() | st.sampled_from(keys) if keys else st.none()
    moments = st.integers(-10, SPAN + 40)
    asked = draw(
        st.lists(
            st.builds(Question, st.sampled_from((0, 0, 1, 2, 3, None)), moments, own),
            min_size=1,
            max_size=12,
        )
    )
    return World(told, tuple(asked), draw(spans()))


def shuffled(told: tuple[Row, ...], seed: int) -> tuple[Row, ...]:
    """The same rows in another order of arrival; what was recorded stays."""
    mixed = list(told)
    random.Random(seed).shuffle(mixed)
    return tuple(mixed)
