"""The shop is honest: `asof check` hears of no leak in any of its systems."""

from __future__ import annotations

from asof.stores.store import Store
from asof.study.leakage import leakage


def test_nothing_in_the_shop_looks_like_a_leak(shop, name):
    system = shop.systems[name]
    with Store(shop.folder / ".asof" / system.name) as store:
        found = leakage(system, store)
    assert found.requests > 100
    assert found.findings == ()
