"""Rows in quarantine are mended and released while a server runs, as where none does."""

from __future__ import annotations

import asyncio
import threading
from http.client import HTTPException

import pytest
from parcels_here import living, prepared, sent
from parcels_up import Client, delivery, parcel, serving, until, write

import asof.stores.live
from asof.declare.kept import AVAILABLE, DECLARED, POSITION, RECORDED
from asof.engine.live.rerun import rerun
from asof.engine.quarantine import in_quarantine, release
from asof.errors import DataRefused, Overloaded, StoreError, UsageError
from asof.faces.project import system_of
from asof.stores.store import Store
from asof.study.backtest import ingest_declared


def apart(up, *rows):
    """Hand in deliveries and one that is well; the names of those set apart."""
    told = up.client.send("delivery", [delivery(10**6), *rows]).json()
    return [f"{told['offset']}:{one['position']}" for one in told["quarantined"]]


def let_go(client, name, **mended):
    return client.ask("POST", "/v1/quarantine/release", {"row": name, "set": mended})


def features(up, row):
    return up.client.predict(row, query="?explain=features").json()["answers"][0]["features"]


def anew(up):
    """Over a new connection: the server closes one on which nothing comes for long."""
    up.client.close()
    return up


def no_fault_in_batch(up, answers):
    """Wait until so many answers were computed again from the tables; how many differ, and why."""
    told = until(lambda: (now := up.client.status()["parity"])["checked"] >= answers and now)
    assert told["failed"] == ""
    assert "fault" not in told["why"], told
    return told["differing"]


def deliveries(folder):
    """The rows of deliveries in the store of a folder, and the names of those in quarantine."""
    system = system_of(str(folder / "system.py"))
    table = system.label.joined.table
    with Store(folder / ".asof" / "parcels") as store:
        return store.rows(table), {row.name for row in in_quarantine(store, table.name)}


def lived_again(folder):
    with Store(folder / ".asof" / "parcels") as store:
        return rerun(system_of(str(folder / "system.py")), store)


def test_a_row_is_mended_and_released_beside_the_server(begin, tmp_path, work):
    write(tmp_path)
    up = begin("--seal-every", "0.5", "--check-every", "1")
    serving(up)
    name, other = apart(up, delivery(1, late="perhaps"), delivery(2, late="perhaps"))
    before = features(up, parcel(4))["deliveries"]

    refused = let_go(up.client, name)
    assert refused.status == 422
    assert refused.json()["title"] == f"Row {name} of delivery still breaks its contract."
    assert refused.json()["found"] == "late is not true or false"
    assert features(up, parcel(7))["deliveries"] == before
    assert f"{name} " in work.asof("quarantine", "list", "system.py").out

    done = work.asof("quarantine", "release", "system.py", name, "--set", "late=true")
    assert (done.status, done.out) == (0, f"Row {name} is in: 1 stored.\n"), done.err
    found = features(anew(up), parcel(10))
    assert found["deliveries"] == before + 1
    assert work.asof("quarantine", "list", "system.py").out.endswith("1 row in quarantine.\n")
    again = let_go(anew(up).client, name, late=True)
    assert again.status == 404
    assert again.json()["found"] == "it is a row of delivery, released before"
    done = let_go(up.client, other, late=False, parcel_id=3).json()
    assert (done["row"], done["source"], done["stored"]) == (other, "delivery", 1)
    assert no_fault_in_batch(up, 3) == 0
    assert up.stop() == 0, up.said()

    rows, left = deliveries(tmp_path)
    assert left == set()
    first, second = rows.tail(2).iter_rows(named=True)
    assert (first["parcel_id"], first["late"], first[POSITION]) == (1, True, 1)
    assert (second["parcel_id"], second["late"], second[RECORDED]) == (3, False, done["offset"])
    with Store(up.store) as store:
        (message,) = store.journal.read(after=first[RECORDED] - 1, upto=first[RECORDED])
        assert first[AVAILABLE] == message.stamp > first[DECLARED]
        parts = [one.part_of for one in store.loads.all("delivery")][-2:]
        assert parts == [int(name.split(":")[0])] * 2
    found = lived_again(tmp_path)
    assert (found.answers, found.equal) == (3, True), found.first_difference

    up = begin()
    serving(up)
    assert features(up, parcel(13))["deliveries"] == before + 1
    assert up.stop() == 0, up.said()


