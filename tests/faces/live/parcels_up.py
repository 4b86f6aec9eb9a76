"""A small system as a file of its own, `asof up` on it as a process, and a plain client."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asof.stores.store import Store

PATIENCE = 120.0
"""Seconds after which something is taken to hang."""

SYSTEM = '''\
"""Will a parcel be late? Asked when it is sent."""

import os
import select
import time
from datetime import UTC, datetime

from sklearn.linear_model import LogisticRegression

import asof
from asof import Col, Key, Time, days
from asof.units import seconds


class Parcel(asof.Row):
    parcel_id: Key[int]
    shop: Col[str] = asof.col(one_of=("a", "b", "c"))
    weight: Col[float] = asof.col(ge=0)
    sent_at: Time


class Delivery(asof.Row):
    parcel_id: Key[int]
    shop: Col[str]
    late: Col[bool]
    took: Col[float]
    came_at: Time


class Fitted(LogisticRegression):
    """Fits at once, or for ever, or until memory is at an end, as the file `fit` says."""

    def fit(self, X, y):
        place = os.path.join(os.path.dirname(__file__), "fit")
        try:
            with open(place) as told:
                how = told.read()
        except FileNotFoundError:
            how = ""
        while how == "never ends" and os.path.exists(place):
            select.select([], [], [], 0.05)  # a sleep ends in a fault where the clock is set back
        eaten = []
        while how == "eats memory":
            eaten.append(bytearray(b"x" * 10_000_000))
            time.sleep(0.01)
        if how == "fails":
            raise ValueError("no such luck")
        return super().fit(X, y)


parcels = asof.source(Parcel, "parcels.csv", zone="UTC", refuse_above=0.9)
deliveries = asof.source(Delivery, "deliveries.csv", zone="UTC", refuse_above=0.9)

ours = deliveries.same(Parcel.shop)
features = asof.features(
    Parcel,
    weight=Parcel.weight,
    deliveries=ours.last(days(900)).count(),
    late=ours.last(days(900)).share(Delivery.late).or_else(0.5),
    took=ours.last(days(900)).mean(Delivery.took).or_else(0.0),
)

system = asof.System(
    "parcels",
    requests=parcels,
    at=Parcel.sent_at,
    features=features,
    label=asof.outcome(deliveries.same(Parcel.parcel_id), Delivery.late, wait=seconds(1)),
    model=Fitted(),
    metric="log_loss",
    retraining=asof.every(seconds(RETRAIN)),
    looks=seconds(0.5),
    start=datetime(2025, 2, 1, tzinfo=UTC),
)
'''


def write(
    folder: Path,
    *,
    retraining: str = "asof.never()",
    rows: int = 300,
    change: str = "",
    apart: int = 30,
) -> Path:
    """A folder with the system and its history of some days: a parcel every `apart` minutes."""
    text = SYSTEM.replace("asof.every(seconds(RETRAIN))", retraining)
    (folder / "system.py").write_text(text + change, encoding="utf-8")
    chance = random.Random(5)
    sent_rows = ["parcel_id,shop,weight,sent_at"]
    came_rows = ["parcel_id,shop,late,took,came_at"]
    first = datetime.now(UTC) - timedelta(days=20)
    for number in range(rows):
        sent = first + timedelta(minutes=apart * number)
        shop, weight = chance.choice("abc"), round(chance.expovariate(0.5), 2)
        late = 10 * chance.random() + weight + 3 * (shop == "a") > 9
        came = sent + timedelta(milliseconds=chance.randrange(100, 900))
        sent_rows.append(f"{-1 - number},{shop},{weight},{plain(sent)}")
        came_rows.append(f"{-1 - number},{shop},{late},{chance.randrange(90)},{plain(came)}")
    (folder / "parcels.csv").write_text("\n".join(sent_rows) + "\n", encoding="utf-8")
    (folder / "deliveries.csv").write_text("\n".join(came_rows) + "\n", encoding="utf-8")
    return folder


def plain(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S.%f}"


def iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


def parcel(number: int, **changes: Any) -> dict[str, Any]:
    row = {"parcel_id": number, "shop": "abc"[number % 3], "weight": number % 7 + 0.25,
           "sent_at": iso(datetime.now(UTC))}  # fmt: skip
    return row | changes


def delivery(number: int, **changes: Any) -> dict[str, Any]:
    row = {"parcel_id": number, "shop": "abc"[number % 3], "late": number % 7 > 3,
           "took": float(number % 90), "came_at": iso(datetime.now(UTC))}  # fmt: skip
    return row | changes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection, made anew where it broke; not to be shared between threads."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection: http.client.HTTPConnection | None = None

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request; raises `OSError` or `HTTPException` where the server is gone."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            self._connection.request(method, path, data, dict(headers or {}))
            answer = self._connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, named, answer.read())
        except BaseException:
            self.close()
            raise

    def get(self, path: str) -> Reply:
        return self.ask("GET", path)

    def send(self, source: str, rows: Sequence[Any], key: str | None = None) -> Reply:
        """Hand in rows of a source."""
        body = "\n".join(json.dumps(row) for row in rows).encode()
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.ask("POST", f"/v1/events/{source}", body, headers)

    def predict(self, *rows: Any, query: str = "") -> Reply:
        return self.ask("POST", f"/v1/predict{query}", {"requests": list(rows)})

    def status(self) -> Any:
        return self.get("/v1/status").json()

    def decisions(self, kind: str = "") -> list[Any]:
        found = self.get("/v1/decisions?last=10000").json()["decisions"]
        return [one for one in found if kind in ("", one["kind"])]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass
class Up:
    """`asof up` as a process."""

    folder: Path
    port: int
    process: subprocess.Popen[str]
    log: Path
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.port)

    @property
    def store(self) -> Path:
        return self.folder / ".asof" / "parcels"

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def kill(self) -> None:
        """As `kill -9` does."""
        self.client.close()
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def start(
    folder: Path,
    *options: str,
    wait: bool = True,
    logs: Path | None = None,
    **more: str,
) -> Up:
    """Start `asof up`, and wait until its port is open; `more` goes into the environment."""
    port = free_port()
    log = (logs or folder) / f"log-{port}"
    line = [sys.executable, "-m", "asof", "up", "system.py", "--port", str(port)]
    with log.open("w") as told:
        process = subprocess.Popen(
            [*line, *options], cwd=folder, stdout=told, stderr=told, text=True,
            env=os.environ | more,
        )  # fmt: skip
    up = Up(folder, port, process, log)
    if wait:
        until(lambda: "is up at" in up.said() or process.poll() is not None)
        assert process.poll() is None, up.said()
    return up


def until(holds: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Wait until something holds; what it says."""
    end = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)
    return found


def again(folder: Path, other: Path) -> Path:
    """A copy of a folder whose server is gone, as a folder of its own."""
    shutil.copytree(folder, other, dirs_exist_ok=True)
    return other


def quarantined(store: Store, source: str) -> int:
    """How many rows of a source are in quarantine."""
    return sum(1 for load, _ in store.loads.quarantine() if load.source == source)


def serving(up: Up) -> Any:
    """Wait until a model is in service; the status."""
    return until(lambda: (told := up.client.status())["model"] and told)
