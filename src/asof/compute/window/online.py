"""The online face of the window kernel: rows as they come, one question at a time.

A group keeps its visible rows in rank order in arrays that grow, and the `State` of its windows;
what is done to them are the same four things as in the batch face, so the answers are equal to
the last bit. Rows and withdrawals wait until a question comes after their moment; a row that comes
late is inserted at its rank; what no span can see again is dropped when it is half of all rows
(rows known ahead wait for their event). Asked moments never go back.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asof.compute.window.contract import (
    NULL,
    Answers,
    Floats,
    Moments,
    Recount,
    Span,
    Wanted,
)
from asof.compute.window.jit import F8SSS, I8, I8SSS, VOID, compiled
from asof.compute.window.shape import check_wanted, new_state, of_span, plan_columns
from asof.compute.window.state import (
    HIGH,
    LOW,
    STATE,
    State,
    advance,
    answer,
    empty,
    hide,
    mark,
    show,
    unmark,
)
from asof.compute.window.visible import is_set
from asof.errors import UsageError

ROOM = 16
"""Rows that a new group has room for; it doubles."""


@dataclass(frozen=True, slots=True)
class Row:
    """A version of a row as the online face takes it; times in microseconds."""

    group: Hashable
    """The join value; None matches nothing."""
    event_time: int
    known_from: int
    """Visible to questions after this moment."""
    values: tuple[float, ...] = ()
    """One for each value column; null is NaN."""
    codes: tuple[Hashable, ...] = ()
    """One for each column whose distinct ones are counted; null is None."""
    identity: int = 0
    """What `latest` and `first` answer, and by which a row is withdrawn; unique in its group."""
    tie: Any = ()
    """Sorts as the key and then the content do, among rows with equal times."""
    key: Hashable = None
    """The row's own key, where asked keys are left out."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a restart needs: what is visible and what waits, in the order of taking."""

    moment: int | None
    rows: tuple[Row, ...]
    waiting: tuple[tuple[int, bool, Row], ...]
    """Moment, whether the row is added (or withdrawn), row."""


@compiled(VOID, STATE, I8)
def _show(state: State, place: int) -> None:
    show(state, place)


@compiled(VOID, STATE, I8)
def _hide(state: State, place: int) -> None:
    hide(state, place)


@compiled(VOID, STATE, I8)
def _empty(state: State, size: int) -> None:
    empty(state, size)


@compiled(VOID, STATE, STATE, I8, I8, I8)
def _move(old: State, new: State, low: int, high: int, by: int) -> None:
    """Shift the rows from `low` to before `high`, with their marks, by so many places.

    Into another state, or upwards within one.
    """
    for place in range(high - 1, low - 1, -1):
        visible = is_set(old.bits, 0, place)
        if visible:
            unmark(old, place)
        to = place + by
        new.event_time[to] = old.event_time[place]
        for column in range(old.values.shape[0]):
            new.values[column, to] = old.values[column, place]
        for column in range(old.codes.shape[0]):
            new.codes[column, to] = old.codes[column, place]
        if visible:
            mark(new, to)


@compiled(VOID, STATE, I8, I8)
def _advance(state: State, moment: int, size: int) -> None:
    advance(state, moment, size)


@compiled(VOID, STATE, I8SSS, F8SSS)
def _answer(state: State, counts: Moments, floats: Floats) -> None:
    answer(state, counts, floats, 0)


