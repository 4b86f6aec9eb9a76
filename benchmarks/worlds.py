"""How far the intervals of a gap can be trusted: worlds whose truth is known, lived many times.

Each world of tests/worlds/gap_worlds.py has one bar that must carry the gap, or none. A run draws
a history of it, measures its bars as `asof gap` does, and scores the fits on fresh visits, which
gives the true length of each bar (tests/worlds/gap_truth.py). The table says how often the right
bar is shown, how often the others are not, and how often an interval covers the truth.

    python benchmarks/worlds.py [--runs 200] [--fresh 1000000] [--looked 20] [world ...]
    python benchmarks/worlds.py --table

Run r of a world is the history of seed r. Each run is added to benchmarks/data/worlds.jsonl as it
is done, and not done again: stop it and start it as you like. Runs of a world that has changed
since are left out; after a change of the study itself, take the file away. A run takes about two
thirds of a CPU second. The first `--looked` runs of a world also ask what the study says of the
periods, which takes a second more. `--table` prints what there is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KEPT = HERE / "data" / "worlds.jsonl"
MEMORY = Path("/dev/shm")  # where there is one, a run's tables need no disk
AT_ONCE = 25
"""Runs of a world before the next world's turn: its fresh visits take half a gigabyte."""
WANTED = (92.0, 98.0)
"""Between these, in per cent, a cell of the table should lie."""

sys.path.insert(0, str(HERE.parent / "tests" / "worlds"))

from gap_truth import Judges, measured  # noqa: E402
from gap_worlds import WORLDS, GapWorld, simulated, system  # noqa: E402

BARS = ("available", "size", "blocks", "past", "mature", "stale", "skew", "policy")
Run = dict[str, Any]


