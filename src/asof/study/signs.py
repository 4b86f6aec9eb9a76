"""Signs of a leak in words: what, where, how much, and what to do; one function a sign.

The law holds that nothing is seen before it is known; whether the declared availability is true,
and whether a column was filled in later, only the data can tell. What is said here is either sure
(nothing else explains it) or worth a look; what would often be wrong is not said at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute import leakage as figures
from asof.compute.table import Versions
from asof.declare.features import asked_columns, joins_in
from asof.declare.rows import time_of
from asof.declare.sources import Source, Ticks
from asof.declare.tables import Table
from asof.declare.windows import Aggregate, columns_in
from asof.engine.history import History, Seen
from asof.stores.store import Store
from asof.study.report.numbers import duration
from asof.study.report.numbers import share as per_cent

SAMPLE = 20_000
"""So many mature requests are looked at, evenly over the history: enough to tell an AUC of .95 to
0.01 (a standard error) in each block where a tenth are yes."""
LOOK, SURE = 0.95, 0.999
"""AUC of one feature alone. Above .95 there is little left to predict, and honest features that
strong mostly repeat the last outcome (those are not counted); at .999 in every block of time it is
the outcome under another name."""
SAME = 0.99
"""Rank correlation of one feature alone with a quantity, and the share of rows in which it is the
outcome to the last digit."""
FEW_KNOWN, MOST_KNOWN = 0.01, 0.5
"""Share of requests whose label is known when they are asked. A few are news (cancelled before the
question); where it is most of them, nobody would ask."""
ALL_KNOWN = 0.99
"""The same where the outcome is made of a window's rows, of which some are often known ahead."""
FEW = 0.01
"""So small a share of a table's rows may tell of later, or repeat others."""
TYPED = 10
"""Times that never were may be typed by hand, but not so many."""
ROWS = 200_000
"""Rows of a table that are looked at, evenly over it."""
RECORDING = ("recorded", "received", "ingested", "inserted", "loaded", "written", "updated")
"""What the names of columns say that tell when a row was written."""


@dataclass(frozen=True)
class Finding:
    """A sign of a leak. `figure` is what `what` says in words; `sure` if nothing else explains it.

    `kind` is one of `label-known`, `alone`, `copy`, `empty`, `later`, `wait`, `zone`, `repeats`,
    `marker`.
    """

    kind: str
    where: str
    what: str
    figure: float
    mend: str
    sure: bool = False

    def lines(self) -> Iterator[str]:
        """The finding in words, a line at a time."""
        yield f"{'leak' if self.sure else 'look'}  {self.where}"
        yield f"      {self.what}"
        yield f"      {self.mend}"


