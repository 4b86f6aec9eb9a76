"""The shop is honest: `asof check` hears of no leak in any of its systems."""

from __future__ import annotations

import pytest

import asof


def test_nothing_in_the_shop_looks_like_a_leak(shop, name):
    found = asof.check(shop.systems[name], base=shop.folder)
    assert found.requests > 100
    assert found.findings == ()
    assert str(found) == f"{found.requests:,} mature requests looked at: nothing looks like a leak."


def test_without_data_there_is_nothing_to_look_at(shop, name, tmp_path):
    with pytest.raises(asof.AsofError, match="nothing to look at of") as caught:
        asof.check(shop.systems[name], base=tmp_path)
    assert str(tmp_path) in caught.value.found
