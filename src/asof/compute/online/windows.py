"""The windows of one join, online: rows as they come, some questions at a time.

The twin of `compute.plan._windows`: the same kernel, fed row by row, read value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.codes import match
from asof.compute.evaluate import evaluate
from asof.compute.online.table import Values
from asof.compute.plan import (
    KERNEL,
    Inputs,
    Work,
    codes_of,
    edges_needed,
    inputs_of,
    quantum_of,
    values_of,
)
from asof.compute.scalar import compiled
from asof.compute.table import Versions, rank
from asof.compute.window.contract import NULL, Rows, Span, Wanted
from asof.compute.window.contract import Aggregate as Kernel
from asof.compute.window.online import OnlineWindows
from asof.declare.expressions import Expression
from asof.declare.fingerprint import canonical
from asof.declare.rows import time_of
from asof.declare.windows import Age, Aggregate

Of = Expression[Any, Any]
_LEAST = 4096
"""Fewer rows are kept as they are, whether a window can see them or not."""

Read = Callable[[list[list[int]], list[list[float]], int], Any]
"""From the counts and doubles of one question, by span, and its moment, to a fact's value."""


class _Kept(NamedTuple):
    """What is remembered of a row that came after the start."""

    group: int
    event_time: int
    known_from: int
    edges: list[Any]
    key: int
    values: Values
    """What it ranks by among rows of the same times; nothing where that decides no value."""


