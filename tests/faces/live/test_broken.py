"""What is recorded late, or never: a journal that is slow, and one whose thread has ended."""

from __future__ import annotations

import asyncio

import pytest
from parcels_here import living, prepared, sent
from parcels_up import delivery, parcel

import asof.stores.live
from asof.errors import NotReady, StoreError
from asof.stores.store import Store


def test_nothing_is_answered_that_will_never_be_recorded(tmp_path, monkeypatch):
    def no_memory(*_, **__):
        raise MemoryError("no memory")

    async def life():
        async with living(prepared(tmp_path)) as live:
            assert (await live.predict([sent(parcel(1))], durable=True))[0].recorded
            before = live.status()
            monkeypatch.setattr(asof.stores.live, "write", no_memory)
            with pytest.raises(StoreError, match="journal broke"):
                await live.take("delivery", [sent(delivery(1))])
            ready, reason = live.ready()
            assert not ready
            assert "MemoryError: no memory" in reason
            told = live.status()
            assert (told["ready"], told["reason"]) == (False, reason)
            assert "MemoryError" in told["journal"]["failing"]
            again = live.take("delivery", [sent(delivery(2))])
            for asked in (live.predict([sent(parcel(2))]), again):
                with pytest.raises(NotReady, match="journal broke") as refused:
                    await asked
                assert refused.value.found == "MemoryError: no memory"
                assert "Start the server again" in refused.value.mend
            with pytest.raises(NotReady, match="journal broke"):
                await live.promote(before["model"], "why")
            await asyncio.sleep(0.5)  # looks at the time go on, and decide nothing
            assert live.ready() == (ready, reason)
            assert live.decisions() == live.decisions()[:3]

    with pytest.raises(StoreError, match="journal broke"):
        asyncio.run(life())
    with Store(tmp_path / "store") as store:
        assert store.predictions()["request"].to_list() == ["1"]


def test_what_is_checked_again_has_been_recorded(tmp_path):
    async def life():
        async with living(prepared(tmp_path), within=600.0, check_every=1) as live:
            await live.predict([sent(parcel(1)), sent(parcel(2))])
            await live._parity.check(live._journal.flush)
            return live.status()["parity"]

    told = asyncio.run(life())
    assert (told["checked"], told["differing"], told["failed"]) == (2, 0, ""), told
