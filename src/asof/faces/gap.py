"""`asof gap`: take away one idealisation after another, print what each is worth, write it down."""

from __future__ import annotations

from dataclasses import dataclass

from asof.engine.work import Progress
from asof.errors import AsofError
from asof.faces.project import Project
from asof.faces.study import Face, conduct
from asof.stores.store import Store
from asof.study.gap.facts import GapFacts
from asof.study.gap.gap import Gap, gap


@dataclass(frozen=True)
class Options:
    """What `asof gap` can be told."""

    draws: int
    seeds: int
    quick: bool
    limit: float | None
    workers: int | None


def run(face: Face, options: Options) -> None:
    """Run the command.

    Raises:
        AsofError: production loses more than the stated limit (exit code 1).
    """

    def study(found: Project, store: Store, progress: Progress) -> Gap:
        return gap(
            found.system,
            base=found.folder,
            store=store,
            question=found.question,
            draws=options.draws,
            seeds=options.seeds,
            quick=options.quick,
            workers=options.workers,
            progress=progress,
        )

    def then(_result: Gap, _found: Project) -> list[tuple[str, str]]:
        whole = [(f"asof gap {face.reference}", "the whole life, all folds")]
        slots = (f"asof backtest {face.reference}", "what happened in this life, slot by slot")
        return [*(whole if options.quick else []), slots]

    _judge(conduct(face, "gap", study, then, quick=options.quick).facts, options.limit)


def _judge(facts: GapFacts, limit: float | None) -> None:
    lost = facts.total.value
    if limit is None or lost is None:
        return
    lost = lost if facts.metric.lower_is_better else -lost
    if lost > limit:
        raise AsofError(
            f"Production loses more {facts.metric.words} than the stated limit.",
            found=f"{lost:.4f}, limit {limit:g}",
        )
