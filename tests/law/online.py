"""The kernel's online face in place of its batch face: rows as they come, a question at a time."""

from __future__ import annotations

import heapq

import numpy as np

from asof.compute.window.contract import (
    NEVER,
    Answers,
    Questions,
    Rows,
    Span,
    SpanAnswers,
    Wanted,
)
from asof.compute.window.online import OnlineWindows, Row


def ask_online(
    rows: Rows, questions: Questions, spans: tuple[Span, ...], wanted: Wanted
) -> Answers:
    """What `ask` answers, from windows that are told each row when it becomes known.

    Between any two questions the windows are started anew from their snapshot, as after a crash.
    """
    windows = OnlineWindows(spans, wanted, coded=len(rows.codes))
    coming = _deltas(rows)
    heapq.heapify(coming)
    found: dict[int, Answers] = {}
    for i in np.argsort(questions.at, kind="stable").tolist():
        at = int(questions.at[i])
        while coming and coming[0][0] < at:
            moment, _, ends, number = heapq.heappop(coming)
            row = _row(rows, number)
            if ends:
                windows.withdraw(row, moment)
            else:
                windows.add(row)
        restarted = OnlineWindows(spans, wanted, coded=len(rows.codes))
        restarted.restore(windows.snapshot())
        windows = restarted
        group = int(questions.group[i])
        own = None if questions.own is None else int(questions.own[i])
        found[i] = windows.ask(None if group < 0 else group, at, own)
    return _together([found[i] for i in range(len(found))], len(spans))


def _deltas(rows: Rows) -> list[tuple[int, int, bool, int]]:
    """Each version as two: added when it is known, withdrawn when another takes its place."""
    known = [(int(t), 0, False, i) for i, t in enumerate(rows.known_from)]
    until = () if rows.known_until is None else rows.known_until.tolist()
    return known + [(t, 1, True, i) for i, t in enumerate(until) if t != NEVER]


def _row(rows: Rows, i: int) -> Row:
    group = int(rows.group[i])
    codes = tuple(None if code < 0 else code for code in rows.codes[:, i].tolist())
    return Row(
        group=None if group < 0 else group,
        event_time=int(rows.event_time[i]),
        known_from=int(rows.known_from[i]),
        values=tuple(rows.values[:, i].tolist()),
        codes=codes,
        identity=i,
        tie=i,
        key=None if rows.key is None else int(rows.key[i]),
    )


def _together(answers: list[Answers], spans: int) -> Answers:
    return Answers(
        matched=np.concatenate([one.matched for one in answers]),
        spans=tuple(_span([one.spans[s] for one in answers]) for s in range(spans)),
    )


def _span(parts: list[SpanAnswers]) -> SpanAnswers:
    first = parts[0]
    return SpanAnswers(
        count=np.concatenate([part.count for part in parts]),
        latest=_edges([part.latest for part in parts]),
        first=_edges([part.first for part in parts]),
        columns=tuple(
            {name: np.concatenate([part.columns[c][name] for part in parts]) for name in column}
            for c, column in enumerate(first.columns)
        ),
        distinct=tuple(
            np.concatenate([part.distinct[d] for part in parts]) for d in range(len(first.distinct))
        ),
    )


def _edges(parts: list[np.ndarray | None]) -> np.ndarray | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None
