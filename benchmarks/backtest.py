"""What a backtest costs above its fits: CPU of `asof backtest` beside a bare script.

The bare script has everything laid out for it: the features as an array, the rows of every
training set, the requests that each model answers. It fits the same estimator on the same rows,
one thread a fit, and predicts the same requests (the first model all of them, as the yardstick
"never refit" does). Both run as whole processes in turn; CPU is that of the process tree.

    python benchmarks/backtest.py [--runs 3] [monthly never ...]

needs `python examples/flights/fetch.py` to have been run.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
SYSTEM = ROOT / "examples" / "flights" / "flights.py"

BARE = """
import pickle, sys
import numpy as np
from sklearn.base import clone
folder = sys.argv[1]
work = pickle.load(open(f"{folder}/work.pkl", "rb"))
x = np.load(f"{folder}/x.npy")
models = [
    clone(work["model"]).fit(x[rows], work["y"][rows], categorical_feature=work["categorical"])
    for rows in work["training"]
]
served = [m.predict_proba(x[a:b])[:, 1] for m, (a, b) in zip(models, work["served"])]
if len(models) > 1:
    never = models[0].predict_proba(x[work["served"][1][0] : work["served"][-1][1]])[:, 1]
p, y = np.concatenate(served), work["y"][work["served"][0][0] : work["served"][-1][1]]
known = ~np.isnan(y)
p, y = np.clip(p[known], 1e-15, 1 - 1e-15), y[known]
print(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
"""


def main() -> None:
    """Measure each variant and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variants", nargs="*", default=["monthly", "never"])
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    asof = [sys.executable, "-m", "asof"]
    _cpu([*asof, "ingest", str(SYSTEM)])
    print(f"{'variant':<10} {'asof, CPU s':>12} {'bare, CPU s':>12} {'ratio':>7} {'above, s':>9}")
    for variant in chosen.variants:
        with tempfile.TemporaryDirectory() as folder:
            _lay_out(variant, Path(folder))
            ours = [*asof, "backtest", f"{SYSTEM}:{variant}", "-q", "--out", f"{folder}/run"]
            bare = [sys.executable, "-c", BARE, folder]
            pairs = [(_cpu(ours), _cpu(bare)) for _ in range(chosen.runs)]
        mine, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{variant:<10} {mine:12.1f} {theirs:12.1f} {ratio:7.3f} {mine - theirs:9.1f}")


def _lay_out(variant: str, folder: Path) -> None:
    """Write what the bare script is given."""
    import numpy as np

    from asof.compute.estimator import single_threaded
    from asof.compute.schedule import moments
    from asof.engine.history import History, read_tables, until_of
    from asof.engine.replay import start_of
    from asof.faces.project import project
    from asof.stores.store import Store

    found = project(f"{SYSTEM}:{variant}")
    with Store(found.store) as store:
        tables = read_tables(found.system, store)
        history = History(found.system, tables, until_of(found.system, store))
    fired = history.requests.fired
    start = start_of(found.system, history)
    triggers = [
        start, *moments(found.system.retraining, start + 1, int(fired[-1]) + 1, anchor=start)
    ]  # fmt: skip
    edges = [*np.searchsorted(fired, triggers), len(fired)]
    seen = history.serving.matrix
    np.save(folder / "x.npy", seen.values)
    work = {
        "model": single_threaded(found.system.model),
        "categorical": [seen.names.index(name) for name in seen.categories],
        "y": history.outcomes.value,
        "training": [history.training_rows(int(at)) for at in triggers],
        "served": list(pairwise(edges)),
    }
    (folder / "work.pkl").write_bytes(pickle.dumps(work))


def _cpu(command: list[str]) -> float:
    """CPU seconds of a command and all that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