def test_both_doors_say_the_same(begin, tmp_path, work):
    write(tmp_path)
    up = begin()
    serving(up)
    name, other = apart(up, delivery(1, late="perhaps"), delivery(2, came_at="yesterday"))
    refusals = (
        (2, "9999:9"), (3, name), (3, name, "--set", "late=never"), (3, other),
        (2, name, "--set", "lte=true"), (2, name, "--set", "late"),
    )  # fmt: skip

    def said():
        found = [work.asof("quarantine", "release", "system.py", *more) for _, *more in refusals]
        return [(one.status, one.out, one.err) for one in found]

    beside = said()
    assert [status for status, *_ in beside] == [status for status, *_ in refusals]
    assert "Row" in beside[1][2]
    assert "still breaks its contract" in beside[1][2]
    assert up.stop() == 0, up.said()
    assert said() == beside


def test_a_kill_leaves_each_row_in_quarantine_or_in_the_table(begin, tmp_path):
    write(tmp_path)
    up = begin("--seal-every", "0.2")
    serving(up)
    wrong = [[delivery(1000 + 8 * n + i, late="?") for i in range(8)] for n in range(12)]
    names = [name for rows in wrong for name in apart(up, *rows)]
    released, begun = [], threading.Event()

    def work():
        client = Client(up.port)
        for name in names:
            try:
                if let_go(client, name, late=True).status == 200:
                    released.append(name)
            except (OSError, HTTPException):
                return
            if len(released) > 5:
                begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    up.kill()
    thread.join()

    def placed():
        rows, left = deliveries(tmp_path)
        there = rows.filter(rows["parcel_id"].is_between(1000, 9999))
        assert there["parcel_id"].n_unique() == there.height
        assert there.height + len(left) == len(names)
        return left

    left = placed()
    assert not left & set(released), "what was acknowledged is out"
    assert left, "the kill came between"
    up = begin()
    serving(up)
    for name in names[-3:]:
        assert let_go(up.client, name, late=True).status == (200 if name in left else 404)
    assert up.client.predict(parcel(1)).status == 200
    assert up.stop() == 0, up.said()
    assert placed() == left - set(names[-3:])
    found = lived_again(tmp_path)
    assert (found.answers, found.equal) == (1, True), found.first_difference


def test_a_row_of_history_counts_from_when_it_would_have(begin, tmp_path):
    write(tmp_path)
    for source, wrong in (("parcels", "-9"), ("deliveries", "perhaps")):
        file = tmp_path / f"{source}.csv"
        lines = file.read_text(encoding="utf-8").splitlines()
        cells = lines[50].split(",")
        cells[2] = wrong
        lines[50] = ",".join(cells)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    up = begin("--seal-every", "0.5", "--check-every", "1")
    serving(up)
    before = features(up, parcel(1, shop=cells[1]))["deliveries"]
    with Store(up.store) as store:
        delivered, parcels = in_quarantine(store)
    assert let_go(up.client, parcels.name, weight=9).status == 200
    assert let_go(up.client, delivered.name, late=True).status == 200
    assert features(up, parcel(2, shop=cells[1]))["deliveries"] == before + 1
    assert up.client.ask("POST", "/v1/train", {}).status == 202
    until(lambda: up.client.status()["model_name"] == "m2")
    assert (
        up.client.decisions("Trained")[-1]["rows"] == up.client.decisions("Trained")[0]["rows"] + 1
    )
    assert up.client.predict(parcel(3)).status == 200
    no_fault_in_batch(up, 3)  # what was answered before it came may differ from what is known now
    assert up.stop() == 0, up.said()
    row = deliveries(tmp_path)[0].row(-1, named=True)
    assert row[DECLARED] is None
    assert row[AVAILABLE] == row["came_at"]
    found = lived_again(tmp_path)
    assert (found.answers, found.equal) == (3, True), found.first_difference
    up = begin()
    serving(up)
    assert features(up, parcel(4, shop=cells[1]))["deliveries"] == before + 1


