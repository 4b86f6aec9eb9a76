"""What looks like a leak before the first fit: the question, and what is found.

`study/signs.py` holds the signs that are looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asof.declare.system import System
from asof.declare.tables import Table
from asof.engine.clock import now
from asof.engine.history import history_of
from asof.engine.ingest import ingest
from asof.engine.reports import IngestReport
from asof.errors import DataRefused
from asof.stores.records import LIVE_FROM
from asof.stores.store import Store, store_of
from asof.study.signs import SIGNS, Finding, Looked


@dataclass(frozen=True)
class Leakage:
    """What a system's data show: the gravest first. `requests` mature ones were looked at.

    `unjudged` says what could not be looked at, and why.
    """

    requests: int
    findings: tuple[Finding, ...]
    unjudged: tuple[str, ...] = ()

    @property
    def sure(self) -> int:
        """How many findings are surely leaks."""
        return sum(finding.sure for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """The same in words, a line at a time."""
        rest = len(self.findings) - self.sure
        leaks = f"{self.sure} {'leak' if self.sure == 1 else 'leaks'}"
        looks = f"{rest} {'thing' if rest == 1 else 'things'} to look at"
        told = ", ".join(words for words, n in ((leaks, self.sure), (looks, rest)) if n)
        yield f"{self.requests:,} mature requests looked at: {told or 'nothing looks like a leak'}."
        for finding in self.findings:
            yield from finding.lines()
        for words in self.unjudged:
            yield f"not judged: {words}"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """For notebooks: the same in words."""
        return {"text/plain": str(self)}


def check(system: System[Any], *, base: Path | str = ".", store: Store | None = None) -> Leakage:
    """Look for leaks in the data of a system, before anything is fitted.

    Loads the declared files (paths begin at `base`) into the system's store, unless the system is
    live, and looks at 20,000 mature requests, evenly over the history; see `docs/check.md`.

    Raises:
        DataRefused: a table holds nothing and its file is not there, a file was refused as a
            whole, nothing is asked of the system, or nothing is known of its labels.
    """
    base = Path(base)
    with store_of(system.name, base, store) as opened:
        lacking = missing(system, opened, base)
        if lacking:
            raise DataRefused(
                f"There is nothing to look at of {', '.join(table.name for table in lacking)}.",
                found=f"paths that begin at {base.resolve()}",
                mend="Put the files where the declaration says, give base=, or ingest rows.",
                where=system.declared,
            )
        load(system, opened, base)
        return leakage(system, opened)


def missing(system: System[Any], store: Store, base: Path) -> tuple[Table[Any], ...]:
    """The tables that hold nothing and whose files are not there: `base` is where paths begin."""
    return tuple(
        table
        for table in system.tables
        if (table.path is None or not (base / table.path).exists())
        and not store.loads.in_force(table.name)
        and store.scan(table).head(1).collect().is_empty()
    )


def load(system: System[Any], store: Store, base: Path) -> list[IngestReport]:
    """Load the declared files that are there; what is loaded already changes nothing.

    Into a system that is live nothing is loaded: rows that enter are live rows there (LAW 1c), and
    to look is not to hand in.

    Raises:
        DataRefused: a file was refused as a whole.
    """
    if store.records.setting(LIVE_FROM) is not None:
        return []
    label = system.label.joined.table.name
    return [
        ingest(table, store, now=now(), base=base, label=table.name == label)
        for table in system.tables
        if table.path is not None and (base / table.path).exists()
    ]


def leakage(system: System[Any], store: Store) -> Leakage:
    """Look for leaks in what a store holds of a system.

    Raises:
        DataRefused: nothing is asked of the system, or nothing is known of its labels.
    """
    looked = Looked(history_of(system, store, whole=True), store)
    found = [finding for sign in SIGNS for finding in sign(looked)]
    order = sorted(found, key=lambda finding: not finding.sure)  # else in the order of the signs
    return Leakage(len(looked.rows), tuple(order), tuple(looked.unjudged()))
