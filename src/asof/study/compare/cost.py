"""What fitting costs on this machine: CPU seconds a training row."""

from __future__ import annotations

from asof.engine.fitting import fit_one
from asof.study.compare.gather import Gathered


def cpu_a_row(found: Gathered) -> float:
    """CPU seconds of fitting a row, as was measured when the fits were made.

    Where nobody noted it, the first is run once more.
    """
    if found.fitted_rows and found.fit_cpu > 0:
        return found.fit_cpu / found.fitted_rows
    first = found.plan.trainings[0]
    again = fit_one(first.model, first.seen, first.rows, first.label, first.task, first.moment)
    return again.cpu_seconds / max(len(first.rows), 1)
