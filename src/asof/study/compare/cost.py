"""What fitting costs on this machine: CPU seconds a training row."""

from __future__ import annotations

from collections.abc import Sequence

from asof.compute.effort import Unit
from asof.engine.fitting import fit_one
from asof.engine.kept import KeptFits, Training

_TIMES = 2


def fitted_again(trainings: Sequence[Training], kept: KeptFits) -> list[Unit]:
    """The fits that `cpu_a_row` makes: none where one of these is to be made, or was noted."""
    if any(not kept.has(each) or kept.took(each) for each in trainings):
        return []
    return [each.unit for each in trainings[:1]] * _TIMES


def cpu_a_row(trainings: Sequence[Training], kept: KeptFits) -> float | None:
    """CPU seconds of fitting a row, of fits that are kept though nobody noted what they took.

    A backtest made them: the first is run twice more, on one thread as the others were. The quicker
    one counts, for the first also pays for what it imports. None where it is known otherwise.
    """
    from threadpoolctl import threadpool_limits

    took: list[float] = []
    for unit in fitted_again(trainings, kept):
        first = trainings[0]
        given = (first.model, first.seen, first.rows, first.label, first.task, first.moment)
        with threadpool_limits(1), kept.work.doing(unit):
            took.append(fit_one(*given).cpu_seconds)
    return min(took) / max(len(trainings[0].rows), 1) if took else None
