"""The kernel's online face in place of its batch face: rows as they come, a question at a time."""

from __future__ import annotations

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
from asof.compute.window.online import OnlineWindows


def ask_online(
    rows: Rows, questions: Questions, spans: tuple[Span, ...], wanted: Wanted
) -> Answers:
    """What `ask` answers, from windows that are told each row when it becomes known.

    Before any question they are started anew, as after a crash, from the rows that were known at
    the question before it.
    """
    coming = sorted(_deltas(rows))
    found: dict[int, Answers] = {}
    moment = None
    for i in np.argsort(questions.at, kind="stable").tolist():
        at = int(questions.at[i])
        windows = OnlineWindows(
            spans, wanted, coded=len(rows.codes), keyed=rows.key is not None, ties=lambda i: (i,)
        )
        if moment is not None:
            known, mine = _known_by(rows, moment)
            windows.load(known, mine, moment=moment)
        for when, ends, number in coming:
            if (moment is None or when >= moment) and when < at:
                _tell(windows, rows, when, number, ends=ends)
        own = None if questions.own is None else questions.own[i : i + 1]
        found[i] = windows.answers(questions.group[i : i + 1], questions.at[i : i + 1], own)
        moment = at
    return _together([found[i] for i in range(len(found))], len(spans))


def _deltas(rows: Rows) -> list[tuple[int, bool, int]]:
    """Each version as two: added when it is known, withdrawn when another takes its place."""
    known = [(int(t), False, i) for i, t in enumerate(rows.known_from)]
    until = () if rows.known_until is None else rows.known_until.tolist()
    return known + [(t, True, i) for i, t in enumerate(until) if t != NEVER]


def _known_by(rows: Rows, moment: int) -> tuple[Rows, np.ndarray]:
    """The rows that were known before a moment, as they were then; which they are."""
    mine = np.flatnonzero(rows.known_from < moment)
    ends = None if rows.known_until is None else rows.known_until[mine]
    return Rows(
        group=rows.group[mine],
        event_time=rows.event_time[mine],
        known_from=rows.known_from[mine],
        known_until=None if ends is None else np.where(ends < moment, ends, NEVER),
        values=rows.values[:, mine],
        codes=rows.codes[:, mine],
        key=None if rows.key is None else rows.key[mine],
    ), mine


def _tell(windows: OnlineWindows, rows: Rows, moment: int, i: int, *, ends: bool) -> None:
    group, event_time = int(rows.group[i]), int(rows.event_time[i])
    if ends:
        windows.withdraw(group, event_time, i, moment)
        return
    windows.add(
        group,
        event_time,
        moment,
        rows.values[:, i].tolist(),
        rows.codes[:, i].tolist(),
        identity=i,
        tie=(i,),
        key=-1 if rows.key is None else int(rows.key[i]),
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
