"""`kill -9` at random moments under load: what was acknowledged is there, once, and goes on."""

from __future__ import annotations

import random
import threading
import time
from http.client import HTTPException

import psutil
import pytest
from parcels_up import Client, again, delivery, parcel, serving, until, write

from asof.declare.kept import RECORDED
from asof.engine.live.rerun import rerun
from asof.faces.project import system_of
from asof.stores.store import Store


class World:
    """What the senders know: what was acknowledged, and what they must send again."""

    def __init__(self):
        self.numbers = iter(range(1, 10**9))
        self.lock = threading.Lock()
        self.unsure = []
        self.acknowledged = set()
        self.answered = {}
        self.refused = []
        self.deaf = threading.Event()

    def next(self):
        """A number, which is its key, and the rows under it: the same ones when they come again."""
        with self.lock:
            if self.unsure:
                return self.unsure.pop()
            n = next(self.numbers)
            return n, [delivery(10 * n + i) for i in range(n % 3 + 1)]


class Sender(threading.Thread):
    """Sends deliveries, each under a key, and again what was not acknowledged."""

    def __init__(self, world, port):
        super().__init__()
        self.world, self.client = world, Client(port)

    def run(self):
        world = self.world
        while not world.deaf.is_set():
            n, rows = world.next()
            try:
                reply = self.client.send("delivery", rows, key=str(n))
            except (OSError, HTTPException):
                with world.lock:
                    world.unsure.append((n, rows))
                return
            if reply.status in (200, 201):
                world.acknowledged.add(n)
            else:
                world.refused.append(reply)


class Asker(threading.Thread):
    """Asks about parcels that are handed in with the question."""

    def __init__(self, world, port, first):
        super().__init__()
        self.world, self.client, self.number = world, Client(port), first

    def run(self):
        while not self.world.deaf.is_set():
            self.number += 1
            try:
                reply = self.client.predict(parcel(self.number))
            except (OSError, HTTPException):
                return
            if reply.status == 200:
                (answer,) = reply.json()["answers"]
                self.world.answered[answer["request"]] = answer["prediction"]
            else:
                self.world.refused.append(reply)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_kill_9_under_load(begin, tmp_path, kills):
    folder = tmp_path / "first"
    folder.mkdir()
    write(folder, retraining="asof.every(seconds(4))")
    chance, world = random.Random(3), World()
    for kill in range(kills):
        up = begin("--seal-every", "0.2", folder=folder)
        if kill == 0:
            serving(up)
        threads = [Sender(world, up.port), Sender(world, up.port)]
        threads += [Asker(world, up.port, 10**6 * (2 * kill + i + 1)) for i in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.3, 4.0))
        up.kill()
        for thread in threads:
            thread.join()
        assert world.refused == []
        every_one_once(world, folder, up.store)
    assert world.acknowledged
    assert world.answered
    the_same_from_scratch(begin, folder, tmp_path / "second")
    system = system_of(str(folder / "system.py"))
    with Store(up.store) as store:
        found = rerun(system, store)
        assert found.equal, found.first_difference
        assert found.answers == store.predictions().height
    print(
        f"{kills} kills, {len(world.acknowledged):,} bodies acknowledged, "
        f"{len(world.answered):,} answers"
    )


def every_one_once(world, folder, place):
    """Look at what is there: what was acknowledged and what was answered, each once."""
    system = system_of(str(folder / "system.py"))
    with Store(place) as store:
        deliveries = store.rows(system.label.joined.table)
        ids = [n for n in deliveries["parcel_id"].to_list() if n > 0]
        assert len(ids) == len(set(ids)), "a row is there twice"
        assert deliveries[RECORDED].is_sorted()
        wanted = {10 * n + i for n in world.acknowledged for i in range(n % 3 + 1)}
        assert wanted <= set(ids), "an acknowledged row is gone"
        for n in {i // 10 for i in ids}:
            assert {10 * n + i for i in range(n % 3 + 1)} <= set(ids), "half a message"
        told = store.predictions()
        recorded = dict(told.select("request", "prediction").iter_rows())
        assert told["request"].n_unique() == told.height
        parcels = set(store.rows(system.requests)["parcel_id"].to_list())
        assert {int(name) for name in recorded} <= parcels
    # However little time before the kill: a process that ends takes nothing along that was said.
    assert {name: recorded.get(name) for name in world.answered} == world.answered


def the_same_from_scratch(begin, folder, other):
    """What lives on after the last kill answers like a server that only has the stores."""
    up = begin("--seal-every", "0.2", folder=folder)
    new = [delivery(10**8 + n) for n in range(50)]
    assert up.client.send("delivery", new).status == 201
    parcels = [parcel(10**8 + n) for n in range(50)]
    assert up.client.predict(*parcels).status == 200
    until(lambda: not up.client.status()["training"])
    up.client.send("delivery", [delivery(10**8 + n) for n in range(50, 60)])
    answers = up.client.predict(*parcels, query="?explain=features&durable=true").json()["answers"]
    up.kill()
    again(folder, other)
    scratch = begin("--seal-every", "0.2", folder=other)
    found = scratch.client.predict(*parcels, query="?explain=features").json()["answers"]
    assert [one["features"] for one in found] == [one["features"] for one in answers]
    mine = {one["version"] for one in answers} | {one["version"] for one in found}
    if len(mine) == 1:  # no model has come meanwhile
        assert [one["prediction"] for one in found] == [one["prediction"] for one in answers]
    scratch.kill()


def test_a_fit_that_never_ends_ends_with_a_killed_server(begin, tmp_path):
    write(tmp_path)
    (tmp_path / "fit").write_text("never ends", encoding="utf-8")
    up = begin()
    server = psutil.Process(up.process.pid)
    until(lambda: up.client.status()["training"])
    fitting = until(lambda: [c for c in server.children() if "spawn_main" in str(c.cmdline())])
    up.kill()
    until(lambda: not any(c.is_running() for c in fitting))
    (tmp_path / "fit").unlink()
    up = begin()
    assert serving(up)["model_name"] == "m1", "the fit is taken up again"
