"""Offsets only grow; the head waits for loads under way."""

from __future__ import annotations

import pytest

from asof.errors import StoreError


def test_messages_come_back_in_order(store):
    first = store.journal.append("look", {"n": 1}, stamp=10)
    rest = store.journal.append_all([("look", {"n": 2}, 11), ("trained", {"n": 3}, 12)])
    assert [first, *rest] == [1, 2, 3]
    assert [message.payload["n"] for message in store.journal.read()] == [1, 2, 3]
    assert [message.stamp for message in store.journal.read(after=1)] == [11, 12]
    assert [message.offset for message in store.journal.read(kinds=["look"])] == [1, 2]
    assert [message.offset for message in store.journal.read(upto=2)] == [1, 2]


def test_all_or_none(store):
    with pytest.raises(StoreError):
        store.journal.append_all([("look", {}, 1), ("look", {"n": object()}, 2)])
    assert store.journal.read() == []


def test_the_head_waits_for_a_load_under_way(store, shop):
    store.journal.append("look", {}, stamp=1)
    under_way = store.loads.begin(shop.new_load("a", shop.frame([1])), [])
    store.journal.append("look", {}, stamp=2)
    assert store.journal.head() == under_way - 1
    store.loads.finish(under_way)
    assert store.journal.head() == under_way + 1
