"""A small working system whose file and data can be spoilt in one place, and the command line."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from asof.faces import cli

SYSTEM = '''\
"""Will a parcel be late? Asked when it is sent."""

from datetime import UTC, datetime

from sklearn.linear_model import LinearRegression, LogisticRegression

import asof
from asof import Col, Key, Time, days, hours, minutes


class Parcel(asof.Row):
    parcel_id: Key[int]
    shop: Col[str]
    weight: Col[float] = asof.col(ge=0)
    sent_at: Time


class Delivery(asof.Row):
    parcel_id: Key[int]
    shop: Col[str]
    late: Col[bool]
    took: Col[float]
    came_at: Time


parcels = asof.source(Parcel, "parcels.csv", zone="UTC")
deliveries = asof.source(Delivery, "deliveries.csv", zone="UTC", lag=hours(1))

ours = deliveries.same(Parcel.shop)
features = asof.features(
    Parcel,
    weight=Parcel.weight,
    deliveries=ours.last(days(7)).count(),
    late=ours.last(days(14)).share(Delivery.late).or_else(0.5),
)

system = asof.System(
    "parcels",
    requests=parcels,
    at=Parcel.sent_at,
    features=features,
    label=asof.outcome(deliveries.same(Parcel.parcel_id), Delivery.late, wait=days(3)),
    model=LogisticRegression(),
    metric="log_loss",
    retraining=asof.every(days(7)),
    start=datetime(2025, 2, 1, tzinfo=UTC),
    until=datetime(2025, 3, 1, tzinfo=UTC),
)

never = system.but(retraining=asof.never())
'''


def write_data(folder: Path, *, parcels: int = 900) -> None:
    """Parcels of two months, and their deliveries: heavy ones and one shop's come late."""
    chance = random.Random(5)
    sent_rows, came_rows = ["parcel_id,shop,weight,sent_at"], []
    for number in range(parcels):
        sent = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(
            minutes=90 * number + chance.randrange(80)
        )
        shop, weight = chance.choice("abc"), round(chance.expovariate(0.5), 2)
        took = round(chance.uniform(5, 40) + 3 * weight + 8 * (shop == "a"), 1)
        sent_rows.append(f"{number},{shop},{weight},{sent:%Y-%m-%d %H:%M:%S}")
        came = sent + timedelta(hours=took)
        late = "yes" if took > 36 else "no"
        came_rows.append((came, f"{number},{shop},{late},{took},{came:%Y-%m-%d %H:%M:%S}"))
    came_rows.sort()
    told = ["parcel_id,shop,late,took,came_at", *(line for _, line in came_rows)]
    (folder / "parcels.csv").write_text("\n".join(sent_rows) + "\n", encoding="utf-8")
    (folder / "deliveries.csv").write_text("\n".join(told) + "\n", encoding="utf-8")


@dataclass
class Done:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str


@dataclass
class Work:
    """A folder with `system.py` and its data, and the command line called in this process."""

    folder: Path
    asof: Callable[..., Done]

    @property
    def file(self) -> Path:
        return self.folder / "system.py"

    def spoil(self, old: str, new: str, *, file: str = "system.py") -> None:
        """Replace the one place where `old` stands."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def line_of(self, text: str) -> int:
        """The number of the first line that holds a text."""
        lines = self.file.read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def backtest(self, *more: str) -> Done:
        return self.asof("backtest", "system.py", "--draws", "20", "--workers", "1", *more)


@pytest.fixture
def work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Work]:
    """The working system, in a folder of its own that is also the current one."""
    (tmp_path / "system.py").write_text(SYSTEM, encoding="utf-8")
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", sys.modules)
    before = set(sys.modules)

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        status = cli._run(arguments)
        said = capsys.readouterr()
        return Done(status, said.out, re.sub(r"\x1b\[[0-9;]*m", "", said.err))

    yield Work(tmp_path, run)
    for name in set(sys.modules) - before:  # the user's modules; the next folder has others
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


SLOW = """\
class Slow(LogisticRegression):
    def fit(self, X, y):
        import os, time
        with open("fitting", "a") as begun:
            begun.write(".")
        time.sleep(float(os.environ.get("SLOW", "0")))
        return super().fit(X, y)


ours = deliveries.same"""


@pytest.fixture
def slow(work):
    """The working system with an estimator that notes each fit and sleeps as long as SLOW says."""
    work.spoil("ours = deliveries.same", SLOW)
    work.spoil("model=LogisticRegression()", "model=Slow()")
    return work