class OnlineWork:
    """The facts about the rows of one source that agree with the asked row on some columns."""

    def __init__(
        self, work: Work, places: dict[str, int], keys: Sequence[str], *, own: bool
    ) -> None:
        facts = {n: f for n, f in work.facts.items() if isinstance(f, Aggregate | Age)}
        self.names = tuple(facts)
        self._work = work
        self._inputs = inputs_of(work)
        self._spans = tuple(sorted({(f.span.start, f.span.stop) for f in facts.values()}))
        self._wanted = Wanted(
            tuple(wanted for wanted, _ in self._inputs.values.values()),
            edges=edges_needed(facts.values()),
            quanta=tuple(quantum_of(of) for _, of in self._inputs.values.values()),
        )
        # What is a function of the set of rows needs no rank; a deviation taken afresh has one.
        ranking = Kernel.LATEST | Kernel.FIRST | Kernel.STD
        self._ranks = self._wanted.edges or any(one & ranking for one in self._wanted.columns)
        self._own = own
        self._key_names = list(keys)
        self._keys = [places[name] for name in keys]
        self._joins = [places[name] for name, _ in work.joined.pairs]
        self._time = places[str(time_of(work.joined.table.row))]
        self._edges = _edges(facts.values())
        self._words = [
            _Numbers() if of.value_type is str else None for _, of in self._inputs.values.values()
        ]
        self._codes = [_Numbers() for _ in self._inputs.codes]
        self._read_row = compiled(self._row_columns(), places)
        self._read = read_all([self._reader(fact) for fact in facts.values()])
        self._begin()

    @property
    def reach(self) -> int | None:
        """How far back the longest window looks, in microseconds."""
        return -min(start for start, _ in self._spans)

    def _row_columns(self) -> list[tuple[str, Of]]:
        condition = self._work.joined.condition
        columns = [] if condition is None else [("condition", condition)]
        columns += [(f"v{i}", of) for i, (_, of) in enumerate(self._inputs.values.values())]
        columns += [(f"c{i}", of) for i, of in enumerate(self._inputs.codes.values())]
        columns += [(f"e{i}", of) for i, of in enumerate(self._edges.values())]
        return columns

    def _begin(self) -> None:
        spans = tuple(Span(start, stop) for start, stop in self._spans)
        self._windows = OnlineWindows(
            spans,
            self._wanted,
            coded=len(self._inputs.codes),
            keyed=self._own,
            ties=self._tie_of if self._ranks else None,
        )
        self._groups: dict[Values, int] = {}
        self._free: list[int] = []
        self._numbers: dict[Values, int] = {}
        self._number = 0
        self._kept: dict[int, _Kept] = {}
        self._loaded = _Loaded.none(len(self._edges))
        self._prune_at = _LEAST

    def load(self, found: Versions, moment: int) -> None:
        """Begin with these visible versions."""
        self._begin()
        identity = np.arange(len(found), dtype=np.int64)
        condition = self._work.joined.condition
        rows = found
        if condition is not None:
            holds = found.frame.select(evaluate(condition).fill_null(value=False))
            mask = holds.to_series().to_numpy()
            rows, identity = found.take(mask), identity[mask]
        groups = self._group_codes(rows)
        order = rank(rows, groups)
        if order is not None:
            rows, identity, groups = rows.take(order), identity[order], groups[order]
        keys = self._key_codes(rows) if self._own else None
        values = values_of(rows.frame, self._inputs)
        codes = codes_of(rows.frame, self._inputs)
        self._learn_words(rows)
        ranked = [*(self._key_names or rows.frame.columns)] if self._ranks else []
        self._loaded = _Loaded.of(
            len(found), rows, groups, identity, list(self._edges.values()), keys, ranked
        )
        self._windows.load(
            Rows(groups, rows.event_time, rows.known_from, None, values, codes, keys),
            identity,
            moment=moment,
        )

    def _group_codes(self, rows: Versions) -> NDArray[np.int32]:
        """Dense codes of the join values; null (-1) where any of them is."""
        pairs = [name for name, _ in self._work.joined.pairs]
        if not pairs:
            self._groups = {(): 0}
            return np.zeros(len(rows), dtype=np.int32)
        codes, known = _coded(rows, pairs)
        self._groups = {value: i for i, value in enumerate(known)}
        return codes

    def _key_codes(self, rows: Versions) -> NDArray[np.int64]:
        codes, known = _coded(rows, self._key_names)
        self._numbers = {value: i for i, value in enumerate(known)}
        self._number = len(known)
        return codes.astype(np.int64)

    def _learn_words(self, rows: Versions) -> None:
        """Number the values that come later after those that were loaded."""
        for i, (_, of) in enumerate(self._inputs.values.values()):
            if self._words[i] is not None:
                self._words[i] = _Numbers.of(rows, of)
        self._codes = [_Numbers.of(rows, of) for of in self._inputs.codes.values()]

    def show(self, identity: int, values: Values, known_from: int) -> None:
        """A row is visible after `known_from`."""
        told = self._read_row(values)
        if self._work.joined.condition is not None and told.pop(0) is not True:
            return
        join = tuple([values[i] for i in self._joins])
        if None in join:
            return
        group = self._groups.get(join)
        if group is None:
            group = self._free.pop() if self._free else len(self._groups)
            self._groups[join] = group
        numbers = len(self._inputs.values)
        coded_to = numbers + len(self._inputs.codes)
        time = values[self._time]
        edges = told[coded_to:]
        ranked = self._ranked(values)
        key = self._key_number(values) if self._own else -1
        self._kept[identity] = _Kept(group, time, known_from, edges, key, ranked)
        self._windows.add(
            group,
            time,
            known_from,
            self._doubles(told[:numbers]),
            self._coded(told[numbers:coded_to]),
            identity,
            self._tie(ranked),
            key,
        )
        if len(self._kept) > self._prune_at:
            self._prune(known_from)

    def _key_number(self, values: Values) -> int:
        own = tuple([values[i] for i in self._keys])
        number = self._numbers.get(own)
        if number is None:
            self._numbers[own] = number = self._number
            self._number += 1
        return number

    def _doubles(self, told: list[Any]) -> list[float]:
        found: list[float] = []
        for value, words in zip(told, self._words, strict=True):
            if value is None:
                found.append(np.nan)
            elif words is None:
                found.append(float(value))
            else:
                found.append(float(words.number(value)))
        return found

    def _coded(self, told: list[Any]) -> list[int]:
        return [
            NULL if value is None else known.number(value)
            for value, known in zip(told, self._codes, strict=True)
        ]

    def _ranked(self, values: Values) -> Values:
        """What a row ranks by among rows of the same times: its key, or its content (LAW 3b)."""
        if not self._ranks:
            return ()
        return tuple([values[i] for i in self._keys]) if self._keys else values

    def _tie(self, ranked: Values) -> Values:
        """Sorts as `compute.table.rank` does, nulls first; a key has none."""
        return ranked if self._keys else tuple([(one is not None, one) for one in ranked])

    def _tie_of(self, identity: int) -> Values:
        """The tie of a row that is there already, for one that comes after it with its times."""
        kept = self._kept.get(identity)
        return self._tie(self._loaded.ranked(identity) if kept is None else kept.values)

    def _prune(self, moment: int) -> None:
        """Forget rows that no window can see again, and whose keys and groups they were.

        The number of a group without rows is given to another: what the kernel still holds of it
        lies before every window.
        """
        since = moment - (self.reach or 0)
        self._kept = {i: kept for i, kept in self._kept.items() if kept.event_time >= since}
        self._prune_at = max(_LEAST, 2 * len(self._kept))
        loaded = self._loaded.event_time >= since
        if self._own:
            numbers = {kept.key for kept in self._kept.values()}
            numbers.update(self._loaded.key[loaded].tolist())
            self._numbers = {own: n for own, n in self._numbers.items() if n in numbers}
        groups = {kept.group for kept in self._kept.values()}
        groups.update(self._loaded.group[loaded].tolist())
        self._free += [n for n in self._groups.values() if n not in groups]
        self._groups = {join: n for join, n in self._groups.items() if n in groups}
        if not loaded.any():
            self._loaded = _Loaded.none(len(self._edges))

    def withdraw(self, identity: int, values: Values, moment: int) -> None:
        """A row that was shown is not visible after `moment`."""
        del values
        kept = self._kept.get(identity)
        if kept is not None:
            self._windows.withdraw(kept.group, kept.event_time, identity, moment)
        elif (place := self._loaded.place(identity)) is not None:
            group, time = self._loaded.group[place], self._loaded.event_time[place]
            if group >= 0:
                self._windows.withdraw(int(group), int(time), identity, moment)

    def ask(
        self, joins: Sequence[Values], at: Sequence[int], own: Sequence[Values] | None
    ) -> list[list[Any]]:
        """The facts' values for each asked join value, as of its moment, in the order of `names`.

        Moments must not decrease. `own` are the keys of the asked rows, which no window of their
        own source sees.
        """
        unseen = len(self._groups) + len(self._free)
        group = [NULL if None in j else self._groups.get(j, unseen) for j in joins]
        keys = None
        if own is not None and self._own:
            keys = np.array([self._numbers.get(key, NULL) for key in own], dtype=np.int64)
        counts, floats = self._windows.ask(
            np.array(group, dtype=np.int32), np.array(at, dtype=np.int64), keys
        )
        nothing: list[Any] = [None] * len(self.names)
        read = self._read
        by_question = zip(
            group, at, counts.transpose(2, 0, 1).tolist(), floats.transpose(2, 0, 1).tolist(),
            strict=True,
        )  # fmt: skip
        return [
            nothing if code == NULL else read(whole, real, moment)
            for code, moment, whole, real in by_question
        ]

    def _reader(self, fact: Aggregate[Any, Any] | Age[Any]) -> Read | str:
        """What reads a fact; as the text of an expression where it is a number of the kernel's."""
        span = self._spans.index((fact.span.start, fact.span.stop))
        latest = 1 + len(self._inputs.codes)
        if isinstance(fact, Age):
            return self._age_reader(fact, span, latest)
        kind, of = fact.statistic.kind, fact.statistic.of
        if of is None:
            return f"float(counts[{span}][0])"
        text = canonical(of)
        if kind in ("latest", "first"):
            edge = latest if kind == "latest" else latest + 1
            number = list(self._edges).index(text)
            return lambda counts, _floats, _at: self._edge(counts[span][edge], number)
        if kind == "distinct":
            column = 1 + list(self._inputs.codes).index(text)
            return f"float(counts[{span}][{column}])"
        number = list(self._inputs.values).index(text)
        slot = slot_of(self._inputs, number, KERNEL[kind])
        if kind != "latest_known":
            return f"t if (t := floats[{span}][{slot}]) == t else None"  # NaN differs from itself
        return self._known_reader(of, span, slot, number)

    def _known_reader(self, of: Of, span: int, slot: int, number: int) -> Read:
        kind = of.value_type
        if kind is not str:
            return lambda _c, floats, _at: _typed(floats[span][slot], kind)
        return lambda _c, floats, _at: self._word(number, floats[span][slot])

    def _age_reader(self, fact: Age[Any], span: int, latest: int) -> Read:
        known = fact.kind != "since"

        def read(counts: list[list[int]], floats: list[list[float]], at: int) -> int | None:
            del floats
            identity = counts[span][latest]
            return None if identity < 0 else at - self._moment(identity, known=known)

        return read

    def _moment(self, identity: int, *, known: bool) -> int:
        kept = self._kept.get(identity)
        if kept is not None:
            return kept.known_from if known else kept.event_time
        moments = self._loaded.known_from if known else self._loaded.event_time
        return int(moments[self._loaded.slot[identity]])

    def _edge(self, identity: int, number: int) -> Any:
        if identity < 0:
            return None
        kept = self._kept.get(identity)
        if kept is not None:
            return kept.edges[number]
        return self._loaded.edges[number][int(self._loaded.slot[identity])]

    def _word(self, number: int, value: float) -> str | None:
        words = self._words[number]
        if words is None or value != value:  # noqa: PLR0124  NaN is what differs from itself
            return None
        return str(words.value(int(value)))


