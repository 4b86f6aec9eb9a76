"""One model behind several servers: requests per second, and how long an answer takes.

The server has core 0 and the load (wrk) core 1; the model is LightGBM (200 trees, 31 leaves, 20
columns), and each request asks about one row. Asof fits it, journals every answer, and is started
as its users start it. Before it is measured each server has to answer the same rows alike.

    bare       the HTTP server that Asof stands on, reading the body and answering the same bytes
    constant   Asof's own server, with an engine behind it that answers every request alike
    asof       asof up: 20 columns of the request
    windowed   asof up: 12 columns, and 8 statistics of two windows over 20 rows a customer
    fastapi    FastAPI and Uvicorn, a frame of one row, Booster.predict
    bentoml    a BentoML service
    mlflow     mlflow models serve

Each of the last three gets an environment of its own, made once in `--folder` with what it needs
from PyPI. Requests per second depend on who else uses the machine; CPU is what the server's
processes took for a request, and is spoilt less.

    python benchmarks/serving.py --folder /tmp/serving
    python benchmarks/serving.py --only constant asof --connections 1 --seconds 5
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

HERE = Path(__file__).parent
PEERS = HERE / "serving_peers"
PORT = 8471
HOST = f"http://127.0.0.1:{PORT}"
COLUMNS = 20
NAMES = [f"x{number}" for number in range(COLUMNS)]
TRAINED, CUSTOMERS, VISITS = 20_000, 2_000, 40_000
SERVER, LOAD = "0", "1"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
LUA = """
local heads, tails, count = {}, {}, 0
for line in io.lines(os.getenv("BODIES")) do
    count = count + 1
    local at = line:find("@", 1, true)
    heads[count] = at and line:sub(1, at - 1) or line
    tails[count] = at and line:sub(at + 1) or nil
end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local asked, first = 0, tonumber(os.getenv("FIRST"))
function request()
    asked = asked + 1
    local which = asked % count + 1
    local body = heads[which]
    if tails[which] then body = body .. string.format("%d", first + asked) .. tails[which] end
    return wrk.format(nil, nil, nil, body)
