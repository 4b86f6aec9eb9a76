"""A case of the law as what is declared, sent, asked and told over HTTP."""

from __future__ import annotations

import copy
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, time
from functools import reduce
from itertools import groupby, pairwise
from operator import or_
from typing import Any

import numpy as np
from cases import Case, Table, cases, clock, moment
from over_http import Json, Refused, Up, iso, microseconds
from questions import matches
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from world import WORDS, Average, Rows, World, row_class

import asof
from asof.compute.schedule import moment as to_datetime
from asof.declare.kept import AVAILABLE, POSITION, RECORDED

NEVER = moment("2030-01-01 00:00")
"""The life of a case that is not about one begins after it."""
AFTERWARDS = moment("Wed 00:00")
"""When all labels of a case are in."""
NOTHING_KNOWN = -1.0


class Recall(RegressorMixin, BaseEstimator):
    """Answers with the label of the row that it was trained on with the same code (column 0)."""

    def fit(self, X: Any, y: Any) -> Recall:
        self.labels_ = {float(code): float(label) for code, label in zip(X[:, 0], y, strict=True)}
        return self

    def predict(self, X: Any) -> Any:
        return np.array([self.labels_.get(float(code), NOTHING_KNOWN) for code in X[:, 0]])


class RecallYes(ClassifierMixin, BaseEstimator):
    """The same for yes and no; 0.5 for a code that it was not trained on."""

    def fit(self, X: Any, y: Any) -> RecallYes:
        self.labels_ = {float(code): float(label) for code, label in zip(X[:, 0], y, strict=True)}
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X: Any) -> Any:
        yes = np.array([self.labels_.get(float(code), 0.5) for code in X[:, 0]])
        return np.column_stack([1 - yes, yes])


class Echo(RegressorMixin, BaseEstimator):
    """Answers with the mean of the first feature over the rows that it was trained on."""

    def fit(self, X: Any, y: Any) -> Echo:
        self.mean_ = float(X[:, 0].mean())
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.mean_)


COUNTED = Table(("question", "as of"), ({"question": "`last(days(1)).count()`", "as of": "18:00"},))
"""What is asked in a case that asks nothing: how many rows there are."""


# --- what is declared -------------------------------------------------------------------------


def coded(case: Case) -> Case:
    """The same case with the number of each request in a column `code`, for a model to recall."""
    found = copy.deepcopy(case)
    for i, table in enumerate(found.tables):
        if table.has("request", "at") and not table.has("fires"):
            names = list(dict.fromkeys(row["request"] for row in table.rows))
            rows = tuple(row | {"code": str(names.index(row["request"]))} for row in table.rows)
            found.tables[i] = Table((*table.head, "code"), rows)
            return found
    raise AssertionError(f"case {case.name} has no requests")


def codes(case: Case) -> dict[str, float]:
    table = coded(case).get("request", "at", "code")
    return {row["request"]: float(row["code"]) for row in table.rows}


