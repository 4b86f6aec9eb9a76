"""What the three studies cost above their fits and predictions, and how well they tell their end.

Gap, compare and serving of one system run one after the other on a store that holds its rows and
nothing else, each as a process, its page included. The bare cost is what the estimator's own `fit`
and `predict_proba` take (CPU of the thread that runs them); what one study made and another used
again is in it once. Time left is what was told at a quarter, a half and three quarters of the run,
beside what it came to.

    python benchmarks/studies.py [--variant monthly] [--quick] [gap compare serving]

needs `python examples/flights/fetch.py` to have been run.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FLIGHTS = ROOT / "examples" / "flights"
STUDIES = ("gap", "compare", "serving")


def metered(kind: type[Any], name: str, spent: dict[str, float]) -> None:
    """Note the CPU of a method of an estimator, by name."""
    method: Callable[..., Any] = getattr(kind, name)

    def timed(*given: Any, **options: Any) -> Any:
        begun = time.thread_time()
        try:
            return method(*given, **options)
        finally:
            spent[name] = spent.get(name, 0.0) + time.thread_time() - begun

    setattr(kind, name, timed)


def child(study: str, variant: str, folder: Path, *, quick: bool) -> None:
    """Run a study and print what it took, as JSON."""
    import asof
    from asof.engine.work import Standing
    from asof.faces.project import project
    from asof.stores.store import Store

    system = project(f"{FLIGHTS / 'flights.py'}:{variant}").system
    spent: dict[str, float] = {}
    for name in ("fit", "predict_proba"):
        metered(type(system.model), name, spent)
    told: list[Standing] = []
    options: dict[str, Any] = {"quick": True} if quick and study != "serving" else {}
    with Store(folder) as store:
        found = getattr(asof, study)(
            system, base=FLIGHTS, store=store, progress=told.append, **options
        )
    (folder / f"{study}.html").write_text(found.html())
    whole = told[-1].passed
    left = [
        [each for each in told if each.passed <= part * whole][-1] for part in (0.25, 0.5, 0.75)
    ]
    ratios = [one.left / (whole - one.passed) if one.left is not None else None for one in left]
    print(
        json.dumps(
            {"bare": spent, "left": ratios, "fits": told[-1].fits, "reused": told[-1].reused}
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*", default=STUDIES)
    parser.add_argument("--variant", default="monthly")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--child", choices=STUDIES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child, asked.variant, asked.folder, quick=asked.quick)
        return
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder) / "store", asked)


def _run(folder: Path, asked: argparse.Namespace) -> None:
    from asof.engine.clock import now
    from asof.engine.ingest import ingest
    from asof.faces.project import project
    from asof.stores.store import Store

    system = project(f"{FLIGHTS / 'flights.py'}:{asked.variant}").system
    with Store(folder) as store:
        for table in system.tables:
            ingest(table, store, now=now(), base=FLIGHTS)
    print(f"{'':8}{'CPU s':>8}{'bare':>8}{'ratio':>7}{'seconds':>9}{'fits':>6}{'reused':>8}"
          "  time left told / true at 1/4, 1/2, 3/4")  # fmt: skip
    whole = bare = 0.0
    for study in asked.studies:
        command = [sys.executable, __file__, "--child", study, "--variant", asked.variant,
                   "--folder", str(folder), *(["--quick"] if asked.quick else [])]  # fmt: skip
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begun
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        told = json.loads(done.stdout.splitlines()[-1])
        own = sum(told["bare"].values())
        whole, bare = whole + cpu, bare + own
        left = ", ".join("-" if ratio is None else f"{ratio:.2f}" for ratio in told["left"])
        print(f"{study:8}{cpu:8.1f}{own:8.1f}{cpu / own if own else float('nan'):7.2f}"
              f"{seconds:9.1f}{told['fits']:6}{told['reused']:8}  {left}", flush=True)  # fmt: skip
    print(f"{'all':8}{whole:8.1f}{bare:8.1f}{whole / bare:7.2f}")


if __name__ == "__main__":
    main()
