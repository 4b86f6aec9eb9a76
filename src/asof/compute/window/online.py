"""The online face of the window kernel: rows as they become known, questions as they are asked.

What is done to a group's rows and windows are the same four things as in the batch face, so the
answers are equal to the last bit. Rows and withdrawals wait until a question comes after their
moment; a row that comes late is inserted at its rank; what no span can see again is dropped, group
by group, as rows come. A restart is a `load` of the rows. Asked moments never go back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from asof.compute.window import online_memory as desk_of
from asof.compute.window.contract import (
    Aggregate,
    Answers,
    Floats,
    Moments,
    Recount,
    Rows,
    Span,
    Wanted,
)
from asof.compute.window.grouping import in_order
from asof.compute.window.online_answer import answer_all
from asof.compute.window.online_coming import Coming, Ties
from asof.compute.window.online_groups import DONE, NO_ROOM, close_up
from asof.compute.window.online_load import (
    by_group,
    measure,
    settle_groups,
    still_to_come,
    visible_to_come,
)
from asof.compute.window.online_memory import lay_empty, new_desk
from asof.compute.window.online_take import (
    ADDED,
    IDENTITY,
    NO_GROUP,
    OF_GROUP,
    SCATTERED,
    TIED,
    WHEN,
    WITHDRAWN,
    take,
)
from asof.compute.window.shape import check_wanted, of_span, plan_columns
from asof.compute.window.state import SLOT
from asof.errors import UsageError

LEAST_ARENA = 1 << 10
"""Words; it grows by half."""
LEAST_DIRECTORY = 16
"""Groups; it doubles."""
NO_KEYS: Moments = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the windows hold."""

    rows: int
    """Rows that are kept, withdrawn ones that are not yet dropped among them."""
    groups: int
    waiting: int
    """Rows, and withdrawals, whose moment no question has passed."""
    forgotten: int
    """Rows that were dropped since the start, or that came too late for every span."""
    bytes: int
    """Of the arrays of rows and groups."""


