"""The best that any policy could have done, had it known all losses beforehand.

Dynamic programming over (look, model in use). It is optimistic: it picks the luck of single fits
too, so looks chosen on one seed of the estimator are worth judging on another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asof.compute.lattice import Cells, Floats, Ints


@dataclass(frozen=True, eq=False)
class Best:
    """The best life with a number of retrainings, besides the first training.

    `trained` are the looks at which it trains, the first of them 0; `loss` is its summed loss.
    """

    retrainings: int
    loss: float
    trained: tuple[int, ...]


def served_by(trained: tuple[int, ...], looks: int) -> Ints:
    """The model that serves in each cell of a life that trains at these looks, int64[looks].

    >>> served_by((0, 2), 4).tolist()
    [0, 0, 2, 2]
    """
    at = np.asarray(trained, dtype=np.int64)
    return at[np.searchsorted(at, np.arange(looks), side="right") - 1]


def _stretches(cells: Cells, takes: int) -> Floats:
    """`[k, e]`: the summed loss of model k from its promotion to that of look e; inf if it cannot.

    Column K is the end of the life.
    """
    looks = len(cells)
    found = np.full((looks, looks + 1), np.inf)
    for model in np.flatnonzero(cells.fitted):
        found[model, model + 1 :] = np.cumsum(cells.loss[model, model:])
        early = np.flatnonzero(cells.looks < cells.looks[model] + takes)
        found[model, early[early > model]] = np.inf
    return found


def best_by_number(cells: Cells, takes: int, most: int | None = None) -> list[Best]:
    """The best life with 0, 1, 2, ... `most` retrainings (default: as many as there are looks).

    A training begins after the end of the one before, `takes` microseconds after its trigger.
    Numbers that are impossible are left out.
    """
    looks = len(cells)
    costs = _stretches(cells, takes)
    reach = np.full(looks, np.inf)  # loss up to the promotion of look k, where k is trained
    reach[0] = 0.0
    found: list[Best] = []
    before: list[Ints] = []
    for number in range(min(looks - 1 if most is None else most, looks - 1) + 1):
        ends = reach + costs[:, looks]
        last = int(np.argmin(ends))
        if not np.isfinite(ends[last]):
            break
        found.append(Best(number, float(ends[last]), _path(before, last)))
        through = reach[:, None] + costs[:, :looks]
        before.append(np.argmin(through, axis=0).astype(np.int64))
        reach = through.min(axis=0)
        reach[~cells.fitted] = np.inf
    return found


def _path(before: list[Ints], last: int) -> tuple[int, ...]:
    path = [last]
    for step in reversed(before):
        path.append(int(step[path[-1]]))
    return tuple(reversed(path))


def best_at_price(cells: Cells, takes: int, cost: Floats, price: float) -> Best:
    """The best life where training at look k costs `price * cost[k]` in units of summed loss.

    `loss` is without that cost.
    """
    looks = len(cells)
    costs = _stretches(cells, takes)
    reach = np.full(looks, np.inf)
    reach[0] = price * cost[0]
    came = np.zeros(looks, dtype=np.int64)
    for look in np.flatnonzero(cells.fitted):
        if look:
            through = reach[:look] + costs[:look, look]
            came[look] = int(np.argmin(through))
            reach[look] = through[came[look]] + price * cost[look]
    last = int(np.argmin(reach + costs[:, looks]))
    path = [last]
    while path[-1]:
        path.append(int(came[path[-1]]))
    trained = tuple(reversed(path))
    served = served_by(trained, looks)
    return Best(len(trained) - 1, float(cells.loss[served, np.arange(looks)].sum()), trained)


def hull(cells: Cells, takes: int, cost: Floats) -> list[Best]:
    """The best lives over all prices of a fit, the cheapest first: the corners of the lower hull.

    Between two neighbouring corners the price at which both are equally good is tried, until no
    better life turns up (dichotomic search; Aneja & Nair 1979, Management Science 25).
    """
    looks = np.arange(len(cells))
    never = Best(0, float(cells.loss[0, looks].sum()), (0,))
    best = best_at_price(cells, takes, cost, 0.0)
    corners = [never]
    waiting = [(never, best)] if best.loss < never.loss else []
    while waiting:
        left, right = waiting.pop()
        price = (left.loss - right.loss) / (_paid(right, cost) - _paid(left, cost))
        between = best_at_price(cells, takes, cost, price)
        gain = left.loss + price * _paid(left, cost) - between.loss - price * _paid(between, cost)
        if gain > 1e-12 * abs(left.loss):
            waiting += [(between, right), (left, between)]
        else:
            corners.append(right)
    return corners


def _paid(best: Best, cost: Floats) -> float:
    return float(cost[list(best.trained)].sum())