@dataclass(slots=True)
class OnlineGroup:
    """The rows and windows of one join value."""

    spans: tuple[Span, ...]
    plan: Moments
    coded: int
    state: State = field(init=False)
    rows: list[Row] = field(default_factory=list[Row])
    hidden: int = 0
    moment: int | None = None
    waiting: list[tuple[int, int, bool, Row]] = field(
        default_factory=list[tuple[int, int, bool, Row]]
    )
    slots: list[dict[Hashable, int]] = field(init=False)
    used: int = 0
    recount: Moments = field(default_factory=lambda: np.zeros(3, dtype=np.int64))

    def __post_init__(self) -> None:
        self._renew(ROOM)

    def _renew(self, room: int) -> None:
        """Begin again with nothing, and room for so many rows."""
        state = new_state(self.plan, self.spans, room, self.coded, ROOM)
        self.state = state._replace(recount=self.recount)
        _empty(self.state, room)
        self.slots = [{} for _ in range(self.coded)]
        self.used = 0
        self.rows = []
        self.hidden = 0

    def look(self, moment: int, own: Hashable, counts: Moments, floats: Floats) -> None:
        """Answer as of a moment into arrays for one question (see `state.answer`)."""
        while self.waiting and self.waiting[0][0] < moment:
            _, _, added, row = heapq.heappop(self.waiting)
            if added:
                self._insert(row)
            else:
                self._remove(row)
        self.moment = moment
        _advance(self.state, moment, len(self.rows))
        away = self._places_of(own) if own is not None else []
        for place in away:
            _hide(self.state, place)
        _answer(self.state, counts, floats)
        for place in away:
            _show(self.state, place)
        for span in range(len(self.spans)):
            for edge in range(1 + self.coded, counts.shape[1]):
                place = int(counts[span, edge, 0])
                counts[span, edge, 0] = self.rows[place].identity if place >= 0 else NULL
        self._forget()

    def visible(self) -> tuple[Row, ...]:
        """The rows that are visible and that some span may yet see, in rank order."""
        horizon = self._horizon()
        return tuple(
            row
            for place, row in enumerate(self.rows)
            if row.event_time >= horizon and self._shown(place)
        )

    def _horizon(self) -> int:
        """Event times before this no span can see again."""
        if self.moment is None:
            return np.iinfo(np.int64).min
        return self.moment + int(self.state.spans[:, 0].min())

    def _shown(self, place: int) -> bool:
        return bool(self.state.bits[0, place >> 6] >> (place & 63) & 1)

    def _places_of(self, key: Hashable) -> list[int]:
        """Where the visible rows of a key stand, among those that some span sees."""
        low = int(self.state.reach[:, LOW].min())
        high = int(self.state.reach[:, HIGH].max())
        return [p for p in range(low, high) if self.rows[p].key == key and self._shown(p)]

    def _insert(self, row: Row) -> None:
        """Put a row where it ranks, visible."""
        if row.event_time < self._horizon():
            return
        size = len(self.rows)
        place = self._rank(row)
        if size == len(self.state.event_time):
            self._grow(2 * size)
        if place < size:
            _move(self.state, self.state, place, size, 1)
        self.rows.insert(place, row)
        state = self.state
        state.event_time[place] = row.event_time
        state.values[:, place] = row.values
        for column, code in enumerate(row.codes):
            state.codes[column, place] = self._slot(column, code)
        if self.moment is not None:
            state.reach[row.event_time < self.moment + state.spans[:, 0], LOW] += 1
            state.reach[row.event_time < self.moment + state.spans[:, 1], HIGH] += 1
        _show(self.state, place)

    def _rank(self, row: Row) -> int:
        """The place at which a row belongs."""
        times = self.state.event_time[: len(self.rows)]
        low = int(np.searchsorted(times, row.event_time, side="left"))
        place = int(np.searchsorted(times, row.event_time, side="right"))
        rank = (row.known_from, row.tie)
        while place > low:
            above = self.rows[place - 1]
            if (above.known_from, above.tie) <= rank:
                break
            place -= 1
        return place

    def _grow(self, room: int) -> None:
        """Move to arrays with more room."""
        old = self.state
        new = new_state(self.plan, self.spans, room, self.coded, old.counters.shape[1])
        _empty(new, room)
        _move(old, new, 0, len(self.rows), 0)
        self.state = old._replace(
            event_time=new.event_time,
            values=new.values,
            codes=new.codes,
            bits=new.bits,
            bit_levels=new.bit_levels,
            tree=new.tree,
            tree_levels=new.tree_levels,
        )

    def _slot(self, column: int, code: Hashable) -> int:
        """The place of a code among the counters, -1 for null."""
        if code is None:
            return -1
        slot = self.slots[column].setdefault(code, self.used)
        if slot == self.used:
            self.used += 1
            if self.used > self.state.counters.shape[1]:
                more = np.zeros_like(self.state.counters)
                wider = np.concatenate([self.state.counters, more], axis=1)
                self.state = self.state._replace(counters=wider)
        return slot

    def _remove(self, row: Row) -> None:
        """Hide a row that was withdrawn; one that was dropped already is not there to be hidden."""
        times = self.state.event_time[: len(self.rows)]
        place = int(np.searchsorted(times, row.event_time, side="left"))
        while place < len(times) and times[place] == row.event_time:
            if self.rows[place].identity == row.identity and self._shown(place):
                _hide(self.state, place)
                self.hidden += 1
                return
            place += 1
        if row.event_time >= self._horizon():
            raise UsageError(
                "A row was withdrawn that is not there.",
                found=f"row {row.identity} of {row.group!r}",
                mend="Withdraw a version with the times under which it was added.",
            )

    def _forget(self) -> None:
        """Drop what no span can see again, when that is half of what is kept."""
        gone = int(self.state.reach[:, LOW].min()) + self.hidden
        if gone > ROOM and 2 * gone > len(self.rows):
            self.restore(self.moment, self.visible())

    def restore(self, moment: int | None, rows: tuple[Row, ...]) -> None:
        """Begin again with these visible rows, the windows where they stood at a moment."""
        self._renew(max(ROOM, 2 * len(rows)))
        self.moment = None
        for row in rows:
            self._insert(row)
        self.moment = moment
        if moment is not None:
            _advance(self.state, moment, len(self.rows))


