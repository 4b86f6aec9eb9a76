"""Compare retraining policies: one lattice of fits, thousands of walks, one piece of advice."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.compute.effort import Unit
from asof.compute.interval import DRAWS
from asof.compute.lattice import Cells, cells
from asof.compute.metric import metric
from asof.compute.schedule import moment
from asof.compute.walk import World
from asof.declare.schedules import Periodic
from asof.declare.system import System
from asof.engine.history import History, read_tables, until_of
from asof.engine.kept import KeptFits
from asof.engine.replay import start_of
from asof.engine.work import Progress, Work
from asof.errors import MetricUndefined
from asof.stores.store import Store, store_of
from asof.study.backtest import ingest_declared
from asof.study.compare import page
from asof.study.compare.cost import cpu_a_row, fitted_again
from asof.study.compare.facts import (
    AdviceFact,
    Comparison,
    LatticeFact,
    PolicyFact,
    Verdict,
)
from asof.study.compare.families import families, unit_of
from asof.study.compare.figures import Judge, freshness, slope
from asof.study.compare.gather import Gathered, Plan, gather, looks_of, plan
from asof.study.compare.many import Many, plain, walk_all
from asof.study.compare.seeds import seeded
from asof.study.compare.shifts import distances
from asof.study.compare.variants import variant_facts
from asof.study.counted import not_final
from asof.study.expected import featured, replay_guessed
from asof.study.facts import Figure, MethodFact, MetricFact
from asof.study.periods import zone_of
from asof.study.report.study import Study
from asof.study.report.told import Told
from asof.units import DAY, Duration

Floats = NDArray[np.float64]
Announce = Callable[[Plan, int], None]
"""Told what will be computed, and the bytes that it will take, before it is."""

_LEAST_LOOKS = 3

_QUICK = "Quick: the first third of the days of the life, so intervals are wider than they need be."

QUICK = 1 / 3
"""The part of the days of a life that `quick` compares on: its first ones."""


@dataclass(frozen=True, repr=False)
class Compared(Study):
    """A comparison of policies: `facts` for reading; in a notebook it shows itself.

    `to_json()` gives the facts, `svg()` the frontier, `save(folder)` writes the report.
    """

    facts: Comparison

    picture: ClassVar[str] = "frontier.svg"

    @property
    def written(self) -> Comparison:
        """The facts, to be written."""
        return self.facts

    def told(self) -> Told:
        """What the comparison says, for all faces."""
        return page.of(self.facts)

    @property
    def frame(self) -> pl.DataFrame:
        """One row a policy: its name, kind, fits, cost and figure."""
        return pl.DataFrame([asdict(each) for each in self.facts.points])


def compare(
    system: System[Any],
    *,
    variants: Mapping[str, System[Any]] | None = None,
    base: Path | str = ".",
    store: Store | None = None,
    every: Duration | None = None,
    approval: Duration = Duration(0),
    seeds: int = 1,
    quick: bool = False,
    question: str = "",
    draws: int = DRAWS,
    workers: int | None = None,
    announce: Announce | None = None,
    progress: Progress | None = None,
) -> Compared:
    """Compare thousands of retraining policies of a system on its history.

    A model is fitted at each look: those of the declared schedule, or `every` so often. `variants`
    are replayed and stand in the same table. A finished model is promoted `approval` later. With
    two `seeds` what was best in hindsight is judged on fits with another seed. `quick` looks at the
    first third of the days of the life. `announce` is told what will be computed before it is,
    `progress` how far it has come. Fits and predictions are kept by content in the store (default:
    the system's own, below `base`). `question` is printed with the answer, `draws` resamples make
    an interval, `workers` fits run side by side (default: one a core).

    Raises:
        DataRefused: a file was refused as a whole, or there is nothing to replay.
        UsageError: there would be too many looks.
    """
    base = Path(base)
    with store_of(system.name, base, store) as opened:
        ingest_declared(system, opened, base)
        history = _history(system, opened, quick=quick)
        looks = looks_of(history, every)
        wanted = plan(history, looks, approval=approval.microseconds)
        if announce is not None:
            announce(wanted, seeds * wanted.memory)
        work = Work(progress, lanes=workers or os.cpu_count() or 1)
        kept = KeptFits(opened, workers=workers, work=work)
        study = _Study(wanted, kept, work, every, draws, question)
        study.expect(seeds, len(variants or {}))
        facts = study.facts(seeds)
        if quick:
            facts = replace(facts, notes=(*facts.notes, _QUICK))
        others = variant_facts(
            variants or {}, opened, base, kept, study.judge, study.served, study.cpu_a_row
        )
        work.over()
        return Compared(replace(facts, variants=others))


def _history(system: System[Any], store: Store, *, quick: bool) -> History:
    """The history of a system, or the first third of its life as one block of time."""
    tables, until = read_tables(system, store), until_of(system, store)
    whole = History(system, tables, until)
    if not quick:
        return whole
    start, last = start_of(system, whole), int(whole.requests.fired[-1]) + 1
    days = max(1, round(QUICK * (last - start) / DAY))
    return History(system.but(start=moment(start)), tables, min(until, start + days * DAY))


class _Study:
    """One comparison under way."""

    def __init__(
        self,
        wanted: Plan,
        kept: KeptFits,
        work: Work,
        every: Duration | None,
        draws: int,
        question: str,
    ) -> None:
        self._plan, self._kept, self._draws, self._question = wanted, kept, draws, question
        self._work = work
        system = wanted.history.system
        schedule = system.retraining if every is None else Periodic(every)
        self._zone = zone_of(system)
        self._unit = unit_of(schedule, wanted.looks)
        self.judge: Judge | None = None
        self.served: Floats | None = None
        self.cpu_a_row = 0.0

    def expect(self, seeds: int, variants: int) -> None:
        """Say what the work will be."""
        history = self._plan.history
        self._work.plan("walks", [self._walks()])
        featured(history, self._work)
        self._work.plan("lattice", self._kept.needed(self._plan.asks()))
        self._work.plan("cost", fitted_again(self._plan.trainings, self._kept))
        again = self._other(seeds)
        if again is not None:
            self._work.plan("another seed", self._kept.needed(self._plan.asks(again)))
        # A variant is replayed in full; before it is looked at it is taken to be like the first.
        self._work.plan("variants", replay_guessed(history, int(self._plan.looks[0])) * variants)

    def _other(self, seeds: int) -> Any | None:
        """The estimator with another seed, where that is asked for and there is one."""
        return seeded(self._plan.history.system.model) if seeds > 1 else None

    def _walks(self) -> Unit:
        looks, rows = len(self._plan.looks), len(self._plan.rows)
        return Unit("figures", 0.04 * looks * (looks + rows))

    def facts(self, seeds: int) -> Comparison:
        if trouble := _too_little(self._plan):
            return self._nothing(trouble)
        cost = cpu_a_row(self._plan.trainings, self._kept)
        try:
            found = gather(self._plan, self._kept)
        except MetricUndefined as undefined:
            return self._nothing(undefined.what.rstrip("."))
        if found.failures[0]:
            reason = found.failures[0].splitlines()[0].rstrip(".")
            return self._nothing(f"The first model of the life could not be fitted: {reason}")
        self.judge = Judge(found, self._zone, self._draws)
        self.cpu_a_row = found.cpu_a_row if cost is None else cost
        again = self._other(seeds)
        second = None if again is None else gather(self._plan, self._kept, again)
        with self._work.doing(self._walks()):
            return self._told(found, second, asked=seeds)

    def _told(self, found: Gathered, second: Gathered | None, *, asked: int) -> Comparison:
        judge = Judge(found, self._zone, self._draws)
        many = self._walked(found, second)
        named, beside, advice = _named(many, judge)
        self.served = found.served(many.walked.served[many.index(beside)])
        names = [advice.name] if advice else []
        names += [named[0].name, "never"]
        told = judge.estimate(self.served)
        aged = freshness(judge)
        exact = found.exact
        notes = _notes(found, second, asked)
        empty = self._nothing("")
        return replace(
            empty,
            days=told.days,
            lattice=replace(
                empty.lattice,
                reused=found.reused + (second.reused if second else 0),
                failed=sum(map(bool, found.failures)),
                predicted=found.predicted + (second.predicted if second else 0),
                cpu_a_row=self.cpu_a_row,
                memory=self._plan.memory * (1 if second is None else 2),
                seeds=1 if second is None else 2,
            ),
            families=_counted(many),
            beside=beside,
            named=named,
            points=many.points if exact else (),
            frontier=many.frontier() if exact else (),
            hull=many.hull() if exact else (),
            hindsight=many.best() if exact else (),
            halves=many.halves(names) if exact else (),
            first_half=many.split,
            second_half=len(many.cells) - many.split,
            freshness=aged,
            slope=slope(aged),
            advice=advice,
            method=MethodFact.of(told.draws or self._draws, told.block_length),
            notes=notes,
        )

    def _walked(self, found: Gathered, second: Gathered | None) -> Many:
        cut = cells(found.lattice, found.prior)
        apart = distances(found)
        level = float(found.prior.mean())
        family = families(cut, self._unit, self._zone, level, apart)
        history, looks = self._plan.history, self._plan.looks
        matured = np.array([history.matured(int(at)) for at in looks], dtype=np.int64)
        world = World(cut, family.schedules, matured, apart, self._plan.takes)
        rows = np.array([len(each.rows) for each in self._plan.trainings], dtype=np.float64)
        other: Cells | None = None
        if second is not None and not any(second.failures):
            other = cells(second.lattice, second.prior)
        return walk_all(found, world, family, rows * self.cpu_a_row, other)

    def _nothing(self, trouble: str) -> Comparison:
        """What can be said before anything is computed, and why there is no more."""
        history, looks = self._plan.history, self._plan.looks
        system = history.system
        measured = metric(system.measured)
        told = MetricFact.of(measured)
        rows = sum(len(each.rows) for each in self._plan.trainings)
        return Comparison(
            system=system.name, fingerprint=system.fingerprint, question=self._question,
            zone=self._zone, start=int(looks[0]), end=int(history.requests.fired[-1]) + 1,
            until=history.until, metric=told, unit=self._unit, looks=len(looks),
            requests=len(self._plan.rows), days=0,
            lattice=LatticeFact(len(looks), 0, 0, 0, self._plan.memory, 0.0, rows, 1),
            families=(), beside="", named=(), variants=(), points=(), frontier=(), hull=(),
            hindsight=(), halves=(), first_half=0, second_half=0, freshness=(), slope=None,
            advice=None, method=MethodFact(self._draws, 0, ""), trouble=trouble,
        )  # fmt: skip


def _too_little(wanted: Plan) -> str:
    """Why there is nothing to compare, or nothing."""
    if len(wanted.looks) < _LEAST_LOOKS:
        looks = "one look" if len(wanted.looks) == 1 else f"{len(wanted.looks)} looks"
        return f"The life has {looks}, and a comparison of policies needs at least {_LEAST_LOOKS}"
    if not len(wanted.rows):
        young = not_final(wanted.history, int(wanted.looks[0]))
        return young or "No request of the life has a label that counts yet"
    return ""


def _counted(many: Many) -> tuple[tuple[str, int], ...]:
    """How many policies of each kind there are to show."""
    chosen = many.family.policies
    if not many.found.exact:
        chosen = tuple(each for _, each in plain(many.family))
    counted: dict[str, int] = {}
    for each in chosen:
        counted[each.family] = counted.get(each.family, 0) + 1
    return tuple(counted.items())


def _named(many: Many, judge: Judge) -> tuple[tuple[PolicyFact, ...], str, AdviceFact | None]:
    """The plain schedules with their figures, the best of them, and the advice."""
    found = many.found
    lives = {i: found.served(many.walked.served[i]) for i, _ in plain(many.family)}
    totals = {i: judge.total(p) for i, p in lives.items()}
    known = [i for i in lives if totals[i].value is not None]
    if not known:
        best = next(iter(lives))
    else:
        better = min if found.metric.lower_is_better else max
        best = better(known, key=lambda i: totals[i].value or 0.0)
    differences = {
        i: None if i == best else judge.difference(p, lives[best]) for i, p in lives.items()
    }
    named = tuple(
        PolicyFact(
            each.name, each.family, "lattice" if found.exact else "replay",
            int(many.fits[i]), float(many.costs[i]), totals[i], differences[i], totals[i].why,
        )
        for i, each in plain(many.family)
    )  # fmt: skip
    order = sorted(named, key=lambda each: (each.family == "never", -each.cost))
    policy = many.family.policies
    advice = _advice(many, best, differences) if known else None
    return tuple(order), policy[best].name, advice


def _advice(many: Many, best: int, differences: Mapping[int, Figure | None]) -> AdviceFact:
    """The cheapest plain schedule before the first that is shown to be worse than the best.

    From the best on towards less cost: a longer period that is not shown to be worse counts for
    nothing where a shorter one is, for the few fits of a long one are a matter of luck.
    """
    lower = many.found.metric.lower_is_better
    chosen = best
    cheaper = [index for index in differences if many.costs[index] < many.costs[best]]
    for index in sorted(cheaper, key=lambda each: -many.costs[each]):
        figure = differences[index]
        worse = figure is not None and (figure.sign > 0 if lower else figure.sign < 0)
        if figure is None or figure.low is None or worse:
            break
        chosen = index
    each, figure = many.family.policies[chosen], differences[chosen]
    share = float(many.costs[chosen] / many.costs[best]) if many.costs[best] else 1.0
    unknown = [f.low is None for f in differences.values() if f is not None]
    verdict: Verdict = "the same" if figure is None else "no difference shown"
    if unknown and all(unknown):
        verdict = "not identifiable"
    return AdviceFact(
        each.name, each.looks, many.family.policies[best].name, figure, share, verdict
    )


def _notes(found: Gathered, second: Gathered | None, asked: int) -> tuple[str, ...]:
    notes: list[str] = []
    if not found.exact:
        notes.append(
            f"{found.metric.words} is not a mean of losses of single requests, so only plain "
            "schedules are compared, each from its predictions; there is no best in hindsight."
        )
    failed = sum(map(bool, found.failures))
    if failed:
        notes.append(f"{failed:,} of {len(found.failures):,} fits failed; the model before served.")
    if asked > 1 and second is None:
        notes.append(
            "The estimator has no seed, so the best in hindsight is judged on its own fits."
        )
    elif second is not None and any(second.failures):
        notes.append("With the other seed some fits failed, so nothing is judged on it.")
    notes.append("A replay cannot judge policies whose actions change the outcomes.")
    return tuple(notes)
