"""One server a store: a second one, and those who load files beside it, are told who runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from asof.errors import StoreError
from asof.stores.server import Server, announce, running, serve
from asof.stores.store import Store

SERVER = """
import sys
from pathlib import Path
from asof.stores.server import serve

with serve(Path(sys.argv[1]), address="http://127.0.0.1:8300", started=77):
    print("serving", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(store):
    """A server in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(SERVER), str(store.directory)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "serving\n"
    yield process
    process.communicate()


def test_without_a_server_there_is_none(store):
    assert running(store.directory) is None


def test_the_second_is_told_pid_host_and_address_of_the_first(store, other):
    found = running(store.directory)
    assert found == Server(other.pid, os.uname().nodename, "http://127.0.0.1:8300", 77)
    with (
        pytest.raises(StoreError, match="Another server runs") as caught,
        serve(store.directory, address="", started=0),
    ):
        pass
    assert f"process {other.pid} on {os.uname().nodename}" in caught.value.found
    assert running(store.directory) == found, "the first's note is left alone"


def test_loading_files_beside_a_server_is_refused_and_says_how_to_send_them(store, shop, other):
    with pytest.raises(StoreError, match="A server runs on this store") as caught:
        shop.take(store, "a", [1])
    assert f"process {other.pid}" in caught.value.found
    assert "POST http://127.0.0.1:8300/v1/events/" in caught.value.mend
    assert store.rows(shop.readings).height == 0
    assert store.seal().rows == {}, "sealing beside it is allowed"
    other.communicate()
    shop.take(store, "a", [1])


def test_a_killed_server_holds_nothing(store, shop, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert running(store.directory) is None
    shop.take(store, "a", [1])
    with serve(store.directory, address="x", started=1) as mine:
        assert running(store.directory) == mine


def test_a_server_may_say_later_where_it_is(store, shop):
    with store.live([shop.readings], address="", started=5, elapsed=time.monotonic):
        first = running(store.directory)
        assert first is not None
        assert first.address == ""
        announce(store.directory, Server(first.pid, first.host, "http://x", first.started))
        assert running(store.directory) == Server(first.pid, first.host, "http://x", 5)
        with pytest.raises(StoreError, match="server runs"), store.writing():
            pass
    assert running(store.directory) is None


def test_many_who_look_do_not_take_each_other_for_a_server(store):
    program = """
    import sys
    from pathlib import Path
    from asof.stores.server import running
    print(sum(running(Path(sys.argv[1])) is not None for _ in range(300)))
    """
    with serve(store.directory, address="", started=0):
        pass  # the lock's file is there
    command = [sys.executable, "-c", textwrap.dedent(program), str(store.directory)]
    looking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for _ in range(300):
        assert running(store.directory) is None
    assert [process.communicate()[0] for process in looking] == ["0\n", "0\n"]


def test_a_load_under_way_is_settled_before_a_server_begins(store, shop):
    begun = store.loads.begin(shop.new_load("a", shop.frame([1])), [])
    with (
        Store(store.directory) as again,
        again.live([shop.readings], address="", started=0, elapsed=time.monotonic) as journal,
    ):
        assert again.loads.pending() == []
        assert journal.offset == begun, "its offset is not given again"
