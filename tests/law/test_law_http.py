"""The law over HTTP: the cases of docs/law.md put to a running system in a rehearsal.

The rows of a case are handed in, its requests asked and the clock moved through the server's own
doors, and what is told is compared with the page: features and their moments, when a request fires
and with which version, labels (by a model that recalls what it was trained on), models, answers,
decisions, and what becomes of a body that is not as declared.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import stored as doors
import uvloop
from cases import Case, Table, cases, clock, moment
from http_cases import (
    AFTERWARDS,
    NOTHING_KNOWN,
    Asking,
    Body,
    Declared,
    answered,
    bodies,
    codes,
    decisions,
    declared,
    play,
    sent,
    steps,
)
from judge import listed
from over_http import KeptChild, Up, keep_fitted, microseconds, up
from world import YES

from asof.declare.kept import AVAILABLE
from asof.declare.sources import Source
from asof.engine.live import running as engine
from asof.units import SECOND

CASES = cases()
ZONE = "a moment in JSON has its offset (RFC 3339): a wall time does not come in over HTTP"
FILE = "about files: only a load can replace another, or begin with the rows of another"
SNAPSHOT = "messages are never snapshots (2d)"
NOT_OVER_HTTP = {
    "1a.2": ZONE,
    "1a.3": ZONE,
    "1a.4": ZONE,
    "1c.2": "history is ingested by a command, with no server on the stores",
    "1d.1": FILE,
    "1e.1": "a schedule alone: nothing is sent and nothing asked",
    "1e.4": "a declaration that is refused never runs",
    "2c.2": FILE,
    "2c.3": FILE,
    "2c.4": FILE,
    "2c.5": FILE,
    "2d.1": "of history: the stamps of live rows say when a correction was known (1c)",
    "2d.4": SNAPSHOT,
    "2d.5": SNAPSHOT,
    "2d.6": SNAPSHOT,
    "2d.7": SNAPSHOT,
    "2d.8": SNAPSHOT,
    "2e.2": FILE,
    "2f.1": "rows are released by a command, into the stores",
    "2f.2": "rows are released by a command, into the stores",
    "2g.1": "JSON has neither NaN nor infinity: the body is refused as a whole",
    "6e.1": "slots are drawn by studies: no door tells which are final",
    "6e.2": "slots are drawn by studies: no door tells which are final",
    "8a.1": "about a load that is killed",
    "8a.2": "about a load that is killed",
}
PAST = {"2e.1": {"2001-01-01 00:00"}}
"""A running system is asked as of now, not as of what was before its first load."""
NOT_TOLD = {"late": "late outcomes are counted by studies"}
WAYS = ("as they come", "all before")
LIVED = [("request", "fires"), ("request", "features as of"), ("request", "answer"), ("decision",)]
TOLD = [("question",), ("step", "result"), ("request", "label"), ("mature", "trained on"), *LIVED]
OVER_HTTP = [case for case in CASES if case.name not in NOT_OVER_HTTP]
ONLY_TAKEN = [c for c in OVER_HTTP if not c.find("question") and not c.find("request", "at")]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as found:
        yield found


@pytest.fixture(scope="module")
def child() -> Iterator[KeptChild]:
    found = KeptChild()
    yield found
    found.end()


@pytest.fixture
def run(runner: asyncio.Runner, child: KeptChild, monkeypatch: Any) -> Any:
    monkeypatch.setattr(engine, "Child", child)
    return runner.run


def params(wanted: Sequence[Case], *headings: tuple[str, ...]) -> list[Any]:
    return [
        pytest.param(case, id=case.name)
        for case in wanted
        if any(case.find(*heading) for heading in headings)
    ]


def both_ways(*headings: tuple[str, ...]) -> list[Any]:
    """Cases with each way in which their rows come, unless their steps say when they do."""
    return [
        pytest.param(*param.values, way, id=f"{param.id}-{way}")
        for param in params(OVER_HTTP, *headings)
        for way in (WAYS[:1] if param.values[0].find("step") else WAYS)
    ]


class Story:
    """A case that is told to a running system."""

    def __init__(self, case: Case, folder: Path, way: str = "as they come") -> None:
        self.case, self.folder = case, folder
        self.of = Declared(case)
        self.receipts: list[str] = []
        self.seen: dict[int, int] = {}
        self.moments = self._moments()
        self.begin = self._begin()
        known = bodies(self.of.world, way, self.begin)
        asked_for = {table.name for table in self.of.system.tables}
        known = [body for body in known if body.source in asked_for]
        self.sending = steps(case, self.of.world, self.begin) if case.find("step") else known

    def _moments(self) -> set[int]:
        """The moments that the page names: those of its rows, its questions and its requests."""
        tables = [*self.case.tables, *([self.of.asks] if self.of.asks else [])]
        found = {moment(row["as of"]) for t in tables if t.has("as of") for row in t.rows}
        for rows in self.of.world.tables.values():
            if isinstance(rows.table, Source) and not self.case.find("step"):
                found |= set(rows.stored[AVAILABLE].to_list())
        asked = self.of.world.asked
        if asked is not None:
            found |= set(asked.stored["at"].to_list())
        return found

    def _begin(self) -> int:
        """Where the clock begins: before all that, or where a live system begins."""
        table = self.case.find("step")
        for row in table.rows if table else ():
            if row["step"].startswith("live from "):
                return moment(row["step"].removeprefix("live from "))
            rows = self.of.world.rows
            if rows is not None and not isinstance(rows.table, Source):
                return moment(row["step"].partition(" at ")[2])  # its first load, which is a file
        return min(self.moments) - 3600 * SECOND

    async def tell(self, asking: list[Asking], end: int | None, after: Any = None) -> None:
        """Let the case happen; `after` is called while the system is up."""
        sending = self._loaded_first()
        given = keep_fitted(self.of.system, self.folder) if self.of.given else None
        system = partial(declared, self.case.name)
        async with up(self.of.system, system, self.folder, self.begin) as self.up:
            if given is not None:
                await self.up.post("/v1/promote", {"version": given, "reason": "for the case"})
            last = max(self.moments) + SECOND if end is None else end
            moments = {at for at in self.moments if at < last} | {self.begin, last}
            self.receipts = await play(self.up, sending, asking, moments, self._look)
            self.decisions = await self.up.get("/v1/decisions?last=1000")
            self.models = (await self.up.get("/v1/status"))["models"]
            if after is not None:
                await after(self.up, last)

    async def _look(self, at: int) -> None:
        """Note how many requests wait for their label."""
        self.seen[at] = (await self.up.get("/v1/status"))["labels"]["waiting"]

    def _loaded_first(self) -> list[Body]:
        """What comes over HTTP: the first load of a reference table is a file (2e)."""
        rows = self.of.world.rows
        if rows is None or isinstance(rows.table, Source):
            return self.sending
        first = self.case.get("step").rows[0]
        doors_ = doors.Story(self.of.world, self.folder, None)
        doors_.run(Table(("step", "result"), (first,)))
        assert doors_.results == [first["result"]]
        return self.sending[1:]

    async def probed(self, up: Up, at: int) -> dict[str, float]:
        """What the model in service answers to a row like each of the requests, asked at `at`."""
        asked = self.of.world.asked
        assert asked is not None
        probes: dict[str, Asking] = {}
        for row in asked.stored.iter_rows(named=True):
            name = row["request"]
            content = sent(asked, [row | {"request": f"probe {at} {name}", "at": at}])[0]
            content |= {"customer": None} if "customer" in content else {}
            probes[name] = Asking(name, content, at)
        for probe in probes.values():
            probe.ask(up, at)
        await up.tick(at + 1)
        return {name: probe.answers[0]["prediction"] for name, probe in probes.items()}


@pytest.mark.parametrize(("case", "way"), both_ways(("question",)))
def test_what_is_seen_over_http(case: Case, way: str, run: Any, tmp_path: Path):
    story = Story(case, tmp_path, way)
    table = case.get("question")
    ticked = table.has("asks")
    past = {row["as of"] for row in table.rows if moment(row["as of"]) < story.begin}
    assert past == PAST.get(case.name, set())
    asked = [] if ticked else sent(story.of.questions, story.of.questions.stored.to_dicts())
    asking = [
        Asking(f"f{i}", {"key": row["asks"]} if ticked else asked[i], moment(row["as of"]))
        for i, row in enumerate(table.rows)
        if row["as of"] not in past
    ]
    story.moments -= {moment(at) for at in past}
    run(story.tell(asking, None))
    rows = [row for row in table.rows if row["as of"] not in past]
    for one, row in zip(asking, rows, strict=True):
        (told,) = one.answers
        value = told["features"][one.name]
        assert answered(value, row["expected"]), (
            f"{row['question']} as of {row['as of']} is {value!r}, not {row['expected']}"
        )
        assert microseconds(told["at"]) == microseconds(told["as_of"]) == one.since
    if case.find("step"):
        judge_receipts(story)


@pytest.mark.parametrize("case", params(ONLY_TAKEN, ("step",)))
def test_what_is_taken_over_http(case: Case, run: Any, tmp_path: Path):
    story = Story(case, tmp_path)
    (asked,) = sent(story.of.questions, story.of.questions.stored.to_dicts())
    asking = Asking("f0", asked, *story.moments)
    run(story.tell([asking], None))
    judge_receipts(story)
    (stored,) = (re.search(r"(\d+) stored", story.sending[0].result),)
    assert asking.answers[0]["features"]["f0"] == (0 if stored is None else int(stored[1]))


def judge_receipts(story: Story) -> None:
    wanted = [body.result for body in story.sending][-len(story.receipts) :]
    assert story.receipts
    for told, result in zip(story.receipts, wanted, strict=True):
        if result.startswith("refused: "):
            assert told.startswith("refused: "), told
            assert result.removeprefix("refused: ") in told, told
        else:
            assert told == result


@pytest.mark.parametrize(("case", "way"), both_ways(*LIVED))
def test_what_is_asked_answered_and_decided_over_http(
    case: Case, way: str, run: Any, tmp_path: Path
):
    story = Story(case, tmp_path, way)
    world = story.of.world
    assert world.asked is not None
    names = dict.fromkeys(row["request"] for row in world.asked.records)
    ticking = "ticks=" in case.setting("system")
    asking = [Asking(name, {"request": name}, story.begin, ticking) for name in names]
    until = case.setting("until")
    trained: dict[str, float] = {}

    async def later(up: Up, at: int) -> None:
        await up.tick(AFTERWARDS + 1)
        trained.update(await story.probed(up, AFTERWARDS + 1))

    echoes = story.of.echoes is not None
    run(story.tell(asking, moment(until) if until else None, later if echoes else None))
    told = {
        f"{one.name} {clock(microseconds(answer['at']))}" if ticking else one.name: answer
        for one in asking
        for answer in one.answers
    }
    if case.find("step"):
        judge_receipts(story)
    if (table := case.find("request", "fires")) is not None:
        judge_fires(table, told)
    if (table := case.find("request", "features as of")) is not None:
        judge_served(table, told, trained)
    if (table := case.find("request", "answer")) is not None:
        judge_answers(table, told, asking, {i: name for name, i in story.models.items()})
    if (table := case.find("decision")) is not None:
        wanted = [(row["at"], row["decision"], row["reason"]) for row in table.rows]
        assert decisions(story.decisions) == wanted


def judge_fires(table: Table, told: dict[str, Any]) -> None:
    fires = {row["request"]: row for row in table.rows if row["fires"] != "never"}
    assert set(told) == set(fires)
    for name, row in fires.items():
        assert clock(microseconds(told[name]["at"])) == row["fires"]
        for column in table.head[1:]:
            value = told[name]["features"].get(column)
            if column == "at":
                assert value == moment(row["at"]) // (60 * SECOND) % (24 * 60)
            elif column != "fires":
                assert answered(value, row[column]), f"{name}: {column} is {value}"


def judge_served(table: Table, told: dict[str, Any], trained: dict[str, float]) -> None:
    for row in table.rows:
        answer = told[row["request"]]
        assert clock(microseconds(answer["as_of"])) == row["features as of"]
        if "feature" in row:
            assert answered(answer["features"]["x"], row["feature"])
        if "known to the run" in row:
            assert answer["fallback"] != YES[row["known to the run"]]
        if "feature in training" in row:
            assert answered(trained[row["request"]], row["feature in training"])


def judge_answers(
    table: Table, told: dict[str, Any], asking: list[Asking], models: dict[str, str]
) -> None:
    refused = {one.name: one.refused for one in asking}
    for row in table.rows:
        name = row["request"]
        if row["answered by"] == "none":
            assert name not in told
            assert 503 in [one.status for one in refused[name]]
            continue
        assert models[told[name]["version"]] == row["answered by"], name
        assert answered(told[name]["prediction"], row["answer"]), name


@pytest.mark.parametrize("case", params(OVER_HTTP, ("request", "label")))
def test_labels_over_http(case: Case, run: Any, tmp_path: Path):
    """A model that recalls its training tells each label; those who wait tell when it is due."""
    story = Story(case, tmp_path)
    table = case.get("request", "label")
    due = [moment(row["due"]) for row in table.rows if "due" in row]
    story.moments |= {*due, *(at + 1 for at in due)}
    found: dict[str, float] = {}

    async def later(up: Up, at: int) -> None:
        found.update(await story.probed(up, at))

    run(story.tell([], AFTERWARDS + 1, later))
    nothing = 0.5 if story.of.system.task == "binary" else NOTHING_KNOWN
    for row in table.rows:
        label = found[row["request"]]
        assert answered(None if label == nothing else label, row["label"]), row["request"]
    for at in due:
        assert story.seen[at] - story.seen[at + 1] == due.count(at)


@pytest.mark.parametrize("case", params(OVER_HTTP, ("mature", "trained on")))
def test_what_is_mature_over_http(case: Case, run: Any, tmp_path: Path):
    """Models trained at each moment tell on what; who still waits for a label is not mature."""
    story = Story(case, tmp_path)
    table = case.get("mature", "trained on")
    known: list[dict[str, float]] = []
    trained: dict[int, str] = {}

    async def later(up: Up, at: int) -> None:
        for one in story.decisions["decisions"]:
            if one["kind"] == "Trained":
                trained[microseconds(one["trigger"])] = one["id"]
        for version in trained.values():
            at += 2
            await up.post("/v1/promote", {"version": version, "reason": "to be asked"})
            await up.tick(at)
            known.append(await story.probed(up, at))

    run(story.tell([], None, later))
    nothing = 0.5 if story.of.system.task == "binary" else NOTHING_KNOWN
    recalled = dict(zip(trained, known, strict=True))
    until = case.setting("until")
    for row in table.rows:
        at = moment(row["as of"])
        told = recalled.get(at, {})
        assert sorted(n for n, v in told.items() if v != nothing) == listed(row["trained on"])
        if until and at > moment(until) + SECOND:
            continue  # live, the history is complete up to the moment itself (6b)
        asked = story.of.world.asked
        assert asked is not None
        fired = sum(max(r["at"], r[AVAILABLE]) < at for r in asked.stored.to_dicts())
        assert story.seen[at] == fired - len(listed(row["mature"]))
    assert set(codes(case)) >= {name for told in known for name in told}


def test_what_is_not_asked_over_http_is_exactly_the_rest():
    names = {case.name for case in CASES}
    assert set(NOT_OVER_HTTP) < names
    asked = {p.id for p in params(OVER_HTTP, *TOLD)}
    assert asked == names - set(NOT_OVER_HTTP)
    for case in OVER_HTTP:
        for table in case.tables:
            handed_in = (
                table.has("event") or table.has("request", "at") or table.has("key", "value")
            )
            assert handed_in or any(table.has(*heading) for heading in TOLD), case.name
