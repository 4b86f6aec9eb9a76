"""Policies as one writes them: what `asof check` prints of them can be pasted."""

from __future__ import annotations

from asof.declare.policies import BatchFeatures, BatchPredictions, Online, TrainWindow
from asof.declare.schedules import AfterLabels, AnyOf, Never, Periodic, Wall
from asof.units import Duration


def written(value: object) -> str | None:
    """The call that makes a policy, with what differs from its defaults; None if it is none.

    >>> import asof
    >>> written(asof.sliding(asof.days(28))), written(asof.after(labels=500) | asof.never())
    ('sliding(days(28))', 'after(labels=500) | never()')
    """
    match value:
        case Never():
            return "never()"
        case Periodic(period=period):
            return f"every({period!r})"
        case AfterLabels(labels=labels):
            return f"after(labels={labels})"
        case Wall():
            return _wall(value)
        case AnyOf(parts=parts):
            return " | ".join(written(part) or repr(part) for part in parts)
        case TrainWindow(length=length):
            return "expanding()" if length is None else f"sliding({length!r})"
        case Online():
            return "online()"
        case BatchFeatures() | BatchPredictions():
            return _batch(value)
        case _:
            return None


def _wall(value: Wall) -> str:
    seconds = f", {value.second}" if value.second else ""
    clock = f"time({value.hour}, {value.minute}{seconds}), zone={value.zone!r}"
    return f"{value.kind}({clock if value.day is None else f'{value.day}, {clock}'})"


def _batch(value: BatchFeatures | BatchPredictions) -> str:
    schedule = value.schedule
    when = repr(schedule.period) if isinstance(schedule, Periodic) else written(schedule)
    told = [when or repr(schedule)]
    if isinstance(value, BatchPredictions):
        told.append(f"ahead={value.ahead!r}")
    if value.takes != Duration(0):
        told.append(f"takes={value.takes!r}")
    if value.trained != "aligned":
        told.append(f"trained={value.trained!r}")
    if isinstance(value, BatchPredictions) and value.otherwise is not None:
        told.append(f"otherwise={value.otherwise!r}")
    name = "batch_predictions" if isinstance(value, BatchPredictions) else "batch_features"
    return f"{name}({', '.join(told)})"
