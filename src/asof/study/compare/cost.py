"""What fitting costs on this machine: CPU seconds a training row."""

from __future__ import annotations

from asof.engine.fitting import fit_one
from asof.study.compare.gather import Gathered


def cpu_a_row(found: Gathered) -> float:
    """CPU seconds of fitting a row, as was measured when the fits were made.

    Where nobody noted it, for a backtest had predicted already, the first is run twice more, on one
    thread as the others were: the quicker one, for the first also pays for what it imports.
    """
    from threadpoolctl import threadpool_limits

    if found.fitted_rows and found.fit_cpu > 0:
        return found.fit_cpu / found.fitted_rows
    first = found.plan.trainings[0]
    given = (first.model, first.seen, first.rows, first.label, first.task, first.moment)
    with threadpool_limits(1):
        again = min(fit_one(*given).cpu_seconds for _ in range(2))
    return again / max(len(first.rows), 1)
