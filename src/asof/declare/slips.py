"""What was written half: a statistic whose window, or whose rows, nobody has said yet."""

from __future__ import annotations

from asof.declare.place import place
from asof.errors import DeclarationError

_BARE = ("count", "since", "since_known")
STATISTICS = (
    *_BARE, "sum", "mean", "std", "min", "max", "share", "distinct",
    "latest", "latest_known", "first", "of",
)  # fmt: skip
"""What a window of rows has."""
WINDOWS = ("last", "next")
"""What the rows have that agree with the requested one."""
OF_ONE_WINDOW = ("latest", "latest_known", "first", "since", "since_known")
"""What several windows together do not have."""


def no_window(rows: str, name: str) -> DeclarationError:
    """Rows were asked for what only a window of them has."""
    return DeclarationError(
        f"{name}() needs a window, and none is said.",
        found=rows,
        mend=f"Write .last(days(30)).{_called(name)}; .next(...) looks ahead.",
        where=place(),
    )


def no_rows(table: str, name: str) -> DeclarationError:
    """A whole source was asked for a window, or for a statistic."""
    then = f"{name}(days(30))" if name in WINDOWS else f"last(days(30)).{_called(name)}"
    return DeclarationError(
        f"{name}() is of the rows that agree with the requested one, and on what is not said.",
        found=f"{table} as a whole",
        mend=f"Write .same(Requested.column).{then}, or .all(Requested).{then} of all its rows.",
        where=place(),
    )


def several_windows(windows: str, name: str) -> DeclarationError:
    """Several windows were asked for what one has."""
    return DeclarationError(
        f"{name}() is of one window, and several are said.",
        found=windows,
        mend=f"Write .last(days(30)).{_called(name)}, a feature for each window.",
        where=place(),
    )


def _called(name: str) -> str:
    return f"{name}()" if name in _BARE else f"{name}(...)"