class Declared:
    """A case's system as it runs, and the world in which its rows are read.

    A case about labels or training gets a model that can be asked what it was trained on; one that
    is not about a life gets one that begins after it.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.asks = case.find("question") or (None if case.find("request", "at") else COUNTED)
        self.recalls = case.find("request", "label") or case.find("mature", "trained on")
        self.echoes = case.find("request", "feature in training")
        self.world = World(coded(case) if self.recalls else case)
        self.system = self._asking() if self.asks else self._system()

    @property
    def lives(self) -> bool:
        """Whether the page says when the life begins."""
        return "start=" in self.case.setting("system")

    @property
    def given(self) -> bool:
        """Whether a model has to be put into service by hand before anything can be answered."""
        return not self.lives and not self.recalls

    def _system(self) -> asof.System[Any]:
        system = self.world.system
        assert self.world.asked is not None
        asked = self.world.asked.table.row
        fires = self.case.find("request", "fires")
        own = {n: _own(asked, n) for n in fires.head[1:] if n != "fires"} if fires else {}
        columns: dict[str, Any] = dict(system.features.columns) | own
        if self.recalls:
            columns = {"code": asked.code} | columns
            yes = system.task == "binary"
            system = system.but(
                model=RecallYes() if yes else Recall(), start=to_datetime(self._trainings()[0]),
                retraining=reduce(or_, [_daily(at) for at in self._trainings()]),
            )  # fmt: skip
        elif self.echoes:
            system = system.but(model=Echo(), start=to_datetime(AFTERWARDS), retraining=_never())
        elif not self.lives:
            system = system.but(start=to_datetime(NEVER), retraining=_never())
        return system.but(features=asof.features(asked, **columns))

    def _trainings(self) -> list[int]:
        """When a model that recalls is trained."""
        table = self.case.find("mature", "trained on")
        return [AFTERWARDS] if table is None else [moment(row["as of"]) for row in table.rows]

    @property
    def trainings(self) -> list[int]:
        return self._trainings() if self.recalls else [AFTERWARDS] if self.echoes else []

    def _asking(self) -> asof.System[Any]:
        """A system whose features are the questions, and its requests when they are asked."""
        assert self.world.rows is not None
        assert self.asks is not None
        table, rows = self.asks, self.world.rows
        joins = [n for n in table.head if n not in ("question", "as of", "expected", "asks")]
        if table.has("asks"):
            asked, requests = rows.table.row, asof.ticks(rows.table, asof.minutes(15))
            self.questions = rows
        else:
            records = [
                {"request": f"q{i}", "at": row["as of"]} | {name: row[name] for name in joins}
                for i, row in enumerate(table.rows)
            ]
            lines = ["key: Col[str | None]"] if "key" in joins else []
            head = Table(("request", *joins, "at"), tuple(records))
            asked = row_class("Asked", head, lines, timed="at")
            requests = asof.source(asked, name="asked")
            self.questions = Rows(requests, tuple(records))
        words = self.world.joined(asked, joins)
        facts = {
            f"f{i}": eval(row["question"].strip("`"), words) for i, row in enumerate(table.rows)
        }
        whole: Any = self.questions.table.all(asked)
        return asof.System(
            "case",
            requests=requests,
            **({} if table.has("asks") else {"at": asked.at}),
            features=asof.features(asked, **facts),
            label=asof.outcome(whole.next(asof.days(1)).count(), wait=asof.days(0)),
            model=Average(),
            start=to_datetime(NEVER),
            retraining=_never(),
        )


def _own(asked: Any, name: str) -> Any:
    """A column of the asked row as a feature; a moment by its minute of the day."""
    column = getattr(asked, name)
    return column.local("UTC").minute_of_day() if name == "at" else column


def _never() -> Any:
    return WORDS["never"]()


def _daily(at: int) -> Any:
    told = to_datetime(at).astimezone(UTC)
    return WORDS["daily"](time(told.hour, told.minute, told.second), zone="UTC")


def declared(name: str) -> asof.System[Any]:
    """The system of a case, found by the process that fits it."""
    return Declared(next(case for case in cases() if case.name == name)).system


# --- what is sent -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Body:
    """Rows that are sent together at a moment, and what the page says becomes of them."""

    at: int
    source: str
    rows: list[Json]
    key: str | None = None
    result: str = ""


def sent(rows: Rows, records: Iterable[Mapping[str, Any]], *, naive: bool = False) -> list[Json]:
    """Stored rows as they are sent."""
    times = [s.name for s in rows.table.row.columns_ if s.kind in ("time", "key_time", "moment")]
    names = [spec.name for spec in rows.table.row.columns_]
    return [
        {
            name: iso(row[name])[: 19 if naive else None]
            if name in times and row[name] is not None
            else row[name]
            for name in names
        }
        for row in records
    ]


def bodies(world: World, way: str, begin: int) -> list[Body]:
    """The rows of a case without steps: each when it is known, or all of them before."""
    found: list[Body] = []
    for name, rows in world.tables.items():
        stored = rows.stored.sort(RECORDED, POSITION)
        if way == "all before":
            for _, file in groupby(stored.iter_rows(named=True), key=lambda row: row[RECORDED]):
                found.append(Body(begin, name, sent(rows, file)))
        else:
            found += [
                Body(row[AVAILABLE], name, sent(rows, [row]))
                for row in stored.iter_rows(named=True)
            ]
    return found


STEP = re.compile(
    r"(?P<requests>requests, )?file (?P<file>\d)(?: at (?P<at>[\d:]+))?(?P<again> again)?"
)


def steps(case: Case, world: World, begin: int) -> list[Body]:
    """The files of a case as bodies."""
    found: list[Body] = []
    for row in case.get("step").rows:
        told = STEP.fullmatch(row["step"])
        if told is None:
            assert row["step"].startswith("live from "), row["step"]
            continue
        rows = world.asked if told["requests"] else world.rows
        assert rows is not None
        frame = rows.stored.filter(rows.stored[RECORDED] == int(told["file"]))
        content = sent(rows, frame.iter_rows(named=True), naive="clocks" in case.settings)
        at = begin if told["at"] is None else moment(told["at"])
        result = row["result"] if told["again"] else as_receipt(row["result"])
        found.append(Body(at, rows.table.name, content, f"file {told['file']}", result))
    return found


def as_receipt(result: str) -> str:
    """What a load says of a file as a receipt says it of a body: it counts what it took.

    Whether a row says what is known already is told by availability, when versions are chosen.
    """
    counts = {words: int(n) for n, words in re.findall(r"(\d+) (stored|unchanged)", result)}
    if result.startswith("refused") or not counts:
        return result
    apart = re.search(r", \d+ in quarantine", result)
    return f"{sum(counts.values())} stored{apart[0] if apart else ''}"


# --- what is told -----------------------------------------------------------------------------


@dataclass
class Asking:
    """A question that is asked whenever it does not wait already, until it is answered."""

    name: str
    row: Json
    since: int
    again: bool = False
    waits: bool = False
    answers: list[Json] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def ask(self, up: Up, at: int) -> None:
        """Ask, and again where nobody knew the row yet; for want of a model there is no answer."""
        asked = [*self.answers, *(one for one in self.refused if one.status == 503)]
        if self.waits or at < self.since or (asked and not self.again):
            return
        self.waits = True
        up.ask(self.row, self._answered)

    def _answered(self, told: Json | Refused) -> None:
        self.waits = False
        if isinstance(told, Refused):
            self.refused.append(told)
        else:
            self.answers.append(told)


Look = Callable[[int], Awaitable[None]]


async def play(
    up: Up, sending: list[Body], asking: list[Asking], moments: Iterable[int], look: Look
) -> list[str]:
    """Tick from moment to moment; between two of them send what comes then, and ask.

    The last moment ends the play; `look` is called after each. What became of the bodies.
    """
    receipts: list[str] = []
    ticks = sorted({*moments, *(body.at for body in sending)})
    for at, until in pairwise(ticks):
        await up.tick(at)
        await look(at)
        for one in asking:
            if one.since == at:  # before the rows of its moment: their order decides nothing
                one.ask(up, at)
        coming = [body for body in sending if at <= body.at < until]
        receipts += [await handed_in(up, body) for body in coming]
        for one in asking:
            one.ask(up, at)
    await up.tick(ticks[-1])
    await look(ticks[-1])
    return receipts


async def handed_in(up: Up, body: Body) -> str:
    """What becomes of a body, as the page says it of a file."""
    try:
        told = await up.hand_in(body.source, body.rows, body.key)
    except Refused as refused:
        if refused.status != 422:
            raise
        return f"refused: {refused.words}"
    apart = len(told["quarantined"])
    if told["repeated"]:
        return f"{told['rows']} unchanged"
    parts = [f"{told['rows'] - apart} stored", f"{apart} in quarantine" if apart else ""]
    return ", ".join(filter(None, parts))


def answered(value: Any, expected: str) -> bool:
    """Whether a value of a JSON answer is what the page says."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    return matches(value, expected)


def decisions(told: Json) -> list[tuple[str, str, str]]:
    """Decisions as the page writes them."""
    words = {
        "TrainingBegan": lambda one: (f"train {one['model']}", one["reason"]),
        "Trained": lambda one: (
            f"{one['model']} is ready",
            f"{one['rows']} rows as of {clock(microseconds(one['trigger']))}",
        ),
        "TrainingFailed": lambda one: (f"{one['model']} failed", one["reason"]),
        "Promoted": lambda one: (f"{one['model']} serves", one["reason"]),
        "Deferred": lambda one: ("wait", one["reason"]),
    }
    return [
        (clock(microseconds(one["moment"])), *words[one["kind"]](one)) for one in told["decisions"]
    ]