end
function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        '\\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}\\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3, e.status, e.connect + e.read + e.write + e.timeout))
end
"""
"""What wrk sends: the bodies of a file in turn, with a fresh number where one has an @."""


@dataclass(frozen=True)
class Measured:
    """A server under one number of connections; times in milliseconds, CPU in us a request."""

    contender: str
    connections: int
    per_second: float
    p50: float
    p99: float
    cpu: float
    refused: int
    broken: int


@dataclass(frozen=True)
class Contender:
    """A server: how it is started, where it is asked, with what, and where its answer stands."""

    start: Callable[[Path], list[str]]
    path: str
    body: Callable[[Mapping[str, float]], Any]
    answer: Callable[[Any], float]
    ready: str
    needs: tuple[str, ...] = ()


def of_row(row: Mapping[str, float]) -> Any:
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {"requests": [{"asked_id": "@", "customer": int(row["x0"] * 1e6) % CUSTOMERS, **row,
                          "asked_at": stamp}]}  # fmt: skip


def up(variant: str) -> Callable[[Path], list[str]]:
    return lambda folder: [
        sys.executable, "-m", "asof", "up", f"{folder / 'system.py'}:{variant}",
        "--port", str(PORT),
    ]  # fmt: skip


def python_of(folder: Path, name: str) -> str:
    return str(folder / name / "bin" / "python")


def script_of(folder: Path, name: str, command: str) -> str:
    return str(folder / name / "bin" / command)


CONTENDERS: Mapping[str, Contender] = {
    "bare": Contender(
        lambda _: [sys.executable, str(PEERS / "bare_app.py"), str(PORT)],
        "/v1/predict", of_row, lambda _: float("nan"), "/",
    ),
    "constant": Contender(
        lambda _: [sys.executable, str(PEERS / "constant_app.py"), str(PORT)],
        "/v1/predict", of_row, lambda _: float("nan"), "/v2/health/ready",
    ),
    "asof": Contender(
        up("plain"), "/v1/predict", of_row,
        lambda told: told["answers"][0]["prediction"], "/v2/health/ready",
    ),
    "windowed": Contender(
        up("windowed"), "/v1/predict", of_row, lambda _: float("nan"), "/v2/health/ready",
    ),
    "fastapi": Contender(
        lambda folder: [
            python_of(folder, "fastapi"), "-m", "uvicorn", "fastapi_app:app", "--app-dir",
            str(PEERS), "--port", str(PORT), "--no-access-log",
        ],
        "/predict", dict, lambda told: told["prediction"], "/openapi.json",
        ("fastapi", "uvicorn[standard]", "pandas"),
    ),
    "bentoml": Contender(
        lambda folder: [
            script_of(folder, "bentoml", "bentoml"), "serve", "bentoml_service:Serving",
            "--working-dir", str(PEERS), "--port", str(PORT),
        ],
        "/predict", lambda row: {"rows": [[row[name] for name in NAMES]]},
        lambda told: told[0], "/readyz", ("bentoml", "pandas"),
    ),
    "mlflow": Contender(
        lambda folder: [
            script_of(folder, "mlflow", "mlflow"), "models", "serve", "-m",
            str(folder / "mlflow_model"), "--env-manager", "local", "-h", "127.0.0.1", "-p",
            str(PORT), "-w", "1",
        ],
        "/invocations",
        lambda row: {"dataframe_split": {"columns": NAMES, "data": [[row[n] for n in NAMES]]}},
        lambda told: told["predictions"][0], "/ping", ("mlflow", "pandas"),
    ),
}  # fmt: skip


# --- what is served -------------------------------------------------------------------------------


def generate(folder: Path) -> list[dict[str, float]]:
    """The declared system with a history that ends now; the rows that are asked about."""
    random = np.random.default_rng(1)
    now = datetime.now(UTC)
    shutil.copyfile(HERE / "serving_system.py", folder / "system.py")
    shutil.rmtree(folder / ".asof", ignore_errors=True)
    numbers = {name: random.normal(size=TRAINED) for name in NAMES}
    moments = now - timedelta(days=5) - random.random(TRAINED) * timedelta(days=25)

    def as_moments(found: np.ndarray) -> pl.Series:
        return pl.Series(found.tolist(), dtype=pl.Datetime("us", "UTC"))

    known = pl.DataFrame(
        {
            "asked_id": np.arange(TRAINED),
            "customer": random.integers(0, CUSTOMERS, TRAINED),
            **numbers,
            "asked_at": as_moments(moments),
        }
    )
    score = known["x0"] + known["x1"] * known["x2"] + pl.Series(random.normal(size=TRAINED))
    known.write_parquet(folder / "asked.parquet")
    pl.DataFrame(
        {
            "asked_id": known["asked_id"],
            "bought": score > 0,
            "told_at": known["asked_at"] + timedelta(days=1),
        }
    ).write_parquet(folder / "outcomes.parquet")
    pl.DataFrame(
        {
            "customer": random.integers(0, CUSTOMERS, VISITS),
            "amount": np.round(random.lognormal(3, 1, VISITS), 2),
            "visited_at": as_moments(now - random.random(VISITS) * timedelta(days=30)),
        }
    ).write_parquet(folder / "visits.parquet")
    asked = random.normal(size=(1000, COLUMNS)).round(6)
    return [dict(zip(NAMES, row, strict=True)) for row in asked.tolist()]


def keep_model(folder: Path) -> Any:
    """The booster that Asof fitted, in a file for the others."""
    from asof.stores.store import Store

    with Store(folder / ".asof" / "plain") as store:
        fitted, _ = store.models.get(store.models.list()[-1].id)
    booster = fitted.estimator.booster_
    booster.save_model(folder / "model.txt")
    return booster


# --- environments ---------------------------------------------------------------------------------


def install(folder: Path, name: str, needs: tuple[str, ...]) -> None:
    """An environment for one server, made once."""
    if (folder / name / "ready").exists():
        return
    from importlib.metadata import version

    packages = [*needs, f"lightgbm=={version('lightgbm')}"]
    uv = shutil.which("uv")
    make = [uv, "venv", "-q"] if uv else [sys.executable, "-m", "venv"]
    put = [uv, "pip", "install", "-q", "--python"] if uv else []
    python = python_of(folder, name)
    subprocess.run([*make, folder / name], check=True)
    subprocess.run(
        [*put, python, *packages] if uv else [python, "-m", "pip", "install", "-q", *packages],
        check=True,
    )
    if name == "mlflow":
        shutil.rmtree(folder / "mlflow_model", ignore_errors=True)
    (folder / name / "ready").touch()


# --- running --------------------------------------------------------------------------------------


@contextmanager
def serving(folder: Path, name: str, contender: Contender) -> Iterator[int]:
    """The server on its core, ready; its process."""
    own = f"{folder / name / 'bin'}{os.pathsep}" if contender.needs else ""
    environment = {**os.environ, **ONE_THREAD, "MODEL": str(folder / "model.txt"),
                   "PATH": own + os.environ["PATH"]}  # fmt: skip
    log = folder / f"{name}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            ["taskset", "-c", SERVER, *contender.start(folder)],
            env=environment, stdout=out, stderr=out, start_new_session=True, cwd=folder,
        )  # fmt: skip
    try:
        _await(process, contender.ready, log)
        yield process.pid
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server, and whatever of its group outlives it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _await(process: subprocess.Popen[bytes], path: str, log: Path, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(HOST + path, timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise SystemExit(
        f"The server was not ready in time. The end of {log}:\n{log.read_text()[-2000:]}"
    )


def cpu_seconds(server: int) -> float:
    """What a process and all below it have taken, those that have ended included."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        process = int(stat.parent.name)
        parents[process] = int(fields[1])
        ticks[process] = sum(int(fields[place]) for place in (11, 12, 13, 14))
    below, reached = {server}, {server}
    while reached:
        reached = {process for process, parent in parents.items() if parent in reached}
        below |= reached
    return sum(ticks.get(process, 0) for process in below) / os.sysconf("SC_CLK_TCK")


