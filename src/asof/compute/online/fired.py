"""The keys whose request has fired. They are for ever (LAW 4a): eight bytes each, and no more."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.online.table import Values

_SHARDS = 1024
_SPREAD = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio, odd: to multiply by it maps no two integers to one."""
_WHOLE = (1 << 64) - 1
_SHIFT = 54


class FiredKeys:
    """A set of keys that only grows, as sorted numbers of 64 bits in small arrays.

    A key that is one integer is its number; of any other it is a hash that differs from one process
    to the next: two of a hundred million keys have the same with a chance of 3 in 10,000.

    >>> fired = FiredKeys([(5,), (7,)])
    >>> fired.add((6,)), (6,) in fired, (8,) in fired, len(fired)
    (True, True, False, 3)
    """

    def __init__(self, keys: pl.DataFrame | Sequence[Values] = ()) -> None:
        self._shards = [array("Q") for _ in range(_SHARDS)]
        self._size = 0
        if not len(keys):
            return
        numbers = np.sort(_numbers(keys))
        numbers = numbers[np.append(True, numbers[1:] != numbers[:-1])]
        ends = np.searchsorted(numbers >> np.uint64(_SHIFT), np.arange(_SHARDS + 1))
        for i, shard in enumerate(self._shards):
            shard.frombytes(numbers[ends[i] : ends[i + 1]].tobytes())
        self._size = len(numbers)

    def __len__(self) -> int:
        return self._size

    def __contains__(self, key: Values) -> bool:
        number = _number(key)
        shard = self._shards[number >> _SHIFT]
        place = bisect_left(shard, number)
        return place < len(shard) and shard[place] == number

    def add(self, key: Values) -> bool:
        """Take a key; whether it is new."""
        number = _number(key)
        shard = self._shards[number >> _SHIFT]
        place = bisect_left(shard, number)
        if place < len(shard) and shard[place] == number:
            return False
        shard.insert(place, number)
        self._size += 1
        return True


def _numbers(keys: pl.DataFrame | Sequence[Values]) -> NDArray[np.uint64]:
    """The number of each key; a frame of one column of integers is not taken apart for it."""
    if isinstance(keys, pl.DataFrame):
        if keys.dtypes == [pl.Int64] and not keys.to_series().null_count():
            return keys.to_series().to_numpy().view(np.uint64) * np.uint64(_SPREAD)
        keys = keys.rows()
    return np.array([_number(key) for key in keys], dtype=np.uint64)


def _number(key: Values) -> int:
    only = key[0]
    if len(key) == 1 and type(only) is int:
        return only * _SPREAD & _WHOLE
    # Not that of the tuple, in which -1 and -2 are the same.
    return hash(repr(key)) & _WHOLE
