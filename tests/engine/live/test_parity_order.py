"""A sample is computed again by another process, which sees what is durable and nothing else."""

from __future__ import annotations

import asyncio
from collections import deque

from asof.engine.live.parity import Parity, Sample
from asof.errors import StoreError


class Elsewhere:
    """In the place of the process: notes when it is asked, and finds no difference."""

    def __init__(self, happened):
        self.happened = happened

    async def run(self, function, declared, directory, samples):
        del function, declared, directory
        self.happened.append(f"{len(samples)} computed again")
        return []


def sampled(happened, tmp_path):
    parity = Parity(lambda: None, tmp_path, Elsewhere(happened), 1)
    parity._samples = deque([Sample("1", 5, 7, "m", [0.0]), Sample("2", 6, 8, "m", [0.0])])
    return parity


def test_it_waits_until_what_answers_saw_is_durable(tmp_path):
    happened = []
    parity = sampled(happened, tmp_path)
    asyncio.run(parity.check(lambda: happened.append("durable")))
    assert happened == ["durable", "2 computed again"]
    assert (parity.checked, parity.failed) == (2, "")
    asyncio.run(parity.check(lambda: happened.append("durable")))
    assert len(happened) == 2, "there was nothing to check"


def test_it_says_so_where_nothing_becomes_durable(tmp_path):
    def full():
        raise StoreError("The disk is full.", found="0 bytes")

    happened = []
    parity = sampled(happened, tmp_path)
    asyncio.run(parity.check(full))
    assert happened == []
    assert (parity.checked, parity.failed) == (0, "The disk is full. 0 bytes")
