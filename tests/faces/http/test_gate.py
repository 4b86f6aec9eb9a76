"""The bound of what is under way costs nothing that stays."""

from __future__ import annotations

import asyncio
import sys

import pytest

from asof.errors import Overloaded
from asof.faces.http.gate import SWITCH, Flight, Gate
from asof.faces.http.options import Options


def test_turning_away_keeps_no_frames():
    gate = Gate(Options(pending_bytes=10), lambda: 0.0)
    for _ in range(50):
        with pytest.raises(Overloaded):
            gate.hold(Flight(None, None, 0.0, 0.0), 11)
    depth, trace = 0, gate.full.__traceback__
    while trace is not None:
        depth, trace = depth + 1, trace.tb_next
    assert depth < 5
    assert gate.turned_away == 50
    assert gate.pending_bytes == 0


def full(gate: Gate, flights: int) -> Gate:
    for _ in range(flights):
        gate.flights.add(Flight(None, None, 0.0, 0.0))
    return gate


def test_a_request_that_is_turned_away_is_counted():
    gate = full(Gate(Options(at_once=9), lambda: 0.0), 8)
    assert not gate.turns_away()
    full(gate, 1)
    assert gate.turns_away()
    assert gate.turned_away == 1


@pytest.mark.parametrize("deadline", [10.0, 0.4])
def test_many_are_taken_while_none_waits_long_and_few_always(deadline):
    waited = [0.0]
    gate = full(Gate(Options(max_wait=0.5, deadline=deadline), lambda: waited[0]), 900)
    longest = 0.5 if deadline == 10 else 0.2
    assert not gate.turns_away()
    waited[0] = longest * 0.99
    assert not gate.turns_away()
    waited[0] = longest * 1.01
    assert gate.turns_away()
    assert not full(Gate(Options(), lambda: 60.0), 7).turns_away()


def test_one_thread_keeps_python_to_itself_longer_while_a_request_is_alone():
    async def run() -> list[float]:
        gate = Gate(Options(), lambda: 0.0)
        told: list[float] = []
        one = gate.enter(None, 0.0)
        told.append(sys.getswitchinterval())
        other = gate.enter(None, 0.0)
        told.append(sys.getswitchinterval())
        gate.leave(one)
        told.append(sys.getswitchinterval())
        one = gate.enter(None, 0.0)
        for flight in (one, other):
            flight.task = None  # what is given up on closing is not this test
        gate.close()
        return [*told, sys.getswitchinterval()]

    usual = sys.getswitchinterval()
    alone, several, again, closed = asyncio.run(run())
    assert alone == again == closed == usual
    assert several == pytest.approx(SWITCH)
    assert usual > SWITCH
