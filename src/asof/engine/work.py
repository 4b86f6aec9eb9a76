"""The work of a study under way: what is planned, what is done, how long the rest will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from asof.compute.effort import SIDE_BY_SIDE, USUAL, Effort, Kind, Spent, Unit, left, share
from asof.engine.clock import CpuMeter, elapsed


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a study has come: the share of its work, seconds passed and left (None: not known).

    `fits` were made now and are kept, `reused` were kept from before, `wanted` are to come.
    """

    part: float
    passed: float
    left: float | None
    fits: int = 0
    reused: int = 0
    wanted: int = 0


Progress = Callable[[Standing], None]
"""Called when work is planned or done, from the thread that did it, one call at a time."""


class Work:
    """Keeps what is planned and what is done, and tells it. Threads may share one.

    Parts of the work have names; a plan of a part takes the place of an earlier one, so that a
    guess can be made first. A unit that is begun is taken from the plans.
    """

    def __init__(self, tell: Progress | None = None, *, lanes: int = 1) -> None:
        self.lanes = lanes
        self._tell = tell
        self._lock, self._telling = Lock(), Lock()
        self._began = elapsed()
        self._ahead: dict[str, Counter[Unit]] = {}
        self._under_way: dict[int, tuple[Unit, float]] = {}
        self._done: list[Spent] = []
        self._clock = [0.0, 0.0]
        self._since = [0.0, 0.0]
        self._number = 0
        self._reused: set[str] = set()
        self._made: set[str] = set()

    def plan(self, part: str, units: Iterable[Unit]) -> None:
        """Say what a part of the work will be; nothing where it turned out to be over."""
        with self._lock:
            self._ahead[part] = Counter(units)
        self.tell()

    @contextmanager
    def doing(self, unit: Unit) -> Generator[CpuMeter]:
        """Measure a unit while it is done; several may run at once, each in a thread."""
        wide = unit.kind in SIDE_BY_SIDE
        meter = CpuMeter(of_thread=wide)
        number = self._begin(unit)
        try:
            with meter.measured():
                yield meter
        finally:
            self._end(number, meter.seconds)
        self.tell()

    def record(self, unit: Unit, seconds: float) -> None:
        """Take note of a unit that was measured elsewhere."""
        with self._lock:
            self._taken(unit)
            self._done.append(Spent(unit, seconds))
            self._clock[1] += seconds
        self.tell()

    def over(self) -> None:
        """All is done, whatever was planned."""
        with self._lock:
            self._ahead.clear()
        self.tell()

    def kept(self, fit: str) -> None:
        """Take note of a fit that was there from before."""
        with self._lock:
            self._reused.add(fit)
            self._reused -= self._made

    def fitted(self, fit: str) -> None:
        """Take note of a fit that was made and is kept."""
        with self._lock:
            self._made.add(fit)
        self.tell()

    def fits(self) -> tuple[int, int]:
        """How many fits were made and kept, and how many of those asked for were there before."""
        with self._lock:
            return len(self._made), len(self._reused)

    def seconds(self) -> Mapping[Kind, float]:
        """CPU seconds by kind of work, 0 for what was not done."""
        found: dict[Kind, float] = dict.fromkeys(USUAL, 0.0)
        with self._lock:
            for spent in self._done:
                found[spent.unit.kind] += spent.seconds
        return found

    def tell(self) -> None:
        """Tell where the work stands."""
        if self._tell is not None:
            with self._telling:
                self._tell(self.standing())

    def standing(self) -> Standing:
        """Where the work stands now."""
        with self._lock:
            now = elapsed()
            effort = self._effort(now)
            fits, reused = len(self._made), len(self._reused)
        wanted = sum(unit.kind == "fit" for unit in effort.ahead)
        wanted += sum(spent.unit.kind == "fit" for spent in effort.begun)
        over = not effort.ahead and not effort.begun
        return Standing(
            1.0 if over else share(effort), now - self._began, 0.0 if over else left(effort),
            fits, reused, wanted,
        )  # fmt: skip

    def _effort(self, now: float) -> Effort:
        begun = [Spent(unit, now - since) for unit, since in self._under_way.values()]
        ahead = [unit for part in self._ahead.values() for unit in part.elements()]
        wide = [unit.kind in SIDE_BY_SIDE for unit, _ in self._under_way.values()]
        clock = [
            passed + (now - since if running else 0.0)
            for passed, since, running in zip(
                self._clock, self._since, (any(wide), not all(wide)), strict=True
            )
        ]
        return Effort(tuple(self._done), begun, ahead, self.lanes, (clock[0], clock[1]))

    def _begin(self, unit: Unit) -> int:
        with self._lock:
            sort = self._sort(unit)
            if not self._running(sort):
                self._since[sort] = elapsed()
            self._taken(unit)
            self._number += 1
            self._under_way[self._number] = (unit, elapsed())
            return self._number

    def _end(self, number: int, seconds: float) -> None:
        with self._lock:
            unit, _ = self._under_way.pop(number)
            self._done.append(Spent(unit, seconds))
            sort = self._sort(unit)
            if not self._running(sort):
                self._clock[sort] += elapsed() - self._since[sort]

    def _running(self, sort: int) -> bool:
        return any(self._sort(unit) == sort for unit, _ in self._under_way.values())

    def _taken(self, unit: Unit) -> None:
        """One such unit fewer is planned, or of a plan that was guessed the one most like it."""
        for part in self._ahead.values():
            if part[unit] > 0:
                part[unit] -= 1
                return
        alike = [
            (abs(each.size - unit.size), number, each)
            for number, part in enumerate(self._ahead.values())
            for each, many in part.items()
            if each.kind == unit.kind and many > 0
        ]
        if alike:
            _, number, each = min(alike, key=lambda found: found[:2])
            list(self._ahead.values())[number][each] -= 1

    @staticmethod
    def _sort(unit: Unit) -> int:
        return 0 if unit.kind in SIDE_BY_SIDE else 1
