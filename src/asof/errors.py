"""Every error that Asof raises on purpose, in one tree.

    AsofError
    ├── DeclarationError     the declaration cannot mean anything (exit code 2)
    ├── UsageError           a command was asked for something that is not there (2)
    ├── DataRefused          data were refused as a whole; nothing was written (3)
    ├── StoreError           a store cannot be read or written (3)
    ├── EstimatorError       the user's estimator failed or answered nonsense (1)
    ├── MetricUndefined      a figure does not exist for these rows (1)
    ├── Interrupted          somebody stopped a command; says what is kept (130)
    └── Unserved             a running system does not answer now
        ├── RequestRefused   the request itself cannot be answered
        ├── NotReady         no model is in service
        └── Overloaded       too much waits already; come again later

An error has four parts, and prints one a line: what is wrong in the user's words, what was
found, what to write instead, and where in the user's file.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means.

    0 done; 1 done, and the answer is no (a check failed, a limit was passed); 2 usage or
    declaration; 3 data or store refused, nothing written; 4 a fault of Asof itself, its traceback
    in a named file; 130 interrupted.
    """

    DONE = 0
    ANSWER_IS_NO = 1
    USAGE = 2
    REFUSED = 3
    INTERNAL = 4
    INTERRUPTED = 130


class AsofError(Exception):
    """Base of all errors that Asof raises on purpose.

    `what` is wrong in the user's words, `found` what was there, `mend` what to do instead, `where`
    the place in the user's file ("" where there is none to say); `exit_code` is a command's status.

    >>> print(AsofError("No table 'flight'.", found="tables: landing", mend="Ingest it first."))
    No table 'flight'.
      found: tables: landing
      Ingest it first.
    """

    exit_code: ExitCode = ExitCode.ANSWER_IS_NO

    def __init__(self, what: str, *, found: str = "", mend: str = "", where: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.found = found
        self.mend = mend
        self.where = where

    def __str__(self) -> str:
        lines = [self.what]
        if self.found:
            lines.append(f"  found: {self.found}")
        if self.mend:
            lines.append(f"  {self.mend}")
        if self.where:
            lines.append(f"  declared at {self.where}")
        return "\n".join(lines)


class DeclarationError(AsofError):
    """The declaration cannot mean anything."""

    exit_code = ExitCode.USAGE


class UsageError(AsofError):
    """A command or call was asked for something that does not exist."""

    exit_code = ExitCode.USAGE


class DataRefused(AsofError):
    """Data were refused as a whole; nothing was written."""

    exit_code = ExitCode.REFUSED


class StoreError(AsofError):
    """A store cannot be read or written."""

    exit_code = ExitCode.REFUSED


class EstimatorError(AsofError):
    """The user's estimator failed, or answered something that is not a prediction."""


class MetricUndefined(AsofError):
    """A figure does not exist for these rows; the message says why."""


class Interrupted(AsofError):
    """Somebody stopped a command; the message says what of its work is kept."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what, mend=mend)


class Unserved(AsofError):
    """A running system does not answer a request now."""


class RequestRefused(Unserved):
    """The request breaks its contract or asks about what is not known; it will not do later."""


class NotReady(Unserved):
    """Requests are not answered now: no model is in service, or nothing can be recorded."""


class Overloaded(Unserved):
    """Too much waits already; `retry_after` says in how many seconds to come again."""

    def __init__(self, what: str, *, found: str = "", mend: str = "", retry_after: int = 1) -> None:
        super().__init__(what, found=found, mend=mend)
        self.retry_after = retry_after