class Looked:
    """A history, and the mature requests of it that are looked at."""

    def __init__(self, history: History, store: Store) -> None:
        self.history, self.system, self.store = history, history.system, store
        self.labelled = history.outcomes.labelled(history.until + 1)
        n = len(self.labelled)
        chosen = np.linspace(0, n - 1, min(n, SAMPLE)).astype(np.int64)
        self.rows: NDArray[np.int64] = self.labelled[chosen]
        self.label: Table[Any] = self.system.label.joined.table
        self.asked: Table[Any] = self.system.asked

    @cached_property
    def seen(self) -> Seen:
        """The features of the requests that are looked at."""
        return self.history.seen(self.history.requests.take(self.rows))

    @cached_property
    def alone(self) -> tuple[figures.Alone, ...]:
        """The features that can be judged, the strongest first."""
        if not len(self.rows):
            return ()
        seen = self.seen
        y = self.history.outcomes.value[self.rows]
        return figures.alone(
            seen.features.filter(pl.Series(seen.covered)),
            y[seen.covered],
            binary=self.system.task == "binary",
        )

    @cached_property
    def empty(self) -> tuple[str, ...]:
        """The features that are missing in every request that is looked at."""
        frame = self.seen.features.filter(pl.Series(self.seen.covered))
        if frame.is_empty():
            return ()
        return tuple(one.name for one in frame if one.null_count() == len(one))

    def window_known(self) -> float:
        """Of the requests looked at, the share whose whole window is known when they are asked."""
        history = self.history
        return figures.window_known(
            self.system.label,
            history.requests.take(self.rows),
            history.outcomes.due[self.rows],
            history.tables,
            history.asked,
        )

    def unjudged(self) -> Iterator[str]:
        """What could not be looked at, and why."""
        judged = {one.name for one in self.alone} | set(self.empty)
        names = [name for name in self.system.features.names if name not in judged]
        if names:
            yield (
                f"{_listed(names)}: too few mature "
                f"requests with {'both outcomes' if self.system.task == 'binary' else 'a value'} "
                f"in {figures.JUDGED} of {figures.BLOCKS} stretches of time"
            )

    def repeats_outcomes(self, name: str) -> bool:
        """Whether a feature looks at what labels are made of, so that the last one may persist.

        That is honest as far as the label's availability is, which is judged apart.
        """
        feature = dict(self.system.features.columns)[name]
        if any(join.table.name == self.label.name for join in joins_in(feature)):
            return True
        value = self.system.label.value
        of = value.statistic.of if isinstance(value, Aggregate) else value
        made_of = {column.name for column in columns_in(of)} if of is not None else set[str]()
        own = {column.name for column in asked_columns(feature)}
        return self.asked.name == self.label.name and bool(own & made_of)

    def versions(self) -> Iterator[Versions]:
        """The tables, each thinned where it is long."""
        for table in self.history.tables.values():
            step = -(-len(table) // ROWS)
            yield table.take(np.arange(0, len(table), step)) if step > 1 else table


def _listed(names: Sequence[str]) -> str:
    """Some names: the rest are counted where they are several, for one is soon said."""
    if len(names) <= 4:
        return ", ".join(names)
    return f"{', '.join(names[:3])} and {len(names) - 3} more"


def _label_known(looked: Looked) -> Iterator[Finding]:
    """Labels that are known before they are asked about."""
    windowed = looked.system.label.span is not None
    if windowed:
        share, few, most = looked.window_known(), MOST_KNOWN, ALL_KNOWN
    else:
        share = figures.known_before(looked.history.outcomes, looked.labelled)
        few, most = FEW_KNOWN, MOST_KNOWN
    if share <= few:
        return
    seeing = [name for name in looked.system.features.names if looked.repeats_outcomes(name)]
    told = f" Features that look there: {_listed(seeing)}." if seeing else ""
    if share < most and windowed:
        mend = (
            "If that is a plan, predict what it does not tell, with after= further ahead. If not, "
            f"{looked.label.name} is known later than it says."
        )
    elif share < most:
        mend = (
            "If that is news (called off before the question), leave those requests out in "
            f"prepare=, or ask earlier. If not, {looked.label.name} is known later than it says."
        )
    else:
        mend = (
            f"Give {looked.label.name} the lag= that it really has, or available= the moment when "
            "a row was written; or ask earlier with at=."
        )
    yield Finding(
        "label-known",
        f"{looked.label.name}, the label",
        f"For {per_cent(share)} of the requests the outcome is known before they are asked.{told}",
        share,
        mend,
        share >= most,
    )


def _too_well(looked: Looked) -> Iterator[Finding]:
    """Features that tell the outcome alone."""
    binary = looked.system.task == "binary"
    for one in looked.alone:
        copied = one.equal >= SAME
        persists = looked.repeats_outcomes(one.name)
        if persists and (not binary or one.score < SURE):
            continue
        if not copied and one.score < (LOOK if binary else SAME):
            continue
        stretches = f"in each of {one.blocks} stretches of time"
        subject = "Whether it is missing" if one.missing else "It"
        if copied:
            what = f"In {per_cent(one.equal)} of the rows it is the outcome itself, {stretches}."
        elif binary:
            what = f"{subject} alone tells yes from no, AUC at least {one.score:.3f} {stretches}."
        else:
            what = f"{subject} alone orders the outcomes, rank correlation at least "
            what += f"{one.score:.3f} {stretches}."
        if persists:
            mend = f"It looks at {looked.label.name}: see when those rows are really known."
        else:
            mend = (
                "Find out when this value is written. If that is after the question, make it a "
                "source of its own, with the moment from which it is known."
            )
        sure = not persists and (copied or (binary and one.score >= SURE))
        yield Finding("copy" if copied else "alone", one.name, what, one.score, mend, sure)


def _empty(looked: Looked) -> Iterator[Finding]:
    """Features that never have a value: a window that meets no row, rows that do not agree."""
    for name in looked.empty if len(looked.rows) else ():
        yield Finding(
            "empty",
            name,
            "It is missing in every request that was looked at, so it tells nothing, and some "
            "estimators fail on it.",
            1.0,
            "A window holds its beginning and not its end, and only rows that were known by then: "
            f"asof why FILE REQUEST {name} shows which rows it saw, and why not the others.",
        )


def _later(looked: Looked) -> Iterator[Finding]:
    """Rows that tell of a moment after the one from which they are said to be known."""
    for table in looked.versions():
        source = table.table
        if not isinstance(source, Source) or not len(table):
            continue
        outcome = source.name == looked.label.name != looked.asked.name
        for spec in source.row.columns_:
            recording = any(word in spec.name.lower() for word in RECORDING)
            if spec.kind != "moment":
                continue
            if not (outcome or recording):
                continue  # a plan: told ahead
            share = figures.told_later(table.frame[spec.name], table.known_from)
            if share > FEW:
                yield Finding(
                    "later",
                    f"{source.name}.{spec.name}",
                    f"{per_cent(share)} of the rows are said to be known before this moment, which "
                    "they tell.",
                    share,
                    f"If rows are written then, say so: available={source.row.__name__}"
                    f".{spec.name}, or a lag= that reaches beyond it.",
                )


def _wait(looked: Looked) -> Iterator[Finding]:
    """Outcomes that come too late, and the wait that would do (LAW 6c)."""
    found = figures.late(looked.history.outcomes, looked.history.requests.at)
    if found is None or found.share <= figures.MANY_LATE:
        return
    if looked.system.label.due is None:
        longer = f"wait= at least {duration(found.wanted)}"
    else:
        longer = f"due= {duration(found.beyond)} later"
    yield Finding(
        "wait",
        "the label",
        f"{per_cent(found.share)} of the outcomes come after they are due and are not used: a wait "
        "that is too short is itself a bias.",
        found.share,
        f"{figures.CAUGHT:.1%} of those that came are in with {longer}.",
    )


def _zone(looked: Looked) -> Iterator[Finding]:
    """Wall times that do not exist in the zone that is declared for them."""
    for table in looked.system.tables:
        loads = looked.store.loads.in_force(table.name)
        never = sum(int(looked.store.loads.report(one.offset).get("never", 0)) for one in loads)
        if never >= TYPED:
            zone = getattr(table, "zone", None) or "its zone"
            yield Finding(
                "zone",
                f"{table.name}, zone=",
                f"{never:,} of its times never were on a clock of {zone}: they lie in the hour "
                "that is skipped in spring.",
                float(never),
                "Those clocks were not put forward: name the zone that they keep, such as "
                'zone="UTC" or "Etc/GMT-1".',
            )


def _repeats(looked: Looked) -> Iterator[Finding]:
    """Requests that repeat one another in everything but their key."""
    table = looked.asked
    if isinstance(looked.system.requests, Ticks) or time_of(table.row) in table.keys:
        return
    share = figures.repeated(looked.history.requests.frame, table.keys)
    if share > FEW:
        yield Finding(
            "repeats",
            table.name,
            f"{per_cent(share)} of the requests repeat another one in every column but the key.",
            share,
            "If a case was entered twice, keep one in prepare=: it counts twice in every figure.",
        )


def _markers(looked: Looked) -> Iterator[Finding]:
    """Numbers that stand for "not known"."""
    for table in looked.versions():
        keys = list(table.table.keys)
        times = [s.name for s in table.table.row.columns_ if s.kind in ("time", "moment")]
        for name, found in figures.markers(table.frame.drop(*keys, *times, strict=False)).items():
            yield Finding(
                "marker",
                f"{table.table.name}.{name}",
                f"{found.value:g} stands in {per_cent(found.share)} of the rows, far from all "
                'other values: it means "not known".',
                found.share,
                "Make it null in prepare=, so that no mean and no threshold counts it.",
            )


SIGNS: tuple[Callable[[Looked], Iterator[Finding]], ...] = (
    _label_known,
    _too_well,
    _empty,
    _later,
    _wait,
    _zone,
    _repeats,
    _markers,
)
"""The gravest first."""
