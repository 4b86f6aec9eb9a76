"""`asof serving`: answer the same requests in several modes, print what each loses, write it."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from asof.engine.work import Progress
from asof.errors import ExitCode
from asof.faces.project import Project
from asof.faces.study import Face, conduct
from asof.stores.store import Store
from asof.study.serving.serving import ServingStudy, serving


@dataclass(frozen=True)
class Options:
    """What `asof serving` can be told."""

    features: str
    predictions: str
    max_loss: float | None
    max_cost: float | None
    quick: bool
    draws: int
    workers: int | None


def run(face: Face, options: Options) -> None:
    """Run the command; leaves with 1 where nothing is within the budget."""

    def study(found: Project, store: Store, progress: Progress) -> ServingStudy:
        return serving(
            found.system,
            features=options.features,
            predictions=options.predictions,
            max_loss=options.max_loss,
            max_cost=options.max_cost,
            quick=options.quick,
            base=found.folder,
            store=store,
            question=found.question,
            draws=options.draws,
            workers=options.workers,
            progress=progress,
        )

    def then(result: ServingStudy, found: Project) -> list[tuple[str, str]]:
        if any(mode.declared for mode in result.facts.modes):
            return [(f"asof backtest {face.reference}", "the life of the mode that is declared")]
        return [(f"asof check {face.reference}", f"what {found.system.name} declares")]

    facts = conduct(face, "serving", study, then, quick=options.quick).facts
    budget = options.max_loss is not None or options.max_cost is not None
    if budget and facts.advice.mode is None and not facts.trouble:
        sys.exit(ExitCode.ANSWER_IS_NO)
