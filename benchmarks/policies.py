"""How fast policies walk: five thousand of them over a lattice of made-up losses, and the best.

    python benchmarks/policies.py [--policies 5000] [--looks 44] [--requests 277337]

prints CPU seconds for laying the lattice out, for the walk, and for the best in hindsight, and the
memory of the lattice. The numbers of the default are those of a year of weekly refits on the
flights; `--looks 365` is a year of daily ones.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from asof.compute.hindsight import best_by_number, hull
from asof.compute.lattice import Scored, cells, firsts, lattice, memory
from asof.compute.walk import Rules, World, policies, walk

LIMIT = 5.0  # CPU seconds for 5,000 policies


def rules(random: np.random.Generator, looks: int) -> Rules:
    """A policy of any kinds at once, with thresholds that are reached now and then."""

    def sometimes(value: float) -> float:
        return value if random.random() < 0.5 else np.inf

    return Rules(
        schedule=int(random.integers(-1, looks // 2)),
        volume=sometimes(float(random.integers(5_000, 200_000))),
        skill=bool(random.random() < 0.5),
        window=int(random.integers(1, 9)),
        rise=sometimes(float(random.gamma(2, 0.01))),
        budget=sometimes(float(random.gamma(2, 200))),
        distance=sometimes(float(random.random())),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policies", type=int, default=5_000)
    parser.add_argument("--looks", type=int, default=44)
    parser.add_argument("--requests", type=int, default=277_337)
    asked = parser.parse_args()
    random = np.random.default_rng(0)
    day = 86_400_000_000
    triggers = np.arange(asked.looks, dtype=np.int64) * (306 * day // asked.looks)
    chosen = np.sort(random.integers(0, 306 * day, asked.requests))
    scored = Scored(chosen, chosen + 2 * day)
    first = firsts(chosen, triggers, 0)
    losses = [random.gamma(2, 0.23, asked.requests - at) for at in first]

    begun = time.process_time()
    found = lattice(triggers, 0, scored, losses)
    cut = cells(found, random.gamma(2, 0.27, asked.requests))
    laid = time.process_time()
    numbers = np.arange(asked.looks)
    schedules = np.array([numbers % (k + 1) == 0 for k in range(max(asked.looks // 2, 1))])
    apart = random.random((1, asked.looks, asked.looks))
    matured = np.searchsorted(chosen + 2 * day, triggers).astype(np.int64)
    world = World(cut, schedules, matured, apart, 0)
    many = policies([rules(random, asked.looks) for _ in range(asked.policies)])
    made = time.process_time()
    walked = walk(world, many)
    done = time.process_time()
    best = best_by_number(cut, 0)
    corners = hull(cut, 0, random.random(asked.looks) + 1.0)
    over = time.process_time()

    fits = walked.trained.sum(axis=1)
    size = memory(first, asked.requests) / 1e6
    print(f"{asked.looks} fits, {asked.requests:,} requests: {size:,.1f} MB")
    print(f"laid out in {laid - begun:.2f} CPU s")
    some = f"{asked.policies:,} policies of {fits.min()} to {fits.max()} fits"
    print(f"{some} in {done - made:.2f} CPU s")
    print(
        f"best in hindsight ({len(best)}) and its {len(corners)} corners: {over - done:.2f} CPU s"
    )
    if asked.policies == 5_000 and asked.looks == 44 and done - made > LIMIT:
        raise SystemExit(f"more than {LIMIT} CPU s")


if __name__ == "__main__":
    main()