class _Loaded(NamedTuple):
    """What is remembered of the rows that were there at the start, in the order of loading.

    `slot` gives the place of an identity among them, -1 for a row that no fact looks at.
    """

    slot: NDArray[np.int64]
    group: NDArray[np.int32]
    event_time: NDArray[np.int64]
    known_from: NDArray[np.int64]
    edges: list[list[Any]]
    key: NDArray[np.int64]
    ranks_by: pl.DataFrame

    @classmethod
    def none(cls, edges: int) -> _Loaded:
        nothing = np.empty(0, dtype=np.int64)
        empty: list[list[Any]] = [[] for _ in range(edges)]
        frame = pl.DataFrame()
        return cls(nothing, np.empty(0, np.int32), nothing, nothing, empty, nothing, frame)

    @classmethod
    def of(
        cls,
        size: int,
        rows: Versions,
        groups: NDArray[np.int32],
        identity: NDArray[np.int64],
        edges: Sequence[Of],
        keys: NDArray[np.int64] | None,
        ranked: Sequence[str],
    ) -> _Loaded:
        slot = np.full(size, -1, dtype=np.int64)
        slot[identity] = np.arange(len(identity))
        told = [rows.frame.select(evaluate(of)).to_series().to_list() for of in edges]
        by = rows.frame.select(ranked)
        key = np.empty(0, dtype=np.int64) if keys is None else keys
        return cls(slot, groups, rows.event_time, rows.known_from, told, key, by)

    def ranked(self, identity: int) -> Values:
        """What a loaded row ranks by among rows of the same times."""
        return self.ranks_by.row(int(self.slot[identity]))

    def place(self, identity: int) -> int | None:
        if identity >= len(self.slot) or self.slot[identity] < 0:
            return None
        return int(self.slot[identity])


