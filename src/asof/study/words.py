"""Declared policies in words."""

from __future__ import annotations

from asof.declare.policies import BatchFeatures, Online, Serving, TrainWindow
from asof.declare.schedules import AfterLabels, AnyOf, Never, Periodic, Schedule, Wall
from asof.units import DAY, HOUR, MINUTE, Duration

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def duration_words(length: Duration) -> str:
    """A length as one says it.

    >>> from asof import days, hours
    >>> duration_words(days(7)), duration_words(hours(1))
    ('7 days', 'hour')
    """
    for size, word in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if length.microseconds % size == 0:
            number = length.microseconds // size
            return word if number == 1 else f"{number:,} {word}s"
    return f"{length.microseconds / 1e6:g} seconds"


def schedule_words(schedule: Schedule) -> str:
    """When something happens again, in words."""
    match schedule:
        case Never():
            return "never"
        case Periodic(period=period):
            return f"every {duration_words(period)}"
        case Wall(kind=kind, day=day, hour=hour, minute=minute, zone=zone):
            clock = f"{hour:02d}:{minute:02d} {zone.rpartition('/')[2].replace('_', ' ')}"
            if kind == "daily":
                return f"daily at {clock}"
            if kind == "weekly":
                return f"each {_DAYS[day or 0]} at {clock}"
            return f"monthly on day {day} at {clock}"
        case AfterLabels(labels=labels):
            return f"after {labels:,} new labels"
        case AnyOf(parts=parts):
            return " or ".join(schedule_words(part) for part in parts)
        case _:
            return repr(schedule)


def retraining_words(schedule: Schedule, window: TrainWindow) -> str:
    """When is trained, and on what."""
    on = "all before" if window.length is None else f"the last {duration_words(window.length)}"
    return f"{schedule_words(schedule)}, on {on}"


def serving_words(serving: Serving) -> str:
    """How requests are answered."""
    if isinstance(serving, Online):
        return "online features"
    what = "features" if isinstance(serving, BatchFeatures) else "predictions"
    fresh = ", trained on fresh ones" if serving.trained == "fresh" else ""
    return f"batch {what} {schedule_words(serving.schedule)}{fresh}"
