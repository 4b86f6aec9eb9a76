"""The modes that are compared: read from names, and named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time
from typing import Any

from asof.declare.policies import BatchFeatures, BatchPredictions, Online, Serving
from asof.declare.schedules import Periodic, Schedule, Wall, daily
from asof.declare.system import System
from asof.errors import UsageError
from asof.study.serving.facts import Kind
from asof.units import DAY, HOUR, MINUTE, Duration

FEATURES = "1h,6h,nightly"
PREDICTIONS = "nightly"

_SIZES = {"min": MINUTE, "h": HOUR, "d": DAY}
_NAME = re.compile(r"(?:(?P<number>\d+)(?P<unit>min|h|d)|(?P<nightly>nightly)(?:@(?P<zone>\S+))?)")


@dataclass(frozen=True)
class Mode:
    """A mode to replay: its name in lists, its kind, and how it serves."""

    name: str
    kind: Kind
    serving: Serving
    declared: bool = False

    @property
    def every(self) -> int:
        """The span between two of its runs in microseconds, 0 online."""
        return 0 if isinstance(self.serving, Online) else span_of(self.serving.schedule)


def modes(system: System[Any], features: str, predictions: str, zone: str) -> list[Mode]:
    """Online, batch features and batch predictions by name, what is declared, and the mistake.

    Each way to predict beforehand has a hybrid, which answers online what no run knew. The mistake
    is a model trained on fresh features and served stale ones: of the declared mode, or of the
    stalest features where online is declared.
    """
    found = [Mode("online", "online", Online())]
    for name, schedule in _schedules(features, zone, "--features"):
        serving = BatchFeatures(schedule, Duration(0), "aligned")
        found.append(Mode(f"features {name}", "features", serving))
    ahead = _ahead(system)
    for name, schedule in _schedules(predictions, zone, "--predictions"):
        reach = ahead or Duration(span_of(schedule))
        batch = BatchPredictions(schedule, Duration(0), "aligned", reach, None)
        found.append(Mode(f"predictions {name}", "predictions", batch))
    found = _with_declared(found, system.serving)
    mistake = _mistake(found, system.serving)
    if mistake is not None and all(each.serving != mistake.serving for each in found):
        found.append(mistake)
    found += [
        replace(each, name=f"hybrid {each.name.removeprefix('predictions ')}", kind="hybrid",
                declared=False)
        for each in found if each.kind == "predictions"
    ]  # fmt: skip
    ranks = ("online", "features", "predictions", "hybrid", "skewed")
    return sorted(found, key=lambda each: (ranks.index(each.kind), each.every))


def _with_declared(found: list[Mode], serving: Serving) -> list[Mode]:
    if any(each.serving == serving for each in found):
        return [replace(each, declared=each.serving == serving) for each in found]
    if isinstance(serving, Online):
        return found
    kind: Kind = "features" if isinstance(serving, BatchFeatures) else "predictions"
    if serving.trained == "fresh":
        kind = "skewed"
    return [*found, Mode("declared", kind, serving, declared=True)]


def _mistake(found: Sequence[Mode], declared: Serving) -> Mode | None:
    """The declared mode, or else the stalest features, trained on fresh ones."""
    of = declared
    if isinstance(of, Online):
        stale = [each for each in found if each.kind == "features"]
        if not stale:
            return None
        of = max(stale, key=lambda each: each.every).serving
    if isinstance(of, Online):
        return None
    name = next((each.name for each in found if each.serving == replace(of, trained="aligned")), "")
    return Mode(f"{name or 'declared'}, trained fresh", "skewed", replace(of, trained="fresh"))


def _ahead(system: System[Any]) -> Duration | None:
    return system.serving.ahead if isinstance(system.serving, BatchPredictions) else None


def _schedules(names: str, zone: str, option: str) -> list[tuple[str, Schedule]]:
    """The schedules of a list such as `1h,6h,nightly`.

    >>> [name for name, _ in _schedules("90min, nightly@Europe/Berlin", "UTC", "--features")]
    ['90min', 'nightly@Europe/Berlin']
    """
    asked = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
    return [(name, _schedule(name, zone, option)) for name in asked]


def _schedule(name: str, zone: str, option: str) -> Schedule:
    read = _NAME.fullmatch(name)
    if read is None or read["number"] == "0":
        raise UsageError(
            f"{option} does not know '{name}'.",
            found="a list of 30min, 6h, 7d, nightly, nightly@Europe/Berlin",
            mend=f"Write {option} 1h,6h,nightly.",
        )
    if read["nightly"]:
        return daily(time(0), zone=read["zone"] or zone)
    return Periodic(Duration(int(read["number"]) * _SIZES[read["unit"]]))


def span_of(schedule: Schedule) -> int:
    """The usual span between two moments of a schedule, in microseconds.

    >>> span_of(daily(time(0), zone="Europe/Berlin")) == 24 * HOUR
    True
    """
    if isinstance(schedule, Periodic):
        return schedule.period.microseconds
    if isinstance(schedule, Wall):
        return {"daily": 1, "weekly": 7, "monthly": 30}[schedule.kind] * DAY
    raise TypeError(f"{schedule!r} is no schedule of a batch")
