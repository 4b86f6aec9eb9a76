"""A server as a process: it stops without dropping what it has taken on."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from toy_live import free_port, parcel, until

PROGRAM = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import uvloop
from toy_live import ToyLive, system
from asof.faces.http.options import Options
from asof.faces.http.server import serve

class Held(ToyLive):
    async def predict(self, rows, **how):
        self.begun += 1
        while not Path(sys.argv[2]).exists():
            await asyncio.sleep(0.01)
        return await super().predict(rows, **how)


live = Held()
options = Options(port=int(sys.argv[4]), drain=float(sys.argv[3]))
uvloop.run(serve(live, system, options, started=lambda: print("up", flush=True)))
print("finished", live.finished, flush=True)
"""


@pytest.fixture
def go_on(tmp_path):
    """The file without which the engine gives no answers."""
    return tmp_path / "go on"


@pytest.fixture
def running(go_on):
    """Start the toy as a process; gives it and its port."""
    processes = []

    def begin(*, drain=30.0):
        port = free_port()
        here = str(Path(__file__).parent)
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, here, str(go_on), str(drain), str(port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        processes.append(process)
        assert process.stdout.readline() == "up\n"
        return process, port

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/predict", json.dumps({"requests": [parcel()]}))
    return connection


def under_way(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text.split("asof_requests_under_way ")[-1].split("\n", 1)[0]


def is_refused(port):
    """Whether a new connection is turned away; one in the kernel's queue may still get through."""
    try:
        ask(port).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_taken_on_is_finished_and_nothing_more_is(running, go_on, number):
    process, port = running()
    asked = [ask(port) for _ in range(5)]
    until(lambda: under_way(port) == "5.0")
    process.send_signal(number)
    until(lambda: is_refused(port))
    go_on.touch()
    answers = [connection.getresponse() for connection in asked]
    assert [answer.status for answer in answers] == [200] * 5
    assert all(json.load(answer)["answers"] for answer in answers)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "finished" in said
    assert "Traceback" not in said
    for connection in asked:
        connection.close()


def test_what_takes_too_long_to_finish_is_given_up_and_told(running):
    process, port = running(drain=0.3)
    asked = ask(port)
    until(lambda: under_way(port) == "1.0")
    process.send_signal(signal.SIGTERM)
    assert asked.getresponse().status == 408
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "finished 0" in said
    asked.close()
