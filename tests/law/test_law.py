"""The law: every case of docs/law.md, through the oracle, the kernel and the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import stored as doors
from cases import PAGE, Case, cases, letters, moment
from judge import JUDGES
from online import ask_online
from questions import by_batch, by_messages, by_online, by_oracle, by_partitions, matches, questions
from world import WORDS, World, one_row_messages

from asof.errors import AsofError

CASES = cases()
LETTERS = {
    "1": "abcdef", "2": "abcdefg", "3": "abcdef", "4": "abcd", "5": "abc", "6": "abcde",
    "7": "abcdef", "8": "abcd",
}  # fmt: skip

ANSWERS = {
    "oracle": by_oracle,
    "batch": by_batch,
    "online": by_online,
    "one-row messages": by_messages,
    "key partitions": by_partitions,
}
DOORS = ("memory", "one-row messages", "online", "store", "crash")


def params(wanted: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in wanted]


def with_(*heading: str) -> list[Any]:
    return params([case for case in CASES if case.find(*heading)])


def kept(world: World, door: str, folder: Path, monkeypatch: Any) -> Any:
    """The rows of a case as they are stored, by one of the doors."""
    if door in {"memory", "online"}:
        return world.in_memory()
    if door == "one-row messages":
        return {name: one_row_messages(frame) for name, frame in world.in_memory().items()}
    if door == "store":
        return doors.through_store(world, folder)
    return doors.after_crashes(world, folder, monkeypatch)


def compare(
    case: Case, world: World, stored: Any, how: str, table: Any, chosen: Any = None
) -> None:
    asked = [q for q in questions(world, table, stored) if chosen is None or q.after == chosen]
    found = ANSWERS[how](world, stored, asked)
    for question, value in zip(asked, found, strict=True):
        assert matches(value, question.expected), (
            f"{case.name}: {question.text} as of {question.as_of} is {value!r}, "
            f"the page says {question.expected}"
        )


ASKED = [case for case in CASES if case.find("question") and not case.find("step")]


@pytest.mark.parametrize("how", ANSWERS)
@pytest.mark.parametrize("case", params(ASKED))
def test_what_is_seen(case: Case, how: str):
    world = World(case)
    compare(case, world, world.in_memory(), how, case.get("question"))


@pytest.mark.parametrize("door", ["store", "crash"])
@pytest.mark.parametrize("case", params(ASKED))
def test_what_is_seen_in_a_store(case: Case, door: str, tmp_path: Path, monkeypatch: Any):
    world = World(case)
    stored = kept(world, door, tmp_path, monkeypatch)
    compare(case, world, stored, "batch", case.get("question"))
    compare(case, world, stored, "oracle", case.get("question"))


@pytest.mark.parametrize("case", with_("step"))
def test_what_is_taken(case: Case, tmp_path: Path, monkeypatch: Any):
    world = World(case)
    story = doors.Story(world, tmp_path, monkeypatch)
    steps = case.get("step")
    story.run(steps)
    for row, result in zip(steps.rows, story.results, strict=True):
        wanted = row["result"]
        if wanted.startswith("refused: "):
            assert result.startswith("refused: "), f"{row['step']}: {result}"
            assert wanted.removeprefix("refused: ") in result, f"{row['step']}: {result}"
        else:
            assert result == wanted, f"{row['step']}: {result}"
    table = case.find("question")
    if table is None:
        return
    for after in {row.get("after step") for row in table.rows}:
        frames = story.stored(None if after is None else int(after))
        for how in ANSWERS:
            compare(case, world, frames, how, table, after)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", params([c for c in CASES if any(c.find(*h) for h in JUDGES)]))
def test_what_is_asked_answered_and_decided(
    case: Case, door: str, tmp_path: Path, monkeypatch: Any
):
    world = World(case)
    if case.find("request", "at"):
        world.system  # noqa: B018  declared first: it may take the requests for its rows
    if case.find("step"):
        if door != "store":
            pytest.skip("steps are about the store")
        story = doors.Story(world, tmp_path, monkeypatch)
        story.run(case.get("step"))
        stored = story.stored()
    else:
        stored = kept(world, door, tmp_path, monkeypatch)
    if door == "online":
        monkeypatch.setattr("asof.compute.window.ask.ask", ask_online)
    for heading, judge in JUDGES.items():
        table = case.find(*heading)
        if table is not None:
            judge(case, world, stored, table)


@pytest.mark.parametrize("case", with_("declared"))
def test_what_cannot_be_declared(case: Case):
    for row in case.get("declared").rows:
        words = WORDS | (
            World(case).joined(World(case).rows.table.row, []) if case.find("event") else {}
        )
        with pytest.raises(AsofError) as caught:
            eval(row["declared"].strip("`"), words)
        assert row["refused"] in str(caught.value)


def test_every_letter_is_on_the_page():
    page = PAGE.read_text(encoding="utf-8")
    law = {f"{number}{letter}" for number, told in LETTERS.items() for letter in told}
    shown = {case.letter for case in CASES}
    assert shown <= law
    assert law - shown == letters(page) - shown, "a letter has a case, or the page says why not"


def test_cases_are_few_rows_each_and_named_once():
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
    for case in CASES:
        assert all(len(table.rows) <= 8 for table in case.tables), case.name
        assert case.tables, case.name


def test_moments_are_read_as_they_are_written():
    assert moment("13:05:02") - moment("13:05") == 2_000_000
    assert moment("Tue 00:00") - moment("00:00") == 86_400_000_000