def test_whoever_asks_in_whatever_words_the_row_stays_where_it_is(begin, tmp_path, work):
    write(tmp_path)
    tokens = {
        scope: work.asof(
            "token", "add", "system.py", "--name", scope, "--scope", scope
        ).out.strip()
        for scope in ("predict", "ingest", "admin")
    }  # fmt: skip
    up = begin()

    def ask(body, token="admin", query=""):
        bearer = {} if token is None else {"authorization": f"Bearer {tokens[token]}"}
        return up.client.ask("POST", f"/v1/quarantine/release{query}", body, bearer)

    bearer = {"authorization": f"Bearer {tokens['ingest']}"}
    told = up.client.ask(
        "POST", "/v1/events/delivery", [delivery(1), delivery(2, late="?")], bearer
    ).json()
    name = f"{told['offset']}:1"
    mended = {"row": name, "set": {"late": True}}
    assert [ask(mended, token).status for token in (None, "predict", "ingest")] == [401, 403, 403]
    for body, status in (
        (b"\xff\x00", 400), (b"", 400), (b"[" * 100_000, 422), ([], 422), ({"row": 1}, 422),
        ({"row": name * 99}, 422), ({"row": name, "set": {"late": [True]}}, 422),
        ({"row": name, "set": {"late": True, "parcel_id": 10**40}}, 422),
        ({"row": name, "set": {"late": True, "parcel_id": 2**63}}, 422),
        ({"row": name, "set": {"late": None}}, 422),
        ({"row": name, "set": {"late": "x" * 999}}, 422),
        ({"row": name, "set": {"late": True, "took": "NaN"}}, 422),
        ({"row": name, "set": {"late": True, "came_at": "2026-13-01"}}, 422),
        ({"row": name, "set": {"late": True, "came_at": 5}}, 422),
        ({"row": name, "set": {"late": True, "released_": 1}}, 404),
        ({"row": "1:1' OR 1=1 --"}, 404), ({"row": "\x00"}, 404),
    ):  # fmt: skip
        reply = ask(body)
        assert reply.status == status, (body, reply.body)
        assert reply.json()["title"]
    assert ask(mended, query="?row=1").status == 400
    assert deliveries(tmp_path)[1] == {name}
    assert ask(mended).status == 200
    assert up.stop() == 0, up.said()
    assert deliveries(tmp_path)[1] == set()


def test_two_at_a_time_and_a_full_disk(tmp_path, monkeypatch):
    works = asof.stores.live.write

    def full(*_, **__):
        raise StoreError("The disk is full.")

    async def seen(live, number):
        (answer,) = await live.predict([sent(parcel(number, shop="b"))], explain=True, durable=True)
        return answer.features["deliveries"]

    async def life():
        async with living(prepared(tmp_path)) as live:
            rows = [sent(delivery(n, shop="b", late="?")) for n in range(2)]
            receipt = await live.take("delivery", [sent(delivery(9)), *rows])
            first, second = (f"{receipt.offset}:{one.position}" for one in receipt.quarantined)
            before = await seen(live, 1)
            twice = await asyncio.gather(
                *[live.release(first, {"late": True}) for _ in range(2)], return_exceptions=True
            )
            assert [type(one).__name__ for one in twice] == ["Release", "UsageError"]
            assert await seen(live, 2) == before + 1
            monkeypatch.setattr(asof.stores.live, "write", full)
            with pytest.raises(StoreError):
                await live.release(second, {"late": True})
            monkeypatch.setattr(asof.stores.live, "write", works)
            while live.status()["journal"]["failing"] or live._reload:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            assert await seen(live, 3) == before + 1, "what was refused does not count"
            assert (await live.release(second, {"late": True})).stored == 1
            assert await seen(live, 4) == before + 2
            with pytest.raises(UsageError, match="cannot be released"):
                await live.release(second, {"late": True})

    asyncio.run(life())
    with Store(tmp_path / "store") as store:
        assert in_quarantine(store) == []
        found = rerun(system_of(str(tmp_path / "system.py")), store)
    assert (found.answers, found.equal) == (4, True), found.first_difference


