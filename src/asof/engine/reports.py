"""What an ingest did, in counts and in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LoadReport:
    """One file (or frame) as it was taken; times are us UTC.

    `read` rows were seen, `stored` written, `unchanged` were known already, `quarantined` set
    apart by reason (a row may have several). `never` and `twice`: wall times that do not exist or
    exist twice. `withdrawn` keys were missing from a full snapshot. `superseded` loads no longer
    count. `again`: this very load had been taken before, and changed nothing.
    """

    name: str
    load: str
    read: int
    stored: int
    unchanged: int = 0
    set_apart: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict[str, int])
    never: int = 0
    twice: int = 0
    withdrawn: int = 0
    superseded: int = 0
    dropped: tuple[str, ...] = ()
    events: tuple[int, int] | None = None
    available: tuple[int, int] | None = None
    live: bool = False
    again: bool = False
    notes: tuple[str, ...] = ()

    @classmethod
    def known(cls, kept: Mapping[str, Any]) -> LoadReport:
        """The report of a load that was taken before, from the one that was kept."""
        values: dict[str, Any] = dict(kept) | {
            "again": True,
            "unchanged": kept["read"] - kept["set_apart"],
        }
        values |= {"stored": 0, "withdrawn": 0, "superseded": 0, "notes": ()}
        for name in ("events", "available"):
            values[name] = tuple(kept[name]) if kept[name] is not None else None
        values["dropped"] = tuple(kept["dropped"])
        return cls(**values)


@dataclass(frozen=True)
class IngestReport:
    """All files that one ingest of a source took, in order."""

    source: str
    loads: tuple[LoadReport, ...]

    @property
    def read(self) -> int:
        """Rows seen."""
        return sum(load.read for load in self.loads)

    @property
    def stored(self) -> int:
        """Rows written."""
        return sum(load.stored for load in self.loads)

    @property
    def unchanged(self) -> int:
        """Rows that were known already."""
        return sum(load.unchanged for load in self.loads)

    @property
    def set_apart(self) -> int:
        """Rows in quarantine."""
        return sum(load.set_apart for load in self.loads)

    @property
    def never(self) -> int:
        """Wall times that do not exist, taken as the first instant after the gap."""
        return sum(load.never for load in self.loads)

    @property
    def twice(self) -> int:
        """Wall times that exist twice, taken as the first."""
        return sum(load.twice for load in self.loads)

    @property
    def quarantined(self) -> dict[str, int]:
        """Rows by reason, the most frequent first."""
        total: dict[str, int] = {}
        for load in self.loads:
            for reason, count in load.quarantined.items():
                total[reason] = total.get(reason, 0) + count
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    @property
    def notes(self) -> tuple[str, ...]:
        """What one should know about how the rows were taken."""
        return tuple(dict.fromkeys(note for load in self.loads for note in load.notes))

    def apart(self) -> str:
        """How many rows are in quarantine, and the reason that most of them have.

        >>> why = {"weight is below 0": 2, "shop is missing": 1}
        >>> IngestReport("parcel", (LoadReport("p.csv", "ab", 9, 6, 0, 3, why),)).apart()
        '3 rows of parcel in quarantine: weight is below 0, and shop is missing.'
        """
        rows = "row" if self.set_apart == 1 else "rows"
        first, *others = self.quarantined or [""]
        rest = others[0] if len(others) == 1 else f"{len(others):,} more reasons"
        more = f", and {rest}" if others else ""
        why = f": {first}{more}" if first else ""
        return f"{self.set_apart:,} {rows} of {self.source} in quarantine{why}."

    def words(self) -> str:
        """One sentence.

        >>> IngestReport("flight", (LoadReport("flights.csv", "ab", 9, 8, set_apart=1),)).words()
        'flight: 9 rows read from flights.csv, 8 stored, 1 in quarantine.'
        """
        names = {load.name for load in self.loads}
        place = names.pop() if len(names) == 1 else f"{len(self.loads):,} files"
        if self.loads and all(load.again for load in self.loads):
            rows = "row" if self.set_apart == 1 else "rows"
            apart = f" ({self.set_apart:,} {rows} in quarantine)" if self.set_apart else ""
            return f"{self.source}: {place} was loaded before{apart}; nothing changed."
        rows = "row" if self.read == 1 else "rows"
        parts = [f"{self.read:,} {rows} read from {place}", f"{self.stored:,} stored"]
        told = (
            (self.unchanged, "known already"),
            (self.set_apart, "in quarantine"),
            (sum(load.withdrawn for load in self.loads), "withdrawn by a snapshot"),
            (sum(load.superseded for load in self.loads), "loads superseded"),
            (self.never, "at wall times that do not exist"),
            (self.twice, "at wall times that exist twice"),
        )
        parts += [f"{count:,} {what}" for count, what in told if count]
        return f"{self.source}: {', '.join(parts)}."
