"""A case's rows through the door of a real store: file by file, killed in between, step by step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import polars as pl
from cases import Record, Table, moment
from world import WORDS, Rows, World

from asof.declare.sources import Source
from asof.engine.ingest import ingest
from asof.engine.quarantine import release
from asof.errors import AsofError
from asof.stores.loads import Loads
from asof.stores.records import LIVE_FROM
from asof.stores.store import Store
from asof.stores.tables import Tables

NOW = moment("2024-06-01 00:00")


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def dying(monkeypatch: Any, where: str) -> Iterator[None]:
    """The next load ends in a kill: before its rows are committed, or after."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Store, "_settle", die)
        if where == "before":
            patch.setattr(Tables, "append", die)
        patch.setattr(Loads, "finish", die)
        yield


def pieces(rows: Rows, *, single: bool) -> list[pl.DataFrame]:
    """The files of a table; cut into one row each where no row repeats another."""
    frames = [rows.raw(file, naive=_naive(rows)) for file in sorted(set(rows.files))]
    if not single:
        return frames
    rowwise = [frame[i] for frame in frames for i in range(frame.height)]
    told = [frame.row(0) for frame in rowwise]
    return rowwise if len(set(told)) == len(told) else frames


def _naive(rows: Rows) -> bool:
    return isinstance(rows.table, Source) and (
        rows.table.zone is not None or rows.table.zone_column is not None
    )


def through_store(world: World, folder: Path) -> dict[str, pl.DataFrame]:
    """Each row a file of its own, the store opened anew for each."""
    for number, (table, frame) in enumerate(_all(world, single=True)):
        with Store(folder) as store:
            _take(table, store, folder, frame, number)
    return _read(world, folder)


def after_crashes(world: World, folder: Path, monkeypatch: Any) -> dict[str, pl.DataFrame]:
    """Each file's first ingest is killed, before or after its rows are in; then it comes again."""
    points = cycle(("before", "after"))
    for number, (table, frame) in enumerate(_all(world, single=True)):
        store = Store(folder)
        try:
            with dying(monkeypatch, next(points)):
                _take(table, store, folder, frame, number)
        except Killed:
            pass
        else:
            raise AssertionError("nothing was killed")
        store.close()
        with Store(folder) as reopened:
            _take(table, reopened, folder, frame, number)
    return _read(world, folder)


def _all(world: World, *, single: bool) -> list[tuple[Any, pl.DataFrame]]:
    return [
        (rows.table, frame)
        for rows in world.tables.values()
        for frame in pieces(rows, single=single and isinstance(rows.table, Source))
    ]


def _take(table: Any, store: Store, folder: Path, frame: pl.DataFrame, number: int) -> Any:
    path = f"{table.name}{number}.parquet"
    frame.write_parquet(folder / path)
    return ingest(replace(table, path=path), store, now=NOW, base=folder)


def _read(world: World, folder: Path) -> dict[str, pl.DataFrame]:
    with Store(folder) as store:
        return {name: store.rows(rows.table) for name, rows in world.tables.items()}


# --- steps --------------------------------------------------------------------------------------


@dataclass
class Story:
    """A table of steps, carried out; `heads` holds the journal offset after each."""

    world: World
    folder: Path
    monkeypatch: Any
    results: list[str] = field(default_factory=list)
    heads: list[int] = field(default_factory=list)

    def run(self, steps: Table) -> None:
        for row in steps.rows:
            with Store(self.folder) as store:
                self.results.append(self._step(store, row))
                self.heads.append(store.journal.head())

    def stored(self, after: int | None = None) -> dict[str, pl.DataFrame]:
        """What is stored, as of the offset after a step."""
        offset = None if after is None else self.heads[after - 1]
        with Store(self.folder) as store:
            return {
                name: store.rows(rows.table, offset=offset)
                for name, rows in self.world.tables.items()
            }

    def _step(self, store: Store, row: Record) -> str:
        for pattern, act in STEPS:
            found = re.fullmatch(pattern, row["step"])
            if found is not None:
                try:
                    return told(act(self, store, **found.groupdict()), row["result"])
                except AsofError as error:
                    return f"refused: {error}"
        raise AssertionError(f"nobody knows the step {row['step']!r}")

    def rows_of(self, kind: str) -> Rows:
        found = self.world.asked if kind == "requests" else self.world.rows
        assert found is not None
        return found

    def ingest(
        self, store: Store, kind: str, file: str, place: str | None = None, now: str | None = None,
        history: str | None = None, under: str | None = None, label: bool = False,
    ) -> Any:  # fmt: skip
        rows = self.rows_of(kind)
        path = f"{kind}{place or file}.parquet"
        rows.raw(int(file), naive=self._naive(rows)).write_parquet(self.folder / path)
        table: Any = replace(rows.table, path=path)
        if under is not None:
            table = replace(table, **eval(f"dict({under})", WORDS))
        return ingest(
            table, store, now=NOW if now is None else moment(now), base=self.folder,
            history=history is not None, replacing=place is not None,
            label=label,
        )  # fmt: skip

    def _naive(self, rows: Rows) -> bool:
        return _naive(rows) or "clocks" in self.world.case.settings

    def killed(self, store: Store, file: str, where: str) -> str:
        try:
            with dying(self.monkeypatch, where):
                self.ingest(store, "rows", file)
        except Killed:
            return "killed"
        return "not killed"

    def live(self, store: Store, at: str) -> None:
        store.records.set(LIVE_FROM, moment(at))

    def release(self, store: Store, name: str, at: str, mended: str) -> Any:
        table = self.rows_of("rows").table
        return release(table, store, name, now=moment(at), mended=eval(f"dict({mended})", WORDS))


Act = Callable[..., Any]
KIND = r"(?P<kind>rows|requests)?"
STEPS: list[tuple[str, Act]] = [
    (
        (
            r"file (?P<file>\d)(?: in the place of file (?P<place>\d))?(?: at (?P<now>[\d:]+))?"
            r"(?P<history> as history)?(?: under `(?P<under>.*)`)?(?: again)?"
        ),
        lambda story, store, **given: story.ingest(store, "rows", **given),
    ),
    (
        r"requests, file (?P<file>\d)",
        lambda story, store, **given: story.ingest(store, "requests", **given),
    ),
    (
        r"file (?P<file>\d), killed (?P<where>before|after) its rows are in",
        lambda story, store, **given: story.killed(store, **given),
    ),
    (r"live from (?P<at>.*)", lambda story, store, at: story.live(store, at)),
    (
        r"release (?P<name>\d+:\d+) at (?P<at>[\d:]+) with `(?P<mended>.*)`",
        lambda story, store, **given: story.release(store, **given),
    ),
]
COUNTS = {
    "stored": "stored", "unchanged": "unchanged", "in quarantine": "set_apart",
    "that never was": "never", "that was twice": "twice",
}  # fmt: skip


def told(report: Any, wanted: str) -> str:
    """What a report says of the counts that the page names; other counts only if they are there."""
    if report is None:
        return "done"
    if isinstance(report, str):
        return report
    loads = getattr(report, "loads", (report,))
    found = {words: sum(getattr(load, name) for load in loads) for words, name in COUNTS.items()}
    found["withdrawn"] = sum(load.withdrawn for load in loads)
    found["superseded"] = sum(load.superseded for load in loads)
    parts = [f"{n} {words}" for words, n in found.items() if n or f"0 {words}" in wanted]
    parts += [note for load in loads for note in load.notes if note in wanted]
    return ", ".join(parts) or "nothing"
