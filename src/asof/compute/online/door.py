"""A row at the door of a running system, taken in microseconds where nothing is wrong with it.

What is accepted here the contract's check in whole columns accepts too, as the same values; what
is not is handed to that check, which says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET

from asof.compute.online.table import Values
from asof.compute.scalar import compiled
from asof.declare.kept import ALWAYS
from asof.declare.rows import ColumnSpec, Contract, time_of
from asof.declare.sources import Source, rules_of
from asof.declare.tables import Table
from asof.units import DAY

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = range(-(2**63), 2**63)

Sent = tuple[Any, ...]
"""A row as it was sent: JSON values in the order of the columns, UNSET where there was none."""

Take = Callable[[Any], Any]
"""From a JSON value to the stored one; None for a value that is null or has to be looked at."""


def moment_of(text: str) -> int | None:
    """Microseconds since 1970-01-01 UTC of a time with its offset (RFC 3339); None if it is none.

    >>> moment_of("1970-01-01T01:00:00.5+01:00"), moment_of("1970-01-01T00:00")
    (500000, None)
    """
    if _RFC3339.fullmatch(text) is None:
        return None
    try:
        since = datetime.fromisoformat(text) - _EPOCH
    except (ValueError, OverflowError):  # the thirtieth of February
        return None
    return since.days * DAY + since.seconds * 1_000_000 + since.microseconds


class Door:
    """Takes rows of one table.

    >>> import asof
    >>> class Payment(asof.Row):
    ...     payment_id: asof.Key[int]
    ...     amount: asof.Col[float] = asof.col(ge=0)
    ...     paid_at: asof.Time
    >>> door = Door(asof.source(Payment, lag=asof.minutes(1)))
    >>> values = door.take((1, 5, "1970-01-01T00:00:01Z"))
    >>> values, door.standing(values)
    ((1, 5.0, 1000000), (61000000, False))
    >>> door.take((1, -1, "1970-01-01T00:00:01Z")) is None
    True
    """

    def __init__(self, table: Table[Any]) -> None:
        specs = table.row.columns_
        names = [spec.name for spec in specs]
        self.table = table
        self._keys = [
            (i, _TAKES[spec.type]) for i, spec in enumerate(specs) if spec.name in table.keys
        ]
        self._withdrawn: int | None = None
        self._when: int | None = None
        self._lag = 0
        if isinstance(table, Source):
            when = table.available or time_of(table.row)
            self._when = names.index(str(when))
            self._lag = 0 if table.lag is None else table.lag.microseconds
            if table.withdrawn is not None:
                self._withdrawn = names.index(table.withdrawn)
        # Uniqueness is a property of the whole that comes, not of one row.
        unique = any(spec.contract.unique for spec in specs)
        self._plain = None if unique else _written(specs)
        rules = [(repr(rule), rule) for rule in rules_of(table)]
        self._rules = compiled(rules, {n: i for i, n in enumerate(names)}) if rules else None

    def take(self, row: Sent) -> Values | None:
        """The row's stored values if it plainly keeps its contract, else None."""
        if self._plain is None:
            return None
        values = self._plain(row)
        if values is None or self._rules is None or self._keeps(values):
            return values
        return None

    def _keeps(self, values: Values) -> bool:
        """Whether no rule is broken; a withdrawal owes none."""
        if self._rules is None or self.standing(values)[1]:
            return True
        try:
            return False not in self._rules(values)
        except Exception:  # noqa: BLE001  the user's function; the whole check says it in words
            return False

    def key(self, row: Sent) -> Values | None:
        """The key in a row as its columns have it; None where a part of it is none."""
        found = tuple([take(row[i]) for i, take in self._keys])
        return None if None in found else found

    def standing(self, values: Values) -> tuple[int, bool]:
        """From when a row is known as declared, and whether it says that its key is withdrawn."""
        return (
            ALWAYS if self._when is None else int(values[self._when]) + self._lag,
            self._withdrawn is not None and values[self._withdrawn] is True,
        )


def _written(specs: Sequence[ColumnSpec]) -> Callable[[Sent], Values | None]:
    """One function that takes the columns one after another, without a loop over them.

    A value of its column's type is by far the most frequent one, and is taken in place.
    """
    known: dict[str, Any] = {"unset": UNSET}
    names = "".join(f"v{i}, " for i in range(len(specs)))
    lines = [f"{names}= row"]
    for i, spec in enumerate(specs):
        known[f"take{i}"], promise = _TAKES[spec.type], _promise(spec)
        usual = _USUAL.get(spec.type, "False").format(f"v{i}")
        lines += [
            f"if {usual}:",
            f"    v{i} += 0.0" if spec.type is float else "    pass",  # -0.0 becomes 0.0
            f"elif v{i} is None or v{i} is unset:",
            f"    v{i} = None" if spec.nullable else "    return None",
            "else:", f"    v{i} = take{i}(v{i})", f"    if v{i} is None:", "        return None",
        ]  # fmt: skip
        if promise is not None:
            known[f"keeps{i}"] = promise
            held = f"v{i} is not None and not keeps{i}(v{i})"
            lines += [f"if {held}:", "    return None"]
    lines.append(f"return ({names})")
    head = ", ".join(["row", *(f"{name}={name}" for name in known)])
    text = "\n    ".join([f"def plain({head}):", *lines])
    exec(compile(text, "<door>", "exec"), known)  # noqa: S102  text of our own
    written: Callable[[Sent], Values | None] = known["plain"]
    return written


_USUAL: Mapping[type, str] = {
    bool: "{0} is True or {0} is False",
    int: f"type({{0}}) is int and {-(2**63)} <= {{0}} <= {2**63 - 1}",
    float: "type({0}) is float and {0} - {0} == 0.0",
    str: "type({0}) is str",
}
"""What holds for a value that is stored as it is, by the type of its column."""


def _bool(given: Any) -> bool | None:
    return given if given is True or given is False else None


def _int(given: Any) -> int | None:
    return given if type(given) is int and given in _INT64 else None


def _float(given: Any) -> float | None:
    if type(given) is not float and type(given) is not int:
        return None
    try:
        value = float(given) + 0.0  # -0.0 becomes 0.0
    except OverflowError:
        return None
    return value if value - value == 0.0 else None  # neither NaN nor infinite


def _text(given: Any) -> str | None:
    return given if type(given) is str else None


def _moment(given: Any) -> int | None:
    return moment_of(given) if type(given) is str else None


_TAKES: Mapping[type, Take] = {
    bool: _bool, int: _int, float: _float, str: _text, datetime: _moment,
}  # fmt: skip


def _promise(spec: ColumnSpec) -> Callable[[Any], bool] | None:
    """Whether a value that is there keeps the column's contract; None where there is nothing."""
    contract = spec.contract
    if contract == Contract(quantum=contract.quantum, unique=contract.unique):
        return None
    matches = None if contract.matches is None else re.compile(contract.matches)

    def kept(value: Any) -> bool:
        return (
            (contract.ge is None or value >= contract.ge)
            and (contract.gt is None or value > contract.gt)
            and (contract.le is None or value <= contract.le)
            and (contract.lt is None or value < contract.lt)
            and (contract.one_of is None or value in contract.one_of)
            and (matches is None or matches.fullmatch(value) is not None)
        )

    return kept