def ask(contender: Contender, row: Mapping[str, float], number: int) -> float:
    """The answer to one row."""
    body = json.dumps(contender.body(row)).replace('"@"', str(number)).encode()
    request = urllib.request.Request(
        HOST + contender.path, body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as told:
        return contender.answer(json.load(told))


def require_agreement(name: str, contender: Contender, rows: list[Any], booster: Any) -> None:
    """Whether the model answers as it should, so that what is measured is its work."""
    for number, row in enumerate(rows[:50]):
        found = ask(contender, row, 10**9 + number)
        wanted = float(booster.predict([[row[name] for name in NAMES]])[0])
        if abs(found - wanted) > 1e-9:
            raise SystemExit(f"{name} answered {found}, the model says {wanted}.")


def load(folder: Path, name: str, contender: Contender, server: int, connections: int,
         seconds: float, first: int) -> Measured:  # fmt: skip
    """What wrk measures, and what the server took for it."""
    before = cpu_seconds(server)
    told = subprocess.run(
        ["taskset", "-c", LOAD, "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s",
         "--timeout", "20s", "-s", str(folder / "load.lua"), HOST + contender.path],
        env={**os.environ, "BODIES": str(folder / f"{name}.bodies"), "FIRST": str(first)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    cpu = cpu_seconds(server) - before
    found = json.loads(told.stdout.strip().splitlines()[-1])
    return Measured(
        name, connections, found["requests"] / found["seconds"], found["p50"], found["p99"],
        cpu / max(found["requests"], 1) * 1e6, found["refused"], found["broken"],
    )  # fmt: skip


def measure(folder: Path, name: str, rows: list[Any], booster: Any, asked: argparse.Namespace
            ) -> Iterator[Measured]:  # fmt: skip
    """A contender under each number of connections."""
    contender = CONTENDERS[name]
    bodies = [json.dumps(contender.body(row)).replace('"@"', "@") for row in rows]
    (folder / f"{name}.bodies").write_text("\n".join(bodies) + "\n")
    with serving(folder, name, contender) as server:
        if name not in ("bare", "constant", "windowed"):
            require_agreement(name, contender, rows, booster)
        load(folder, name, contender, server, 4, min(2.0, asked.seconds), 2 * 10**9)  # warm
        for turn, connections in enumerate(asked.connections, start=3):
            first = turn * 10**9
            yield load(folder, name, contender, server, connections, asked.seconds, first)


def report(found: list[Measured]) -> None:
    print(f"{'':10}{'at once':>8}{'req/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}"
          f"{'x req/s':>9}{'x CPU':>7}  refused")  # fmt: skip
    for one in found:
        base = next((b for b in found if (b.contender, b.connections) == ("asof", one.connections)),
                    None)  # fmt: skip
        ratios = (
            f"{base.per_second / one.per_second:9.2f}{one.cpu / base.cpu:7.2f}"
            if base
            else " " * 16
        )
        print(f"{one.contender:10}{one.connections:8}{one.per_second:10.0f}{one.p50:9.2f}"
              f"{one.p99:9.2f}{one.cpu:9.0f}{ratios}  {one.refused + one.broken}")  # fmt: skip
    print(
        "x: how many times Asof's requests per second, and its CPU a request, the other's are apart"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where environments are kept (else temporary)")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path, help="a file for the figures, as JSON")
    asked = parser.parse_args()
    for tool, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is not installed; on Debian: apt-get install {package}")
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("The server and its load need a core each.")
    with tempfile.TemporaryDirectory() as scratch:
        folder = (asked.folder or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "load.lua").write_text(LUA)
        rows = generate(folder)
        for name in asked.only:
            if CONTENDERS[name].needs:
                install(folder, name, CONTENDERS[name].needs)
        with serving(folder, "asof", CONTENDERS["asof"]):  # fits the model that all serve
            pass
        booster = keep_model(folder)
        if "mlflow" in asked.only:
            shutil.rmtree(folder / "mlflow_model", ignore_errors=True)
            subprocess.run([python_of(folder, "mlflow"), PEERS / "mlflow_model.py",
                            folder / "model.txt", folder / "mlflow_model"], check=True)  # fmt: skip
        found: list[Measured] = []
        for name in asked.only:
            for one in measure(folder, name, rows, booster, asked):
                found.append(one)
                print(one, file=sys.stderr)
        report(found)
        if asked.out:
            asked.out.write_text(json.dumps([asdict(one) for one in found], indent=1))


if __name__ == "__main__":
    main()
