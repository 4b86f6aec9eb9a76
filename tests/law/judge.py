"""What a case says of requests, labels, slots, serving and decisions, and whether it is so."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from brute import fires, label_of
from cases import Case, Table, clock, moment
from questions import matches
from world import WORDS, World

from asof.compute.requests import due_times, names
from asof.compute.schedule import moments
from asof.compute.slots import finality
from asof.engine.history import History
from asof.engine.messages import Deferred, Promoted, Trained, TrainingBegan, TrainingFailed
from asof.engine.replay import Replayed, replay
from asof.errors import DataRefused

Judge = Callable[[Case, World, Any, Table], None]


def listed(cell: str) -> list[str]:
    return [] if cell == "none" else [part.strip() for part in cell.split(",")]


def called(history: History) -> list[str]:
    """The requests by name; ticks by their key and moment."""
    frame = history.requests.frame
    if "tick_" not in frame.columns:
        return names(history.requests).to_list()
    return [f"{r['request']} {clock(r['tick_'])}" for r in frame.iter_rows(named=True)]


def fired(case: Case, world: World, stored: Any, table: Table) -> None:
    """When each request is asked, and with which version of its row (4a, 4d)."""
    rows = {}
    history: History | None = None
    try:
        history = world.history(stored)
    except DataRefused:
        assert all(row["fires"] == "never" for row in table.rows)
    if history is not None:
        for position, name in enumerate(called(history)):
            rows[name] = history.requests.frame.row(position, named=True) | {
                "fires": clock(int(history.requests.fired[position]))
            }
    wanted = {row["request"]: row for row in table.rows}
    assert {n for n, row in wanted.items() if row["fires"] != "never"} == set(rows), case.name
    for name, row in rows.items():
        for column in table.head[1:]:
            found = row[column]
            if column != "fires" and isinstance(found, int):
                found = clock(found)
            assert found == wanted[name][column] or matches(found, wanted[name][column]), (
                f"{case.name}: {name} {column} is {found!r}, the page says {wanted[name][column]}"
            )
    if "tick_" not in (history.requests.frame.columns if history else []):
        brute = fires(stored["asked"])
        assert {name: clock(at) for name, (at, _) in brute.items()} == {
            name: row["fires"] for name, row in wanted.items() if row["fires"] != "never"
        }
        for name, (_, row) in brute.items():
            assert {column: row[column] for column in row if column in rows[name]} == {
                column: value for column, value in rows[name].items() if column in row
            }


def labelled(case: Case, world: World, stored: Any, table: Table) -> None:
    """The label of each request, when it is due, what came late (6a)."""
    history = world.history(stored)
    found = history.outcomes
    at = {name: position for position, name in enumerate(called(history))}
    for row in table.rows:
        i = at[row["request"]]
        value = float(found.value[i])
        assert matches(value, row["label"]), f"{row['request']}: label {value}"
        if "due" in row:
            assert clock(int(found.due[i])) == row["due"]
        if "late" in row:
            assert bool(found.late[i]) == (row["late"] == "yes"), f"{row['request']}: late"
        brute = label_of(
            world, stored, history.requests.frame.row(i, named=True), int(found.due[i])
        )
        assert brute == value or (math.isnan(value) and brute is None), f"oracle: {brute}"


def mature(case: Case, world: World, stored: Any, table: Table) -> None:
    """Which requests are mature as of a moment (6b), and which a training takes (6d)."""
    history = world.history(stored)
    every = np.array(called(history))
    for row in table.rows:
        found = sorted(every[history.outcomes.mature(moment(row["as of"]))])
        assert found == listed(row["mature"]), f"as of {row['as of']}: {found}"
        if "trained on" in row:
            chosen = sorted(every[history.training_rows(moment(row["as of"]))])
            assert chosen == listed(row["trained on"]), f"as of {row['as of']}: {chosen}"


def slotted(case: Case, world: World, stored: Any, table: Table) -> None:
    """Which slots of request time are final (6e)."""
    history = world.history(stored)
    options = eval(f"dict({case.setting('slots')})", WORDS)
    length = options["length"].microseconds
    due = due_times(world.system.label, history.requests)
    for row in table.rows:
        start = moment(row["slot"])
        found = finality(
            history.requests.at, history.requests.fired, due,
            np.array([start, start + length], dtype=np.int64),
            until=history.until, as_of=moment(row["as of"]), share=options.get("share", 1.0),
        )  # fmt: skip
        told = (int(found.n[0]), int(found.mature[0]), bool(found.final[0]))
        assert told == (int(row["requests"]), int(row["mature"]), row["final"] == "yes"), told


def served(case: Case, world: World, stored: Any, table: Table) -> None:
    """As of when the features of each request are, in serving and in training (5a, 5b)."""
    history = world.history(stored)
    at = {name: position for position, name in enumerate(called(history))}
    for row in table.rows:
        i = at[row["request"]]
        for seen, suffix in ((history.serving, ""), (history.training, " in training")):
            if f"features as of{suffix}" in row and row[f"features as of{suffix}"] != "never":
                assert clock(int(seen.as_of[i])) == row[f"features as of{suffix}"], row["request"]
            if f"feature{suffix}" in row:
                value = seen.features["x"][i]
                assert matches(value, row[f"feature{suffix}"]), f"{row['request']}: {value}"
        if "known to the run" in row:
            assert bool(history.serving.covered[i]) == (row["known to the run"] == "yes")


def lived(world: World, stored: Any, cut: int | None) -> Replayed:
    return replay(world.history(stored), cut=cut, workers=1)


def answers(case: Case, world: World, stored: Any, table: Table) -> None:
    """Which model answers each request, and what (2a, 5a, 5c)."""
    for cut in (None, 1):
        life = lived(world, stored, cut)
        at = {name: position for position, name in enumerate(called(life.history))}
        for row in table.rows:
            i = at[row["request"]]
            model = "none" if life.models[i] < 0 else f"m{life.models[i]}"
            assert model == row["answered by"], f"{row['request']}: {model}"
            value = float(life.predictions[i])
            assert matches(value, row["answer"]), f"{row['request']}: {value}"


def decided(case: Case, world: World, stored: Any, table: Table) -> None:
    """What is decided when, why, and that any cutting of the stream decides alike (5c, 7)."""
    wanted = [(row["at"], row["decision"], row["reason"]) for row in table.rows]
    for cut in (None, 1, 2):
        told = [d for message in lived(world, stored, cut).log.messages if (d := _told(message))]
        assert told == wanted, told


def _told(message: Any) -> tuple[str, str, str] | None:
    at = clock(message.at)
    match message:
        case TrainingBegan():
            return at, f"train {message.model}", message.reason
        case Trained():
            return (
                at,
                f"{message.model} is ready",
                f"{message.rows} rows as of {clock(message.trigger)}",
            )
        case TrainingFailed():
            return at, f"{message.model} failed", message.reason
        case Promoted():
            return at, f"{message.model} serves", message.reason
        case Deferred():
            return at, "wait", message.reason
        case _:
            return None


def scheduled(case: Case, world: World, stored: Any, table: Table) -> None:
    """The moments of a schedule (1e)."""
    for row in table.rows:
        found = moments(
            eval(row["schedule"].strip("`"), WORDS | {"time": _time}),
            moment(row["from"]),
            moment(row["before"]),
            **({"anchor": moment(row["counted from"])} if "counted from" in row else {}),
        )
        assert [clock(int(at)) for at in found] == listed(row["moments"]), row["schedule"]


def _time(hour: int, minute: int = 0) -> Any:
    from datetime import time

    return time(hour, minute)


JUDGES: dict[tuple[str, ...], Judge] = {
    ("request", "fires"): fired,
    ("request", "label"): labelled,
    ("mature", "trained on"): mature,
    ("slot", "final"): slotted,
    ("request", "features as of"): served,
    ("request", "answer"): answers,
    ("decision", "reason"): decided,
    ("schedule", "moments"): scheduled,
}
