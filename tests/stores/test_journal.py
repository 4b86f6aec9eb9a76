"""Offsets only grow; the head waits for loads under way."""

from __future__ import annotations

import pytest

from asof.errors import StoreError


def test_messages_come_back_in_order(store):
    told = [("look", 10), ("look", 11), ("trained", 12)]
    taken = [
        store.journal.append(kind, {"n": n}, stamp=stamp) for n, (kind, stamp) in enumerate(told, 1)
    ]
    assert taken == [1, 2, 3]
    assert [message.payload["n"] for message in store.journal.read()] == [1, 2, 3]
    assert [message.stamp for message in store.journal.read(after=1)] == [11, 12]
    assert [message.offset for message in store.journal.read(kinds=["look"])] == [1, 2]
    assert [message.offset for message in store.journal.read(upto=2)] == [1, 2]


def test_what_cannot_be_written_leaves_nothing(store):
    with pytest.raises(StoreError):
        store.journal.append("look", {"n": object()}, stamp=1)
    assert store.journal.read() == []


def test_the_head_waits_for_a_load_under_way(store, shop):
    store.journal.append("look", {}, stamp=1)
    under_way = store.loads.begin(shop.new_load("a", shop.frame([1])), [])
    store.journal.append("look", {}, stamp=2)
    assert store.journal.head() == under_way - 1
    store.loads.finish(under_way)
    assert store.journal.head() == under_way + 1