def _edges(facts: Iterable[Aggregate[Any, Any] | Age[Any]]) -> dict[str, Of]:
    """What is wanted of the latest or first row, by its text."""
    found: dict[str, Of] = {}
    for fact in facts:
        if isinstance(fact, Aggregate) and fact.statistic.kind in ("latest", "first"):
            of = fact.statistic.of
            if of is not None:
                found[canonical(of)] = of
    return found


def _coded(rows: Versions, names: Sequence[str]) -> tuple[NDArray[np.int32], list[Values]]:
    """Dense codes of combinations of values, -1 where any is null; the combinations by code."""
    values = rows.frame.select(names)
    known = values.unique(maintain_order=True).drop_nulls()
    return match(known, values).astype(np.int32), known.rows()


class _Numbers:
    """Values and the numbers that stand for them in the kernel, from 0 as they are met."""

    def __init__(self, known: Sequence[Any] = ()) -> None:
        self._values = list(known)
        self._numbers = {value: i for i, value in enumerate(self._values)}

    @classmethod
    def of(cls, rows: Versions, of: Of) -> _Numbers:
        """Those that `compute.codes.dense` gives the values of a column."""
        column = rows.frame.select(evaluate(of)).to_series()
        return cls(column.drop_nulls().unique(maintain_order=True).to_list())

    def number(self, value: Any) -> int:
        found = self._numbers.setdefault(value, len(self._values))
        if found == len(self._values):
            self._values.append(value)
        return found

    def value(self, number: int) -> Any:
        return self._values[number]


def slot_of(inputs: Inputs, number: int, wanted: Kernel) -> int:
    """Where the doubles of a span hold one aggregate of one value column (see `shape.of_span`)."""
    slot = 0
    for i, (asked, _) in enumerate(inputs.values.values()):
        for aggregate in Kernel:
            if aggregate in asked:
                if i == number and aggregate == wanted:
                    return slot
                slot += 1
    raise TypeError(f"the kernel was not asked for {wanted!r}")


def read_all(readers: Sequence[Read | str]) -> Callable[..., list[Any]]:
    """One function that reads all facts; a text is of `counts` and `floats` (see `Read`).

    >>> read = read_all(["float(counts[0][0])", lambda counts, floats, at: at])
    >>> read([[3]], [[0.5]], 7)
    [3.0, 7]
    """
    known: dict[str, Any] = {
        f"read{i}": read for i, read in enumerate(readers) if not isinstance(read, str)
    }
    parts = [
        read if isinstance(read, str) else f"read{i}(counts, floats, at)"
        for i, read in enumerate(readers)
    ]
    text = f"def read(counts, floats, at):\n    return [{', '.join(parts)}]"
    exec(compile(text, "<facts of one question>", "exec"), known)  # noqa: S102  text of our own
    found: Callable[..., list[Any]] = known["read"]
    return found


def _typed(value: float, kind: type) -> Any:
    return kind(value) if value == value else None  # noqa: PLR0124
