"""Which files of a table are merged: what is sealed every five minutes makes 105,000 a year.

Files are named by the last offset that they contain, so that the order of their names is that of
their rows. A merged file has the name of the last one in it, with a number that was not there yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from asof.stores.footers import LARGE, runs

MANY = 64
"""So many small files are merged; fewer are worth no commit."""


def to_merge(files: Sequence[str]) -> list[list[Path]]:
    """Runs of neighbours among the files of a table, in their order, that one file is to hold."""
    sizes = {file: Path(file).stat().st_size for file in files}
    if sum(size < LARGE for size in sizes.values()) < MANY:
        return []
    neighbours = [list(some) for small, some in groupby(files, lambda f: sizes[f] < LARGE) if small]
    found = [run for some in neighbours for run in runs(some) if len(run) > 1]
    return [[Path(file) for file in run] for run in found]


def merged_name(last: str) -> str:
    """What a file is called that holds another, and what comes before it.

    >>> merged_name("000000000000042.parquet"), merged_name("000000000000042-1.parquet")
    ('000000000000042-1.parquet', '000000000000042-2.parquet')
    """
    offset, _, times = last.removesuffix(".parquet").partition("-")
    return f"{offset}-{int(times or 0) + 1}.parquet"
