"""The cases of docs/law.md, read from its tables.

A case begins with a bold line `**2a.1 What it shows.**` and reaches to the next one. What it is
about stands in tables, told apart by their headings, and in lines of backticked settings, such as
``Source: `lag=minutes(10)` ``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "law.md"
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

BEGIN = re.compile(r"\*\*(?P<letter>\d[a-z])\.(?P<number>\d+) (?P<title>.+?)\*\*$")
SETTING = re.compile(r"(?P<name>[A-Z][a-z ]+): (?P<told>`.*)$")
CODE = re.compile(r"`([^`]*)`")
CLOCK = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)|(?P<day>Mon|Tue|Wed|Thu|Fri|Sat|Sun))? ?"
    r"(?:(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))?)?"
)

Record = dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table of the page: its headings, and its rows by heading; blank repeats what is above."""

    head: tuple[str, ...]
    rows: tuple[Record, ...]

    def has(self, *names: str) -> bool:
        return set(names) <= set(self.head)


@dataclass
class Case:
    """One case: its name (`2a.1`), what it shows, its settings and its tables."""

    name: str
    title: str
    settings: dict[str, list[str]] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)

    @property
    def letter(self) -> str:
        return self.name.partition(".")[0]

    def find(self, *heading: str) -> Table | None:
        """The table that has these headings."""
        return next((table for table in self.tables if table.has(*heading)), None)

    def get(self, *heading: str) -> Table:
        found = self.find(*heading)
        assert found is not None, f"case {self.name} has no table with {heading}"
        return found

    def setting(self, name: str) -> str:
        """The settings of a name as arguments of a call."""
        return ", ".join(self.settings.get(name, []))


def moment(text: str) -> int:
    """Microseconds since 1970-01-01 UTC of `13:05:02`, `Tue 13:05` or `2024-03-31 02:30`.

    Without a day it is Monday, 1 January 2024.
    """
    return (wall(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def wall(text: str) -> datetime:
    """The same as clocks show it."""
    found = CLOCK.fullmatch(text)
    assert found is not None, f"{text!r} is no moment"
    date = found["date"]
    day = datetime.fromisoformat(date) if date else MONDAY.replace(tzinfo=None)
    if found["day"]:
        day += timedelta(days=WEEK.index(found["day"]))
    told = {n: int(found[n] or 0) for n in ("hour", "minute", "second")}
    return day + timedelta(hours=told["hour"], minutes=told["minute"], seconds=told["second"])


def clock(at: int) -> str:
    """A moment as the page writes it."""
    told = EPOCH + timedelta(microseconds=at)
    days = (told - MONDAY).days
    day = "" if days == 0 else f"{WEEK[days]} " if 0 < days < 7 else f"{told:%Y-%m-%d} "
    return f"{day}{told:%H:%M:%S}".removesuffix(":00")


def read(page: str) -> list[Case]:
    """All cases of a page, in their order."""
    found: list[Case] = []
    table: list[str] = []
    for line in [*page.splitlines(), ""]:
        if line.startswith("|"):
            table.append(line)
            continue
        if table and found:
            found[-1].tables.append(_table(table))
        table = []
        begun = BEGIN.match(line)
        if begun is not None:
            found.append(Case(f"{begun['letter']}.{begun['number']}", begun["title"]))
        elif line.startswith("#"):
            found.append(Case("", ""))
        elif found and (told := SETTING.match(line)) is not None:
            found[-1].settings.setdefault(told["name"].lower(), []).extend(
                CODE.findall(told["told"])
            )
    return [case for case in found if case.name]


def _table(lines: list[str]) -> Table:
    head, _, *rest = (_cells(line) for line in lines)
    rows: list[Record] = []
    for cells in rest:
        assert len(cells) == len(head), f"{cells} does not fit {head}"
        above = rows[-1] if rows else dict.fromkeys(head, "")
        rows.append({n: cell or above[n] for n, cell in zip(head, cells, strict=True)})
    return Table(tuple(head), tuple(rows))


def _cells(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [cell.strip().replace("\\|", "|") for cell in cells]


def letters(page: str) -> set[str]:
    """The letters that the page answers for without a case: `- **1f** ...`."""
    return set(re.findall(r"^- \*\*(\d[a-z])\*\*", page, flags=re.MULTILINE))


def cases() -> list[Case]:
    """The cases of docs/law.md."""
    return read(PAGE.read_text(encoding="utf-8"))


def named(found: Iterable[Case]) -> list[str]:
    return [case.name for case in found]
