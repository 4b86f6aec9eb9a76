"""Folds of rows and of whole blocks of time, and samples of rows: functions of names alone.

Randomness is a hash of (salt, name): a row is in the same fold and has the same place in a sample
whatever other rows are there, and whoever asks (LAW 7c).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]


def hashed(names: Iterable[str], salt: str) -> Hashes:
    """A number for each name, uint64[n], evenly spread and independent between salts.

    >>> hashed(["a", "b"], "x")[0] == hashed(["a"], "x")[0]
    np.True_
    """
    key = blake2b(salt.encode(), digest_size=32).digest()
    told = b"".join(blake2b(name.encode(), digest_size=8, key=key).digest() for name in names)
    return np.frombuffer(told, dtype=np.uint64)


def by_row(names: Iterable[str], folds: int, salt: str) -> Ints:
    """The fold of each row, int64[n] from 0, drawn for each row by itself.

    >>> by_row(["a", "b", "c", "d"], 2, "x").tolist() == by_row(list("abcd"), 2, "x").tolist()
    True
    """
    return (hashed(names, salt) % np.uint64(folds)).astype(np.int64)


def by_block(block: Ints, folds: int, salt: str) -> Ints:
    """The fold of each row, int64[n], the same for all rows of a block; `block` int64[n].

    Blocks are dealt out in the order of their hashes, so that folds hold equally many of them: a
    life has few blocks, and chance would leave folds empty.

    >>> found = by_block(np.array([7, 7, 8, 9, 9]), 3, "x")
    >>> sorted(set(found.tolist())), found[0] == found[1], found[3] == found[4]
    ([0, 1, 2], np.True_, np.True_)
    """
    distinct, dense = np.unique(block, return_inverse=True)
    rank = np.argsort(np.argsort(hashed(map(str, distinct.tolist()), salt), kind="stable"))
    dealt: Ints = rank[dense] % folds
    return dealt


def sample(rows: Ints, lot: Hashes, size: int) -> Ints:
    """The `size` rows with the smallest lots, in their order; all of them if they are fewer.

    `rows` int64[n] are positions, `lot` uint64 has one lot a position. A larger sample holds the
    smaller one.

    >>> sample(np.array([0, 1, 2]), np.array([5, 9, 1], dtype=np.uint64), 2).tolist()
    [0, 2]
    """
    if size >= len(rows):
        return rows
    chosen = np.argpartition(lot[rows], size)[:size] if size else np.empty(0, dtype=np.int64)
    return np.sort(rows[chosen])
