"""The figures of a running system for those who watch it: its status, as Prometheus counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from asof.engine.live.answers import Figure

Status = Mapping[str, Any]


def figures(status: Status) -> list[Figure]:
    """What only the engine can count, from what it says of itself: the two cannot differ.

    Moments are seconds since 1970-01-01 UTC; of what is not there, there is no figure.
    """
    return [*_journal(status), *_models(status), *_outcomes(status), *_rows(status)]


def _journal(status: Status) -> Iterator[Figure]:
    journal = status["journal"]
    yield Figure(
        "journal_lag_seconds", "Age of the oldest message not durable.", journal["lag_seconds"]
    )
    yield Figure("journal_backlog_bytes", "Bytes that wait to be durable.", journal["backlog"])
    yield Figure("answers_lost_total", "Answers never recorded.", journal["lost"], grows=True)
    yield Figure(
        "sealed_timestamp_seconds",
        "When the journal was last moved into the tables, or nothing was to be moved.",
        _seconds(status["sealed"]),
    )
    yield Figure(
        "stamps_ahead_seconds",
        "By how much stamps run ahead of the machine's clock, which fell back.",
        status["stamps_ahead_seconds"],
    )
    failing = {
        "journal": journal["failing"], "sealing": status["sealing"],
        "fits": status["fits"]["failing"], "parity": status["parity"]["failed"],
    }  # fmt: skip
    for part, why in failing.items():
        yield Figure(
            "failing", "Whether a part failed the last time; the status says why.",
            bool(why), labels={"part": part},
        )  # fmt: skip


def _models(status: Status) -> Iterator[Figure]:
    fits = status["fits"]
    moments = {
        "model_as_of_timestamp_seconds": ("As of when the model in service was trained.",
                                          status["model_as_of"]),
        "model_since_timestamp_seconds": ("Since when the model in service serves.",
                                          status["model_since"]),
        "fitted_timestamp_seconds": ("When a fit last did well.", fits["last_fitted"]),
    }  # fmt: skip
    for name, (meaning, told) in moments.items():
        if told is not None:
            yield Figure(name, meaning, _seconds(told))
    for outcome in ("fitted", "failed"):
        yield Figure(
            "fits_total", "Fits that ended.", fits[outcome], grows=True,
            labels={"outcome": outcome},
        )  # fmt: skip
    yield Figure("fits_under_way", "Fits under way.", fits["under_way"])
    yield Figure("decisions_total", "Decisions of the life.", status["decisions"], grows=True)


def _outcomes(status: Status) -> Iterator[Figure]:
    outlook, parity = status["outlook"], status["parity"]
    if outlook["value"] is not None:
        yield Figure(
            "score", "The metric over the last answers whose label is known.",
            outlook["value"], labels={"metric": outlook["metric"]},
        )  # fmt: skip
    yield Figure("score_answers", "Answers that the score rests on.", outlook["answers"])
    apart = status["asked_apart"]
    if apart["answers"]:
        yield Figure(
            "asked_apart_median_seconds", "Between asking and the moment asked about, of half.",
            apart["median_seconds"],
        )  # fmt: skip
        yield Figure(
            "asked_apart_largest_seconds", "Between asking and the moment asked about, at most.",
            apart["largest_seconds"],
        )  # fmt: skip
    for outcome, count in (("came", "labelled"), ("never_came", "never_came")):
        yield Figure(
            "labels_total", "Labels that were due.", outlook[count], grows=True,
            labels={"outcome": outcome},
        )  # fmt: skip
    yield Figure("labels_waiting", "Requests whose label is not due.", status["labels"]["waiting"])
    yield Figure("parity_checked_total", "Answers recomputed.", parity["checked"], grows=True)
    yield Figure("parity_differences_total", "Those that differ.", parity["differing"], grows=True)
    for why in ("arrival", "fault"):
        yield Figure(
            "parity_values_total", "Served values that differ, and why.",
            parity["why"].get(why, 0), grows=True, labels={"why": why},
        )  # fmt: skip


def _rows(status: Status) -> Iterator[Figure]:
    for source, rows in status["rows"].items():
        yield Figure(
            "rows_total", "Rows taken, those set apart and those that came with requests too.",
            rows["taken"], grows=True, labels={"source": source},
        )  # fmt: skip
        yield Figure(
            "rows_quarantined_total", "Rows that broke their contract.",
            rows["quarantined"], grows=True, labels={"source": source},
        )  # fmt: skip
    for source, age in status["ages"].items():
        if age is not None:
            yield Figure(
                "feature_age_seconds", "Age of the newest row that features see.",
                age, labels={"source": source},
            )  # fmt: skip


def _seconds(told: str) -> float:
    return datetime.fromisoformat(told).timestamp()
