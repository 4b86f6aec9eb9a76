"""A server and a sealing killed at random moments, and a full disk: what was acknowledged is there.

Each is real: processes are killed under load, a small disk is mounted.
"""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

import asof
from asof.declare.kept import RECORDED
from asof.errors import StoreError
from asof.stores.encoded import encode
from asof.stores.predictions import PREDICTED, encode_predictions
from asof.stores.store import Store


class Event(asof.Row):
    event: asof.Key[int]
    name: asof.Col[str]
    at: asof.Time


class Click(asof.Row):
    click: asof.Col[int]
    at: asof.Time


events, clicks = asof.source(Event), asof.source(Click)

SERVER = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_live_crash import clicks, content, events, prediction
from asof.stores.predictions import PREDICTED
from asof.stores.store import Store

told = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)

def acknowledge(n):
    return lambda error: os.write(told, f"acknowledged {n}\\n".encode()) if error is None else None

with (
    Store(Path(sys.argv[1])) as store,
    store.live([events, clicks], address="", started=0, elapsed=time.monotonic) as journal,
):
    # The sender sends again whatever was not acknowledged, under the same keys.
    again = [int(n) for n in sys.argv[5].split(",") if n]
    n = int(sys.argv[4])
    os.write(told, b"begun\\n")
    while True:
        n = n + 1 if not again else n
        one = again.pop() if again else n
        new = journal.known("event", str(one)) is None
        if new:
            os.write(told, f"sent {one}\\n".encode())
            journal.append(
                "rows", n, {}, content(one), source="event", key=str(one),
                on_durable=acknowledge(one),
            )
        else:
            acknowledge(one)(None)
        if new and one % 3 == 0:
            offset = journal.append(PREDICTED, n, {}, prediction(one))
            os.write(told, f"predicted {offset}\\n".encode())
        if one % 20 == 0:
            os.write(told, f"durable {journal.health.durable}\\n".encode())
            time.sleep(0.005)
"""

SEALER = """
import sys, time
from pathlib import Path
from asof.stores.store import Store

with Store(Path(sys.argv[1])) as store:
    print("begun", flush=True)
    while True:
        sealed = store.seal()
        store.prune(snapshot=sealed.upto)
        time.sleep(0.05)
