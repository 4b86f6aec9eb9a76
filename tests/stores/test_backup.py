"""A copy of a store is the store as of one moment, whatever is written and sealed meanwhile."""

from __future__ import annotations

import threading
import time

import pytest

import asof
from asof.errors import StoreError, UsageError
from asof.stores import backup
from asof.stores.encoded import encode
from asof.stores.store import Store


class Passage(asof.Row):
    gate: asof.Key[int]
    at: asof.Time


passages = asof.source(Passage)


def send(journal, gate):
    rows = [(gate, gate, gate, None, False)]
    return journal.append("rows", gate, {"rows": 1}, encode(rows), source="passage")


def test_a_copy_made_under_writing_and_sealing_holds_all_up_to_its_offset(store, tmp_path):
    ended = threading.Event()

    def seal():
        with Store(store.directory) as other:
            while not ended.is_set():
                upto = other.seal().upto
                other.snapshots.keep(upto, {}, {})
                other.prune(snapshot=upto)

    with store.live([passages], address="", started=0, elapsed=time.monotonic) as journal:
        sealing = threading.Thread(target=seal)
        sealing.start()
        copies = []
        for number in range(6):
            for gate in range(100 * number, 100 * number + 100):
                send(journal, gate)
            journal.flush()
            least = journal.offset
            copies.append((least, store.copy_to(tmp_path / f"copy{number}")))
        ended.set()
        sealing.join()
    for number, (least, copied) in enumerate(copies):
        assert copied.offset >= least, "what was durable before is in it"
        assert copied.size > 0
        with Store(tmp_path / f"copy{number}") as copy:
            assert copy.journal.head() == copied.offset
            assert copy.rows(passages).equals(store.rows(passages, offset=copied.offset))
            with copy.live([passages], address="", started=0, elapsed=time.monotonic) as journal:
                assert send(journal, 9_999) == copied.offset + 1
            copy.seal()
            assert copy.rows(passages)["gate"].to_list()[-1] == 9_999


def test_nothing_is_sealed_between_the_journal_and_the_tables(store, tmp_path, monkeypatch):
    copy_database = backup._copy_database
    sealing = threading.Thread(target=lambda: Store(store.directory).seal())

    with store.live([passages], address="", started=0, elapsed=time.monotonic) as journal:
        send(journal, 1)
        journal.flush()

        def copy_and_go_on(*arguments):
            copy_database(*arguments)
            send(journal, 2)  # the copy will not hold it, and its table must not either
            journal.flush()
            sealing.start()
            sealing.join(0.5)

        monkeypatch.setattr(backup, "_copy_database", copy_and_go_on)
        copied = store.copy_to(tmp_path / "copy")
        sealing.join()
    with Store(tmp_path / "copy") as copy:
        assert copy.rows(passages)["gate"].to_list() == [1]
        with copy.live([passages], address="", started=0, elapsed=time.monotonic) as journal:
            assert send(journal, 3) == copied.offset + 1
        copy.seal()
        assert copy.rows(passages)["gate"].to_list() == [1, 3]


def test_a_copy_is_put_where_nothing_is_and_leaves_nothing_where_it_fails(store, shop, tmp_path):
    shop.take(store, "a", [7])
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").touch()
    with pytest.raises(UsageError, match="folder of its own"):
        store.copy_to(full)
    assert [path.name for path in full.iterdir()] == ["mine"]
    (store.directory / "tables" / "gone").symlink_to(tmp_path / "nowhere")  # cannot be read
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StoreError):
        store.copy_to(tmp_path / "copy")
    assert sorted(tmp_path.iterdir()) == before
