"""The lattice: what every fit would have lost on every later request.

For policies without feedback a life is a walk over this: a policy says when models are trained, a
model trained at a trigger serves from its promotion to the next one, and the loss of the life is
a sum of stretches of the losses of single fits. So each prediction is made once, and a policy
costs a few additions afterwards. Exact for metrics that are means of losses of single requests and
for promotion after a fixed delay; whatever looks at more than that is replayed.

A request belongs to the model in service at the moment `chosen`: when it is asked, or for batch
predictions the moment of the run that predicted it. Times are int64 microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asof.errors import DataRefused

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Times = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scored:
    """The requests of a life that have a mature label, in the order in which they were asked.

    `chosen` int64[n], which never falls, is when the model of each was chosen, `known` int64[n]
    the last moment at which its label was not yet known (a look after it may use the label).
    """

    chosen: Times
    known: Times

    def __len__(self) -> int:
        return len(self.chosen)


@dataclass(frozen=True, eq=False)
class Lattice:
    """Losses of m fits on n scored requests.

    The model of trigger `triggers[i]` is in service from `triggers[i] + delay` on at the earliest,
    so it may serve the requests from `first[i]` on: `sums[i]` float64[n - first[i] + 1] are the
    sums of its losses from there, by which a stretch of a life is read off at any two moments;
    None where the fit failed.
    """

    triggers: Times
    delay: int
    scored: Scored
    first: Ints
    sums: tuple[Floats | None, ...]

    @property
    def fitted(self) -> NDArray[np.bool_]:
        """Which of the fits gave a model, bool[m]."""
        return np.array([each is not None for each in self.sums], dtype=np.bool_)

    def stretch(self, model: int, start: int, stop: int) -> float:
        """The summed loss of a model on the requests `start` to `stop`, from `first[model]` on."""
        sums, base = self._of(model), int(self.first[model])
        return float(sums[stop - base] - sums[start - base])

    def total(self, served: Sequence[tuple[int, int]]) -> float:
        """The summed loss of a life in which each model serves from a moment on: (moment, model).

        Moments rise, none of them before the model could be in service; the first model serves
        whatever comes before the second.

        >>> asked = Scored(np.array([1, 2, 3]), np.array([9, 9, 9]))
        >>> losses = [np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0])]
        >>> found = lattice(np.array([0, 2]), 0, asked, losses)
        >>> found.total([(0, 0)]), found.total([(0, 0), (2, 1)])
        (7.0, 2.0)
        """
        edges = [int(np.searchsorted(self.scored.chosen, at)) for at, _ in served[1:]]
        starts, stops = [0, *edges], [*edges, len(self.scored)]
        models = (model for _, model in served)
        return sum(map(self.stretch, models, starts, stops))

    def _of(self, model: int) -> Floats:
        sums = self.sums[model]
        if sums is None:
            raise _failed(model)
        return sums


def _failed(model: int) -> DataRefused:
    return DataRefused(f"Fit {model + 1} failed, so it cannot serve.")


def firsts(chosen: Times, triggers: Times, delay: int) -> Ints:
    """The first request that the model of each trigger may serve, int64[m].

    Requests whose model was chosen before there was one belong to the first.

    >>> firsts(np.array([1, 2, 3]), np.array([0, 2]), 1).tolist()
    [0, 2]
    """
    found = np.searchsorted(chosen, triggers + delay, side="left").astype(np.int64)
    found[:1] = 0
    return found


def lattice(
    triggers: Times, delay: int, scored: Scored, losses: Sequence[Floats | None]
) -> Lattice:
    """The lattice of the losses of each fit on the requests that it may serve (see `firsts`)."""
    first = firsts(scored.chosen, triggers, delay)
    sums = tuple(None if each is None else _prefix(each) for each in losses)
    return Lattice(triggers, delay, scored, first, sums)


def _prefix(losses: Floats) -> Floats:
    found = np.zeros(len(losses) + 1, dtype=np.float64)
    np.cumsum(losses, out=found[1:])
    return found


def assembled(parts: Sequence[Floats | None], first: Ints, served: Ints, requests: int) -> Floats:
    """What each request got from the model that served it, float64[requests].

    `parts[i]` are the answers of model i from request `first[i]` on, `served` int64[m] the model
    between the possible promotions k and k + 1.

    >>> parts = [np.array([1.0, 2.0, 3.0]), np.array([9.0])]
    >>> assembled(parts, np.array([0, 2]), np.array([0, 1]), 3).tolist()
    [1.0, 2.0, 9.0]
    """
    found = np.empty(requests, dtype=np.float64)
    edges: list[int] = [*first.tolist(), requests]
    models: list[int] = served.tolist()
    for cell, model in enumerate(models):
        part, base = parts[model], edges[model]
        if part is None:
            raise _failed(model)
        found[edges[cell] : edges[cell + 1]] = part[edges[cell] - base : edges[cell + 1] - base]
    return found


def memory(first: Ints, requests: int) -> int:
    """Bytes of a lattice and its predictions: one and a sum for each fit and later request.

    >>> memory(np.array([0, 2]), 3)
    80
    """
    return int(8 * (2 * (requests - first) + 1).sum())


@dataclass(frozen=True, eq=False)
class Cells:
    """A lattice cut at all its possible promotions: what walks read.

    Cell c holds the requests from the promotion of trigger c to that of trigger c + 1.
    `loss[i, c]` is the summed loss of model i in it (NaN where i cannot serve), `count[c]` its
    requests. Labels become known at looks, which are the triggers: pair q holds the requests of
    cell `pair_cell[q]` whose labels look k is the first to know, the pairs of look k being
    `pair_start[k]` to `pair_start[k + 1]`; `pair_loss[i, q]` and `pair_count[q]` as above, and
    `pair_prior[q]` the summed loss of the constant prediction.
    """

    looks: Times
    fitted: NDArray[np.bool_]
    loss: Floats
    count: Ints
    pair_cell: Ints
    pair_start: Ints
    pair_loss: Floats
    pair_prior: Floats
    pair_count: Ints

    def __len__(self) -> int:
        return len(self.looks)


def cells(found: Lattice, prior: Floats) -> Cells:
    """The lattice cut at its possible promotions and by the look that first knows each label.

    `prior` float64[n] are the losses of a constant prediction, against which skill is read.
    """
    size, requests = len(found.triggers), len(found.scored)
    edges = np.append(found.first, requests)
    cell = np.repeat(np.arange(size, dtype=np.int64), np.diff(edges))
    look = np.searchsorted(found.triggers, found.scored.known, side="right").astype(np.int64)
    kinds, pair = np.unique(look * size + cell, return_inverse=True)
    pairs = len(kinds)
    loss = np.full((size, size), np.nan)
    pair_loss = np.full((size, pairs), np.nan)
    for model, sums in enumerate(found.sums):
        if sums is None:
            continue
        base = found.first[model]
        loss[model, model:] = np.diff(sums[edges[model:] - base])
        pair_loss[model] = np.bincount(pair[base:], weights=np.diff(sums), minlength=pairs)
    return Cells(
        found.triggers,
        found.fitted,
        loss,
        np.diff(edges),
        kinds % size,
        np.searchsorted(kinds // size, np.arange(size + 1)).astype(np.int64),
        pair_loss,
        np.bincount(pair, weights=prior, minlength=pairs).astype(np.float64),
        np.bincount(pair, minlength=pairs).astype(np.int64),
    )
