"""What libraries and the disk raise, said in the house's words."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from asof.errors import StoreError

_FULL = ("No space left on device", "disk is full", "os error 28", "os error 122", "quota exceeded")


@contextmanager
def in_words(doing: str, place: Path) -> Generator[None]:
    """Turn what a library raises while `doing` something at `place` into a `StoreError`."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, _of_libraries()):
            raise
        raise _worded(error, doing, place) from error


def _of_libraries() -> tuple[type[Exception], ...]:
    """What the disk and the libraries raise; imported once something was, for they take long."""
    from deltalake.exceptions import DeltaError, TableNotFoundError
    from polars.exceptions import PolarsError
    from sqlalchemy.exc import SQLAlchemyError

    return OSError, sqlite3.Error, SQLAlchemyError, DeltaError, TableNotFoundError, PolarsError


def _worded(error: Exception, doing: str, place: Path) -> StoreError:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if full or any(phrase in str(error) for phrase in _FULL):
        return StoreError(
            f"The disk is full: could not {doing}.",
            found=f"no space left at {place}",
            mend="Free some space and do it again; what was stored before is untouched.",
        )
    return StoreError(f"Could not {doing}.", found=reason, mend=f"The store is {place}.")
