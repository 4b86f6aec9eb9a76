"""The features of requests as a matrix of doubles, with the dictionaries of its categories."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Categories = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Matrix:
    """`values[i, k]` is feature `names[k]` of request i; NaN is missing.

    A column in `categories` holds positions in its dictionary, which is in alphabetical order.
    """

    names: tuple[str, ...]
    values: Floats
    categories: Categories

    @cached_property
    def digest(self) -> str:
        """A hash of names, dictionaries and every value."""
        told = hashlib.blake2b(digest_size=16)
        told.update(repr((self.names, sorted(self.categories.items()))).encode())
        for column in self.values.T:
            told.update(np.ascontiguousarray(column).data)
        return told.hexdigest()

    def take(self, rows: NDArray[np.int64] | slice) -> Matrix:
        """The features of some of the requests."""
        return Matrix(self.names, self.values[rows], self.categories)


def matrix(features: pl.DataFrame) -> Matrix:
    """The matrix of a frame of features: numbers and booleans as doubles, strings as categories.

    >>> found = matrix(pl.DataFrame({"a": [1.5, None], "b": ["y", "x"]}))
    >>> found.values.tolist(), found.categories
    ([[1.5, 1.0], [nan, 0.0]], {'b': ('x', 'y')})
    """
    categories: dict[str, tuple[str, ...]] = {}
    values = np.empty((features.height, features.width), dtype=np.float64, order="F")
    for position, column in enumerate(features.iter_columns()):
        numbers = column
        if column.dtype == pl.String:
            words = column.drop_nulls().unique().sort()
            categories[column.name] = tuple(words.to_list())
            numbers = column.cast(pl.Enum(words)).to_physical()
        numbers = numbers.cast(pl.Float64)
        if numbers.null_count():
            numbers = numbers.fill_null(float("nan"))
        values[:, position] = numbers.to_numpy()
    return Matrix(tuple(features.columns), values, categories)


def present(found: Matrix) -> Categories:
    """Of each dictionary the words that occur in the rows, in alphabetical order."""
    kept: dict[str, tuple[str, ...]] = {}
    for name, words in found.categories.items():
        column = found.values[:, found.names.index(name)]
        codes: list[int] = np.unique(column[~np.isnan(column)]).astype(np.int64).tolist()
        kept[name] = tuple(words[code] for code in codes)
    return kept


def recode(found: Matrix, categories: Categories) -> Floats:
    """The values with categories as positions in other dictionaries; words not in them are NaN.

    The values themselves are returned where no code changes.
    """
    values = found.values
    for name, words in found.categories.items():
        wanted = categories[name]
        if wanted == words:
            continue
        positions = {word: float(code) for code, word in enumerate(wanted)}
        table = np.array([positions.get(word, np.nan) for word in words], dtype=np.float64)
        if values is found.values:
            values = values.copy(order="K")
        column = values[:, found.names.index(name)]
        known = ~np.isnan(column)
        column[known] = table[column[known].astype(np.int64)]
    return values


def to_frame(found: Matrix) -> pl.DataFrame:
    """The features as a Polars frame: numbers with null for missing, strings for categories."""
    columns: list[pl.Series] = []
    for position, name in enumerate(found.names):
        column = pl.Series(name, found.values[:, position], nan_to_null=True)
        if name in found.categories:
            words = pl.Series(found.categories[name], dtype=pl.String)
            column = words.gather(column.cast(pl.Int64)).alias(name)
        columns.append(column)
    return pl.DataFrame(columns)
