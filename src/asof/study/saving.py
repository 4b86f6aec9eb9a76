"""A report's folder: written whole or not at all, over nothing but another report."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from asof.errors import UsageError
from asof.stores.faults import in_words


def saved(folder: Path, write: Callable[[Path], None]) -> Path:
    """Let `write` fill a folder beside `folder`, then take its place; where the page is.

    A report that is there is replaced.

    Raises:
        UsageError: the folder holds something else. StoreError: it cannot be written.
    """
    require_ours(folder)
    part, old = (folder.with_name(f".{folder.name}.{kind}") for kind in ("part", "old"))
    shutil.rmtree(part, ignore_errors=True)
    with in_words("write the report", folder):
        part.mkdir(parents=True)
    try:
        with in_words("write the report", folder):
            write(part)
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    return folder / "report.html"


def require_ours(folder: Path) -> None:
    """Raise a `UsageError` if a folder holds anything but a report, which may be replaced."""
    if not folder.is_dir():
        return
    there = list(folder.iterdir())
    other = sorted(each.name for each in there)
    report = {"report.html", "facts.json"} <= set(other) and all(each.is_file() for each in there)
    if other and not report:
        raise UsageError(
            f"{folder} holds other files, and a report takes the place of the whole folder.",
            found=", ".join(other[:5]),
            mend="Name a folder of its own: --out report.",
        )
