"""The bound of what is under way costs nothing that stays."""

from __future__ import annotations

import pytest

from asof.errors import Overloaded
from asof.faces.http.gate import Flight, Gate
from asof.faces.http.options import Options


def test_turning_away_keeps_no_frames():
    gate = Gate(Options(pending_bytes=10))
    for _ in range(50):
        with pytest.raises(Overloaded):
            gate.hold(Flight(None, None, 0.0, 0.0), 11)
    depth, trace = 0, gate.full.__traceback__
    while trace is not None:
        depth, trace = depth + 1, trace.tb_next
    assert depth < 5
    assert gate.turned_away == 50
    assert gate.pending_bytes == 0


def test_a_request_that_is_turned_away_is_counted():
    gate = Gate(Options(at_once=1))
    assert not gate.turns_away()
    gate.flights.add(Flight(None, None, 0.0, 0.0))
    assert gate.turns_away()
    assert gate.turned_away == 1
