"""`asof why`: the versions that a feature saw are those of the law, wherever their rows lie."""

from __future__ import annotations

import csv
import time
from datetime import UTC, datetime

import pytest

from asof.compute.schedule import microseconds
from asof.faces.project import system_of
from asof.stores.encoded import encode
from asof.stores.store import Store


def us(told: str) -> int:
    return microseconds(datetime.fromisoformat(told).replace(tzinfo=UTC))


@pytest.mark.parametrize("sealed", [False, True])
def test_what_says_the_same_as_the_version_before_it_is_no_version(work, sealed):
    assert work.asof("ingest", "system.py").status == 0
    why = ("why", "system.py", "800", "deliveries", "--rows", "900")
    before = work.asof(*why)
    assert before.status == 0, before.err

    seen = next(line for line in before.out.splitlines() if line.startswith("    seen "))
    key = seen.split()[1]
    with (work.folder / "deliveries.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["parcel_id"] == key)
    came, late, took = us(row["came_at"]), row["late"] == "yes", float(row["took"])
    deliveries = next(t for t in system_of("system.py").tables if t.name == "delivery")
    known = came + 3_600_000_000

    def send(*says):
        with Store(work.folder / ".asof" / "parcels") as store:
            with store.live([deliveries], address="", started=1, elapsed=time.monotonic) as journal:
                for stamp, hours in says:
                    sent = (int(key), row["shop"], late, hours, came, stamp, None, False)
                    told = {"rows": 1, "quarantined": []}
                    journal.append("rows", stamp, told, encode([sent]), source="delivery")
            if sealed:
                assert store.seal().rows == {"delivery": len(says)}

    send(*((known + n * 60_000_000, took) for n in (1, 2, 3)))
    assert work.asof(*why).out == before.out

    send((known + 240_000_000, took + 1), (known + 300_000_000, took))  # 5, 7, 5 are three
    after = work.asof(*why).out.splitlines()
    assert sum(line.split()[:2] == ["seen", key] for line in after) == 1
    assert sum(line.split()[:3] == ["not", "seen", key] for line in after) == 2