def main() -> None:
    """Do the runs that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("worlds", nargs="*", metavar="world", help=", ".join(WORLDS))
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--fresh", type=int, default=10**6, help="fresh visits to score fits on")
    parser.add_argument("--looked", type=int, default=20, help="runs that look at the periods")
    parser.add_argument("--table", action="store_true", help="only print what there is")
    asked = parser.parse_args()
    chosen = [WORLDS[name] for name in asked.worlds or WORLDS]
    names = {of.name: named(of) for of in chosen}
    if not asked.table:
        do(chosen, names, asked.runs, asked.fresh, asked.looked)
    found = kept(names)
    runs = {of.name: [run for run in found if run["world"] == of.name] for of in chosen}
    print("\n".join(table([of for of in chosen if runs[of.name]], runs)))


def named(of: GapWorld) -> str:
    """What tells a world from what it was before a change: its declaration, and a history of it."""
    visits, sold = simulated(of, 0)
    told = hashlib.blake2b(system(of).fingerprint.encode(), digest_size=8)
    for array in (*vars(visits).values(), sold):
        told.update((array + 0.0).tobytes())  # -0.0 is 0.0
    return told.hexdigest()


def kept(names: dict[str, str]) -> list[Run]:
    """The runs that were done, of the worlds as they are now, each once."""
    if not KEPT.exists():
        return []
    found: dict[tuple[str, int], Run] = {}
    for line in KEPT.read_text(encoding="utf-8").splitlines():
        run: Run = json.loads(line)
        if names.get(run["world"]) == run["named"]:
            found[run["world"], run["seed"]] = run
    return list(found.values())


def do(
    chosen: Sequence[GapWorld], names: dict[str, str], runs: int, size: int, looked: int
) -> None:
    """Do the missing runs, the worlds in turn, and keep each at once."""
    done = {(run["world"], run["seed"]) for run in kept(names)}
    KEPT.parent.mkdir(exist_ok=True)
    for begin in range(0, runs, AT_ONCE):
        for of in chosen:
            seeds = range(begin, min(begin + AT_ONCE, runs))
            missing = [seed for seed in seeds if (of.name, seed) not in done]
            if not missing:
                continue
            judges = Judges(of, size, seed=0)
            for seed in missing:
                _keep(of, seed, judges, names[of.name], looked=seed < looked)
            print(f"{of.name}: {seeds[-1] + 1} of {runs}", file=sys.stderr)


def _keep(of: GapWorld, seed: int, judges: Judges, name: str, *, looked: bool) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        found = measured(of, seed, Path(folder), judges, looked=looked)
    run = {
        "world": of.name, "seed": seed, "named": name, "verdict": found.verdict,
        "bars": [asdict(bar) for bar in found.bars],
    }  # fmt: skip
    with KEPT.open("a", encoding="utf-8") as file:
        file.write(json.dumps(run) + "\n")


# --- the table -----------------------------------------------------------------------------------


def table(chosen: Sequence[GapWorld], runs: dict[str, list[Run]]) -> Iterator[str]:
    """Tables in Markdown: the bars that matter, those that do not, all of them; then verdicts."""
    yield "| world | bar | runs | truth | shown, % | shown, and the largest, % |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for of in chosen:
        yield _carried(of, runs[of.name])
    outside: list[str] = []
    for title, holds in (("holds zero, %", _holds_zero), ("covers the truth, %", _covers)):
        yield ""
        yield f"| {title} | {' | '.join(BARS)} |"
        yield f"| --- |{' ---: |' * len(BARS)}"
        many = [0, 0, 0]
        for of in chosen:
            cells = [_share(_bars(runs[of.name], stage), holds) for stage in BARS]
            yield f"| {of.name} | {' | '.join(cells)} |"
            told = [
                float(cell)
                for stage, cell in zip(BARS, cells, strict=True)
                if cell not in ("", "same") and (holds is _covers or stage != of.carries)
            ]
            below, above = (sum(v < WANTED[0] for v in told), sum(v > WANTED[1] for v in told))
            many = [a + b for a, b in zip(many, (len(told), below, above), strict=True)]
        others = [
            bar
            for of in chosen
            for run in runs[of.name]
            for bar in run["bars"]
            if not bar["same"] and (holds is _covers or bar["stage"] != of.carries)
        ]
        yield f"| all together | {_share(others, holds)} |{' |' * (len(BARS) - 1)}"
        outside.append(
            f"{title}: {many[0]} cells, {many[1]} below {WANTED[0]:.0f}, {many[2]} above "
            f"{WANTED[1]:.0f}"
        )
    yield ""
    yield from outside
    yield ""
    yield "| world | what is said of the periods, in runs |"
    yield "| --- | --- |"
    for of in chosen:
        said = Counter(run["verdict"] for run in runs[of.name] if run.get("verdict"))
        words = ", ".join(f"{what}: {count}" for what, count in said.most_common())
        yield f"| {of.name} | {words} |"


def _carried(of: GapWorld, runs: list[Run]) -> str:
    if of.carries is None:
        wrong = sum(any(not _holds_zero(bar) for bar in run["bars"]) for run in runs)
        return f"| {of.name} | none | {len(runs)} | 0 | any: {100 * wrong / len(runs):.1f} | |"
    own = _bars(runs, of.carries)
    truth = sum(bar["truth"] for bar in own) / len(own)
    shown = [bar["low"] is not None and bar["low"] > 0 for bar in own]
    largest = [
        sure and bar["value"] == max(other["value"] for other in run["bars"])
        for sure, bar, run in zip(shown, own, runs, strict=True)
    ]
    return (
        f"| {of.name} | {of.carries} | {len(runs)} | {truth:+.4f} | "
        f"{100 * sum(shown) / len(own):.1f} | {100 * sum(largest) / len(own):.1f} |"
    )


def _bars(runs: list[Run], stage: str) -> list[Run]:
    return [bar for run in runs for bar in run["bars"] if bar["stage"] == stage]


def _share(bars: list[Run], holds: Callable[[Run], bool]) -> str:
    """In how many of the runs that have an interval something holds of a bar, in per cent."""
    if not bars:
        return ""
    if all(bar["same"] for bar in bars):
        return "same"
    bars = [bar for bar in bars if bar["low"] is not None]
    return f"{100 * sum(map(holds, bars)) / len(bars):.1f}"


def _holds_zero(bar: Run) -> bool:
    return bar["low"] is None or bool(bar["low"] <= 0 <= bar["high"])


def _covers(bar: Run) -> bool:
    return bar["low"] is None or bool(bar["low"] <= bar["truth"] <= bar["high"])


if __name__ == "__main__":
    main()