"""


def content(n):
    rows = [(10 * n + i, "x" * (n % 50), n, n, None, False) for i in range(n % 3 + 1)]
    return encode(rows)


def prediction(n):
    return encode_predictions([(str(n), n, n, n, n, "m", 0.5, False, None, None, [1.0 * n])])


def start(program, *arguments):
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def told(path, word):
    lines = (line.split() for line in path.read_text().splitlines())
    return [int(line[1]) for line in lines if line[0] == word]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_kill_9_at_random_moments_under_load(tmp_path, kills):
    place, log = tmp_path / "store", tmp_path / "told"
    log.touch()
    Store(place).close()
    chance = random.Random(11)
    sealer = start(SEALER, place)
    sealer.stdout.readline()
    for _ in range(kills):
        begun = log.read_text().count("begun")
        sent, acknowledged = told(log, "sent"), set(told(log, "acknowledged"))
        again = ",".join(str(n) for n in sorted(set(sent) - acknowledged))
        folder = Path(__file__).parent
        server = start(SERVER, place, log, folder, max(sent, default=0), again)
        while log.read_text().count("begun") == begun:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.05, 0.8))
        if chance.random() < 0.6:
            sealer.kill()
            sealer.wait()
            sealer.stdout.close()
            sealer = start(SEALER, place)
            sealer.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.3))
        server.kill()
        server.wait()
        server.stdout.close()
        with Store(place) as store:  # beside the sealer
            every_one_once(store, log)
    sealer.kill()
    sealer.wait()
    sealer.stdout.close()
    with Store(place) as store:
        before = every_one_once(store, log)
        store.seal()
        assert every_one_once(store, log) == before
        with store.writing():
            pass
        assert every_one_once(store, log) == before
        for folder in (place / "tables").glob("*/*"):
            assert loose(folder) == [], "no file is left behind"


def loose(folder):
    """Files of a table that no commit has named; a merge that was killed may leave some."""
    log = "".join(commit.read_text() for commit in folder.glob("_delta_log/*.json"))
    files = [file.name for file in folder.glob("*.parquet") if file.name not in log]
    return [name for name in files if "-" not in name]


def every_one_once(store, log):
    rows = store.rows(events)
    ids = rows["event"].to_list()
    assert len(ids) == len(set(ids)), "a row is there twice"
    assert rows[RECORDED].is_sorted()
    acknowledged = set(told(log, "acknowledged"))
    wanted = {10 * n + i for n in acknowledged for i in range(n % 3 + 1)}
    assert wanted <= set(ids), "an acknowledged row is gone"
    assert {10 * (i // 10) for i in ids} >= {10 * n for n in acknowledged}
    assert all(10 * (i // 10) + (i // 10) % 3 in set(ids) for i in ids[-9:]), "half a message"
    predictions = store.predictions()
    assert predictions["request"].n_unique() == predictions.height
    assert predictions[RECORDED].is_sorted()
    assert promised(log) <= set(predictions[RECORDED].to_list()), "a durable prediction is gone"
    assert all(row == [float(n)] for row, n in predictions["features", "request"].iter_rows())
    return len(ids), predictions.height


def promised(log):
    """The offsets of predictions that their server said were durable."""
    found = set[int]()
    for life in log.read_text().split("begun\n"):
        lines = [line.split() for line in life.splitlines()]
        durable = max((int(n) for word, n in lines if word == "durable"), default=0)
        found |= {int(n) for word, n in lines if word == "predicted" and int(n) <= durable}
    return found


@pytest.fixture
def small_disk(disk_of):
    return disk_of("16m")


def live(store, **more):
    return store.live([events, clicks], address="", started=0, elapsed=time.monotonic, **more)


def send(journal, n, outcomes, **more):
    """Send an event and wait for what becomes of it."""
    done = threading.Event()

    def outcome(error):
        outcomes.append((n, error))
        done.set()

    journal.append(
        "rows", n, {}, content(n), source="event", key=str(n), on_durable=outcome, **more
    )
    assert done.wait(60)


def test_on_a_full_disk_events_are_refused_and_predictions_are_kept(small_disk, fill):
    outcomes, seen = [], []
    with Store(small_disk / "store") as store, live(store) as journal:
        send(journal, 1, outcomes)
        ballast = fill(small_disk)
        n = 1
        while outcomes[-1][1] is None:  # what SQLite has of room in its own files
            n += 1
            send(journal, n, outcomes)
        assert n < 3000
        error = outcomes[-1][1]
        assert isinstance(error, StoreError)
        assert "disk is full" in str(error)
        head = store.journal.head()
        offset = journal.append(PREDICTED, n, {}, prediction(7), on_durable=seen.append)
        journal.append("decided", n, {"why": "because"})
        send(journal, 100_000, outcomes)
        assert "disk is full" in journal.health.failing
        assert journal.known("event", "100000") is None, "the sender may send it again"
        assert [str(error) for error in seen] == [journal.health.failing]
        assert store.journal.head() == head
        Store(small_disk / "store").close()  # others can still look
        assert store.rows(events).height == sum(i % 3 + 1 for i, why in outcomes if why is None)
        with pytest.raises(StoreError, match="disk is full"):
            journal.flush()
        ballast.unlink()
        while journal.health.failing:
            time.sleep(0.02)
        journal.flush()
        assert store.predictions()[RECORDED].to_list() == [offset]
        assert store.journal.read(kinds=["decided"])[0].payload == {"why": "because"}
        assert len(seen) == 1, "an outcome is told once"
        send(journal, 100_000, outcomes)
        assert outcomes[-1] == (100_000, None)
        there = {i // 10 for i in store.rows(events)["event"].to_list()}
        assert there == {i for i, why in outcomes if why is None}
        messages = store.journal.read()
        assert [m.offset for m in messages] == sorted(m.offset for m in messages)
        assert store.seal().predictions == 1


def test_what_finds_no_room_in_memory_is_counted_and_decisions_are_kept(small_disk, fill):
    outcomes = []
    with Store(small_disk / "store") as store, live(store) as journal:
        journal._keep = 20_000
        ballast = fill(small_disk)
        while not outcomes or outcomes[-1][1] is None:
            send(journal, len(outcomes), outcomes)
        for n in range(1000):
            journal.append("decided" if n % 100 == 0 else PREDICTED, n, {}, prediction(n))
        while not journal.health.lost:
            send(journal, 99_999, outcomes)
        health = journal.health
        assert health.waiting == 1000 - health.lost
        assert health.backlog <= 20_000 + 200
        ballast.unlink()
        while journal.health.failing:
            time.sleep(0.02)
        journal.flush()
        told = store.predictions()["request"].cast(int).to_list()
        assert told == [n for n in range(1000) if n % 100][health.lost :], "the newest are kept"
        assert len(store.journal.read(kinds=["decided"])) == 10


def test_closing_on_a_full_disk_says_what_is_lost(small_disk, fill):
    outcomes = []
    with Store(small_disk / "store") as store:
        opened = live(store)
        journal = opened.__enter__()
        ballast = fill(small_disk)
        while not outcomes or outcomes[-1][1] is None:
            send(journal, len(outcomes), outcomes)
        journal.append(PREDICTED, 1, {}, prediction(1))
        with pytest.raises(StoreError, match="could not be written") as caught:
            opened.__exit__(None, None, None)
        assert "disk is full" in caught.value.found
        ballast.unlink()
        with live(store) as journal:
            send(journal, 5000, outcomes)
        assert outcomes[-1][1] is None


def test_sealing_on_a_full_disk_changes_nothing_and_is_done_later(small_disk, fill):
    with Store(small_disk / "store") as store, live(store) as journal:
        for n in range(3000):
            journal.append("rows", n, {}, content(n), source="event")
        journal.append(PREDICTED, 1, {}, prediction(1))
        journal.flush()
        rows, predictions = store.rows(events), store.predictions()
        ballast = fill(small_disk)
        with pytest.raises(StoreError, match="disk is full"):
            store.seal()
        assert store.rows(events).equals(rows)
        ballast.unlink()
        sealed = store.seal()
        assert (sealed.rows, sealed.predictions) == ({"event": rows.height}, 1)
        assert store.rows(events).equals(rows)
        assert store.predictions().equals(predictions)