@pytest.fixture
def corrected(tmp_path):
    """A folder whose history has three deliveries in quarantine: an earlier version of one that is
    there, the same once more, and one of a parcel that nobody knows; their names, and the one."""
    folder = write(tmp_path)
    file = folder / "system.py"
    text = file.read_text(encoding="utf-8")
    source = '"deliveries.csv", zone="UTC"'
    assert source in text
    declared = f"{source}, available=Delivery.came_at"
    file.write_text(text.replace(source, declared), encoding="utf-8")
    lines = (folder / "deliveries.csv").read_text(encoding="utf-8").splitlines()
    number, shop, late, took, came = lines[50].split(",")
    lines += [
        f"{number},{shop},perhaps,{took},{came[:-7]}.000000",
        f"{number},{shop},perhaps,{took},{came}",
        f"-5000,{shop},perhaps,{took},{came}",
    ]
    (folder / "deliveries.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    system = system_of(str(file))
    with Store(folder / "store") as store:
        ingest_declared(system, store, folder)
        names = [row.name for row in in_quarantine(store)]
    assert len(names) == 3
    return folder, names, shop, late


async def snapped(folder):
    """Wait until there is a snapshot."""
    while not any((folder / "store" / "snapshots").glob("*")):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def test_an_earlier_version_of_history_waits_until_no_server_runs(corrected):
    folder, (name, *_), shop, late = corrected
    other = str(late != "True")

    async def seen(number, *, to_refuse=False):
        async with living(folder, seal_every=0.2) as live:
            if to_refuse:
                with pytest.raises(DataRefused, match="is of before the system went") as refused:
                    await live.release(name, {"late": other})
                assert "while no server runs" in refused.value.mend
            (answer,) = await live.predict([sent(parcel(number, shop=shop))], explain=True)
            await snapped(folder)
            return answer.features

    before = asyncio.run(seen(1, to_refuse=True))
    with Store(folder / "store") as store:
        table = system_of(str(folder / "system.py")).label.joined.table
        release(table, store, name, now=1, mended={"late": other})
    after = asyncio.run(seen(2))
    assert [after[name] for name in ("late", "deliveries")] == [
        before[name] for name in ("late", "deliveries")
    ], "it is no later version because it came later"


def test_what_is_known_already_leaves_quarantine_and_changes_nothing(corrected):
    folder, (_, name, _), shop, late = corrected

    async def life():
        async with living(folder, seal_every=0.2) as live:
            done = await live.release(name, {"late": late})
            assert (done.row, done.source, done.stored) == (name, "delivery", 0)
            with pytest.raises(UsageError, match="cannot be released"):
                await live.release(name, {"late": late})
            await live.predict([sent(parcel(1, shop=shop))], durable=True)
            await snapped(folder)

    system = system_of(str(folder / "system.py"))
    with Store(folder / "store") as store:
        before = store.rows(system.label.joined.table).height
    asyncio.run(life())
    with Store(folder / "store") as store:
        assert store.rows(system.label.joined.table).height == before
        assert len(in_quarantine(store)) == 2
        assert rerun(system, store).equal


def test_a_row_of_history_is_compared_with_all_that_came(corrected):
    folder, (_, _, name), _, _ = corrected

    async def life():
        async with living(folder) as live:
            loop, look = asyncio.get_running_loop(), live._releasing._look
            looked = []

            def busy(*asked):
                """Compare while others come."""
                looked.append(len(looked))
                rows = [sent(delivery(looked[-1]))]
                asyncio.run_coroutine_threadsafe(live.take("delivery", rows), loop).result(60)
                return look(*asked)

            live._releasing._look = busy
            with pytest.raises(Overloaded, match="Rows came too fast"):
                await live.release(name, {"late": True})
            assert len(looked) == 5
            live._releasing._look = look
            assert (await live.release(name, {"late": True})).stored == 1

    asyncio.run(life())
    with Store(folder / "store") as store:
        assert len(in_quarantine(store)) == 2