class OnlineWindows:
    """The windows of a source by join value.

    >>> from asof.compute.window.contract import Aggregate
    >>> windows = OnlineWindows((Span(-100, 0),), Wanted((Aggregate.SUM,)))
    >>> old = Row("a", event_time=10, known_from=10, values=(1.0,), identity=7)
    >>> windows.add(old)
    >>> windows.withdraw(old, moment=20)
    >>> windows.add(Row("a", event_time=11, known_from=20, values=(5.0,), identity=8))
    >>> [
    ...     (float(answer.columns[0][Aggregate.SUM][0]), int(answer.latest[0]))
    ...     for moment in (20, 21)
    ...     for answer in windows.ask("a", moment).spans
    ... ]
    [(1.0, 7), (5.0, 8)]
    """

    def __init__(self, spans: tuple[Span, ...], wanted: Wanted, *, coded: int = 0) -> None:
        check_wanted(wanted, len(wanted.columns), spans)
        self._spans = spans
        self._wanted = wanted
        self._coded = coded
        self._plan, self._slots = plan_columns(wanted)
        self._groups: dict[Hashable, OnlineGroup] = {}
        self._taken = 0
        self._moment: int | None = None

    def add(self, row: Row) -> None:
        """Take a row, to be visible after its `known_from`."""
        self._wait(row.known_from, added=True, row=row)

    def withdraw(self, row: Row, moment: int) -> None:
        """End a row that was added: after this moment it is not seen."""
        self._wait(moment, added=False, row=row)

    def _wait(self, moment: int, *, added: bool, row: Row) -> None:
        if row.group is None:
            return
        self._taken += 1
        # At one moment a row comes before its own withdrawal.
        heapq.heappush(self._group(row.group).waiting, (moment, self._taken, added, row))

    def _group(self, value: Hashable) -> OnlineGroup:
        if value not in self._groups:
            group = OnlineGroup(self._spans, self._plan, self._coded)
            group.moment = self._moment
            self._groups[value] = group
        return self._groups[value]

    def ask(self, group: Hashable, moment: int, own: Hashable = None) -> Answers:
        """The answers for one question, in arrays of one; latest and first are identities."""
        if self._moment is not None and moment < self._moment:
            raise UsageError(
                "Questions came in the wrong order.", found=f"{moment} after {self._moment}"
            )
        self._moment = moment
        edges = 2 if self._wanted.edges else 0
        counts = np.empty((len(self._spans), 1 + self._coded + edges, 1), dtype=np.int64)
        floats = np.empty((len(self._spans), self._slots, 1))
        kept = self._groups.get(group) if group is not None else None
        asked = kept or OnlineGroup(self._spans, self._plan, self._coded)
        before = asked.recount.copy()
        asked.look(moment, own, counts, floats)
        alone = np.zeros(1 if group is not None else 0, dtype=np.int32)
        return Answers(
            matched=np.array([group is not None]),
            spans=tuple(
                of_span(whole, real, alone, self._wanted, self._coded)
                for whole, real in zip(counts, floats, strict=True)
            ),
            recount=Recount(*(int(n) for n in asked.recount - before)),
        )

    def snapshot(self) -> Snapshot:
        """What is visible and what waits."""
        groups = self._groups.values()
        waiting = sorted(one for group in groups for one in group.waiting)
        return Snapshot(
            moment=self._moment,
            rows=tuple(row for group in groups for row in group.visible()),
            waiting=tuple((moment, added, row) for moment, _, added, row in waiting),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot; what was here before is forgotten."""
        self._groups = {}
        self._moment = snapshot.moment
        by_group: dict[Hashable, list[Row]] = {}
        for row in snapshot.rows:
            by_group.setdefault(row.group, []).append(row)
        for value, rows in by_group.items():
            self._group(value).restore(snapshot.moment, tuple(rows))
        for moment, added, row in snapshot.waiting:
            self._wait(moment, added=added, row=row)