class OnlineWindows:
    """The windows of a piece of work: one source, its spans and what is wanted of them.

    Groups are codes from 0 that the caller gives to join values. One thread at a time.

    >>> windows = OnlineWindows((Span(-100, 0),), Wanted((Aggregate.SUM,)))
    >>> windows.add(0, event_time=10, known_from=10, values=(1.0,), codes=(), identity=7)
    >>> windows.withdraw(0, event_time=10, identity=7, moment=20)
    >>> windows.add(0, event_time=11, known_from=20, values=(5.0,), codes=(), identity=8)
    >>> counts, floats = windows.ask(np.array([0, 0]), np.array([20, 21]))
    >>> floats[windows.slot(0, 0, Aggregate.SUM)].tolist(), counts[0, 1].tolist()
    ([1.0, 5.0], [7, 8])
    """

    def __init__(
        self,
        spans: tuple[Span, ...],
        wanted: Wanted,
        *,
        coded: int = 0,
        keyed: bool = False,
        ties: Ties | None = None,
    ) -> None:
        """Windows without rows.

        coded: how many columns have their distinct codes counted; keyed: whether rows have keys, so
        that those of a key can be left out; ties: the tie of a row (see `add`) by its identity,
        asked only where rows of the same two times came apart: one loaded and one added, or one
        after a question that saw the other.
        """
        check_wanted(wanted, len(wanted.columns), spans)
        self._spans = spans
        self._wanted = wanted
        self._coded = coded
        self._keyed = keyed
        self._plan, self._slots = plan_columns(wanted)
        self._counts = 1 + coded + (2 if wanted.edges else 0)
        self._no_content = ((0.0,) * len(wanted.columns), (-1,) * coded)
        self._coming = Coming(len(wanted.columns), coded, ties)
        self._begin()

    def _begin(self) -> None:
        """As if nothing had come."""
        self._moment: int | None = None
        self._coming.begin()
        self._desk = new_desk(self._plan, self._spans, self._coded, keyed=self._keyed)
        self._directory: Moments = np.empty(0, dtype=np.int64)
        self._arena: Moments = np.zeros(LEAST_ARENA, dtype=np.int64)
        self._reserve(2 * int(self._desk[desk_of.HEAD_WORDS]))
        lay_empty(self._arena, self._desk)

    def load(self, rows: Rows, identity: Moments, *, moment: int) -> None:
        """Begin again with the rows as they are as of a moment, which no question may precede.

        rows: as the batch face takes them; identity: int64[n], all different. Rows that no span can
        see from the moment on are left; what is to become visible, or to end, waits.
        """
        self._check(rows, identity)
        self._begin()
        desk = self._desk
        horizon = max(moment + int(desk[desk_of.EARLIEST]), desk_of.UNASKED)
        now, later, ending = visible_to_come(rows, horizon, moment)
        group = np.where(now, rows.group, np.int32(-1)).astype(np.int32, copy=False)
        order, ends = by_group(group)
        codes = np.take(rows.codes, order, axis=1)
        widths = codes.max(axis=1, initial=-1).astype(np.int64) + 1
        last = np.full(int(widths.sum()), -1, dtype=np.int32)
        different = np.zeros(len(ends), dtype=np.int64)
        measure(desk, ends, codes, np.cumsum(widths) - widths, last, different)
        self._lengthen(int(desk[desk_of.NEED]))
        self._directory = np.full(len(ends), -1, dtype=np.int64)
        settle_groups(
            self._arena,
            self._directory,
            desk,
            group,
            np.ascontiguousarray(rows.event_time),
            np.ascontiguousarray(rows.known_from),
            np.ascontiguousarray(identity),
            NO_KEYS if rows.key is None else np.ascontiguousarray(rows.key),
            np.ascontiguousarray(rows.values),
            ends,
            codes,
            different,
        )
        self._coming.begin(still_to_come(rows, identity, later, ending))
        desk[desk_of.HORIZON] = horizon
        desk[desk_of.NOW] = self._moment = moment

    def _check(self, rows: Rows, identity: Moments) -> None:
        """Refuse what would read beyond an array."""
        check_wanted(self._wanted, len(rows.values), self._spans)
        lengths = {len(rows.group), len(rows.event_time), len(rows.known_from), len(identity)}
        lengths |= {rows.values.shape[1], rows.codes.shape[1]}
        lengths |= {len(ends) for ends in (rows.known_until, rows.key) if ends is not None}
        if len(lengths) > 1 or len(rows.codes) != self._coded:
            raise UsageError(
                "The rows are not those of this work.",
                found=f"columns of {sorted(lengths)} rows, {len(rows.codes)} of codes",
                mend=f"All of one length, {self._coded} of codes.",
            )
        if not in_order(np.ascontiguousarray(rows.event_time)):
            raise UsageError("The rows do not stand in rank order.", mend="Use rank.rank_order.")

    def add(
        self,
        group: int,
        event_time: int,
        known_from: int,
        values: Sequence[float],
        codes: Sequence[int],
        identity: int,
        tie: tuple[Any, ...] = (),
        key: int = -1,
    ) -> None:
        """Take a row, to be visible after `known_from`; a group of -1 (null) matches nothing.

        values: one for each value column, null is NaN; codes: dense, null is -1; identity: what
        `latest` and `first` answer, and by which it is withdrawn; tie: sorts as the key and then
        the content do, among rows with equal times.
        """
        if group >= 0:
            self._coming.tell(
                known_from, ADDED, group, event_time, tie, identity, key, values, codes
            )

    def withdraw(self, group: int, event_time: int, identity: int, moment: int) -> None:
        """End a row that was added: after this moment it is not seen."""
        if group >= 0:
            self._coming.tell(
                moment, WITHDRAWN, group, event_time, (), identity, -1, *self._no_content
            )

    def settle(self, moment: int) -> None:
        """Take what is known before a moment, so that the next question need not.

        No later question may precede the moment.
        """
        self._pass_on(moment, moment)
        records = self._coming.due(moment)
        if len(records):
            self._take(records, moment)
            self._stop(0)

    def ask(
        self, group: npt.NDArray[Any], at: Moments, own: Moments | None = None
    ) -> tuple[Moments, Floats]:
        """The answers in the layout of `shape.of_span`, one column for each question.

        group: int[m], -1 for null; at: int64[m], moments that do not decrease, nor precede one
        asked before; own: int64[m], the key whose rows are left out, -1 for none. Returns counts
        int64[spans, 1 + coded (+ 2), m] (rows, distinct codes, and, if edges are wanted, the
        identities of the latest and the first row, -1 for none) and floats float64[spans, slots,
        m] (see `slot`). Of a null, and of a group that has no rows, the answers are those of an
        empty window.
        """
        many = len(at)
        counts = np.empty((len(self._spans), self._counts, many), dtype=np.int64)
        floats = np.empty((len(self._spans), self._slots, many))
        if many == 0:
            return counts, floats
        asked = np.empty((3, many), dtype=np.int64)
        asked[0] = group
        asked[1] = at
        if own is None:
            asked[2] = -1
        elif self._keyed:
            asked[2] = own
        else:
            raise UsageError("Rows of a key can be left out only where rows have their keys.")
        if many > 1 and not in_order(asked[1]):
            raise UsageError("Questions came in the wrong order.", mend="Sort them by moment.")
        last = int(asked[1, -1])
        self._pass_on(int(asked[1, 0]), last)
        records = self._coming.due(last)
        begin = 0
        while begin < many:
            end = many
            if len(records):
                self._take(records, int(asked[1, begin]))
                end = self._until(asked[1], records)
            answer_all(self._arena, self._directory, self._desk, asked, begin, end, counts, floats)
            begin = end
        if len(records):
            self._stop(0)
        return counts, floats

    def _until(self, at: Moments, records: Moments) -> int:
        """How many questions come before the next record."""
        turn = int(self._desk[desk_of.RECORD])
        if turn == len(records):
            return len(at)
        return int(np.searchsorted(at, int(records[turn, WHEN]), side="right"))

    def _pass_on(self, first: int, last: int) -> None:
        """Move from the last moment to another, over a first one."""
        if self._moment is not None:
            if first < self._moment:
                raise UsageError(
                    "Questions came in the wrong order.", found=f"{first} after {self._moment}"
                )
            # What was known before this has its place: what ties with it is ranked by `ties`.
            self._desk[desk_of.SETTLED] = self._moment
        self._moment = last

    def answers(self, group: npt.NDArray[Any], at: Moments, own: Moments | None = None) -> Answers:
        """The same by name, as the batch face gives them; latest and first are identities."""
        recount = self._desk[self._desk[desk_of.AT_RECOUNT] :][:3]
        before = recount.copy()
        counts, floats = self.ask(group, at, own)
        return Answers(
            matched=np.asarray(group) >= 0,
            spans=tuple(
                of_span(whole, real, self._wanted, self._coded)
                for whole, real in zip(counts, floats, strict=True)
            ),
            recount=Recount(*(int(n) for n in recount - before)),
        )

    def slot(self, span: int, column: int, aggregate: Aggregate) -> tuple[int, int]:
        """Where an aggregate of a value column in a span stands in the floats of `ask`."""
        place = int(self._plan[column, SLOT + list(Aggregate).index(aggregate)])
        if place < 0:
            raise UsageError("What was not wanted is not answered.", found=f"{aggregate!r}")
        return span, place

    def figures(self) -> Figures:
        """How much is held, and how much was forgotten."""
        desk = self._desk
        return Figures(
            rows=int(desk[desk_of.ROWS]),
            groups=int(desk[desk_of.GROUPS]),
            waiting=len(self._coming),
            forgotten=int(desk[desk_of.FORGOTTEN]),
            bytes=self._arena.nbytes + self._directory.nbytes + desk.nbytes,
        )

    def _take(self, records: Moments, moment: int) -> None:
        """Take the records before a moment, making way for what they need."""
        desk = self._desk
        status = -1
        while status not in {DONE, SCATTERED}:
            status = take(self._arena, self._directory, desk, records, moment)
            if status != DONE:
                self._make_way(status, records)

    def _make_way(self, status: int, records: Moments) -> None:
        """Do what the compiled side cannot do."""
        desk = self._desk
        if status == NO_ROOM:
            self._reserve(int(desk[desk_of.NEED]))
        elif status == NO_GROUP:
            groups = max(LEAST_DIRECTORY, 2 * len(self._directory), int(desk[desk_of.NEED]))
            more = np.full(groups - len(self._directory), -1, dtype=np.int64)
            self._directory = np.concatenate([self._directory, more])
        elif status == TIED:
            self._break_tie()
        elif status == SCATTERED:
            old = self._arena
            self._arena = np.empty(int(desk[desk_of.USED] - desk[desk_of.FREE]), dtype=np.int64)
            close_up(old, self._arena, self._directory, desk)
        else:
            missing = records[desk[desk_of.RECORD]]
            self._stop(1)
            raise UsageError(
                "A row was withdrawn that is not there.",
                found=f"row {missing[IDENTITY]} of group {missing[OF_GROUP]}",
                mend="Withdraw a version with the time under which it was added.",
            )

    def _stop(self, more: int) -> None:
        """End a call before all is taken; `more` records are left out."""
        self._coming.taken(int(self._desk[desk_of.RECORD]) + more)
        self._desk[desk_of.RECORD] = 0

    def _break_tie(self) -> None:
        """Find the place of a row among rows of equal times."""
        low, high, identity, bits = self._desk[desk_of.RUN : desk_of.RUN + 4].tolist()
        arena = self._arena
        seen = [p for p in range(low, high) if arena[bits + (p >> 6)] >> (p & 63) & 1]
        turn = int(self._desk[desk_of.RECORD])
        try:
            below = self._coming.rank(turn, [int(arena[identity + p]) for p in seen])
        except UsageError:
            self._stop(0)
            raise
        self._desk[desk_of.PLACE] = seen[-below] if below else high

    def _lengthen(self, words: int) -> None:
        """Make the arena so many words longer, in other memory: a large piece that nobody clears.

        What is laid out is written before it is read.
        """
        old = self._arena[: int(self._desk[desk_of.USED])]
        self._arena = np.empty(len(old) + words, dtype=np.int64)
        self._arena[: len(old)] = old

    def _reserve(self, words: int) -> None:
        """Make the arena long enough for so many words more."""
        need = int(self._desk[desk_of.USED]) + words
        if need > len(self._arena):
            # In place where the system can: nothing else refers to it between two calls.
            self._arena.resize(max(need, len(self._arena) * 3 // 2), refcheck=False)
