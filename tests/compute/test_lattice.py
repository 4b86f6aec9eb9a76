"""The lattice against sums made one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asof.compute.lattice import Scored, assembled, cells, firsts, lattice, memory
from asof.errors import DataRefused


def drawn(seed: int, delay: int = 3):
    rng = np.random.default_rng(seed)
    size, requests = int(rng.integers(1, 7)), int(rng.integers(1, 60))
    triggers = np.cumsum(rng.integers(1, 20, size))
    chosen = np.sort(rng.integers(0, 100, requests))
    known = chosen + rng.integers(0, 25, requests)
    first = firsts(chosen, triggers, delay)
    losses = [rng.random(requests - at) for at in first]
    return lattice(triggers, delay, Scored(chosen, known), losses), losses


@settings(max_examples=60)
@given(st.integers(0, 10_000))
def test_a_life_is_the_sum_of_what_each_request_lost(seed: int) -> None:
    found, losses = drawn(seed)
    rng = np.random.default_rng(seed + 1)
    size = len(found.triggers)
    trained = np.flatnonzero((rng.random(size) < 0.5) | (np.arange(size) == 0))
    served = trained[np.searchsorted(trained, np.arange(size), side="right") - 1]
    each = assembled(losses, found.first, served, len(found.scored))
    walked = [(int(found.triggers[k] + found.delay), int(k)) for k in trained]
    assert found.total(walked) == pytest.approx(each.sum(), rel=1e-12)
    cut = cells(found, np.zeros(len(found.scored)))
    assert cut.loss[served, np.arange(size)].sum() == pytest.approx(each.sum(), rel=1e-9)
    assert cut.count.sum() == len(found.scored)


@settings(max_examples=60)
@given(st.integers(0, 10_000))
def test_each_label_is_known_to_the_first_look_after_it_and_no_earlier(seed: int) -> None:
    found, losses = drawn(seed)
    prior = np.random.default_rng(seed).random(len(found.scored))
    cut = cells(found, prior)
    edges = np.append(found.first, len(found.scored))
    for look in range(len(found.triggers)):
        pairs = range(cut.pair_start[look], cut.pair_start[look + 1])
        before = found.triggers[look - 1] if look else -1
        known = (found.scored.known < found.triggers[look]) & (found.scored.known >= before)
        assert sum(cut.pair_count[q] for q in pairs) == known.sum()
        for q in pairs:
            inside = np.zeros(len(known), dtype=bool)
            inside[edges[cut.pair_cell[q]] : edges[cut.pair_cell[q] + 1]] = True
            rows = np.flatnonzero(known & inside)
            assert cut.pair_prior[q] == pytest.approx(prior[rows].sum())
            for model in range(cut.pair_cell[q] + 1):
                expected = losses[model][rows - found.first[model]].sum()
                assert cut.pair_loss[model, q] == pytest.approx(expected)


def test_a_failed_fit_serves_nobody() -> None:
    asked = Scored(np.array([1, 5]), np.array([2, 6]))
    found = lattice(np.array([0, 4]), 0, asked, [np.array([1.0, 2.0]), None])
    assert found.fitted.tolist() == [True, False]
    assert found.total([(0, 0)]) == 3.0
    with pytest.raises(DataRefused, match="Fit 2 failed"):
        found.total([(0, 0), (4, 1)])
    with pytest.raises(DataRefused, match="Fit 2 failed"):
        assembled([np.array([1.0, 2.0]), None], found.first, np.array([0, 1]), 2)
    assert np.isnan(cells(found, np.zeros(2)).loss[1]).all()


def test_memory_is_what_the_arrays_take() -> None:
    found, losses = drawn(3)
    held = sum(part.nbytes for part in losses)
    held += sum(part.nbytes for part in found.sums if part is not None)
    assert memory(found.first, len(found.scored)) == held
