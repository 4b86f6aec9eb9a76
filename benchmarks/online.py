"""The window kernel's two faces: `python benchmarks/online.py --rows 1000000`.

Rows of keys by chance over 30 days, windows of 1 h, 1 d, 7 d and 30 d, count, sum and mean of one
column. The batch face answers a tenth as many questions at once. The online face is loaded with the
rows, as at a restart, and told more; it answers one question a call, and 64. The answers of both
are compared to the last bit. Times are the least of several rounds, in seconds of the CPU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from asof.compute.window.ask import ask
from asof.compute.window.contract import Aggregate, Questions, Rows, Span, Wanted
from asof.compute.window.online import OnlineWindows

HOUR = 3_600_000_000
SPANS = tuple(Span(-hours * HOUR, 0) for hours in (1, 24, 168, 720))
WANTED = Wanted((Aggregate.SUM | Aggregate.MEAN,))
END = 720 * HOUR
ROUNDS = 5


def drawn(random: np.random.Generator, rows: int, groups: int) -> Rows:
    times = np.sort(random.integers(0, END, rows))
    return Rows(
        group=random.integers(0, groups, rows).astype(np.int32),
        event_time=times,
        known_from=times,
        known_until=None,
        values=np.round(random.lognormal(3, 1, (1, rows)), 2),
        codes=np.empty((0, rows), dtype=np.int32),
    )


def least(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The CPU seconds of the quickest round."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def batch(random: np.random.Generator, rows: Rows, groups: int) -> None:
    asked = len(rows.group) // 10
    questions = Questions(
        random.integers(0, groups, asked).astype(np.int32), np.sort(random.integers(0, END, asked))
    )
    seconds = least(lambda: ask(rows, questions, SPANS, WANTED))
    print(f"batch   {asked:,} questions: {seconds:.3f} s, {seconds / asked * 1e6:.2f} us each")


def online(random: np.random.Generator, rows: Rows, groups: int) -> None:
    windows = OnlineWindows(SPANS, WANTED)
    identity = np.arange(len(rows.group))
    seconds = least(lambda: windows.load(rows, identity, moment=END))
    figures = windows.figures()
    print(
        f"load    {figures.rows:,} rows of {figures.groups:,} groups: {seconds:.3f} s, "
        f"{figures.bytes / figures.rows:.0f} bytes a row"
    )
    everyone = Questions(np.arange(groups, dtype=np.int32), np.full(groups, END))
    counts, floats = windows.ask(everyone.group, everyone.at)
    for s, span in enumerate(ask(rows, everyone, SPANS, WANTED).spans):
        assert counts[s, 0].tobytes() == span.count.tobytes()
        for aggregate, values in span.columns[0].items():
            assert floats[windows.slot(s, 0, aggregate)].tobytes() == values.tobytes()

    now = END
    turns = 20_000

    def questions(calls: int, together: int) -> None:
        nonlocal now
        for code in codes[:calls]:
            now += 1
            windows.ask(code[:together], np.full(together, now))

    codes = random.integers(0, groups, (turns, 64)).astype(np.int32)
    for calls, together in ((turns, 1), (turns // 20, 64)):
        each = least(lambda: questions(calls, together)) / calls / together  # noqa: B023
        print(f"ask     {together} at once: {each * 1e6:.2f} us each")

    def told() -> None:
        nonlocal now
        for group in first:
            now += 1000
            windows.add(group, now, now, (1.0,), (), identity=now)
        windows.settle(now + 1)

    def told_and_asked() -> None:
        nonlocal now
        for code in codes[:, :1]:
            now += 1000
            windows.add(int(code[0]), now, now, (1.0,), (), identity=now)
            windows.ask(code, np.full(1, now + 1))

    first = codes[:, 0].tolist()
    print(f"add     {least(told) / turns * 1e6:.2f} us, taken in together")
    print(f"        {least(told_and_asked) / turns * 1e6:.2f} us with a question after each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=100_000)
    given = parser.parse_args()
    random = np.random.default_rng(0)
    rows = drawn(random, given.rows, given.groups)
    print(f"{given.rows:,} rows of {given.groups:,} groups, {len(SPANS)} spans x count, sum, mean")
    batch(random, rows, given.groups)
    online(random, rows, given.groups)


if __name__ == "__main__":
    main()
