"""What was said before a kill is there after it: all of it, in its order, and nothing refused."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import zlib

import msgspec
import pytest

import asof.stores.live
from asof.errors import StoreError
from asof.stores.ahead import _HEAD
from asof.stores.encoded import encode
from asof.stores.loads import NewLoad, SetAside
from asof.stores.store import Store
from asof.stores.tables import Layout

SCRIPT = """
import os, sys, time
sys.path.insert(0, {folder!r})
import shops_ahead as shops
from pathlib import Path
from asof.stores.store import Store
with Store(Path({store!r})) as store, store.live(
    [shops.readings], address="", started=1, elapsed=time.monotonic, within=60.0
) as journal:
    for at in range({count}):
        journal.append("look", at, {{"n": at}})
    print(journal.offset, flush=True)
    time.sleep(600)
"""

SHOPS = """
import asof
class Reading(asof.Row):
    sensor: asof.Key[int]
    value: asof.Col[float]
    taken_at: asof.Time
readings = asof.source(Reading)
"""


def live(store, shop, **more):
    given = {"address": "", "started": 5, "elapsed": time.monotonic} | more
    return store.live([shop.readings], **given)


def numbers(store):
    return [one.payload["n"] for one in store.journal.read(kinds=["look"])]


def test_a_killed_process_leaves_what_no_commit_had_reached(tmp_path):
    (tmp_path / "shops_ahead.py").write_text(SHOPS, encoding="utf-8")
    place = tmp_path / "store"
    text = SCRIPT.format(folder=str(tmp_path), store=str(place), count=500)
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "500"
    with Store(place) as store:
        assert numbers(store) == [], "a server's own files are left to it"
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Store(place) as store:
        assert numbers(store) == list(range(500))
        assert store.journal.append("look", {"n": 500}, stamp=501) == 501
    with Store(place) as store:
        assert numbers(store) == list(range(501))


@pytest.fixture
def cut(store, shop, tmp_path):
    """What is on disk while a journal works, as a kill would leave it; a store of its own."""

    def cut(place, change=lambda content: content):
        source = store.directory
        copy = tmp_path / place
        copy.mkdir()
        for file in source.iterdir():
            if file.name.startswith(("records.db", "ahead-")):
                content = file.read_bytes()
                left = change(content) if file.name.startswith("ahead") else content
                (copy / file.name).write_bytes(left)
        return copy

    return cut


def told(journal, n, **more):
    rows = [(n, 0.5, 10, 10, None, False)]
    payload = {"rows": 1, "quarantined": []}
    return journal.append("rows", n, payload, encode(rows), source="reading", **more)


def test_rows_receipts_and_quarantine_are_taken_up_with_their_messages(store, shop, cut):
    aside = SetAside(0, 3, {"sensor": "x", "value": None}, ("value is missing",))
    with live(store, shop, within=60.0) as journal:
        told(journal, 1, key="a", aside=[aside])
        journal.append("look", 2, {"n": 7})
        told(journal, 3)
        place = cut("killed")
        torn = cut("torn", lambda content: content[:-5])
    with Store(place) as other:
        assert [one.kind for one in other.journal.read()] == ["rows", "look", "rows"]
        assert other.rows(shop.readings)["sensor"].to_list() == [1, 3]
        ((load, row),) = other.loads.quarantine()
        assert (load.source, row.row, row.reasons) == ("reading", dict(aside.row), aside.reasons)
        with live(other, shop) as journal:
            receipt = journal.known("reading", "a")
            assert (receipt.offset, receipt.durable) == (1, True)
            assert told(journal, 9) == 4
    with Store(torn) as other:
        assert [one.kind for one in other.journal.read()] == ["rows", "look"], "half a message"


def test_a_released_row_is_in_the_table_or_in_quarantine(store, shop, cut):
    """Wherever a kill comes: the row, its load and the end of its quarantine are one message."""
    aside = [SetAside(0, 3, {"sensor": "x"}, ("?",)), SetAside(0, 4, {"sensor": "y"}, ("?",))]
    row = encode([(3, 1.0, 5, 5, None, False)], [3])

    def places(place):
        with Store(place) as other:
            apart = [row.position for _, row in other.loads.quarantine()]
            parts = [(one.offset, one.part_of, one.stored) for one in other.loads.all("reading")]
            return apart, other.rows(shop.readings)["sensor"].to_list(), parts

    with live(store, shop, within=60.0) as journal:
        told(journal, 1, aside=aside)
        journal.flush()
        before = cut("before")
        new = NewLoad(
            load="r", source="reading", fingerprint="", content="r", path=None,
            layout=Layout.of(shop.Reading).name, stamp=2, read=1, stored=1, part_of=1,
            releases=(3,), leans_on=(7,), report={"live": True},
        )  # fmt: skip
        journal.append("rows", 2, {"rows": 1}, row, source="reading", load=new)
        killed = cut("killed")
        torn = cut("torn", lambda content: content[:-5])
        journal.flush()
        settled = cut("settled")
    both = ([4], [1, 3], [(2, 1, 1)])
    assert places(before) == places(torn) == ([3, 4], [1], [])
    assert places(killed) == places(settled) == places(store.directory) == both
    with Store(killed) as other:
        (load,) = other.loads.in_force("reading")
        assert (load.leans_on, other.loads.report(2)) == ((7,), {"live": True})
        assert other.seal().rows == {"reading": 2}
        ((_, released),) = other.loads.quarantine(released=True)
        assert (released.position, released.released) == (3, 2)
    assert places(killed) == both


def test_what_is_said_together_is_kept_together(store, shop, cut):
    with live(store, shop, within=60.0) as journal:
        journal.append("look", 1, {"n": 1})
        told(journal, 2, more=True)
        alone = cut("alone")
        journal.append("look", 3, {"n": 3})
        both = cut("both")
        torn = cut("torn", lambda content: content[:-5])
        told(journal, 4, more=True)
        journal.flush()
        flushed = cut("flushed")
    kinds = {}
    for place in (alone, both, torn, flushed):
        with Store(place) as other:
            kinds[place.name] = [one.kind for one in other.journal.read()]
    assert kinds == {
        "alone": ["look"],
        "both": ["look", "rows", "look"],
        "torn": ["look"],
        "flushed": ["look", "rows", "look", "rows"],
    }


def test_what_was_refused_is_not_taken_up(store, shop, cut, monkeypatch):
    refused = []
    works = asof.stores.live.write

    def full(*_, **__):
        raise StoreError("The disk is full.")

    with live(store, shop) as journal:
        told(journal, 1)
        journal.flush()
        monkeypatch.setattr(asof.stores.live, "write", full)
        told(journal, 2, on_durable=refused.append)
        journal.append("look", 3, {"n": 1})
        with pytest.raises(StoreError):
            journal.flush()
        while not refused:
            time.sleep(0.01)
        during = cut("during")
        monkeypatch.setattr(asof.stores.live, "write", works)
        while journal.health.failing:
            time.sleep(0.01)
        journal.flush()
        journal.within = 60.0
        journal.append("look", 4, {"n": 2})
        after = cut("after")
    with Store(during) as other:
        assert [one.kind for one in other.journal.read()] == ["rows"]
    with Store(after) as other:
        assert other.rows(shop.readings)["sensor"].to_list() == [1]
        assert numbers(other) == [1, 2]


def of_another_version(file):
    """Write a file as another version might: whole, and in another shape."""
    said = msgspec.msgpack.encode([{"before": 0, "kind": "look"}])
    file.write_bytes(_HEAD.pack(len(said), zlib.crc32(said)) + said)


def test_what_another_version_left_is_not_passed_over(store, shop, cut):
    with live(store, shop, within=60.0) as journal:
        journal.append("look", 1, {"n": 1})
        journal.flush()
        journal.append("look", 2, {"n": 2})
        place = cut("killed")
    (file,) = [one for one in place.glob("ahead-*") if one.stat().st_size]
    of_another_version(file)
    left = file.read_bytes()
    for _ in range(2):  # nobody writes in its place meanwhile
        with pytest.raises(StoreError, match="another version of Asof wrote it") as caught:
            Store(place)
        assert file.name in caught.value.what
        assert caught.value.found.startswith(f"{file}: ")
        assert "Start the version that wrote it once" in caught.value.mend
        assert "move the file away" in caught.value.mend
        assert file.read_bytes() == left
    file.unlink()
    with Store(place) as other, live(other, shop):
        assert numbers(other) == [1]


def test_a_server_that_meets_what_another_version_left_says_so(store, shop):
    (file := store.directory / "ahead-1").touch()
    of_another_version(file)
    with pytest.raises(StoreError, match="ahead-1, which a killed server left"), live(store, shop):
        pytest.fail("it started")
    assert file.stat().st_size


def test_what_was_committed_is_not_taken_up_again(store, shop, cut):
    with live(store, shop, within=60.0) as journal:
        for at in range(48):
            journal.append("look", at, {"n": at})
            if at % 7 == 0:
                journal.flush()
        files = [store.directory / f"ahead-{i}" for i in (0, 1)]
        before = {file: file.read_bytes() for file in files}
        journal.flush()
        place = cut("killed")
        for file, content in before.items():  # the commit is there, and the files are not empty yet
            (place / file.name).write_bytes(content)
        assert any(before.values())
    with Store(place) as other:
        assert numbers(other) == list(range(48))
    assert not any(file.stat().st_size for file in files)
